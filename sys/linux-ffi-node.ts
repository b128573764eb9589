import type * as ffi from "node:ffi";
import type { CLibrary } from "./linux-c.ts";

/** The functions of the C library that this process has. */
export function openLibrary(): CLibrary {
  const { dlopen, getInt32 } = loadQuietly();
  const { functions } = dlopen(null, {
    setns: { arguments: ["int32", "int32"], return: "int32" },
    socket: { arguments: ["int32", "int32", "int32"], return: "int32" },
    connect: { arguments: ["int32", "pointer", "uint32"], return: "int32" },
    getsockname: { arguments: ["int32", "pointer", "pointer"], return: "int32" },
    setsockopt: { arguments: ["int32", "int32", "int32", "pointer", "uint32"], return: "int32" },
    sendto: { arguments: ["int32", "pointer", "uint64", "int32", "pointer", "uint32"], return: "int32" },
    // One without three dots is called in the same way on amd64 and arm64.
    ioctl: { arguments: ["int32", "uint64", "pointer"], return: "int32" },
    __errno_location: { arguments: [], return: "pointer" },
  });
  return {
    setns: functions.setns,
    socket: functions.socket,
    connect: (descriptor, address) => functions.connect(descriptor, address, address.length),
    getsockname: functions.getsockname,
    setsockopt: (descriptor, level, option, value) =>
      functions.setsockopt(descriptor, level, option, value, value.length),
    sendto: (descriptor, bytes, address) =>
      functions.sendto(descriptor, bytes, BigInt(bytes.length), 0, address, address.length),
    ioctl: (descriptor, request, argument) =>
      functions.ioctl(
        descriptor,
        BigInt(request),
        typeof argument === "number" ? BigInt(argument) : argument,
      ),
    errno: () => getInt32(functions.__errno_location()),
  };
}

/**
 * Node warns on stderr that the module is experimental, when it is loaded. stderr is what a runtime shows of a failure, and the
 * executable holds its own Node: nothing of it changes below us.
 */
function loadQuietly(): typeof ffi {
  const { emitWarning } = process;
  process.emitWarning = () => undefined;
  try {
    return process.getBuiltinModule("node:ffi");
  } finally {
    process.emitWarning = emitWarning;
  }
}
