import { validAttachments } from "../../cni/config.ts";
import { allOk, type CniError } from "../../cni/errors.ts";
import { lockContainer, lockForGc } from "../../cni/lock.ts";
import { sweepLocks } from "../../cni/lock-sweep.ts";
import type { Invocation } from "../../cni/plugin.ts";
import type { ValidAttachment } from "../../cni/types.ts";
import { type Outcome, ok } from "../../sys/outcome.ts";
import type { Sys } from "../../sys/sys.ts";
import {
  type AddressFile,
  folderError,
  free,
  heldBy,
  isStray,
  lockPatienceMs,
  readHoldings,
  sweepTemporary,
  warnOfStrays,
} from "./address-files.ts";
import { folderOf } from "./config.ts";

/** DEL: frees the addresses of the attachment. It reads only the files, because the ranges may have changed. */
export async function del(sys: Sys, { environment, config }: Invocation): Promise<Outcome<void, CniError>> {
  const folder = folderOf(config);
  const { containerId, ifname } = environment;
  if (!isThere(sys, folder)) return ok(undefined);
  const lock = await lockContainer(sys, folder, containerId, lockPatienceMs);
  // If the lock cannot be written, the address is freed without it: each step is safe against every other one.
  if (!lock.ok && lock.error.id !== "lock.write") return lock;
  try {
    const holdings = readHoldings(sys, folder);
    if (!holdings.ok) return holdings;
    warnOfStrays(sys, folder, holdings.value);
    sweepTemporary(sys, folder);
    return freeAll(sys, folder, heldBy(holdings.value, { containerId, ifname }));
  } finally {
    if (lock.ok) lock.value.release();
  }
}

/** GC (CNI 1.1.0, section 2): frees the addresses that no valid attachment holds. Without a list it frees nothing. */
export async function gc(sys: Sys, { config }: Invocation): Promise<Outcome<void, CniError>> {
  const valid = validAttachments(config.raw);
  if (!valid.ok) return valid;
  const folder = folderOf(config);
  if (valid.value === undefined || !isThere(sys, folder)) return ok(undefined);
  const lock = await lockForGc(sys, folder, lockPatienceMs);
  if (!lock.ok) return lock;
  try {
    return collect(sys, folder, valid.value, lock.value.atWork);
  } finally {
    lock.value.release();
    sweepLocks(sys, folder);
  }
}

/** Frees stale addresses and strays. It leaves alone the containers that another operation works on. */
function collect(
  sys: Sys,
  folder: string,
  valid: readonly ValidAttachment[],
  atWork: readonly string[],
): Outcome<void, CniError> {
  const holdings = readHoldings(sys, folder);
  if (!holdings.ok) return holdings;
  sweepTemporary(sys, folder);
  const strays = holdings.value.filter((holding) => isStray(sys, folder, holding));
  for (const { name } of strays) sys.warn(`${folder}/${name} names no owner: it is freed`);
  const stale = holdings.value.filter(
    (each) =>
      isStale(each, valid) && !("containerId" in each.owner && atWork.includes(each.owner.containerId)),
  );
  return freeAll(sys, folder, [...stale, ...strays]);
}

/** Whether the owner is no valid attachment. An old file without an interface is valid with any attachment of its container. */
function isStale({ owner }: AddressFile, valid: readonly ValidAttachment[]): boolean {
  if (owner.kind !== "attachment" && owner.kind !== "container") return false;
  return !valid.some(
    ({ containerID, ifname }) =>
      containerID === owner.containerId && (owner.kind === "container" || ifname === owner.ifname),
  );
}

/** Frees all, also after an error, and returns every error. */
function freeAll(sys: Sys, folder: string, holdings: readonly AddressFile[]): Outcome<void, CniError> {
  const errors = holdings.flatMap((holding) => {
    const freed = free(sys, folder, holding);
    return freed.ok ? [] : [folderError(`free ${holding.name} in ${folder}`, freed.error)];
  });
  return allOk(errors);
}

function isThere(sys: Sys, folder: string): boolean {
  const stat = sys.files.stat(folder);
  return stat.ok || stat.error.code !== "ENOENT";
}
