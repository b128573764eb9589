import { existsSync } from "node:fs";
import { dirname, join } from "node:path";
import { describe, test } from "vitest";

/** A compiled Hawser that the live suites call. */
export interface Executable {
  readonly name: string;
  readonly path: string;
}

const repository = dirname(dirname(import.meta.dirname));

/** The executables of the build. HAWSER_TEST_EXECUTABLES names others, with colons between them. */
export const executables: readonly Executable[] = executablePaths().map((path) => ({
  name: path.slice(path.lastIndexOf("/") + 1),
  path,
}));

function executablePaths(): string[] {
  const named = process.env.HAWSER_TEST_EXECUTABLES ?? "";
  if (named !== "") return named.split(":");
  return ["dist/hawser", "dist/hawser-node"].map((path) => join(repository, path)).filter(isBuilt);
}

/**
 * Whether the suites use this executable, which set-up or make builds. In CI they use all, and fail if one is missing.
 * Elsewhere the suites of a missing executable are left out.
 */
export function isBuilt(path: string): boolean {
  return process.env.CI === "true" || existsSync(path);
}

/** The folder of the reference plugins. HAWSER_TEST_PLUGINS names another folder. */
export const pluginDir = process.env.HAWSER_TEST_PLUGINS ?? join(repository, "build/plugins");

/** A thing that a suite cannot do without: `root`, or the name of a reference plugin, cnitool or containerd. */
export type TestNeed =
  | "root"
  | "bridge"
  | "host-local"
  | "static"
  | "macvlan"
  | "portmap"
  | "cnitool"
  | "containerd";

/** Runs a suite over every executable. If a need is not met, the suite is skipped, and its name says why. */
export function suite(
  subject: string,
  needs: readonly TestNeed[],
  body: (executable: Executable) => void,
): void {
  suiteOver(executables, subject, needs, body);
}

/** Runs a suite over one executable, for behaviour that hardly depends on how the executable was built. */
export function suiteOfOne(
  subject: string,
  needs: readonly TestNeed[],
  body: (executable: Executable) => void,
): void {
  suiteOver(executables.slice(0, 1), subject, needs, body);
}

function suiteOver(
  over: readonly Executable[],
  subject: string,
  needs: readonly TestNeed[],
  body: (executable: Executable) => void,
): void {
  if (over.length === 0) {
    test(subject, () => {
      throw new Error("there is no dist/hawser: run make build");
    });
  }
  const missing = needs.filter((need) => !isMet(need));
  const reason = missing.length === 0 ? "" : ` (skipped: it needs ${missing.join(", ")})`;
  // In CI a missing right is a mistake of the set-up, and no reason to skip.
  const skips = missing.length > 0 && !(missing.includes("root") && process.env.CI === "true");
  for (const executable of over) {
    describe.skipIf(skips)(`${executable.name}: ${subject}${reason}`, () => body(executable));
  }
}

function isMet(need: TestNeed): boolean {
  if (need === "root") return process.getuid?.() === 0;
  if (need === "containerd") return forContainerd.every((name) => findProgram(name) !== undefined);
  return existsSync(join(pluginDir, need));
}

const forContainerd = ["containerd", "containerd-shim-runc-v2", "ctr", "runc", "busybox"];

/** A program of the system's packages, wherever the distribution puts it. */
export function findProgram(name: string): string | undefined {
  const folders = ["/usr/bin", "/usr/sbin", "/bin", "/usr/local/bin", "/usr/local/sbin"];
  return folders.map((folder) => join(folder, name)).find(existsSync);
}
