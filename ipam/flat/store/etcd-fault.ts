import { isObject, parseJson } from "../../../cni/json.ts";
import type { HttpAttempt, HttpFault } from "../../../sys/http.ts";
import type { StoreFault } from "./store.ts";

/** The outcome of one request to one endpoint. The messages of etcd 3.4 to 3.6 agree, but their JSON differs. */
export type EtcdVerdict =
  /** `atMs` is the endpoint's time. */
  | { readonly kind: "answered"; readonly body: string; readonly atMs?: number }
  /** etcd did nothing, because the token is not valid. */
  | { readonly kind: "token"; readonly why: string }
  /** Another endpoint may succeed. `done` says whether this one may have done the request. */
  | {
      readonly kind: "elsewhere";
      readonly done: "no" | "maybe";
      readonly why: string;
      /** The endpoint sent no answer, not even a refusal. */
      readonly isSilent?: boolean;
    }
  | { readonly kind: "refused"; readonly fault: StoreFault };

export function judge(endpoint: string, attempt: HttpAttempt): EtcdVerdict {
  if (!attempt.ok) {
    const { code, sent } = attempt.error;
    const why = explain(endpoint, attempt.error);
    return { kind: "elsewhere", done: sent, why, isSilent: code === "ETIMEDOUT" };
  }
  const { status, body, date } = attempt.value;
  const atMs = Date.parse(date ?? "");
  if (status === 200) return { kind: "answered", body, ...(Number.isNaN(atMs) ? {} : { atMs }) };
  const message = messageIn(body);
  const why = `${endpoint}: ${status} ${message}`.trim();
  if (wantsToken.test(message)) return { kind: "token", why };
  if (isBusy.test(message)) return { kind: "elsewhere", done: "no", why };
  if (status >= 500 && hasNoServer.test(message))
    return {
      kind: "elsewhere",
      done: "no",
      why: `${why}${endpoint.startsWith("https:") ? ownCertificate : ""}`,
    };
  const known = refusals.find(
    ({ status: of, message: like }) => of === status || like?.test(message) === true,
  );
  if (known === undefined && status >= 500) {
    const hint = endpoint.startsWith("https:") && hasLostServer.test(message) ? ownCertificate : "";
    return { kind: "elsewhere", done: "maybe", why: `${why}${hint}` };
  }
  const advice = known?.advice ?? "It is not known to pass by itself.";
  return { kind: "refused", fault: { kind: "refused", msg: `etcd refused: ${why}`, details: advice } };
}

const wantsToken = /invalid auth token|user name is empty|revision of auth store is old/;
/** With these messages etcd refuses a request before it proposes anything to the cluster. */
const isBusy = /no leader|too many requests|not supported for learner/;

/** The gateway has no connection to its own etcd server, so it has sent nothing. */
const hasNoServer =
  /^connection closed$|^connection error: desc = "(error reading server preface|transport: (authentication handshake failed|error while dialing|failed to write client preface))/i;
/** The gateway may have had no connection, or an established one may have broken: the request may have been sent. */
const hasLostServer =
  /(^|"error reading from server: )(read|write) tcp .*(broken pipe|connection reset by peer)"?$/;
const ownCertificate =
  " (etcd's gateway has no connection to its own server. With --client-cert-auth it shows the certificate of --cert-file, " +
  "whose extendedKeyUsage has to name clientAuth beside serverAuth)";

const refusals: readonly { status?: number; message?: RegExp; advice: string }[] = [
  {
    message: /CommonName/,
    advice:
      "etcd's JSON gateway takes no user from a certificate. Use a client certificate with an empty CN, and " +
      "username and passwordFile.",
  },
  {
    message: /database space exceeded/,
    advice:
      "etcd has raised its NOSPACE alarm and takes no writes until an operator acts: compact, etcdctl defrag, then " +
      "etcdctl alarm disarm; or a larger --quota-backend-bytes.",
  },
  {
    message: /authentication failed/,
    advice: "Check store.etcd.username and what is in passwordFile.",
  },
  {
    message: /permission denied/,
    advice:
      "The user's role needs to read and write all under the prefix: etcdctl role grant-permission ROLE --prefix=true " +
      "readwrite PREFIX/",
  },
  {
    status: 404,
    advice:
      "There is no JSON gateway at this address. Does etcd 3.4 with a configuration file lack " +
      '"enable-grpc-gateway: true"? Has --listen-client-http-urls moved HTTP to another port?',
  },
];

/** 3.4 and 3.5 send `error`, `code`, `message`. 3.6 sends `code`, `message`, `details`. A proxy sends plain text. */
export function messageIn(body: string): string {
  const json = parseJson(body);
  if (!json.ok || !isObject(json.value)) return body.trim().slice(0, 200);
  const { message, error } = json.value;
  return typeof message === "string" ? message : typeof error === "string" ? error : body.slice(0, 200);
}

const hints: readonly [RegExp, string][] = [
  [/ALTNAME|HOSTNAME/, "its certificate does not name this host"],
  [/EXPIRED|NOT_YET_VALID/, "its certificate is not valid at this time"],
  [/^UNABLE_TO|^SELF_SIGNED|^DEPTH_ZERO|^CERT_/, "its certificate is not of the authority in caFile"],
  [/^EPROTO|^ERR_SSL/, "no TLS: either it speaks none, or it wants another certFile and keyFile"],
  [/^FailedToOpenSocket|^ERR_OSSL/, "caFile, certFile or keyFile cannot be used, or do not belong together"],
];

function explain(endpoint: string, { code, message }: HttpFault): string {
  const hint = hints.find(([pattern]) => pattern.test(code))?.[1];
  const plain = endpoint.startsWith("http:") && code === "ECONNRESET" ? "does it want https?" : undefined;
  const reason = message.includes(code) ? message : `${code}: ${message}`;
  return `${endpoint}: ${reason}${hint === undefined && plain === undefined ? "" : ` (${hint ?? plain})`}`;
}

export function unreachable(failures: readonly string[]): StoreFault {
  const msg = "etcd: no endpoint answered";
  return { kind: "unreachable", msg, details: failures.join("; ") };
}

export function unknown(why: string): StoreFault {
  const msg = "etcd: nobody knows whether the write was done";
  return { kind: "unknown", msg, details: why };
}

export function refused(msg: string, details: string): StoreFault {
  return { kind: "refused", msg, details };
}

/** Whether etcd refused a token because authentication is not enabled. */
export function saysWithoutUsers({ msg }: StoreFault): boolean {
  return msg.includes("authentication is not enabled");
}
