import type * as util from "node:util";
import type { Attempt } from "./fault.ts";
import { fail } from "./outcome.ts";

/**
 * The functions of the C library that sys.network calls. Each returns what the C function does: a negative number for a failure,
 * whose errno is to be asked for right after the call. Only here the engines differ: `#ffi` of package.json is `linux-ffi-bun.ts`
 * or `linux-ffi-node.ts`, chosen when the bundle is made.
 */
export interface CLibrary {
  setns(descriptor: number, kind: number): number;
  socket(family: number, type: number, protocol: number): number;
  connect(descriptor: number, address: Uint8Array): number;
  getsockname(descriptor: number, address: Uint8Array, length: Uint8Array): number;
  setsockopt(descriptor: number, level: number, option: number, value: Uint8Array): number;
  sendto(descriptor: number, bytes: Uint8Array, address: Uint8Array): number;
  /** The argument is the bytes that it points to, or a number. */
  ioctl(descriptor: number, request: number, argument: Uint8Array | number): number;
  errno(): number;
}

/** Why the last call failed, in the words of the library. */
export function callFailed(library: CLibrary, call: string): Attempt<never> {
  const number = -library.errno();
  // Loaded here: it is for failures only.
  const { getSystemErrorName, getSystemErrorMessage }: typeof util = process.getBuiltinModule("node:util");
  const code = getSystemErrorName(number);
  return fail({ code, message: `${code}: ${getSystemErrorMessage(number)}, ${call}` });
}
