import { dlopen } from "node:ffi";

/** RUSAGE_CHILDREN of getrusage(2): children that were waited for, and the children that these have waited for. */
const ofChildren = -1;
/** struct rusage begins with two times, each of seconds and microseconds; the rest is 14 longs. */
const rusageBytes = 18 * 8;

const { functions } = dlopen(null, { getrusage: { arguments: ["int32", "pointer"], return: "int32" } });
const rusage = Buffer.alloc(rusageBytes);

/** Milliseconds of processor time, user and kernel, of all children so far. Node itself has no such number. */
export function childrenCpuMs(): number {
  if (functions.getrusage(ofChildren, rusage) !== 0) throw new Error("getrusage failed");
  const [userS = 0, userUs = 0, systemS = 0, systemUs = 0] = [0, 8, 16, 24].map((at) =>
    Number(rusage.readBigInt64LE(at)),
  );
  return (userS + systemS) * 1e3 + (userUs + systemUs) / 1e3;
}
