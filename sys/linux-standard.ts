import { readFileSync } from "node:fs";
import type { Attempt } from "./fault.ts";
import { attempt } from "./fault.ts";
import { writeAll } from "./linux.ts";

/** The whole of stdin. `readFileSync(0)`: every other way of reading it costs a plugin milliseconds. */
export function readStdin(): Attempt<string> {
  return attempt(() => readFileSync(0, "utf8"));
}

/** For people at a terminal; for logs there is `sys.warn`. */
export function printStderr(text: string): Attempt {
  return attempt(() => writeAll(2, text));
}

/** Synchronous, so that nothing is lost when the process exits right after it. */
export function printStdout(text: string): Attempt {
  return attempt(() => writeAll(1, text));
}
