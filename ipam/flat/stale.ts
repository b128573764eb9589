import type { CniError } from "../../cni/errors.ts";
import { makeOwnFolder } from "../../cni/own-folder.ts";
import { fail, type Outcome, ok } from "../../sys/outcome.ts";
import { unknownBoot } from "../../sys/process-identity.ts";
import type { Sys } from "../../sys/sys.ts";
import { hash128 } from "../hash.ts";
import { type Holding, isOfEarlierBoot, timesOf } from "./pool/holding.ts";
import { keysOf } from "./pool/keys.ts";
import { releaseKnown } from "./pool/release.ts";
import { type Known, known, readPages } from "./pool/stored.ts";
import { drive, storeError } from "./store/drive.ts";
import type { Store } from "./store/store.ts";
import type { TeardownConfig } from "./teardown-config.ts";

const pageLength = 256;

/** The attachments that were judged stale, and the store's time then. */
export interface Stale {
  readonly attachments: readonly Known[];
  readonly storeMs?: number;
}

/** The attachments of this node's containers of this network that `isStale` says are gone. */
export async function findStale(
  sys: Sys,
  store: Store,
  { pool, node, network }: TeardownConfig,
  isStale: (holding: Holding) => boolean,
): Promise<Outcome<Stale, CniError>> {
  const all = await readPages(keysOf(pool).attsOf(node), pageLength, (page) => drive(sys, store, () => page));
  if (!all.ok) return fail(storeError(`list what the containers of node ${node} have`, all.error));
  const { entries, atMs } = all.value;
  // A network's list of valid attachments names only its own containers, so it proves nothing about another network's.
  const attachments = entries
    .flatMap((entry) => known(entry) ?? [])
    .filter(({ holding }) => holding.network === network && isStale(holding));
  return ok({ attachments, ...(atMs === undefined ? {} : { storeMs: atMs }) });
}

/** Frees a stale attachment, but only if its record is still the one that was judged. */
export async function releaseStale(
  sys: Sys,
  store: Store,
  { pool, holdMs }: TeardownConfig,
  attachment: Known,
  { storeMs }: Pick<Stale, "storeMs">,
): Promise<Outcome<void, CniError>> {
  const { node, containerId, ifname } = attachment.holding;
  const times = timesOf(sys.clock.nowMs(), storeMs);
  const request = { keys: keysOf(pool), node, containerId, ifname, holdMs, ...times };
  const end = await drive(sys, store, () => releaseKnown(request, attachment));
  return end.ok ? ok(undefined) : fail(storeError(`collect container ${containerId} (${ifname})`, end.error));
}

/**
 * Reboot evidence: no sandbox outlives its machine's boot, so what an earlier boot's containers have may be freed though
 * their DEL was lost. A claim records the boot; the first operation of a network on the node after it looks, once.
 */
const machineIdPath = "/etc/machine-id";

/**
 * Names this boot of this machine. Undefined if the machine has no ID: then a reboot proves nothing. Two nodes with the same
 * name are two machines, so the boot of one proves nothing about the other. The machine's ID is hashed, because it is
 * confidential (machine-id(5)).
 */
export function bootOf(sys: Sys): string | undefined {
  const text = sys.files.read(machineIdPath);
  const machine = text.ok ? text.value.trim() : "";
  const boot = sys.processes.bootId();
  if (!/^[0-9a-f]{32}$/.test(machine) || boot === unknownBoot) return undefined;
  return `${hash128(`hawser ${machine}`).toString(16).padStart(32, "0").slice(0, 16)}-${boot}`;
}

/**
 * Frees up to `most` attachments of this network from an earlier boot of this node. With `isNoted` a note on the node says
 * that it was done in this boot. So later operations read only this small file. Without the note they look again.
 */
export async function releaseEarlierBoots(
  sys: Sys,
  store: Store,
  config: TeardownConfig,
  {
    boot,
    most,
    isNoted,
  }: { readonly boot: string | undefined; readonly most: number; readonly isNoted: boolean },
): Promise<Outcome<void, CniError>> {
  const note = noteOf(config);
  if (boot === undefined) return ok(undefined);
  const noted = sys.files.read(note);
  if (noted.ok && noted.value === boot) return ok(undefined);
  const stale = await findStale(sys, store, config, (holding) => isOfEarlierBoot(holding, boot));
  if (!stale.ok) return stale;
  for (const each of stale.value.attachments.slice(0, most)) {
    const released = await releaseStale(sys, store, config, each, stale.value);
    if (!released.ok) return released;
  }
  if (isNoted && stale.value.attachments.length <= most) writeNote(sys, note, boot);
  return ok(undefined);
}

/** The note lies beside the journal's folders, because no pool's name begins with a dot. */
function noteOf({ journalDir, pool, network }: TeardownConfig): string {
  return `${journalDir}/.boot/${pool}@${network}`;
}

/** Writes the note, perhaps not as a whole: half a note names no boot, so that the node looks once more. */
function writeNote(sys: Sys, path: string, boot: string): void {
  makeOwnFolder(sys, path.slice(0, path.lastIndexOf("/")));
  sys.files.remove(path);
  sys.files.write(path, boot, { mode: 0o600, exclusive: true });
}
