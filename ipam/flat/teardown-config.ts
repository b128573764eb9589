import { parseDurationMs } from "../../cni/duration.ts";
import { isName } from "../../cni/environment.ts";
import type { CniError } from "../../cni/errors.ts";
import { fieldOf, readObject, readText, show } from "../../cni/fields.ts";
import { foldKey } from "../../cni/fold.ts";
import { isObject, type Json, type JsonObject } from "../../cni/json.ts";
import { type Notes, newNotes, refuse } from "../../cni/readers.ts";
import { withoutTrailingSlashes } from "../../cni/slashes.ts";
import type { NetworkConfig } from "../../cni/types.ts";
import { fail, type Outcome, ok } from "../../sys/outcome.ts";
import type { Sys } from "../../sys/sys.ts";
import { invalidIpam } from "../ipam-config.ts";
import { type EtcdSettings, readEtcd } from "./store/etcd-config.ts";
import type { Store } from "./store/store.ts";

export type StoreSettings =
  | { readonly kind: "local"; readonly dir: string }
  | { readonly kind: "etcd"; readonly settings: EtcdSettings };

/** The fields that find and free the addresses of an attachment. A mistake in another field does not stop DEL. */
export interface TeardownConfig {
  /** The name of the network. Several networks may share the pool. */
  readonly network: string;
  readonly pool: string;
  readonly node: string;
  readonly store: StoreSettings;
  /** The folder of the journal, and of the store's client. Empty: the client remembers nothing. */
  readonly journalDir: string;
  /** How long an address waits for its identity after DEL, in milliseconds. Undefined: for ever. */
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

/** Reads only these fields. Errors: `ipam.config`. */
export function parseTeardownConfig(sys: Sys, network: NetworkConfig): Outcome<TeardownConfig, CniError> {
  const ipam = fieldOf(network.raw, "ipam");
  const notes = newNotes();
  // A hold that cannot be read becomes the default: a hold that is too long is harmless, one that is too short is not.
  const places = readTeardownConfig(sys, network, isObject(ipam) ? ipam : {}, notes, newNotes());
  return notes.problems.length === 0 ? ok(places) : fail(invalidIpam(network, notes));
}

/** Notes a wrong hold in `minor`, and all other problems in `notes`. */
export function readTeardownConfig(
  sys: Sys,
  network: NetworkConfig,
  ipam: JsonObject,
  notes: Notes,
  minor: Notes,
): TeardownConfig {
  const pool = readText(ipam, "pool", "ipam", notes) || network.name;
  if (!isName(pool)) refuse(notes, "ipam.pool", `${show(pool)} cannot name a pool`);
  return {
    network: network.name,
    pool,
    node: readNode(sys, ipam, notes),
    store: readStore(fieldOf(ipam, "store"), notes),
    journalDir: readFolder(ipam, "journalDir", "ipam", defaultJournalDir, notes),
    holdMs: readHold(ipam, minor),
  };
}

/** The name of the node. By default it is the kernel's host name. */
function readNode(sys: Sys, ipam: JsonObject, notes: Notes): string {
  const said = readText(ipam, "node", "ipam", notes) ?? "";
  const hostname = said === "" ? sys.files.read("/proc/sys/kernel/hostname") : undefined;
  const node = hostname?.ok === true ? hostname.value.trim() : said;
  if (!isName(node)) {
    const from = said === "" ? "the host name " : "";
    refuse(notes, "ipam.node", `${from}${show(node)} cannot name a node`);
  }
  return node;
}

function readStore(value: Json | undefined, notes: Notes): StoreSettings {
  const place = "ipam.store";
  if (value !== undefined && !isObject(value)) refuse(notes, place, "is not an object");
  const store = isObject(value) ? value : {};
  noteUnknown(store, storeFields, place, notes);
  const etcd = fieldOf(store, "etcd");
  const dir = readFolder(store, "dir", place, defaultStoreDir, notes);
  if (etcd === undefined) return { kind: "local", dir };
  if (fieldOf(store, "dir") !== undefined) refuse(notes, place, "has both etcd and dir; it is one of them");
  const fields = readObject(store, "etcd", place, notes);
  noteUnknown(fields, etcdFields, `${place}.etcd`, notes);
  return { kind: "etcd", settings: readEtcd(fields, `${place}.etcd`, notes) };
}

function readFolder(object: JsonObject, key: string, place: string, fallback: string, notes: Notes): string {
  const text = readText(object, key, place, notes) || fallback;
  if (!text.startsWith("/") || text.split("/").includes(".."))
    refuse(notes, `${place}.${key}`, `${show(text)} is no absolute path`);
  return withoutTrailingSlashes(text);
}

function readHold(ipam: JsonObject, notes: Notes): number | undefined {
  const text = readText(ipam, "hold", "ipam", notes) || defaultHold;
  if (text === "forever") return undefined;
  const holdMs = parseDurationMs(text);
  if (holdMs === undefined)
    refuse(notes, "ipam.hold", `${show(text)} is neither a duration like "24h" nor "forever"`);
  return holdMs ?? parseDurationMs(defaultHold);
}

/** Notes unknown fields: a misspelt `exclude` would not exclude. */
export function noteUnknown(object: JsonObject, known: readonly string[], place: string, notes: Notes): void {
  for (const key of Object.keys(object)) {
    if (known.includes(key)) continue;
    if (!known.map(foldKey).includes(foldKey(key)))
      refuse(notes, `${place}.${key}`, "is no field that is known");
  }
}

/** Opens the store of a pool. Tests have their own. */
export type OpenStore = (sys: Sys, places: TeardownConfig) => Promise<Store>;

/** Opens the configured store, and loads only the code of its kind. */
export const openStore: OpenStore = async (sys, { store, journalDir, node }) => {
  if (store.kind === "local") return (await import("./store/local-store.ts")).openLocalStore(sys, store.dir);
  const { openEtcd } = await import("./store/etcd-store.ts");
  // The folder lies beside the journal's folders, because no pool's name begins with a dot.
  const folder = journalDir === "" ? "" : `${journalDir}/.etcd`;
  return openEtcd(sys, store.settings, { folder, name: node });
};
