import { isObject, parseJson, printJson } from "../../../cni/json.ts";
import type { Lock } from "../../../cni/lock.ts";
import type { HttpAttempt } from "../../../sys/http.ts";
import { fail, type Outcome, ok } from "../../../sys/outcome.ts";
import { ask } from "./etcd-ask.ts";
import { type EtcdVerdict, judge, refused, saysWithoutUsers, unreachable } from "./etcd-fault.ts";
import { keptUntil, recall, remember } from "./etcd-memory.ts";
import { endpointOf, heard, nextEndpoint, type Session, send, silenceLeftMs } from "./etcd-session.ts";
import { toBase64 } from "./etcd-wire.ts";
import type { StoreFault } from "./store.ts";

/** The token of etcd's user: remembered, doubted, and fetched anew by one process of the node for all. */

const lockKey = "etcd";

/** Sees to it that the session has a token that is worth something, as far as is known. */
export async function requireToken(session: Session): Promise<Outcome<void, StoreFault>> {
  if (session.token === "doubtful" && !(await isHonoured(session))) rejectToken(session);
  if (session.memory.token !== undefined) return ok(undefined);
  return await renewToken(session);
}

/** In this process only: another one may have renewed what the node remembers. */
export function rejectToken(session: Session): void {
  const { token, untilMs: _untilMs, ...others } = session.memory;
  session.memory = others;
  session.rejected = token;
}

/**
 * Whether somebody answers a read that costs nothing and needs no quorum, whatever the answer is. It is asked of the next
 * endpoint: where only the last one was silent, its token is as good as before, and nobody pays for another.
 */
async function isHonoured(session: Session): Promise<boolean> {
  const { settings, limits } = session;
  session.token = "new";
  const body = printJson({ key: toBase64(`${settings.prefix}/`), serializable: true });
  const reading = { method: "POST", path: "/v3/kv/range", body, timeoutMs: limits.tryMs / 2 } as const;
  for (const _endpoint of settings.endpoints) {
    const attempt = await send(session, endpointOf(session), {
      ...reading,
      token: session.memory.token ?? "",
    });
    if (attempt.ok) heard(session);
    if (attempt.ok) return true;
    if (attempt.error.code === "ETIMEDOUT") return false;
    nextEndpoint(session);
  }
  return true;
}

/**
 * A token costs etcd a bcrypt, 50 ms and more of it: one process of this node fetches it, the others wait for it and
 * read it. Without the lock it goes on all the same.
 */
async function renewToken(session: Session): Promise<Outcome<void, StoreFault>> {
  const { sys, memoryPlace, limits } = session;
  const deadlineMs = sys.clock.monotonicMs() + limits.tokenMs;
  const waited = await waitForLock(session, deadlineMs);
  if (!waited.ok) return waited;
  try {
    if (useRemembered(session)) return ok(undefined);
    // Others took the time for it: a bcrypt that is begun now would be for nobody.
    const leftMs = deadlineMs - sys.clock.monotonicMs();
    if (leftMs < limits.tryMs) return fail(unreachable([slowTokens(limits.tokenMs)]));
    const token = await authenticate(session, deadlineMs);
    if (!token.ok) return token;
    const kept = { token: token.value, untilMs: keptUntil(sys) };
    session.memory = { ...session.memory, ...kept };
    session.token = "new";
    remember(sys, memoryPlace, { ...recall(sys, memoryPlace), ...kept });
    return ok(undefined);
  } finally {
    waited.value?.release();
  }
}

/** Takes the token that another process of the node has got meanwhile. */
function useRemembered(session: Session): boolean {
  const { token, untilMs = 0 } = recall(session.sys, session.memoryPlace);
  if (token === undefined || token === session.rejected) return false;
  session.memory = { ...session.memory, token, untilMs };
  session.token = "new";
  heard(session);
  return true;
}

/**
 * While another process waits for a token, this one does so, too, as long as etcd shows that it is there: another bcrypt
 * would only make all of them later. Undefined: there is no lock to be had, or a token to be read.
 */
async function waitForLock(
  session: Session,
  deadlineMs: number,
): Promise<Outcome<Lock | undefined, StoreFault>> {
  const { sys, folder, limits } = session;
  if (folder === "") return ok(undefined);
  const { lockContainer } = await import("../../../cni/lock.ts");
  for (;;) {
    const lock = await lockContainer(sys, folder, lockKey, limits.tryMs);
    if (lock.ok) return lock;
    if (lock.error.id !== "lock.busy" || useRemembered(session)) return ok(undefined);
    session.silentSinceMs ??= sys.clock.monotonicMs() - limits.tryMs;
    const why = `${lock.error.msg} to get a token for all processes of this node`;
    if (await isThere(session, endpointOf(session))) heard(session);
    else nextEndpoint(session);
    if (silenceLeftMs(session) <= 0) {
      return fail(unreachable([...session.failures, why, `nobody has answered for ${limits.silenceMs} ms`]));
    }
    if (sys.clock.monotonicMs() >= deadlineMs) return fail(unreachable([why, slowTokens(limits.tokenMs)]));
  }
}

async function authenticate(session: Session, deadlineMs: number): Promise<Outcome<string, StoreFault>> {
  const { sys, settings } = session;
  const password = sys.files.read(settings.passwordFile);
  if (!password.ok) {
    const msg = `etcd: read ${settings.passwordFile}: ${password.error.message}`;
    return fail(refused(msg, "store.etcd.passwordFile names this file."));
  }
  const body = printJson({ name: settings.username, password: password.value.replace(/\r?\n$/, "") });
  const path = "/v3/auth/authenticate";
  const askOne = (endpoint: string): Promise<EtcdVerdict> =>
    askPatiently(session, endpoint, { path, body }, deadlineMs);
  const answer = await ask(session, { path, body, repeatable: true, token: "", askOne });
  // So that nodes can be given their user before the operator turns authentication on.
  if (!answer.ok) return saysWithoutUsers(answer.error) ? ok("") : answer;
  const json = parseJson(answer.value.kind === "answered" ? answer.value.body : "");
  const token = json.ok && isObject(json.value) ? json.value.token : undefined;
  if (typeof token === "string" && token !== "") return ok(token);
  return fail(
    refused(`etcd: authenticate as ${settings.username}: no token in the answer`, "Is this an etcd?"),
  );
}

/**
 * etcd goes on with a bcrypt that nobody waits for any more, and whoever asks the next member makes it do another. So one
 * endpoint is waited for as long as it shows that it is there.
 */
async function askPatiently(
  session: Session,
  endpoint: string,
  { path, body }: { readonly path: string; readonly body: string },
  deadlineMs: number,
): Promise<EtcdVerdict> {
  const { sys, limits } = session;
  const patienceMs = Math.max(1, deadlineMs - sys.clock.monotonicMs());
  const sending = { method: "POST", path, body, token: "", timeoutMs: patienceMs } as const;
  const answer = send(session, endpoint, sending);
  let waitMs = limits.tryMs / 2;
  for (;;) {
    const soon = await within(answer, sys.clock.sleep(waitMs));
    if (soon !== undefined) return judgeToken(endpoint, soon, session, deadlineMs);
    const look = isThere(session, endpoint);
    const meanwhile = await within(answer, look);
    if (meanwhile !== undefined) return judgeToken(endpoint, meanwhile, session, deadlineMs);
    if (!(await look)) {
      const why = `${endpoint}: no answer within ${waitMs + limits.tryMs} ms`;
      return { kind: "elsewhere", done: "no", why };
    }
    session.silentSinceMs = sys.clock.monotonicMs();
    waitMs = limits.tryMs;
  }
}

/** The answer, unless the other thing comes first. */
async function within(
  answer: Promise<HttpAttempt>,
  other: Promise<unknown>,
): Promise<HttpAttempt | undefined> {
  return await Promise.race([answer, other.then(() => undefined)]);
}

function judgeToken(
  endpoint: string,
  attempt: HttpAttempt,
  session: Session,
  deadlineMs: number,
): EtcdVerdict {
  const { sys, limits, failures } = session;
  if (attempt.ok || sys.clock.monotonicMs() < deadlineMs) return judge(endpoint, attempt);
  const why = [...new Set(failures), `${endpoint}: ${slowTokens(limits.tokenMs)}`];
  return { kind: "refused", fault: unreachable(why) };
}

function slowTokens(tokenMs: number): string {
  return (
    `etcd is up, and has given no token within ${tokenMs} ms: it has no quorum, or more nodes ask at once than it can ` +
    "serve (docs/ipam.md, --bcrypt-cost)"
  );
}

/**
 * Whether an etcd is up, by the one page that costs it nothing. Its health would tell more, but is a read by the quorum:
 * it takes seconds where all cores are at bcrypts, and says for moments that there is no leader.
 */
async function isThere(session: Session, endpoint: string): Promise<boolean> {
  const timeoutMs = session.limits.tryMs;
  const looking = { method: "GET", path: "/version", token: "", timeoutMs } as const;
  return (await send(session, endpoint, looking)).ok;
}
