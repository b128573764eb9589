import * as fs from "node:fs";
import { join } from "node:path";
import type { DelegateCall } from "./behaviour.ts";

/** Reads what recorders have logged (`script.ts`), in order of their starts. */
export function readDelegateCalls(logDir: string): DelegateCall[] {
  return fs
    .readdirSync(logDir)
    .filter((name) => !name.startsWith("."))
    .sort()
    .map((name) => readCall(logDir, name));
}

function readCall(logDir: string, name: string): DelegateCall {
  const [delegate = "", stdin = "", netns = "", ...environ] = fs
    .readFileSync(join(logDir, name), "utf8")
    .split("\0");
  const env = Object.fromEntries(
    environ.filter((entry) => entry !== "").map((entry) => splitAt(entry, entry.indexOf("="))),
  );
  const end = join(logDir, `.end-${name}`);
  return {
    delegate,
    verb: env.CNI_COMMAND ?? "",
    env,
    stdin,
    netns,
    startNs: BigInt(name.split("-")[0] ?? "0"),
    endNs: fs.existsSync(end) ? BigInt(fs.readFileSync(end, "utf8").trim() || "0") : undefined,
  };
}

function splitAt(entry: string, at: number): [string, string] {
  return [entry.slice(0, at), entry.slice(at + 1)];
}
