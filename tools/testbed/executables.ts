import { existsSync } from "node:fs";
import { dirname, join } from "node:path";
import { describe, test } from "vitest";

/** A compiled Hawser that the live suites call. */
export interface Executable {
  readonly name: string;
  readonly path: string;
}

const repository = dirname(dirname(import.meta.dirname));

/** Those of the build; HAWSER_TEST_EXECUTABLES names others, between colons. */
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
 * Whether the suites go through this one, which set-up or make builds. In CI they go through all: one that is missing fails
 * them, where elsewhere a suite that nobody sees is left out.
 */
export function isBuilt(path: string): boolean {
  return process.env.CI === "true" || existsSync(path);
}

/** Where the reference plugins lie; HAWSER_TEST_PLUGINS names another folder. */
export const pluginDir = process.env.HAWSER_TEST_PLUGINS ?? join(repository, "build/plugins");

/** What a suite cannot do without. A name that is not `root` is that of a reference plugin, cnitool or containerd. */
export type TestNeed =
  | "root"
  | "bridge"
  | "host-local"
  | "static"
  | "macvlan"
  | "portmap"
  | "cnitool"
  | "containerd";

/** Runs a suite over every executable; one whose needs are not met is skipped, and says why in its name. */
export function suite(
  subject: string,
  needs: readonly TestNeed[],
  body: (executable: Executable) => void,
): void {
  suiteOver(executables, subject, needs, body);
}

/** The same for one executable, where what is tried hardly depends on how it was built. */
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
  // On a machine of ours a missing right is a mistake of the set-up, not a reason.
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
