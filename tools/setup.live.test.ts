import { spawnSync } from "node:child_process";
import { join } from "node:path";
import { beforeAll, describe, expect, test } from "vitest";

/** tools/setup on a machine that has nothing: a fresh Debian in namespaces of its own (tools/fresh). */

const top = join(import.meta.dirname, "..");
const skips = process.getuid?.() !== 0 && process.env.CI !== "true";
const setUpAndTried = [
  "CI=true tools/setup all && exit 1",
  "echo '--- first'; CI= tools/setup all",
  "echo '--- second'; CI= tools/setup all",
  "echo '--- tests'",
  "export PATH=/project/node_modules/node/bin:/project/node_modules/.bin:$PATH",
  // The driven containerd takes most of what is installed: it, runc, busybox, ip, nsenter, mount, iptables, the plugins.
  "vitest run --configLoader runner --project live plugins/meta/live/containerd.live.test.ts",
].join("\n");

describe.skipIf(skips)("set-up from nothing (skipped without root)", () => {
  let lines: string[] = [];
  let mirrorIsAway = false;
  beforeAll(() => {
    const { status, stdout, stderr } = spawnSync("tools/fresh", ["bash", "-c", setUpAndTried], {
      cwd: top,
      encoding: "utf8",
      env: { ...process.env, CI: "" },
    });
    mirrorIsAway = status === 69;
    lines = `${stdout}${stderr}`.split("\n");
    if (!mirrorIsAway) expect(status, `${stdout}${stderr}`).toBe(0);
  }, 600_000);

  test("what it installs is enough for the tests of a driven containerd", (context) => {
    if (mirrorIsAway) context.skip("Debian's mirror cannot be asked");
    expect(lines.find((line) => /^\d+ passed/.test(line))).toMatch(/^(?!0 )\d+ passed, 0 failed$/);
  });

  test("a second time it does nothing", (context) => {
    if (mirrorIsAway) context.skip("Debian's mirror cannot be asked");
    const second = lines.slice(lines.indexOf("--- second") + 1, lines.indexOf("--- tests"));
    expect(second.filter((line) => line !== "")).toEqual([]);
  });

  test("in CI it does not go on without Go, elsewhere it says what is left out", (context) => {
    if (mirrorIsAway) context.skip("Debian's mirror cannot be asked");
    expect(lines).toContain("setup cannot go on: etcd 3.5 and 3.6 (Go is missing)");
    const without = lines.filter((line) => line.startsWith("setup goes on without: "));
    expect(new Set(without)).toEqual(
      new Set(
        ["etcd 3.5 and 3.6", "containerd 2", "kube-apiserver"].map(
          (name) => `setup goes on without: ${name} (Go is missing)`,
        ),
      ),
    );
  });
});
