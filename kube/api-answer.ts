import type { ErrorId } from "../cni/error-ids.ts";
import { type CniError, type CodeName, cniError, cut } from "../cni/errors.ts";
import { isObject, type JsonObject, parseJson } from "../cni/json.ts";
import { redact } from "../cni/secrets.ts";
import { type HttpAttempt, type HttpFault, type HttpResponse, isDistrust } from "../sys/http.ts";
import { parseApiPath } from "./api-path.ts";

/** The parts of a request that messages name. */
export interface ApiCall {
  readonly server: string;
  readonly verb: "get" | "patch";
  readonly path: string;
  /** The token that was sent. No message shows it. */
  readonly secret: string;
}

/** The meaning of an attempt. */
export type ApiVerdict =
  | { readonly kind: "done"; readonly value: JsonObject }
  | { readonly kind: "failed"; readonly error: CniError }
  /** Another try may succeed. The server may have said when. */
  | { readonly kind: "again"; readonly error: CniError; readonly afterMs: number | undefined };

interface Told {
  readonly code: CodeName;
  readonly id: ErrorId;
  readonly why: string;
  readonly todo: string;
}

/** Decides on an answer, or on why there is none. */
export function judge(asked: ApiCall, attempt: HttpAttempt): ApiVerdict {
  if (!attempt.ok) return judgeFault(asked, attempt.error);
  const { status, body, retryAfter } = attempt.value;
  const document = parseJson(body);
  const object = document.ok && isObject(document.value) ? document.value : undefined;
  if (status === 200 || status === 201) {
    return object === undefined ? failed(asked, garbage) : { kind: "done", value: object };
  }
  if (status === 429 || status >= 500) {
    const told = status === 429 ? busy : failing;
    return {
      kind: "again",
      error: tell(asked, told(status, says(asked, object))),
      afterMs: parseRetryAfter(retryAfter),
    };
  }
  return failed(asked, refusal(asked, attempt.value, object));
}

/** The engines' codes for certificates or keys that cannot be used. Bun has no other code for that. */
const unusable = /^(FailedToOpenSocket|ERR_OSSL_)/;

/** Codes of answers that another try would bring again: too long, or compressed. */
const unreadable = /^(EMSGSIZE|ENOTSUP)$/;

function judgeFault(asked: ApiCall, { code, message }: HttpFault): ApiVerdict {
  const reason = message.startsWith(code) ? message : `${code}: ${message}`;
  if (isDistrust(code)) return failed(asked, distrusted(reason));
  if (unreadable.test(code)) return failed(asked, { ...garbage, why: reason });
  if (unusable.test(code)) return failed(asked, unusableMaterial(code));
  return { kind: "again", error: tell(asked, unreachable(reason)), afterMs: undefined };
}

function failed(asked: ApiCall, told: Told): ApiVerdict {
  return { kind: "failed", error: tell(asked, told) };
}

function tell({ server, verb, path, secret }: ApiCall, { code, id, why, todo }: Told): CniError {
  const target = parseApiPath(path);
  const what = target === undefined ? path : `${target.resource} ${target.namespace}/${target.name}`;
  const text = `${verb} ${what} at ${server}: ${why}`;
  // A server, or a proxy before it, may repeat the token that it was sent.
  return cniError(code, id, redact(text, [secret], tokenMark), todo);
}

const tokenMark = "(token)";

const garbage: Told = {
  code: "api",
  id: "kube.api-answer",
  why: "the answer is no JSON object",
  todo: "Is this an API server, and not something before it?",
};

function distrusted(reason: string): Told {
  return {
    code: "api",
    id: "kube.api-untrusted",
    why: `the server's certificate is not trusted (${reason})`,
    todo: "Correct certificate-authority(-data), server or tls-server-name of the kubeconfig.",
  };
}

function unusableMaterial(code: string): Told {
  return {
    code: "invalidConfig",
    id: "kube.kubeconfig",
    why: `a certificate or key of the kubeconfig cannot be used, or they do not belong together (${code})`,
    todo: "Correct certificate-authority(-data), client-certificate(-data) or client-key(-data).",
  };
}

function unreachable(reason: string): Told {
  return {
    code: "tryAgainLater",
    id: "kube.api-unreachable",
    why: reason,
    todo: "Is the API server up, and does the node reach it? Networks that are defined in definitionsDir do not need it.",
  };
}

function busy(status: number, said: string): Told {
  return {
    code: "tryAgainLater",
    id: "kube.api-busy",
    why: `${status}: the server asks to be left alone for now${said}`,
    todo: "It limits its clients (API priority and fairness).",
  };
}

function failing(status: number, said: string): Told {
  return {
    code: "tryAgainLater",
    id: "kube.api-failing",
    why: `${status}: the server fails${said}`,
    todo: "See the API server's log.",
  };
}

function refusal(asked: ApiCall, { status }: HttpResponse, object: JsonObject | undefined): Told {
  const told = (id: ErrorId, why: string, todo: string): Told => ({
    code: "api",
    id,
    why: `${status}: ${why}${says(asked, object)}`,
    todo,
  });
  switch (status) {
    case 401:
      return told(
        "kube.api-unauthorized",
        "the server does not know us",
        "The token or certificate of the kubeconfig has expired or is another cluster's.",
      );
    case 403:
      return told("kube.api-forbidden", "the server does not let us", rightMissing(asked));
    case 404:
      return isAbsence(object)
        ? told("kube.api-not-found", "there is none", "")
        : told(
            "kube.api-unknown-resource",
            "the server knows no such resource",
            "Is the CustomResourceDefinition installed, and is this an API server?",
          );
    case 409:
      return told("kube.api-conflict", "it has changed meanwhile", "");
    case 422:
      return isAnother(object)
        ? told("kube.api-conflict", "it is another object of this name by now", "")
        : told("kube.api-refused", "the server refuses", "See the API server's log.");
    case 410:
      return told("kube.api-gone", "it is gone", "");
    default:
      return told("kube.api-refused", "the server refuses", "See the API server's log.");
  }
}

/** The API answers for a missing object with a Status that has the object's kind. For an unknown path it does not. */
function isAbsence(object: JsonObject | undefined): boolean {
  return object?.kind === "Status" && isObject(object.details) && typeof object.details.kind === "string";
}

/** A patch that names the object's uid is refused like this where the object has another one; only Update answers 409. */
function isAnother(object: JsonObject | undefined): boolean {
  const causes = isObject(object?.details) ? object.details.causes : undefined;
  return Array.isArray(causes) && causes.some((cause) => isObject(cause) && cause.field === "metadata.uid");
}

function rightMissing({ verb, path }: ApiCall): string {
  const target = parseApiPath(path);
  if (target === undefined) return "Give its user the right.";
  const rule = { apiGroups: [target.group], resources: [target.resource], verbs: [verb] };
  return `Add the rule ${JSON.stringify(rule)} to a ClusterRole of its user.`;
}

const longestMessage = 400;

/** The server's own words: first without our token, then printable, then cut. A token that is cut first is not found. */
function says({ secret }: ApiCall, object: JsonObject | undefined): string {
  if (typeof object?.message !== "string" || object.message === "") return "";
  const message = redact(object.message, [secret], tokenMark);
  return ` (${cut(message, longestMessage).replaceAll(/[^ -~]/g, "?")})`;
}

/** In seconds; the header's other form, a date, would need the server's clock. */
function parseRetryAfter(text: string | undefined): number | undefined {
  return text !== undefined && /^\d{1,6}$/.test(text) ? Number(text) * 1000 : undefined;
}
