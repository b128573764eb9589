import { spawnSync } from "node:child_process";
import { existsSync, mkdirSync, statSync } from "node:fs";
import { join } from "node:path";
import { bunFlags } from "../tools/bundle.ts";
import { BenchFailure } from "./timed-call.ts";

/**
 * Compiles the empty program, unless it is newer than its source. The flags are hawser's, so that the two differ only in
 * what they do.
 */
export function buildEmpty(root: string): string {
  const folder = join(root, "build", "bench");
  const executable = join(folder, "empty");
  const sources = ["bench/empty.ts", "bench/build-empty.ts", "tools/bundle.ts"].map((name) =>
    join(root, name),
  );
  if (isNewer(executable, sources)) return executable;
  mkdirSync(folder, { recursive: true });
  const source = join(root, "bench", "empty.ts");
  const bun = join(root, "node_modules", ".bin", "bun");
  command(root, bun, ["build", ...bunFlags, source, "--outfile", executable]);
  return executable;
}

function isNewer(path: string, sources: readonly string[]): boolean {
  return existsSync(path) && sources.every((source) => statSync(source).mtimeMs < statSync(path).mtimeMs);
}

function command(root: string, program: string, args: readonly string[]): void {
  const { status, error, stdout, stderr } = spawnSync(program, args, { cwd: root, encoding: "utf8" });
  if (status === 0) return;
  throw new BenchFailure(`build the empty program: ${error?.message ?? `${stderr}${stdout}`.trim()}`);
}
