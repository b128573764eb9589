import { isObject, parseJson, printJson } from "../../../cni/json.ts";
import { makeOwnFolder } from "../../../cni/own-folder.ts";
import { sha256 } from "../../../cni/sha256.ts";
import type { Sys } from "../../../sys/sys.ts";
import type { EtcdSettings } from "./etcd-config.ts";

/** What this node remembers of an etcd from one call to the next. Losing it costs time, nothing else. */
export interface EtcdMemory {
  /** The endpoint that answered last. */
  readonly endpoint?: string;
  /** Of the configured user. Empty: etcd said that it authenticates nobody. */
  readonly token?: string;
  /** When the token is forgotten, in milliseconds since 1970. */
  readonly untilMs?: number;
}

/** etcd forgets a simple token that nobody uses after five minutes. This bounds what a wrong memory can cost. */
const tokenAgeMs = 3_600_000;

/** An hour, more or less: not all nodes are to come for new tokens at once. */
export function keptUntil({ clock, random }: Sys): number {
  const share = 0.75 + Number.parseInt(random.hex(4), 16) / 0x20000;
  return clock.nowMs() + Math.round(tokenAgeMs * share);
}

/** Whose token it is: it is sent to nobody else. The file says it, in words. */
interface Purpose {
  readonly endpoints: readonly string[];
  readonly username: string;
  /** Of the authority by which they are known: with another one they may be somebody else. Empty: none is named. */
  readonly caSha256: string;
}

export interface MemoryPlace {
  /** Empty: nothing is remembered. */
  readonly path: string;
  readonly purpose: Purpose;
}

/**
 * One file for each cluster and user, in whatever order its endpoints are written, readable by root alone: the token is
 * as good as the password. `ca` is the PEM text. Without a folder nothing is remembered.
 */
export function memoryPlace(settings: EtcdSettings, folder: string, ca: string | undefined): MemoryPlace {
  const endpoints = [...new Set(settings.endpoints)].sort();
  const caSha256 = ca === undefined ? "" : sha256(ca);
  const purpose = { endpoints, username: settings.username, caSha256 };
  return { purpose, path: folder === "" ? "" : `${folder}/etcd-${sha256(printJson(purpose))}.json` };
}

/** What is remembered at the place; nothing, if the file is for another purpose than its name says. */
export function recall(sys: Sys, { path, purpose }: MemoryPlace): EtcdMemory {
  if (path === "") return {};
  const text = sys.files.read(path);
  const json = text.ok ? parseJson(text.value) : text;
  if (!json.ok || !isObject(json.value)) return {};
  if (printJson(json.value.for ?? null) !== printJson(purpose)) return {};
  const { endpoint, token, untilMs } = json.value;
  const leftMs = typeof untilMs === "number" ? untilMs - sys.clock.nowMs() : 0;
  // More than there can be left: the clock was put back since, and nobody knows how old it is.
  const isKept = typeof token === "string" && leftMs > 0 && leftMs <= 2 * tokenAgeMs;
  return {
    ...(typeof endpoint === "string" ? { endpoint } : {}),
    ...(isKept ? { token, untilMs: Number(untilMs) } : {}),
  };
}

/** Appears complete or not at all; not synced, for it may be lost. */
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
