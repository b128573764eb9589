import { spawnSync } from "node:child_process";
import { existsSync, mkdirSync, statSync } from "node:fs";
import { join } from "node:path";
import { BenchFailure } from "./call.ts";

/** The flags of the executable itself: the two must differ in nothing but what they do. */
const bunFlags = [
  "build",
  "--compile",
  "--bytecode",
  "--no-compile-autoload-dotenv",
  "--no-compile-autoload-bunfig",
];
const esbuildFlags = [
  "--bundle",
  "--platform=node",
  "--format=cjs",
  "--target=es2023",
  "--minify-whitespace",
  "--minify-syntax",
  "--log-level=warning",
];

/** Compiles the empty program as `make build` compiles hawser, unless it is there and newer than its source. */
export function buildEmpty(root: string): string {
  const folder = join(root, "build", "bench");
  const executable = join(folder, "empty");
  const sources = ["empty.ts", "build-empty.ts"].map((name) => join(root, "bench", name));
  if (isNewer(executable, sources)) return executable;
  mkdirSync(folder, { recursive: true });
  const bundle = join(folder, "empty.cjs");
  const tool = (name: string) => join(root, "node_modules", ".bin", name);
  command(root, tool("esbuild"), [join(root, "bench", "empty.ts"), `--outfile=${bundle}`, ...esbuildFlags]);
  command(root, tool("bun"), [...bunFlags, bundle, "--outfile", executable]);
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
