import { redact, redactBody } from "../../../cni/secrets.ts";
import type { HttpAttempt, HttpRequest, TlsMaterial } from "../../../sys/http.ts";
import { fail, type Outcome, ok } from "../../../sys/outcome.ts";
import type { Sys } from "../../../sys/sys.ts";
import { hash128 } from "../../hash.ts";
import type { EtcdSettings } from "./etcd-config.ts";
import { refused } from "./etcd-fault.ts";
import { type EtcdMemory, type MemoryPlace, memoryPlace, recall } from "./etcd-memory.ts";
import type { StoreFault } from "./store.ts";

/** The node on which etcd's client runs. */
export interface EtcdNode {
  /** The folder for what the client remembers. Empty: it remembers nothing. */
  readonly folder: string;
  /** The node's name, which chooses the endpoint that the client begins with. Empty: the first one. */
  readonly name: string;
}

export interface EtcdLimits {
  /** The time for one request to one endpoint. */
  readonly tryMs: number;
  /** How long the operation goes on without any answer, over all endpoints and calls together. */
  readonly silenceMs: number;
  /** About how long the client waits before it tries every endpoint once more. */
  readonly pauseMs: number;
  /** The time for a new token, which one process of the node fetches, as long as etcd shows that it is up. */
  readonly tokenMs: number;
}

export const defaultLimits: EtcdLimits = { tryMs: 2000, silenceMs: 6000, pauseMs: 200, tokenMs: 20_000 };

/** What one operation of the plugin knows of its etcd. */
export interface Session {
  readonly sys: Sys;
  readonly settings: EtcdSettings;
  readonly limits: EtcdLimits;
  readonly folder: string;
  readonly memoryPlace: MemoryPlace;
  readonly tls: TlsMaterial | undefined;
  /** The endpoint that this node begins with. */
  readonly first: number;
  memory: EtcdMemory;
  /** The token that etcd has refused, if it has refused one. */
  rejected: string | undefined;
  /** `doubtful`: a request with the remembered token was not answered. `new`: the token is not doubted (any more). */
  token: "remembered" | "doubtful" | "new";
  /** Since when no endpoint has answered, by `sys.clock.monotonicMs()`. Undefined after an answer. */
  silentSinceMs: number | undefined;
  /** How the requests have failed since then. */
  failures: string[];
  /** Index of the endpoint that is asked next. */
  at: number;
  roundTrips: number;
}

/** Reads the files that the settings name, and what the node remembers. */
export function openSession(
  sys: Sys,
  settings: EtcdSettings,
  { folder, name }: EtcdNode,
  limits: EtcdLimits,
): Outcome<Session, StoreFault> {
  const tls = readTls(sys, settings);
  if (!tls.ok) return tls;
  const place = memoryPlace(settings, folder, tls.value?.ca);
  const memory = recall(sys, place);
  const first = name === "" ? 0 : Number(hash128(name) % BigInt(settings.endpoints.length));
  const remembered = settings.endpoints.indexOf(memory.endpoint ?? "");
  return ok({
    sys,
    settings,
    limits,
    folder,
    memoryPlace: place,
    tls: tls.value,
    first,
    memory,
    rejected: undefined,
    token: "remembered",
    silentSinceMs: undefined,
    failures: [],
    at: remembered < 0 ? first : remembered,
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

/**
 * The header `accept` tells etcd that a request comes through its gateway. Without this header etcd takes a request that
 * has no token for one of the user that the server's own certificate names.
 */
const jsonHeaders = { accept: "application/json", "content-type": "application/json" };

export interface Sending {
  readonly method: HttpRequest["method"];
  readonly path: string;
  readonly body?: string;
  readonly token: string;
  readonly timeoutMs: number;
}

/** Sends one request to one endpoint. The text of a failure may be shown, because our secrets are removed from it. */
export async function send(
  session: Session,
  endpoint: string,
  { method, path, body, token, timeoutMs }: Sending,
): Promise<HttpAttempt> {
  const { sys, tls } = session;
  session.roundTrips++;
  const attempt = await sys.http.request({
    method,
    url: `${endpoint}${path}`,
    headers: { ...jsonHeaders, ...(token === "" ? {} : { authorization: token }) },
    ...(body === undefined ? {} : { body }),
    timeoutMs: Math.ceil(timeoutMs),
    ...(tls === undefined || !endpoint.startsWith("https:") ? {} : { tls }),
  });
  if (!attempt.ok) return fail({ ...attempt.error, message: shown(session, attempt.error.message, token) });
  const { status, body: said } = attempt.value;
  return status === 200
    ? attempt
    : ok({ ...attempt.value, body: redactBody(said, secretsOf(session, token)) });
}

/** Removes our secrets from a text that an endpoint has sent, because it may repeat the request. */
export function shown(session: Session, text: string, token = ""): string {
  return redact(text, secretsOf(session, token));
}

/** The token and the password. Another process may have sent the password, and the endpoint may repeat it now. */
function secretsOf({ sys, settings, memory }: Session, token: string): string[] {
  const password = settings.passwordFile === "" ? undefined : sys.files.read(settings.passwordFile);
  const known = password?.ok === true ? [password.value.trim()] : [];
  return [...known, token, memory.token ?? ""];
}

export function endpointOf({ settings, at }: Session): string {
  return settings.endpoints[at] ?? "";
}

export function nextEndpoint(session: Session): void {
  session.at = (session.at + 1) % session.settings.endpoints.length;
}

/** The time that is left until the operation gives up because no endpoint answers. */
export function silenceLeftMs({ sys, limits, silentSinceMs }: Session): number {
  const nowMs = sys.clock.monotonicMs();
  return (silentSinceMs ?? nowMs) + limits.silenceMs - nowMs;
}

export function heard(session: Session): void {
  session.silentSinceMs = undefined;
  session.failures = [];
}
