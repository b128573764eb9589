import { parseDurationMs } from "../../cni/duration.ts";
import { isName } from "../../cni/environment.ts";
import type { CniError } from "../../cni/errors.ts";
import { foldKey } from "../../cni/fold.ts";
import { isObject, type Json, type JsonObject } from "../../cni/json.ts";
import { withoutTrailingSlashes } from "../../cni/slashes.ts";
import type { NetworkConfig } from "../../cni/types.ts";
import { fail, type Outcome, ok } from "../../sys/outcome.ts";
import type { Sys } from "../../sys/sys.ts";
import { fieldOf, readObject, readText, show } from "../fields.ts";
import { invalidIpam } from "../ipam-config.ts";
import { type EtcdSettings, readEtcd } from "./store/etcd-config.ts";
import type { Store } from "./store/store.ts";

export type StoreSettings =
  | { readonly kind: "local"; readonly dir: string }
  | { readonly kind: "etcd"; readonly settings: EtcdSettings };

/** What it takes to find and free what an attachment has; a mistake elsewhere does not keep an address. */
export interface TeardownConfig {
  /** Of the network, not of the pool, which several networks may share. */
  readonly network: string;
  readonly pool: string;
  readonly node: string;
  readonly store: StoreSettings;
  /** Releases that could not reach the store, and what the store's client remembers; empty: it remembers nothing. */
  readonly journalDir: string;
  /** How long an address waits for its identity after DEL, in milliseconds; undefined: for ever. */
  readonly holdMs: number | undefined;
}

const defaultStoreDir = "/var/lib/cni/hawser-flat";
const defaultJournalDir = "/var/lib/cni/hawser-flat-journal";
export const defaultHold = "24h";
const storeFields = ["etcd", "dir"];
const etcdFields = [
  "endpoints",
  "caFile",
  "certFile",
  "keyFile",
  "username",
  "passwordFile",
  "prefix",
  "plainHttp",
];

/** Errors: `ipam.config`, for these fields alone. */
export function parseTeardownConfig(sys: Sys, network: NetworkConfig): Outcome<TeardownConfig, CniError> {
  const ipam = fieldOf(network.raw, "ipam");
  const problems: string[] = [];
  // A hold that cannot be understood is the usual one: too long is harmless, too short is not.
  const places = readTeardownConfig(sys, network, isObject(ipam) ? ipam : {}, problems, []);
  return problems.length === 0 ? ok(places) : fail(invalidIpam(network, problems));
}

/** Notes what is wrong with the hold in `minor`, all else in `problems`. */
export function readTeardownConfig(
  sys: Sys,
  network: NetworkConfig,
  ipam: JsonObject,
  problems: string[],
  minor: string[],
): TeardownConfig {
  const pool = readText(ipam, "pool", "ipam", problems) || network.name;
  if (!isName(pool)) problems.push(`ipam.pool: ${show(pool)} cannot name a pool`);
  return {
    network: network.name,
    pool,
    node: readNode(sys, ipam, problems),
    store: readStore(fieldOf(ipam, "store"), problems),
    journalDir: readFolder(ipam, "journalDir", "ipam", defaultJournalDir, problems),
    holdMs: readHold(ipam, minor),
  };
}

/** The kernel's host name is what the node is called unless it is said. */
function readNode(sys: Sys, ipam: JsonObject, problems: string[]): string {
  const said = readText(ipam, "node", "ipam", problems) ?? "";
  const hostname = said === "" ? sys.files.read("/proc/sys/kernel/hostname") : undefined;
  const node = hostname?.ok === true ? hostname.value.trim() : said;
  if (!isName(node)) {
    const from = said === "" ? "the host name " : "";
    problems.push(`ipam.node: ${from}${show(node)} cannot name a node`);
  }
  return node;
}

function readStore(value: Json | undefined, problems: string[]): StoreSettings {
  const place = "ipam.store";
  if (value !== undefined && !isObject(value)) problems.push(`${place}: is not an object`);
  const store = isObject(value) ? value : {};
  noteUnknown(store, storeFields, place, problems);
  const etcd = fieldOf(store, "etcd");
  const dir = readFolder(store, "dir", place, defaultStoreDir, problems);
  if (etcd === undefined) return { kind: "local", dir };
  if (fieldOf(store, "dir") !== undefined)
    problems.push(`${place}: has both etcd and dir; it is one of them`);
  const fields = readObject(store, "etcd", place, problems);
  noteUnknown(fields, etcdFields, `${place}.etcd`, problems);
  return { kind: "etcd", settings: readEtcd(fields, `${place}.etcd`, problems) };
}

function readFolder(
  object: JsonObject,
  key: string,
  place: string,
  fallback: string,
  problems: string[],
): string {
  const text = readText(object, key, place, problems) || fallback;
  if (!text.startsWith("/") || text.split("/").includes(".."))
    problems.push(`${place}.${key}: ${show(text)} is no absolute path`);
  return withoutTrailingSlashes(text);
}

function readHold(ipam: JsonObject, problems: string[]): number | undefined {
  const text = readText(ipam, "hold", "ipam", problems) || defaultHold;
  if (text === "forever") return undefined;
  const holdMs = parseDurationMs(text);
  if (holdMs === undefined)
    problems.push(`ipam.hold: ${show(text)} is neither a duration like "24h" nor "forever"`);
  return holdMs ?? parseDurationMs(defaultHold);
}

/** A misspelt field would be an exclusion that does not exclude. */
export function noteUnknown(
  object: JsonObject,
  known: readonly string[],
  place: string,
  problems: string[],
): void {
  for (const key of Object.keys(object)) {
    if (known.includes(key)) continue;
    if (!known.map(foldKey).includes(foldKey(key)))
      problems.push(`${place}.${key}: is no field that is known`);
  }
}

/** Who opens the store of a pool; tests have another. */
export type OpenStore = (sys: Sys, places: TeardownConfig) => Promise<Store>;

/** Each kind of store is loaded only where it is the one. */
export const openStore: OpenStore = async (sys, { store, journalDir, node }) => {
  if (store.kind === "local") return (await import("./store/local-store.ts")).openLocalStore(sys, store.dir);
  const { openEtcd } = await import("./store/etcd-store.ts");
  // Beside the journal's folders: no pool's name begins with a dot.
  const folder = journalDir === "" ? "" : `${journalDir}/.etcd`;
  return openEtcd(sys, store.settings, { folder, name: node });
};
