import type { Sys } from "../../sys/sys.ts";
import type { AddressFile } from "./address-files.ts";

/**
 * How old a file without an owner must be to be nobody's: the reference plugin creates it first and writes the owner
 * then, and no runtime waits longer for an ADD than the kubelet's 4 minutes for a sandbox.
 */
export const strayAgeMs = 5 * 60_000;

/** Whether an address file was left empty or torn by a program that is gone. */
export function isStray(sys: Sys, folder: string, { name, owner }: AddressFile): boolean {
  if (owner.kind !== "nobody") return false;
  const stat = sys.files.stat(`${folder}/${name}`);
  return stat.ok && sys.clock.nowMs() - stat.value.modifiedMs > strayAgeMs;
}

/** Tells of addresses that are taken for no one. They are never given: who knows what they are. */
export function warnOfStrays(sys: Sys, folder: string, holdings: readonly AddressFile[]): void {
  for (const holding of holdings) {
    const { name, owner } = holding;
    if (owner.kind === "unreadable") sys.warn(`${folder}/${name} cannot be read: ${owner.why}`);
    if (isStray(sys, folder, holding))
      sys.warn(`${folder}/${name} names no owner: its writer was interrupted. ${name} stays taken until GC.`);
  }
}
