import { spawnSync } from "node:child_process";
import * as fs from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, type TestContext, test, vi } from "vitest";
import { guestBundle } from "./guest-bundle.ts";
import { cutPower } from "./power-cuts/cut-power.ts";
import { project, runScript, startMachine } from "./virtual-machine.ts";

/** A short run of what `make test-vm` does. */

const skips = process.getuid?.() !== 0 && process.env.CI !== "true";
const patienceMs = 600_000;
vi.setConfig({ testTimeout: patienceMs, hookTimeout: patienceMs });

describe.skipIf(skips)("a virtual machine (skipped without root)", () => {
  let folder = "";
  let missing = "";
  beforeAll(() => {
    folder = fs.mkdtempSync(join(tmpdir(), `hwvm-${process.pid}-`));
    const { status, stderr } = spawnSync(join(project, "tools/setup"), ["vm"], { encoding: "utf8" });
    if (status !== 0) missing = stderr;
  });
  afterAll(() => fs.rmSync(folder, { recursive: true }));

  function needsMachine(context: TestContext): void {
    if (missing !== "") context.skip(`there is no QEMU, and no kernel for it: ${missing}`);
  }
  const guest = (name: string) => fs.readFileSync(join(import.meta.dirname, "guest", name), "utf8");

  test("runs a script with its arguments and files, and returns its status, its output and its results", async (context) => {
    needsMachine(context);
    const lines = [
      "#!/bin/sh",
      'printf "%s|" "$@"',
      "cat /inputs/note",
      "echo kept >/results/file",
      "exit 7",
    ];
    const args = ["a b", "it's"];
    const own = join(folder, "script");
    const options = { script: lines.join("\n"), args, inputs: { note: "noted" }, folder: own };
    expect(await runScript(options, patienceMs)).toEqual({ status: 7, output: "a b|it's|noted" });
    expect(fs.readFileSync(join(own, "results/file"), "utf8")).toBe("kept\n");
  });

  test("ends at once when its power is cut, and the script has no status", async (context) => {
    needsMachine(context);
    const machine = startMachine({ script: "#!/bin/sh\nsleep 1000\n", folder: join(folder, "cut") });
    machine.cut();
    await machine.ended;
    expect(fs.existsSync(`/proc/${machine.pid}`)).toBe(false);
    expect(await runScript({ script: "#!/bin/sh\nsleep 1000\n", folder: join(folder, "late") }, 1)).toEqual({
      ...{ status: undefined, output: "" },
    });
  });

  test("host-device moves network cards that are named by their PCI addresses", async (context) => {
    needsMachine(context);
    const options = { script: guest("devices.sh"), cards: 2, folder: join(folder, "devices") };
    const { status, output } = await runScript(options, patienceMs);
    expect(status, output).toBe(0);
    expect(output).toContain('ok   host-device: ADD of "pciBusID":"0000:00:11.0"');
  });

  test("the reference plugin dummy fulfils what is written down", async (context) => {
    needsMachine(context);
    const args = ["--versions 1.1.0 --format json", "dummy"];
    const own = join(folder, "conformance");
    const options = { script: guest("conformance.sh"), args, memoryMiB: 1536, folder: own };
    const { status, output } = await runScript(options, patienceMs);
    expect(status, output).toBe(0);
    const { cases } = JSON.parse(fs.readFileSync(join(own, "results/dummy.txt"), "utf8")) as {
      cases: { id: string; verdict: string }[];
    };
    expect(cases.find(({ id }) => id === "P-16a")?.verdict).toBe("pass");
    expect(cases.filter(({ verdict }) => verdict === "untestable")).toEqual([]);
  });

  const inProject = (path: string) => guestBundle(join(project, path));

  test("bridges have the VLANs that are asked for", async (context) => {
    needsMachine(context);
    const options = {
      script: guest("live-test.sh"),
      inputs: { "bridge-vlans.live.test.mjs": await inProject("net/bridge-vlans.live.test.ts") },
      folder: join(folder, "bridge-vlans"),
    };
    const { status, output } = await runScript(options, patienceMs);
    expect(status, output).toBe(0);
    expect(output).toContain("(pass) VLANs of bridges > are added to the bridge itself");
  });

  test("our vlan does what the reference plugin does", async (context) => {
    needsMachine(context);
    const options = {
      script: guest("differential.sh"),
      args: ["vlan:both families"],
      inputs: { "differential.mjs": await inProject("tools/testbed/differential/main.ts") },
      folder: join(folder, "differential"),
    };
    const { status, output } = await runScript(options, patienceMs);
    expect(status, output).toBe(0);
    expect(JSON.parse(output)).toMatchObject({ plugin: "vlan", cases: 2 });
  });

  test("three power cuts lose nothing that was acknowledged, and leave nothing", async (context) => {
    needsMachine(context);
    const said: string[] = [];
    const options = {
      cuts: 3,
      seed: 4,
      folder: join(folder, "cuts"),
      say: (text: string) => said.push(text),
    };
    const report = await cutPower(options);
    expect(report.problems, said.join("\n")).toEqual([]);
    expect(report).toMatchObject({ cuts: 3, judgements: 9 });
    expect(report.done).toBeGreaterThan(0);
  });
});
