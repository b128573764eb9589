import { fail, type Outcome, ok } from "../../../sys/outcome.ts";
import type { Sys } from "../../../sys/sys.ts";
import { type Answer, ask } from "./etcd-ask.ts";
import type { EtcdSettings } from "./etcd-config.ts";
import { refused, unknown, unreachable } from "./etcd-fault.ts";
import {
  defaultLimits,
  type EtcdLimits,
  type EtcdNode,
  endpointOf,
  openSession,
  type Session,
  send,
  shown,
} from "./etcd-session.ts";
import { rejectToken, requireToken } from "./etcd-token.ts";
import type { StoreFault } from "./store.ts";

/** A client of etcd's JSON gateway. It knows endpoints, deadlines, certificates, and the token of a user. */
export interface EtcdClient {
  /** Posts to one endpoint after the other until one answers. */
  call<T>(call: EtcdCall<T>): Promise<Outcome<T, StoreFault>>;
  /** Asks the endpoint that answered last whether its cluster is healthy. True if it does not say. */
  isHealthy(): Promise<boolean>;
  roundTrips(): number;
}

export interface EtcdCall<T> {
  readonly path: string;
  readonly body: string;
  /** Whether etcd may do it twice without harm. */
  readonly repeatable: boolean;
  /** Reads the answer, or says what is wrong with it. `atMs` is the endpoint's time. */
  readonly read: (body: string, atMs: number | undefined) => Outcome<T, string>;
}

/** How many tokens one call fetches at most: one in place of an old token, and one more if etcd refuses that, too. */
const maxRenewals = 2;

/**
 * Opens a client for one operation. When no endpoint has answered for `silenceMs`, the client asks no more. It remembers
 * the endpoint and the token on this node. It reads the files of the settings at its first call.
 */
export function openClient(
  sys: Sys,
  settings: EtcdSettings,
  node: EtcdNode,
  limits: EtcdLimits = defaultLimits,
): EtcdClient {
  let session: Session | undefined;
  const open = (): Outcome<Session, StoreFault> => {
    if (session !== undefined) return ok(session);
    const opened = openSession(sys, settings, node, limits);
    if (opened.ok) session = opened.value;
    return opened;
  };
  return {
    call: async (call) => {
      const opened = open();
      return opened.ok ? await perform(opened.value, call) : opened;
    },
    isHealthy: async () => {
      const opened = open();
      if (!opened.ok) return true;
      const asking = { method: "GET", path: "/health", token: "", timeoutMs: limits.tryMs } as const;
      const attempt = await send(opened.value, endpointOf(opened.value), asking);
      return !attempt.ok || !/"health":\s*"?false/.test(attempt.value.body);
    },
    roundTrips: () => session?.roundTrips ?? 0,
  };
}

async function perform<T>(session: Session, call: EtcdCall<T>): Promise<Outcome<T, StoreFault>> {
  const needsToken = session.settings.username !== "";
  for (let renewals = 0; ; ) {
    if (needsToken) {
      const given = await requireToken(session);
      if (!given.ok) return given;
    }
    const answer = await ask(session, { ...call, token: session.memory.token ?? "" });
    if (!answer.ok) return answer;
    const { kind } = answer.value;
    // This happens at most once in a session: the next turn finds out whether the token is at fault.
    if (kind === "silent") continue;
    const read =
      kind === "answered" ? call.read(answer.value.body, answer.value.atMs) : fail(answer.value.why);
    if (read.ok) return read;
    const why = shown(session, read.error);
    if (kind === "token" && !needsToken) return fail(nameUser(why));
    // etcd has also been seen to answer with an empty body when the token was not valid any more.
    rejectToken(session);
    const mayRepeat = kind === "token" || (needsToken && call.repeatable);
    if (!mayRepeat || renewals >= maxRenewals) return fail(misread(call.repeatable, kind, why));
    renewals += 1;
  }
}

function misread(repeatable: boolean, kind: Answer["kind"], why: string): StoreFault {
  if (kind === "token") return unreachable([`${why}: with a new token too`]);
  return repeatable ? refused(`etcd: ${why}`, "Is this an etcd, and not something before it?") : unknown(why);
}

function nameUser(why: string): StoreFault {
  return refused(`etcd refused: ${why}`, "It wants a user: set store.etcd.username and passwordFile.");
}
