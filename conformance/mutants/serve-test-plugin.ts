import * as fs from "node:fs";
import { attemptOr, realGround } from "./real-ground.ts";
import { modelOf, runTestPlugin } from "./test-plugin.ts";

/** Whether the executable is called by a name of the test plugin. */
export function isTestPlugin(argv0: string): boolean {
  return modelOf(argv0) !== undefined;
}

/** The executable as the test plugin; answers its exit status. */
export function serveTestPlugin(argv0: string): number {
  const env = Object.fromEntries(
    Object.entries(process.env).filter((entry): entry is [string, string] => entry[1] !== undefined),
  );
  const stdin = attemptOr(() => fs.readFileSync(0, "utf8"), undefined);
  const end = runTestPlugin(realGround(env), { env, stdin }, argv0);
  fs.writeSync(2, end.stderr);
  fs.writeSync(1, end.stdout);
  if (end.signal !== undefined) process.kill(process.pid, "SIGKILL");
  return end.exitCode ?? 1;
}
