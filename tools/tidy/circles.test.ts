import { spawnSync } from "node:child_process";
import { copyFileSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { afterAll, describe, expect, test } from "vitest";

const root = dirname(dirname(import.meta.dirname));
const folder = mkdtempSync(join(tmpdir(), "hawser-circles-"));
afterAll(() => rmSync(folder, { recursive: true }));

/** Biome's output for a project of two files, called as `make lint` calls it. */
function lint(name: string, a: string, b: string): { status: number | null; output: string } {
  const project = join(folder, name);
  mkdirSync(project);
  copyFileSync(join(root, "biome.json"), join(project, "biome.json"));
  writeFileSync(join(project, "a.ts"), a);
  writeFileSync(join(project, "b.ts"), b);
  const argv = ["lint", "--log-level=warn", "--error-on-warnings"];
  const ended = spawnSync(join(root, "node_modules/.bin/biome"), argv, { cwd: project, encoding: "utf8" });
  return { status: ended.status, output: ended.stdout + ended.stderr };
}

const back = 'import { a } from "./a.ts";\n\nexport const b = a;\nexport type B = typeof b;\n';

describe("the linter sees a circle of files", () => {
  test.each([
    ["static", 'import { b } from "./b.ts";\n\nexport const a: number = b;\n'],
    ["type", 'import type { B } from "./b.ts";\n\nexport const a = 1 as B;\n'],
    ["dynamic", 'export const a = 1;\nexport const late = async () => await import("./b.ts");\n'],
  ])("by a %s import", (name, a) => {
    const { status, output } = lint(name, a, back);
    expect(output).toContain("noImportCycles");
    expect(output).toContain("This import is part of a cycle");
    expect(status).toBe(1);
  });

  test("and none where there is none", () => {
    expect(lint("none", "export const a = 1;\n", back)).toMatchObject({ status: 0 });
  });
});
