import { readFileSync } from "node:fs";
import { type Attempt, attempt } from "./fault.ts";
import { writeAll } from "./linux.ts";

/** The whole of stdin, by `readFileSync(0)`: every other way to read it costs a plugin milliseconds. */
export function readStdin(): Attempt<string> {
  return attempt(() => readFileSync(0, "utf8"));
}

/** The next line that somebody types; empty at the end of the input. */
export async function readLine(): Promise<string> {
  const { createInterface } = await import("node:readline");
  // The kernel's own line editing, under which Ctrl-C ends the program as ever.
  const lines = createInterface({ input: process.stdin, terminal: false });
  for await (const line of lines) return line;
  return "";
}

/** Writes for people at a terminal. `sys.warn` writes to logs. */
export function printStderr(text: string): Attempt {
  return attempt(() => writeAll(2, text));
}

/** Writes synchronously, so that nothing is lost if the process exits right after. */
export function printStdout(text: string): Attempt {
  return attempt(() => writeAll(1, text));
}
