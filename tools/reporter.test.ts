import { spawnSync } from "node:child_process";
import * as fs from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";

/** The reporter in a run of vitest, and what CI makes of its answer. */

const top = join(import.meta.dirname, "..");
let folder: string;
beforeEach(() => {
  folder = fs.mkdtempSync(join(tmpdir(), "hawser-reporter-"));
});
afterEach(() => fs.rmSync(folder, { recursive: true }));

function ran(body: string, ci: string): { status: number | null; lines: string[] } {
  const globals = 'import { describe, expect, test } from "vitest";\n';
  fs.writeFileSync(join(folder, "a.test.ts"), globals + body);
  fs.symlinkSync(join(top, "node_modules"), join(folder, "node_modules"));
  const vitest = join(top, "node_modules/vitest/vitest.mjs");
  const args = [vitest, "run", "--root", folder, "--reporter", join(top, "tools/reporter.ts")];
  const { status, stdout } = spawnSync(process.execPath, args, {
    encoding: "utf8",
    env: { PATH: process.env.PATH, CI: ci },
  });
  return { status, lines: stdout.trim().split("\n") };
}

describe("a run with a test that is skipped", () => {
  test.each([
    ["by itself", 'test("waits", (context) => context.skip("no etcd"));', " (skipped: no etcd)"],
    ["with all around it", 'describe.skip("all (skipped: no etcd)", () => test("waits", () => {}));', ""],
  ])("%s fails in CI, and passes elsewhere", (_how, body, note) => {
    const text = `test("adds", () => expect(1).toBe(1));\n${body}`;
    const name = note === "" ? "all (skipped: no etcd) > waits" : "waits";
    expect(ran(text, "true")).toEqual({
      status: 1,
      lines: [
        "ok   a.test.ts (2 tests, 1 skipped)",
        "",
        `FAILED a.test.ts: ${name}${note}`,
        "skipped, and tools/skips.json does not name it",
        "",
        "1 passed, 1 failed",
      ],
    });
    fs.rmSync(join(folder, "node_modules"));
    const elsewhere = ran(text, "");
    expect([elsewhere.status, elsewhere.lines.at(-1)]).toEqual([0, "1 passed, 0 failed, 1 skipped"]);
  });
});

describe(".ci/run", () => {
  /** Runs .ci/run in a folder that has only it and a `make`. The `make` prints these lines and ends with this code. */
  function ciRun(said: readonly string[], code: number): { status: number | null; lines: string[] } {
    fs.mkdirSync(join(folder, ".ci"));
    fs.copyFileSync(join(top, ".ci/run"), join(folder, ".ci/run"));
    const make = `#!/bin/sh\n${said.map((line) => `echo '${line}'`).join("\n")}\nexit ${code}\n`;
    fs.writeFileSync(join(folder, "make"), make, { mode: 0o755 });
    const { status, stdout } = spawnSync("bash", [join(folder, ".ci/run")], {
      encoding: "utf8",
      env: { PATH: `${folder}:${process.env.PATH}` },
    });
    return { status, lines: stdout.trim().split("\n") };
  }

  const skips = ["1 skipped:", "  a.test.ts: waits (skipped: no etcd); tools/skips.json: nobody has one", ""];

  test("prints the skips with their reasons, and ends with the counts", () => {
    const said = [...skips, "1 passed, 0 failed, 1 skipped"];
    expect(ciRun(said, 0)).toEqual({ status: 0, lines: said });
  });

  test("ends with the counts when tests have failed", () => {
    const counts = "1 passed, 1 failed, 1 skipped";
    expect(ciRun([...skips, counts], 2)).toEqual({ status: 2, lines: [...skips, counts, counts] });
  });

  test("counts a failure when make ended before the tests", () => {
    const lines = ["==> lint", "make test ended before its tests did", "0 passed, 1 failed"];
    expect(ciRun(["==> lint"], 2)).toEqual({ status: 2, lines });
  });
});
