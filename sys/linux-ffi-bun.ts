import { dlopen, read } from "bun:ffi";
import type { CLibrary } from "./linux-c.ts";

/** Both C libraries answer to this name: musl's loader takes every `libc.` for itself. */
const libraryName = "libc.so.6";

/** Each C function is machine code that the engine makes when this is called: a tenth of a millisecond for all. */
export function openLibrary(): CLibrary {
  const { symbols } = dlopen(libraryName, {
    setns: { args: ["i32", "i32"], returns: "i32" },
    socket: { args: ["i32", "i32", "i32"], returns: "i32" },
    connect: { args: ["i32", "ptr", "u32"], returns: "i32" },
    getsockname: { args: ["i32", "ptr", "ptr"], returns: "i32" },
    setsockopt: { args: ["i32", "i32", "i32", "ptr", "u32"], returns: "i32" },
    sendto: { args: ["i32", "ptr", "usize", "i32", "ptr", "u32"], returns: "i32" },
    // One without three dots is called in the same way on amd64 and arm64.
    ioctl: { args: ["i32", "usize", "ptr"], returns: "i32" },
    __errno_location: { args: [], returns: "ptr" },
  });
  return {
    setns: symbols.setns,
    socket: symbols.socket,
    connect: (descriptor, address) => symbols.connect(descriptor, address, address.length),
    getsockname: symbols.getsockname,
    setsockopt: (descriptor, level, option, value) =>
      symbols.setsockopt(descriptor, level, option, value, value.length),
    sendto: (descriptor, bytes, address) =>
      symbols.sendto(descriptor, bytes, bytes.length, 0, address, address.length),
    ioctl: symbols.ioctl,
    errno: () => read.i32(symbols.__errno_location(), 0),
  };
}
