import { closeSync, constants, openSync } from "node:fs";
import { type Attempt, attempt } from "./fault.ts";
import { type CLibrary, callFailed } from "./linux-c.ts";
import type { TapRequest } from "./network.ts";
import { fail, ok } from "./outcome.ts";

/** IFF_TAP, IFF_NO_PI, IFF_VNET_HDR, IFF_MULTI_QUEUE, and IFF_TUN_EXCL: an interface that is there already is not taken over. */
const tapFlag = { tap: 0x2, bare: 0x1000, offload: 0x4000, multiQueue: 0x100, exclusive: 0x8000 } as const;
/** TUNSETIFF, TUNSETPERSIST, TUNSETOWNER, TUNSETGROUP. */
const tunSet = {
  link: 0x4004_54ca,
  persistent: 0x4004_54cb,
  owner: 0x4004_54cc,
  group: 0x4004_54ce,
} as const;

const longestName = 15;

/** Makes the interface in the namespace that the thread is in. Until it is persistent, it goes with the descriptor. */
export function makeTap(library: CLibrary, tap: TapRequest): Attempt {
  const name = new TextEncoder().encode(tap.name);
  // The kernel would count up a name with a percent sign, and cut a long one.
  if (name.length === 0 || name.length > longestName || /[%\0]/.test(tap.name)) {
    return fail({ code: "EINVAL", message: `EINVAL: it is no interface's name, '${tap.name}'` });
  }
  const opened = attempt(() => openSync("/dev/net/tun", constants.O_RDWR));
  if (!opened.ok) return opened;
  try {
    return configure(library, opened.value, tap, name);
  } finally {
    closeSync(opened.value);
  }
}

function configure(library: CLibrary, descriptor: number, tap: TapRequest, name: Uint8Array): Attempt {
  const { owner, group } = tap;
  const set = (request: number, argument: Uint8Array | number): boolean =>
    library.ioctl(descriptor, request, argument) >= 0;
  const isMade =
    set(tunSet.link, linkRequest(name, tap)) &&
    (owner === undefined || set(tunSet.owner, owner)) &&
    (group === undefined || set(tunSet.group, group)) &&
    set(tunSet.persistent, 1);
  return isMade ? ok(undefined) : callFailed(library, `make TAP interface '${tap.name}'`);
}

/** `struct ifreq`: name and flags. */
function linkRequest(name: Uint8Array, { multiQueue, owner, group }: TapRequest): Uint8Array {
  const request = new Uint8Array(40);
  request.set(name);
  const { tap, bare, exclusive } = tapFlag;
  // The reference plugin has two ways to make the interface, and these flags follow from the one for an owner with a group.
  const hasBoth = owner !== undefined && group !== undefined;
  const frame = hasBoth ? tapFlag.offload | (multiQueue ? bare : 0) : bare;
  const flags = tap | frame | exclusive | (multiQueue ? tapFlag.multiQueue : 0);
  new DataView(request.buffer).setUint16(16, flags, true);
  return request;
}
