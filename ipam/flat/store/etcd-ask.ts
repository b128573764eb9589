import { fail, type Outcome, ok } from "../../../sys/outcome.ts";
import { type EtcdVerdict, judge, unknown, unreachable } from "./etcd-fault.ts";
import { recall, remember } from "./etcd-memory.ts";
import { endpointOf, heard, nextEndpoint, type Session, send, silenceLeftMs } from "./etcd-session.ts";
import type { StoreFault } from "./store.ts";

/** How often each endpoint is asked at most. */
const rounds = 2;

export interface Question {
  readonly path: string;
  readonly body: string;
  /** Whether etcd may do it twice without harm. */
  readonly repeatable: boolean;
  readonly token: string;
  /** Asks one endpoint. By default the body is sent, and its answer judged. */
  readonly askOne?: (endpoint: string, leftMs: number) => Promise<EtcdVerdict>;
}

/** `silent`: no answer came, perhaps because of the token. The caller should check the token before it asks again. */
export type Answer =
  | Extract<EtcdVerdict, { kind: "answered" | "token" }>
  | { readonly kind: "silent"; readonly why: string };

/** Asks one endpoint after the other, until one answers or refuses, or until another try would be wrong. */
export async function ask(session: Session, question: Question): Promise<Outcome<Answer, StoreFault>> {
  const { sys, settings, limits } = session;
  const count = settings.endpoints.length;
  session.silentSinceMs ??= sys.clock.monotonicMs();
  for (let tries = 0; tries < rounds * count; tries++) {
    if (tries > 0 && tries % count === 0) await pause(session);
    const leftMs = silenceLeftMs(session);
    if (leftMs <= 0) break;
    const endpoint = endpointOf(session);
    const verdict = await (question.askOne?.(endpoint, leftMs) ??
      askOnce(session, endpoint, question, leftMs));
    if (verdict.kind !== "elsewhere") heard(session);
    if (verdict.kind === "refused") return fail(verdict.fault);
    if (verdict.kind !== "elsewhere") {
      noteEndpoint(session, endpoint);
      return ok(verdict);
    }
    session.failures.push(verdict.why);
    nextEndpoint(session);
    const isDoubtful = verdict.isSilent === true && doubt(session, question.token);
    if (verdict.done === "maybe" && !question.repeatable)
      return fail(unknown(unique(session.failures).join("; ")));
    if (isDoubtful) return ok({ kind: "silent", why: verdict.why });
  }
  const late = silenceLeftMs(session) <= 0 ? [`nobody has answered for ${limits.silenceMs} ms`] : [];
  return fail(unreachable([...unique(session.failures), ...late]));
}

/** Waits for a random time, so that the nodes do not all ask again at the same moment. */
async function pause(session: Session): Promise<void> {
  const { sys, limits } = session;
  const share = 0.5 + Number.parseInt(sys.random.hex(4), 16) / 0x10000;
  await sys.clock.sleep(Math.max(0, Math.min(limits.pauseMs * share, silenceLeftMs(session))));
}

async function askOnce(
  session: Session,
  endpoint: string,
  { path, body, token }: Question,
  leftMs: number,
): Promise<EtcdVerdict> {
  const timeoutMs = Math.min(session.limits.tryMs, leftMs);
  return judge(endpoint, await send(session, endpoint, { method: "POST", path, body, token, timeoutMs }));
}

/**
 * A simple token names an index of etcd's log. etcd answers a request only when its log has come to that index. After its
 * data were lost, or a snapshot was restored, that may be never. So a silent endpoint may be away, or the token may be one
 * of the lost log. Only a remembered token is doubted, and only once.
 */
function doubt(session: Session, token: string): boolean {
  if (token === "" || session.token !== "remembered") return false;
  session.token = "doubtful";
  return true;
}

function unique(texts: readonly string[]): string[] {
  return [...new Set(texts)];
}

/** Remembers the endpoint after a failover. The endpoint that the node begins with is not written down. */
function noteEndpoint(session: Session, endpoint: string): void {
  const { sys, settings, memoryPlace, memory, first } = session;
  if (endpoint === (memory.endpoint ?? settings.endpoints[first])) return;
  session.memory = { ...memory, endpoint };
  remember(sys, memoryPlace, { ...recall(sys, memoryPlace), endpoint });
}
