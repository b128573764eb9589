import { isObject, parseJson, printJson } from "../../../cni/json.ts";
import { makeOwnFolder } from "../../../cni/own-folder.ts";
import { sha256 } from "../../../cni/sha256.ts";
import type { Sys } from "../../../sys/sys.ts";
import type { EtcdSettings } from "./etcd-config.ts";

/** What this node remembers of an etcd between two calls of the plugin. A loss of it costs only time. */
export interface EtcdMemory {
  /** The endpoint that answered last. */
  readonly endpoint?: string;
  /** The token of the configured user. Empty: authentication is not enabled in etcd. */
  readonly token?: string;
  /** When the token is forgotten, in milliseconds since 1970. */
  readonly untilMs?: number;
}

/** etcd forgets an unused simple token after five minutes. This age limits the cost of a wrong memory. */
const tokenAgeMs = 3_600_000;

/** Chooses a time in about an hour, at random, so that the nodes do not all fetch new tokens at once. */
export function keptUntil({ clock, random }: Sys): number {
  const share = 0.75 + Number.parseInt(random.hex(4), 16) / 0x20000;
  return clock.nowMs() + Math.round(tokenAgeMs * share);
}

/** The cluster and the user that a token is for. It is sent to no other cluster. The file itself says this, too. */
interface Purpose {
  readonly endpoints: readonly string[];
  readonly username: string;
  /** The hash of the certificate authority: under another authority the endpoints may be another cluster. Empty: none. */
  readonly caSha256: string;
}

export interface MemoryPlace {
  /** Empty: the node remembers nothing. */
  readonly path: string;
  readonly purpose: Purpose;
}

/**
 * There is one file for each cluster and user. The order of the endpoints does not matter. Only root can read the file,
 * because the token is as good as the password. `ca` is the PEM text. Without a folder the node remembers nothing.
 */
export function memoryPlace(settings: EtcdSettings, folder: string, ca: string | undefined): MemoryPlace {
  const endpoints = [...new Set(settings.endpoints)].sort();
  const caSha256 = ca === undefined ? "" : sha256(ca);
  const purpose = { endpoints, username: settings.username, caSha256 };
  return { purpose, path: folder === "" ? "" : `${folder}/etcd-${sha256(printJson(purpose))}.json` };
}

/** Reads what the node remembers. A file with another purpose than its name says counts as empty. */
export function recall(sys: Sys, { path, purpose }: MemoryPlace): EtcdMemory {
  if (path === "") return {};
  const text = sys.files.read(path);
  const json = text.ok ? parseJson(text.value) : text;
  if (!json.ok || !isObject(json.value)) return {};
  if (printJson(json.value.for ?? null) !== printJson(purpose)) return {};
  const { endpoint, token, untilMs } = json.value;
  const leftMs = typeof untilMs === "number" ? untilMs - sys.clock.nowMs() : 0;
  // If more time is left than a token ever has, the clock was put back. Then the age of the token is unknown.
  const isKept = typeof token === "string" && leftMs > 0 && leftMs <= 2 * tokenAgeMs;
  return {
    ...(typeof endpoint === "string" ? { endpoint } : {}),
    ...(isKept ? { token, untilMs: Number(untilMs) } : {}),
  };
}

/** Writes the file, which appears complete or not at all. It is not synced, because it may be lost. */
export function remember(sys: Sys, { path, purpose }: MemoryPlace, memory: EtcdMemory): void {
  if (path === "") return;
  const temporary = `${path}.${sys.processes.pid()}`;
  const folder = path.slice(0, path.lastIndexOf("/"));
  makeOwnFolder(sys, folder);
  sys.files.remove(temporary);
  const written = sys.files.write(temporary, printJson({ for: purpose, ...memory }), {
    mode: 0o600,
    exclusive: true,
  });
  const renamed = written.ok ? sys.files.rename(temporary, path) : written;
  if (!renamed.ok)
    sys.warn(`hawser: etcd is asked more than needed: cannot keep ${path}: ${renamed.error.message}`);
}
