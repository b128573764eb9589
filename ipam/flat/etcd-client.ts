import { isObject, parseJson, printJson } from "../../cni/json.ts";
import type { Lock } from "../../cni/lock.ts";
import type { TlsMaterial } from "../../sys/http.ts";
import { fail, type Outcome, ok } from "../../sys/outcome.ts";
import type { Sys } from "../../sys/sys.ts";
import type { EtcdSettings } from "./etcd-config.ts";
import { judge, refused, saysWithoutUsers, unknown, unreachable, type Verdict } from "./etcd-fault.ts";
import { type EtcdMemory, memoryPath, recall, remember } from "./etcd-memory.ts";
import type { StoreFault } from "./store.ts";

/** etcd's JSON gateway: endpoints in turn, deadlines, certificates, and the token of a user. */
export interface EtcdClient {
  /** Posts until somebody answers. */
  call<T>(call: EtcdCall<T>): Promise<Outcome<T, StoreFault>>;
  roundTrips(): number;
}

export interface EtcdCall<T> {
  readonly path: string;
  readonly body: string;
  /** It may be done twice. */
  readonly repeatable: boolean;
  /** What the answer says, or what is wrong with it. */
  readonly read: (body: string) => Outcome<T, string>;
}

export interface EtcdLimits {
  /** For one request to one endpoint. */
  readonly tryMs: number;
  /** Without an answer: all endpoints, renewals of the token, and calls after one that was not answered together. */
  readonly silenceMs: number;
  /** Before every endpoint is tried once more. */
  readonly pauseMs: number;
}

export const defaultLimits: EtcdLimits = { tryMs: 2000, silenceMs: 6000, pauseMs: 200 };
/** Times that the list of endpoints is gone through. */
const rounds = 2;
/** Tokens that are fetched in one call: one for a token that has gone, one if that has gone at once. */
const maxRenewals = 2;
const lockKey = "etcd";
/**
 * By `accept` etcd knows that a request comes through its gateway. Without it, whoever has no token is taken for the user
 * that the server's own certificate names.
 */
const jsonHeaders = { accept: "application/json", "content-type": "application/json" };

interface Session {
  readonly sys: Sys;
  readonly settings: EtcdSettings;
  readonly limits: EtcdLimits;
  readonly folder: string;
  readonly memoryPath: string;
  readonly tls: TlsMaterial | undefined;
  memory: EtcdMemory;
  /** The token that turned out to be worth nothing, if any did. */
  rejected: string | undefined;
  /** Since when nobody has answered, on `sys.clock.monotonicMs()`; undefined after an answer. */
  silentSinceMs: number | undefined;
  /** What the endpoints have failed with since then. */
  failures: string[];
  /** Index of the endpoint that is asked next. */
  at: number;
  roundTrips: number;
}

interface Question extends Omit<EtcdCall<unknown>, "read"> {
  readonly token: string;
  /** On `sys.clock.monotonicMs()`. */
  readonly deadlineMs: number;
}

type Answer = Extract<Verdict, { kind: "answered" | "token" }>;

/**
 * For one operation: when nobody has answered for `silenceMs` it asks no more. Remembers the endpoint and the token in
 * `folder`, on this node, unless it is empty. Files are read at the first call.
 */
export function openClient(
  sys: Sys,
  settings: EtcdSettings,
  folder: string,
  limits: EtcdLimits = defaultLimits,
): EtcdClient {
  let session: Session | undefined;
  return {
    call: async (call) => {
      if (session === undefined) {
        const opened = openSession(sys, settings, folder, limits);
        if (!opened.ok) return opened;
        session = opened.value;
      }
      return await perform(session, call);
    },
    roundTrips: () => session?.roundTrips ?? 0,
  };
}

function openSession(
  sys: Sys,
  settings: EtcdSettings,
  folder: string,
  limits: EtcdLimits,
): Outcome<Session, StoreFault> {
  const tls = readTls(sys, settings);
  if (!tls.ok) return tls;
  const path = memoryPath(settings, folder);
  const memory = recall(sys, path);
  const at = Math.max(0, settings.endpoints.indexOf(memory.endpoint ?? ""));
  return ok({
    sys,
    settings,
    limits,
    folder,
    memoryPath: path,
    tls: tls.value,
    memory,
    rejected: undefined,
    silentSinceMs: undefined,
    failures: [],
    at,
    roundTrips: 0,
  });
}

function readTls(sys: Sys, settings: EtcdSettings): Outcome<TlsMaterial | undefined, StoreFault> {
  const material: Record<string, string> = {};
  for (const [name, path] of Object.entries({
    ca: settings.caFile,
    cert: settings.certFile,
    key: settings.keyFile,
  })) {
    if (path === "") continue;
    const text = sys.files.read(path);
    if (!text.ok)
      return fail(refused(`etcd: read ${path}: ${text.error.message}`, "store.etcd names this file."));
    if (!text.value.includes("-----BEGIN ")) {
      return fail(refused(`etcd: ${path} is no PEM file`, `It has to hold a block "-----BEGIN ...".`));
    }
    material[name] = text.value;
  }
  return ok(Object.keys(material).length === 0 ? undefined : material);
}

async function perform<T>(session: Session, call: EtcdCall<T>): Promise<Outcome<T, StoreFault>> {
  session.silentSinceMs ??= session.sys.clock.monotonicMs();
  const deadlineMs = session.silentSinceMs + session.limits.silenceMs;
  const needsToken = session.settings.username !== "";
  for (let renewals = 0; ; renewals++) {
    if (needsToken && session.memory.token === undefined) {
      const renewed = await renewToken(session, deadlineMs);
      if (!renewed.ok) return renewed;
    }
    const token = session.memory.token ?? "";
    const answer = await ask(session, { ...call, token, deadlineMs });
    if (!answer.ok) return answer;
    const { kind } = answer.value;
    const read = kind === "answered" ? call.read(answer.value.body) : fail(answer.value.why);
    if (read.ok) return read;
    if (kind === "token" && !needsToken) return fail(nameUser(read.error));
    // An empty answer has been seen, too, where a token was not valid any more.
    rejectToken(session);
    const mayRepeat = kind === "token" || (needsToken && call.repeatable);
    if (!mayRepeat || renewals >= maxRenewals) return fail(misread(call.repeatable, kind, read.error));
  }
}

function misread(repeatable: boolean, kind: Answer["kind"], why: string): StoreFault {
  if (kind === "token") return unreachable([`${why}: with a new token too`]);
  return repeatable ? refused(`etcd: ${why}`, "Is this an etcd, and not something before it?") : unknown(why);
}

function nameUser(why: string): StoreFault {
  return refused(`etcd refused: ${why}`, "It wants a user: set store.etcd.username and passwordFile.");
}

/** In this process only: another one may have renewed what the node remembers. */
function rejectToken(session: Session): void {
  const { token, ...others } = session.memory;
  session.memory = others;
  session.rejected = token;
}

/** One question to one endpoint after the other, until one answers or refuses, or until asking on would be wrong. */
async function ask(session: Session, question: Question): Promise<Outcome<Answer, StoreFault>> {
  const { sys, settings, limits } = session;
  const count = settings.endpoints.length;
  const leftMs = (): number => question.deadlineMs - sys.clock.monotonicMs();
  for (let tries = 0; tries < rounds * count; tries++) {
    const isNewRound = tries > 0 && tries % count === 0;
    if (isNewRound) await sys.clock.sleep(Math.max(0, Math.min(limits.pauseMs, leftMs())));
    if (leftMs() <= 0) break;
    const endpoint = settings.endpoints[session.at] ?? "";
    const verdict = await askOne(session, endpoint, question, Math.min(limits.tryMs, leftMs()));
    if (verdict.kind !== "elsewhere") {
      session.silentSinceMs = undefined;
      session.failures = [];
    }
    if (verdict.kind === "refused") return fail(verdict.fault);
    if (verdict.kind !== "elsewhere") {
      noteEndpoint(session, endpoint);
      return ok(verdict);
    }
    session.failures.push(verdict.why);
    session.at = (session.at + 1) % count;
    if (verdict.done === "maybe" && !question.repeatable)
      return fail(unknown(unique(session.failures).join("; ")));
  }
  const late = leftMs() <= 0 ? [`nobody has answered for ${limits.silenceMs} ms`] : [];
  return fail(unreachable([...unique(session.failures), ...late]));
}

function unique(texts: readonly string[]): string[] {
  return [...new Set(texts)];
}

async function askOne(
  session: Session,
  endpoint: string,
  { path, body, token }: Question,
  timeoutMs: number,
): Promise<Verdict> {
  const { sys, tls } = session;
  session.roundTrips++;
  const attempt = await sys.http.request({
    method: "POST",
    url: `${endpoint}${path}`,
    headers: { ...jsonHeaders, ...(token === "" ? {} : { authorization: token }) },
    body,
    timeoutMs: Math.ceil(timeoutMs),
    ...(tls === undefined || !endpoint.startsWith("https:") ? {} : { tls }),
  });
  return judge(endpoint, attempt);
}

/** Written only after a failover: the first endpoint needs no memory. */
function noteEndpoint(session: Session, endpoint: string): void {
  if (endpoint === (session.memory.endpoint ?? session.settings.endpoints[0])) return;
  session.memory = { ...session.memory, endpoint };
  remember(session.sys, session.memoryPath, { ...recall(session.sys, session.memoryPath), endpoint });
}

/**
 * A token costs etcd a bcrypt, 50 ms and more of it: one process of this node fetches it, the others wait for it and
 * read it. Without the lock it goes on all the same.
 */
async function renewToken(session: Session, deadlineMs: number): Promise<Outcome<void, StoreFault>> {
  const { sys, folder, memoryPath: path } = session;
  const lock = await lockMemory(sys, folder, Math.max(0, deadlineMs - sys.clock.monotonicMs()) / 2);
  try {
    const found = recall(sys, path).token;
    if (found !== undefined && found !== session.rejected) {
      session.memory = { ...session.memory, token: found };
      return ok(undefined);
    }
    const token = await authenticate(session, deadlineMs);
    if (!token.ok) return token;
    session.memory = { ...session.memory, token: token.value };
    remember(sys, path, { ...recall(sys, path), token: token.value });
    return ok(undefined);
  } finally {
    lock?.release();
  }
}

async function lockMemory(sys: Sys, folder: string, patienceMs: number): Promise<Lock | undefined> {
  if (folder === "") return undefined;
  const { lockContainer } = await import("../../cni/lock.ts");
  const lock = await lockContainer(sys, folder, lockKey, patienceMs);
  return lock.ok ? lock.value : undefined;
}

async function authenticate(session: Session, deadlineMs: number): Promise<Outcome<string, StoreFault>> {
  const { sys, settings } = session;
  const password = sys.files.read(settings.passwordFile);
  if (!password.ok) {
    const msg = `etcd: read ${settings.passwordFile}: ${password.error.message}`;
    return fail(refused(msg, "store.etcd.passwordFile names this file."));
  }
  const body = printJson({ name: settings.username, password: password.value.replace(/\r?\n$/, "") });
  const question = { path: "/v3/auth/authenticate", body, repeatable: true, token: "", deadlineMs };
  const answer = await ask(session, question);
  // So that nodes can be given their user before the operator turns authentication on.
  if (!answer.ok) return saysWithoutUsers(answer.error) ? ok("") : answer;
  const json = parseJson(answer.value.kind === "answered" ? answer.value.body : "");
  const token = json.ok && isObject(json.value) ? json.value.token : undefined;
  if (typeof token === "string" && token !== "") return ok(token);
  return fail(
    refused(`etcd: authenticate as ${settings.username}: no token in the answer`, "Is this an etcd?"),
  );
}
