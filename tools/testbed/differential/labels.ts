import type { TrialWorld } from "./differential-world.ts";

/** What chance has chosen on a side, and the words that stand for it on both. */
export type ChanceLabels = ReadonlyMap<string, string>;

const hardware = /\b[0-9a-f]{2}(:[0-9a-f]{2}){5}\b/g;
/** Names of host ends: the reference plugins' are random, ours follow from the attachment. */
const hostEnd = /\bveth[0-9a-f]{8}\b/g;

/** The hardware addresses that a case names itself. */
export function fixedTexts(text: string): ReadonlySet<string> {
  const written = text.toLowerCase().match(hardware) ?? [];
  return new Set([...written, "00:00:00:00:00:00", "ff:ff:ff:ff:ff:ff"]);
}

export function labelsOf(
  spaces: readonly (readonly [string, readonly { ifname: string; address: string }[]])[],
  { world, fixed }: { readonly world: TrialWorld; readonly fixed: ReadonlySet<string> },
): ChanceLabels {
  const labels = new Map<string, string>();
  for (const [where, links] of spaces) {
    const sorted = [...links].sort((one, other) => (one.ifname < other.ifname ? -1 : 1));
    for (const { ifname, address = "" } of sorted) {
      if (fixed.has(address) || labels.has(address) || !address.match(hardware)) continue;
      labels.set(address, `MAC(${where}/${ifname.replace(hostEnd, "HOSTEND")})`);
    }
  }
  for (const [address, label] of [...labels]) {
    labels.set(linkLocalOf(address), `LL-${label}`);
    // The group of a solicited node.
    labels.set(`33:33:ff:${address.slice(9)}`, `GROUP-${label}`);
  }
  labels.set(world.netns, "NETNS");
  labels.set(world.folder, "STATE");
  return labels;
}

/** Replaces what has a label, and every other random address by one word. */
export function labelled(text: string, labels: ChanceLabels): string {
  let read = text;
  for (const [found, label] of labels) read = read.replaceAll(found, label);
  return read.replace(hostEnd, "HOSTEND");
}

/** The address that the kernel makes of a hardware address (RFC 4291, appendix A). */
function linkLocalOf(address: string): string {
  const [a = 0, b = 0, c = 0, d = 0, e = 0, f = 0] = address
    .split(":")
    .map((octet) => Number.parseInt(octet, 16));
  const groups = [((a ^ 2) << 8) | b, (c << 8) | 0xff, 0xfe00 | d, (e << 8) | f];
  return `fe80::${groups.map((group) => group.toString(16)).join(":")}`;
}
