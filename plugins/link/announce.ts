import { addressFlag, listAddresses, printBytes } from "../../net/addresses.ts";
import { isSameBytes } from "../../net/bytes.ts";
import { encodeAdvertisement, encodeArp } from "../../net/frames.ts";
import { family, linkFlag } from "../../net/link-kinds.ts";
import type { Link } from "../../net/links.ts";
import { talk } from "../../net/talk.ts";
import type { Attempt } from "../../sys/fault.ts";
import type { NetlinkSocket } from "../../sys/network.ts";
import { ok } from "../../sys/outcome.ts";
import type { Sys } from "../../sys/sys.ts";
import type { OpenNamespace } from "./site.ts";

/** What is asked of the interface that announces. */
export type AnnouncingLink = Pick<Link, "index" | "name" | "flags" | "hardware" | "hardwareType">;

/** ARPHRD_ETHER. */
const ethernetType = 1;
/** An interface with more addresses than this announces only the first ones: nobody waits for a pod's hundred frames. */
const mostAddresses = 8;
const unknownHardware = new Uint8Array(6);

/**
 * Tells the neighbours of an interface that its addresses are here now. An address may have been another container's before,
 * and neighbours keep what they know for minutes. The interface must be up. This is the best that we can do: what fails is a
 * warning, and no ADD fails for it. An IPv6 address that is still tentative, or that another has already, is not announced.
 */
export function announce(
  sys: Sys,
  { namespace, route }: Pick<OpenNamespace, "namespace" | "route">,
  link: AnnouncingLink,
  addresses: readonly Uint8Array[],
): void {
  if (link.hardwareType !== ethernetType || (link.flags & linkFlag.noArp) !== 0) return;
  const usable = usableAddresses(route, link, addresses);
  if (!usable.ok) {
    sys.warn(`announce the addresses of ${link.name}: ${usable.error.message}`);
    return;
  }
  for (const address of usable.value.slice(0, mostAddresses)) {
    for (const frame of announcementsOf(link.hardware, address)) {
      const sent = namespace.sendFrame(link.index, frame);
      if (sent.ok) continue;
      sys.warn(`announce ${printBytes(address)} out of ${link.name}: ${sent.error.message}`);
      return;
    }
  }
}

/** The frames that announce an address: some neighbours learn from requests only, and some from replies only. */
export function announcementsOf(hardware: Uint8Array, address: Uint8Array): Uint8Array[] {
  if (address.length !== 4) {
    return [encodeAdvertisement({ target: address, hardware, isRouter: false, overrides: true })];
  }
  const own = { senderHardware: hardware, sender: address, target: address };
  return [
    // As the kernel sends it (arp_notify).
    encodeArp({ ...own, operation: "request", targetHardware: unknownHardware }),
    // As `arping -A` sends it.
    encodeArp({ ...own, operation: "reply", targetHardware: hardware }),
  ];
}

function usableAddresses(
  socket: NetlinkSocket,
  { index }: AnnouncingLink,
  addresses: readonly Uint8Array[],
): Attempt<readonly Uint8Array[]> {
  if (!addresses.some((address) => address.length === 16)) return ok(addresses);
  const found = talk(socket, listAddresses(index, family.v6));
  if (!found.ok) return found;
  const unusable = addressFlag.tentative | addressFlag.duplicate;
  return ok(
    addresses.filter((address) => {
      const there = found.value.find((each) => isSameBytes(each.address, address));
      return address.length === 4 || (there !== undefined && (there.flags & unusable) === 0);
    }),
  );
}
