import { closeSync, constants, fstatSync, openSync, writeSync } from "node:fs";
import { openLibrary } from "#ffi";
import { type Attempt, attempt } from "./fault.ts";
import { type CLibrary, callFailed } from "./linux-c.ts";
import { connectNetlink, createNetlink } from "./linux-netlink.ts";
import { readBounded } from "./linux-read.ts";
import { networkKind, type Thread, within } from "./linux-setns.ts";
import { makeTap } from "./linux-tap.ts";
import type { NetworkNamespace } from "./network.ts";
import { fail, ok } from "./outcome.ts";

/** What a process opens once: the C library, and the network namespace that it runs in. */
interface Home extends Thread {
  readonly identity: string;
}

let home: Home | undefined;

const ownPath = "/proc/thread-self/ns/net";

export function openNamespace(path?: string): Attempt<NetworkNamespace> {
  const own = openHome();
  if (!own.ok) return own;
  const opened = openPath(own.value.library, path ?? ownPath);
  return opened.ok ? ok(createNamespace(own.value, opened.value)) : opened;
}

function openHome(): Attempt<Home> {
  if (home !== undefined) return ok(home);
  const library = openLibrary();
  const own = openPath(library, ownPath);
  if (!own.ok) return own;
  const { descriptor, identity } = own.value;
  home = { library, home: descriptor, identity, end: endAtOnce };
  return ok(home);
}

/** The signal takes this thread before it returns here. */
function endAtOnce(why: string): void {
  attempt(() => writeSync(2, `${why}\n`));
  process.kill(process.pid, "SIGKILL");
}

interface OpenNamespace {
  readonly descriptor: number;
  readonly identity: string;
}

/** NS_GET_NSTYPE: the ioctl that asks a namespace's descriptor for its kind. */
const askKind = 0xb703;

/** What lies at the path may be anything. O_NONBLOCK: a pipe there must not keep us waiting for its writer. */
function openPath(library: CLibrary, path: string): Attempt<OpenNamespace> {
  const { O_RDONLY, O_NONBLOCK } = constants;
  const opened = attempt(() => openSync(path, O_RDONLY | O_NONBLOCK));
  if (!opened.ok) return opened;
  const descriptor = opened.value;
  if (library.ioctl(descriptor, askKind, 0) !== networkKind) {
    closeSync(descriptor);
    return fail({ code: "EINVAL", message: `EINVAL: it is no network namespace, open '${path}'` });
  }
  const { dev, ino } = fstatSync(descriptor);
  return ok({ descriptor, identity: `${dev}:${ino}` });
}

function createNamespace(own: Home, { descriptor, identity }: OpenNamespace): NetworkNamespace {
  const { library } = own;
  let isOpen = true;
  const inside = <T>(act: () => Attempt<T>): Attempt<T> =>
    identity === own.identity ? act() : within(own, descriptor, act);
  return {
    descriptor,
    identity,
    socket: (protocol) => {
      const created = inside(() => createNetlink(library, protocol));
      return created.ok ? connectNetlink(library, created.value) : created;
    },
    readSetting: (name) => {
      const path = settingPath(name);
      return path.ok ? inside(() => attempt(() => withoutEnd(readBounded(path.value)))) : path;
    },
    writeSetting: (name, value) => {
      const path = settingPath(name);
      return path.ok ? inside(() => attempt(() => writeWhole(path.value, value))) : path;
    },
    sendFrame: (ifindex, frame) => {
      const created = inside(() => createPacket(library));
      return created.ok ? sendAndClose(library, created.value, ifindex, frame) : created;
    },
    makeTap: (tap) => inside(() => makeTap(library, tap)),
    close: () => {
      if (isOpen) closeSync(descriptor);
      isOpen = false;
    },
  };
}

/** Names come from configurations. None may lead out of `/proc/sys/net`. */
function settingPath(name: string): Attempt<string> {
  for (const part of name.split("/")) {
    if (part === "" || part === "." || part === ".." || part.includes("\0")) {
      return fail({ code: "EINVAL", message: `EINVAL: it is no name of a setting, '${name}'` });
    }
  }
  return ok(`/proc/sys/net/${name}`);
}

function withoutEnd(text: string): string {
  return text.endsWith("\n") ? text.slice(0, -1) : text;
}

/** The kernel takes a setting in one write. */
function writeWhole(path: string, value: string): void {
  const descriptor = openSync(path, constants.O_WRONLY);
  try {
    writeSync(descriptor, value);
  } finally {
    closeSync(descriptor);
  }
}

/** AF_PACKET, SOCK_RAW | SOCK_CLOEXEC. Without a protocol it receives nothing. */
const packetFamily = 17;
const rawAndClosed = 0x8_0003;

function createPacket(library: CLibrary): Attempt<number> {
  const descriptor = library.socket(packetFamily, rawAndClosed, 0);
  return descriptor < 0 ? callFailed(library, "open a socket for frames") : ok(descriptor);
}

function sendAndClose(library: CLibrary, socket: number, ifindex: number, frame: Uint8Array): Attempt {
  const sent = library.sendto(socket, frame, packetAddress(ifindex, frame));
  const done = sent < 0 ? callFailed(library, `send a frame out of interface ${ifindex}`) : ok(undefined);
  closeSync(socket);
  return done;
}

/** `struct sockaddr_ll`: family, the frame's own protocol, interface; the address is in the frame. */
function packetAddress(ifindex: number, frame: Uint8Array): Uint8Array {
  const address = new Uint8Array(20);
  const view = new DataView(address.buffer);
  view.setUint16(0, packetFamily, true);
  address.set(frame.subarray(12, 14), 2);
  view.setInt32(4, ifindex, true);
  return address;
}
