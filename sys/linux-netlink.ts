import { closeSync, readSync, writeSync } from "node:fs";
import { type Attempt, attempt } from "./fault.ts";
import { type CLibrary, callFailed } from "./linux-c.ts";
import type { NetlinkProtocol, NetlinkSocket } from "./network.ts";
import { fail, ok } from "./outcome.ts";

/** AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC. */
const netlinkFamily = 16;
const rawAndClosed = 0x8_0003;
const protocols = { route: 0, netfilter: 12 } as const satisfies Record<NetlinkProtocol, number>;

/** SOL_SOCKET with SO_RCVTIMEO and SO_RCVBUFFORCE; SOL_NETLINK with NETLINK_CAP_ACK, NETLINK_EXT_ACK, NETLINK_GET_STRICT_CHK. */
const ofSocket = { level: 1, receiveTimeout: 20, receiveBytes: 33 } as const;
const ofNetlink = { level: 270, capped: 10, extended: 11, strict: 12 } as const;

/** The kernel answers before the send returns. This is for a kernel that does not. */
const timeoutSeconds = 5;
/** A thousand acknowledgements of one transaction. */
const receiveBytes = 1024 * 1024;

/** Makes a socket, which belongs to the namespace that the thread is in. */
export function createNetlink(library: CLibrary, protocol: NetlinkProtocol): Attempt<number> {
  const descriptor = library.socket(netlinkFamily, rawAndClosed, protocols[protocol]);
  return descriptor < 0 ? callFailed(library, `open a socket for ${protocol}`) : ok(descriptor);
}

/** Makes the socket ours: from whatever namespace the thread is in now. */
export function connectNetlink(library: CLibrary, descriptor: number): Attempt<NetlinkSocket> {
  setOptions(library, descriptor);
  // Connected to the kernel (port 0), it takes no message of anybody else: a pod may have the right to send some.
  if (library.connect(descriptor, kernelAddress()) !== 0) {
    const failed = callFailed(library, "connect to the kernel");
    closeSync(descriptor);
    return failed;
  }
  let isOpen = true;
  return ok({
    get port() {
      return portOf(library, descriptor);
    },
    send: (datagram) => {
      const sent = attempt(() => writeSync(descriptor, datagram));
      return sent.ok ? ok(undefined) : sent;
    },
    receive: () => {
      const received = receive(descriptor);
      if (!received.ok && received.error.code === "ENOBUFS") drain(library, descriptor);
      return received;
    },
    close: () => {
      if (isOpen) closeSync(descriptor);
      isOpen = false;
    },
  });
}

/** An old kernel may not know one of them. Then its errors have no words, or it answers more than it is asked. */
function setOptions(library: CLibrary, descriptor: number): void {
  const { setsockopt } = library;
  setReceiveTimeout(library, descriptor, timeoutSeconds, 0);
  setsockopt(descriptor, ofSocket.level, ofSocket.receiveBytes, number(receiveBytes));
  const on = number(1);
  setsockopt(descriptor, ofNetlink.level, ofNetlink.capped, on);
  setsockopt(descriptor, ofNetlink.level, ofNetlink.extended, on);
  setsockopt(descriptor, ofNetlink.level, ofNetlink.strict, on);
}

/** `struct timeval`: seconds and microseconds. */
function setReceiveTimeout(
  library: CLibrary,
  descriptor: number,
  seconds: number,
  microseconds: number,
): void {
  const time = new Uint8Array(Uint32Array.of(seconds, 0, microseconds, 0).buffer);
  library.setsockopt(descriptor, ofSocket.level, ofSocket.receiveTimeout, time);
}

/**
 * After a loss the kernel tells of no other before the socket is empty, and drops the answers to further requests meanwhile.
 * Reading also brings a dump to its end, which the kernel waits for before it begins another.
 */
function drain(library: CLibrary, descriptor: number): void {
  setReceiveTimeout(library, descriptor, 0, 1);
  while (receive(descriptor).ok);
  setReceiveTimeout(library, descriptor, timeoutSeconds, 0);
}

function number(value: number): Uint8Array {
  return new Uint8Array(Int32Array.of(value).buffer);
}

/** `struct sockaddr_nl`: family, padding, port 0, no groups. */
function kernelAddress(): Uint8Array {
  return Uint8Array.of(netlinkFamily, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0);
}

function portOf(library: CLibrary, descriptor: number): number {
  const address = kernelAddress();
  library.getsockname(descriptor, address, number(address.length));
  return new DataView(address.buffer).getUint32(4, true);
}

/** The kernel fills at most 32 KiB at once; one message may be somewhat larger. All sockets share it: receiving is synchronous. */
const mostBytes = 64 * 1024;
let buffer: Uint8Array | undefined;

function receive(descriptor: number): Attempt<Uint8Array> {
  buffer ??= new Uint8Array(mostBytes);
  const into = buffer;
  for (;;) {
    const read = attempt(() => readSync(descriptor, into, 0, mostBytes, null));
    if (read.ok) return read.value < mostBytes ? ok(into.slice(0, read.value)) : fail(tooLarge);
    if (read.error.code === "EAGAIN") return fail(late);
    if (read.error.code !== "EINTR") return read;
  }
}

const tooLarge = { code: "EMSGSIZE", message: "EMSGSIZE: message too long, read an answer of the kernel" };
const late = { code: "ETIMEDOUT", message: `ETIMEDOUT: no answer of the kernel in ${timeoutSeconds} s` };
