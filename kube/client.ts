import { type CniError, failWith } from "../cni/errors.ts";
import { type JsonObject, printJson } from "../cni/json.ts";
import { fail, type Outcome, ok } from "../sys/outcome.ts";
import type { Sys } from "../sys/sys.ts";
import { type ApiCall, type ApiVerdict, judge } from "./api-answer.ts";
import { isToken, type KubeAccess, readAccess } from "./kubeconfig.ts";

/** The Kubernetes API, as far as an attachment needs it. Paths are absolute: `/api/v1/namespaces/shop/pods/web`. */
export interface KubeClient {
  get(path: string): Promise<Outcome<JsonObject, CniError>>;
  /**
   * A merge patch (RFC 7386), which may arrive twice; answers the object as it is afterwards. `deadlineMs` may be earlier
   * than the client's.
   */
  patch(path: string, body: JsonObject, deadlineMs?: number): Promise<Outcome<JsonObject, CniError>>;
}

export interface ClientOptions {
  /** `in-cluster`, or a file's path. */
  readonly kubeconfig: string;
  /** The process's environment. */
  readonly variables: Readonly<Record<string, string | undefined>>;
  /** On `sys.clock.monotonicMs()`: when the operation that asks has no time left. */
  readonly deadlineMs: number;
}

export interface ClientLimits {
  /** The limit of one try. */
  readonly tryMs: number;
  /** The limit of one call with all of its tries and pauses. */
  readonly callMs: number;
  readonly tries: number;
  /** The pause before the second try. It doubles before each further try. */
  readonly pauseMs: number;
}

export const defaultLimits: ClientLimits = { tryMs: 10_000, callMs: 30_000, tries: 6, pauseMs: 100 };

interface Session {
  readonly sys: Sys;
  readonly options: ClientOptions;
  readonly limits: ClientLimits;
  /** Is read at the first call. Calls that come at the same time share one reading. */
  access: Promise<Outcome<KubeAccess, CniError>> | undefined;
}

interface Question {
  readonly method: "GET" | "PATCH";
  readonly path: string;
  readonly body?: string;
  readonly deadlineMs: number;
}

/** Nothing is read before the first call. One client for an operation: its connections are used again. */
export function openClient(
  sys: Sys,
  options: ClientOptions,
  limits: ClientLimits = defaultLimits,
): KubeClient {
  const session: Session = { sys, options, limits, access: undefined };
  return {
    get: (path) => call(session, { method: "GET", path, deadlineMs: options.deadlineMs }),
    patch: (path, body, deadlineMs = options.deadlineMs) =>
      call(session, { method: "PATCH", path, body: printJson(body), deadlineMs }),
  };
}

async function call(session: Session, question: Question): Promise<Outcome<JsonObject, CniError>> {
  const { sys, options, limits } = session;
  const endMs = Math.min(sys.clock.monotonicMs() + limits.callMs, question.deadlineMs);
  session.access ??= readAccess(sys, options.kubeconfig, options.variables);
  const access = await session.access;
  if (!access.ok) return access;
  let mayRenew = true;
  for (let tries = 1; ; tries++) {
    const token = readToken(sys, access.value);
    if (!token.ok) return token;
    const verdict = await ask(session, access.value, question, token.value, endMs);
    if (verdict.kind === "done") return ok(verdict.value);
    // The token's file may have been renewed while we asked.
    const isRenewed = isUnauthorized(verdict) && isOutdated(sys, access.value, token.value);
    if (isRenewed && mayRenew) mayRenew = false;
    else if (verdict.kind === "failed") return fail(verdict.error);
    else if (!(await pause(session, verdict, tries, endMs))) return fail(givenUp(verdict, tries));
  }
}

async function ask(
  { sys, limits }: Session,
  { server, tls }: KubeAccess,
  { method, path, body }: Question,
  token: string,
  endMs: number,
): Promise<ApiVerdict> {
  const asked: ApiCall = { server, verb: method === "GET" ? "get" : "patch", path, secret: token };
  const leftMs = endMs - sys.clock.monotonicMs();
  const attempt = await sys.http.request({
    method,
    url: `${server}${path}`,
    headers: {
      accept: "application/json",
      "user-agent": "hawser",
      ...(token === "" ? {} : { authorization: `Bearer ${token}` }),
      ...(body === undefined ? {} : { "content-type": "application/merge-patch+json" }),
    },
    timeoutMs: Math.max(1, Math.floor(Math.min(limits.tryMs, leftMs))),
    ...(body === undefined ? {} : { body }),
    ...(tls === undefined ? {} : { tls }),
  });
  return judge(asked, attempt);
}

/** The token to send, empty where the access has none. Errors: `kube.token`. */
export function readToken(sys: Sys, { token }: KubeAccess): Outcome<string, CniError> {
  if (token.kind === "none") return ok("");
  if (token.kind === "text") return ok(token.text);
  const text = sys.files.read(token.path);
  const trimmed = text.ok ? text.value.trim() : "";
  if (text.ok && isToken(trimmed)) return ok(trimmed);
  const why = text.ok ? `${token.path} holds no token` : text.error.message;
  return failWith(
    "invalidConfig",
    "kube.token",
    `read the token for the Kubernetes API: ${why}`,
    "The kubeconfig names this file (tokenFile); something has to write it and renew it.",
  );
}

function isUnauthorized(verdict: ApiVerdict): boolean {
  return verdict.kind === "failed" && verdict.error.id === "kube.api-unauthorized";
}

function isOutdated(sys: Sys, access: KubeAccess, used: string): boolean {
  const now = readToken(sys, access);
  return now.ok && now.value !== used;
}

/** Waits before the next try. False when there is no next try: there were enough, or there is no time left. */
async function pause(
  { sys, limits }: Session,
  { afterMs }: Extract<ApiVerdict, { kind: "again" }>,
  tries: number,
  endMs: number,
): Promise<boolean> {
  if (tries >= limits.tries) return false;
  // A random pause from half to all of it, so that the nodes of a cluster do not all ask at one moment.
  const share = 0.5 + Number.parseInt(sys.random.hex(4), 16) / 0x20000;
  const durationMs = afterMs ?? Math.round(limits.pauseMs * 2 ** (tries - 1) * share);
  if (sys.clock.monotonicMs() + durationMs >= endMs) return false;
  await sys.clock.sleep(durationMs);
  return true;
}

function givenUp({ error, afterMs }: Extract<ApiVerdict, { kind: "again" }>, tries: number): CniError {
  const asksFor = afterMs === undefined ? "" : ` It asks to be asked again in ${afterMs / 1000} s.`;
  const count = tries === 1 ? "It was tried once." : `It was tried ${tries} times.`;
  return { ...error, details: `${count}${asksFor} ${error.details}` };
}
