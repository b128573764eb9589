import { forget, load, save, setAside } from "../../cni/attachments.ts";
import { isName } from "../../cni/environment.ts";
import { type CniError, cniError, failWith } from "../../cni/errors.ts";
import { type JsonObject, printJson } from "../../cni/json.ts";
import { lenient, maybe, number, object, onlyTrue, readWhole, text } from "../../cni/readers.ts";
import { fail, type Outcome, ok } from "../../sys/outcome.ts";
import type { Sys } from "../../sys/sys.ts";
import { keysOf } from "./pool/keys.ts";
import { release } from "./pool/release.ts";
import { drive, storeError } from "./store/drive.ts";
import type { Store } from "./store/store.ts";
import type { TeardownConfig } from "./teardown-config.ts";

/**
 * A release that could not reach the store, or a claim that was given up with an unknown outcome. It lies in
 * `<journalDir>/<pool>/<containerID>@<ifname>.json` on the node of the container. The next operation of the pool on this node
 * does the release. It is the same release as DEL's, and frees nothing that was claimed after it.
 */
export interface JournalEntry {
  readonly node: string;
  readonly containerId: string;
  readonly ifname: string;
  /** Undefined: the addresses are held for ever. */
  readonly holdMs: number | undefined;
  /** When DEL was called, or the ADD that was given up, in milliseconds since 1970. */
  readonly atMs: number;
  /** Frees only what that very ADD has claimed. The container keeps what it had before. */
  readonly claimOnly?: true;
}

interface Attachment {
  readonly containerId: string;
  readonly ifname: string;
}

const suffix = ".json";
/** How many journalled releases of other containers one operation does. */
export const replayedAtOnce = 16;

/** Writes an entry. It is on the disk when the function returns. Errors: `records.write`. */
export function writeEntry(sys: Sys, config: TeardownConfig, entry: JournalEntry): Outcome<void, CniError> {
  const { holdMs, ...rest } = entry;
  const record: JsonObject = { ...rest, holdMs: holdMs ?? null };
  return save(sys, config.journalDir, keyOf(config, entry), record, "begin");
}

export function forgetEntry(
  sys: Sys,
  config: TeardownConfig,
  attachment: Attachment,
): Outcome<void, CniError> {
  return forget(sys, config.journalDir, keyOf(config, attachment));
}

function keyOf({ pool }: TeardownConfig, { containerId, ifname }: Attachment) {
  return { network: pool, containerId, ifname };
}

/**
 * Does up to `most` journalled releases. The release of `own`, which is about to claim anew, must succeed. Another one that
 * fails stays for the next operation. Errors: `ipam.store-unreachable`, `ipam.store-refused`, `ipam.journal`.
 */
export async function replayJournal(
  sys: Sys,
  store: Store,
  config: TeardownConfig,
  { own, most }: { readonly own?: Attachment; readonly most: number },
): Promise<Outcome<void, CniError>> {
  const folder = `${config.journalDir}/${config.pool}`;
  const names = sys.files.list(folder);
  if (!names.ok && names.error.code === "ENOENT") return ok(undefined);
  if (!names.ok) {
    const why = `${names.error.message}. A release that waits there must be done first.`;
    return failWith("records", "ipam.journal", `read the journal ${folder}: ${names.error.code}`, why);
  }
  const waiting = names.value.flatMap((name) => parseName(name) ?? []);
  const isOwn = (each: Attachment): boolean =>
    each.containerId === own?.containerId && each.ifname === own.ifname;
  for (const each of waiting.filter(isOwn)) {
    const done = await replay(sys, store, config, each);
    if (!done.ok) return done;
  }
  for (const each of waiting.filter((one) => !isOwn(one)).slice(0, most)) {
    const done = await replay(sys, store, config, each);
    if (!done.ok) break;
  }
  return ok(undefined);
}

/** Parses the name of a file. A container ID has no `@`, but the name of an interface may have one. */
function parseName(name: string): Attachment | undefined {
  const at = name.indexOf("@");
  if (at < 0 || !name.endsWith(suffix)) return undefined;
  const attachment = { containerId: name.slice(0, at), ifname: name.slice(at + 1, -suffix.length) };
  return isName(attachment.containerId) && attachment.ifname !== "" ? attachment : undefined;
}

async function replay(
  sys: Sys,
  store: Store,
  config: TeardownConfig,
  attachment: Attachment,
): Promise<Outcome<void, CniError>> {
  const key = keyOf(config, attachment);
  const loaded = load(sys, config.journalDir, key);
  if (loaded.kind === "none") return ok(undefined);
  if (loaded.kind === "unread") return fail(loaded.error);
  if (loaded.kind === "torn") {
    // The file is damaged, but its name still says that the container was deleted.
    const aside = setAside(sys, config.journalDir, key);
    const [path, why] = aside.ok
      ? [aside.value, loaded.why]
      : [loaded.path, `${loaded.why} (${aside.error.message})`];
    sys.warn(`hawser-flat: ${path} is damaged: ${why}; GC frees what its container has`);
    return ok(undefined);
  }
  const entry = parseEntry(loaded.record);
  if (entry === undefined) return ok(undefined);
  const done = await releaseEntry(sys, store, config, entry);
  if (!done.ok) return done;
  // Another DEL may have journalled a later release meanwhile.
  const now = load(sys, config.journalDir, key);
  const same = now.kind === "record" && printJson(now.record) === printJson(loaded.record);
  return same ? forget(sys, config.journalDir, key) : ok(undefined);
}

async function releaseEntry(
  sys: Sys,
  store: Store,
  { pool }: TeardownConfig,
  { atMs, claimOnly, ...entry }: JournalEntry,
): Promise<Outcome<void, CniError>> {
  const meant = claimOnly === true ? { claimedAtMs: atMs } : { claimedUntilMs: atMs };
  const request = { ...entry, keys: keysOf(pool), nowMs: sys.clock.nowMs(), ...meant };
  const doing = `release container ${entry.containerId} (${entry.ifname}), which is journalled`;
  const end = await drive(sys, store, () => release(request));
  if (!end.ok) return fail(storeError(doing, end.error));
  return end.value.kind === "contended" ? fail(contended(doing)) : ok(undefined);
}

/** The error when others changed the record again and again: `ipam.contended`, try again later. */
export function contended(doing: string): CniError {
  const msg = `${doing}: others changed its record again and again`;
  return cniError("tryAgainLater", "ipam.contended", msg, "The runtime tries again.");
}

const entryFields = object({
  node: text,
  containerId: text,
  ifname: text,
  holdMs: (value, place, notes) => (value === null ? "for ever" : number(value, place, notes)),
  atMs: number,
  claimOnly: maybe(lenient(onlyTrue)),
});

function parseEntry(record: JsonObject): JournalEntry | undefined {
  const entry = readWhole(entryFields, record);
  return entry && { ...entry, holdMs: entry.holdMs === "for ever" ? undefined : entry.holdMs };
}
