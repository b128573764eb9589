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

/** The token of etcd's user. One process of the node fetches it for all of them. */

const lockKey = "etcd";

/** Gives the session a token, unless it has one that etcd has not refused yet. */
export async function requireToken(session: Session): Promise<Outcome<void, StoreFault>> {
  if (session.token === "doubtful" && !(await isHonoured(session))) rejectToken(session);
  if (session.memory.token !== undefined) return ok(undefined);
  return await renewToken(session);
}

/** Rejects the token in this process only: another process may have written a newer one to the file. */
export function rejectToken(session: Session): void {
  const { token, untilMs: _untilMs, ...others } = session.memory;
  session.memory = others;
  session.rejected = token;
}

/**
 * Whether the next endpoint answers the token at all. The question is a read that costs nothing and needs no quorum. If
 * there is any answer, only the last endpoint was silent. Then the token is still good, and no new one is fetched.
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
 * Fetches a token, or reads the one that another process has fetched. A token costs etcd a bcrypt of 50 ms or more. So one
 * process of this node fetches it under a lock, and the others wait. A process that cannot lock fetches its own.
 */
async function renewToken(session: Session): Promise<Outcome<void, StoreFault>> {
  const { sys, memoryPlace, limits } = session;
  const deadlineMs = sys.clock.monotonicMs() + limits.tokenMs;
  const waited = await waitForLock(session, deadlineMs);
  if (!waited.ok) return waited;
  try {
    if (useRemembered(session)) return ok(undefined);
    // The wait for other processes took all the time, so nobody would wait for the result of another bcrypt.
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

/** Takes the token that another process of the node has fetched meanwhile. */
function useRemembered(session: Session): boolean {
  const { token, untilMs = 0 } = recall(session.sys, session.memoryPlace);
  if (token === undefined || token === session.rejected) return false;
  session.memory = { ...session.memory, token, untilMs };
  session.token = "new";
  heard(session);
  return true;
}

/**
 * Waits while another process fetches a token, as long as etcd shows that it is up: another bcrypt would only delay all of
 * them. Undefined means that the lock cannot be had, or that a token can be read now.
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
  // So an operator can give the nodes their user first, and enable authentication later.
  if (!answer.ok) return saysWithoutUsers(answer.error) ? ok("") : answer;
  const json = parseJson(answer.value.kind === "answered" ? answer.value.body : "");
  const token = json.ok && isObject(json.value) ? json.value.token : undefined;
  if (typeof token === "string" && token !== "") return ok(token);
  return fail(
    refused(`etcd: authenticate as ${settings.username}: no token in the answer`, "Is this an etcd?"),
  );
}

/**
 * Waits for one endpoint as long as it shows that it is up. etcd goes on with a bcrypt although its client has gone, and the
 * same request to the next member would cost that member another bcrypt.
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

/** Waits for the answer, unless the other promise ends first. */
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
 * Whether an etcd is up, by the one page that costs it nothing. The page of its health tells more, but needs a read by the
 * quorum. That read takes seconds while all cores do bcrypts, and fails for moments for want of a leader.
 */
async function isThere(session: Session, endpoint: string): Promise<boolean> {
  const timeoutMs = session.limits.tryMs;
  const looking = { method: "GET", path: "/version", token: "", timeoutMs } as const;
  return (await send(session, endpoint, looking)).ok;
}
