import * as fs from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { addNamespace, type BedNamespace, useBed } from "../../../tools/testbed/bed.ts";
import { call, type Ended, startProgram } from "../../../tools/testbed/call.ts";
import { suite } from "../../../tools/testbed/executables.ts";
import { linkNames } from "../../../tools/testbed/kernel-state.ts";
import { leftovers } from "../../../tools/testbed/leftovers.ts";
import { annotated, bridge, define } from "../../../tools/testbed/networks.ts";
import { links } from "./plan-install.ts";

suite("hawser install", ["root", "bridge", "host-local"], (executable) => {
  const bed = useBed({ node: true });
  const conf = (name: string): string => join(bed().confDir, name);
  const primary = (): string => `${JSON.stringify({ ...bridge(bed(), 31), name: "pods" }, null, 1)}\n`;

  /** A node with a network, and the options of every installation in this test. */
  function prepare(): string[] {
    fs.writeFileSync(conf("10-pods.conf"), primary());
    define(bed(), "storage", bridge(bed(), 32));
    const { stateDir, definitionsDir, root, confDir, binDir } = bed();
    fs.writeFileSync(join(root, "settings.json"), JSON.stringify({ stateDir, definitionsDir }));
    fs.mkdirSync(join(root, "path"));
    const folders = ["--bin-dir", binDir, "--conf-dir", confDir, "--own-dir", join(root, "own")];
    return [...folders, "--link", join(root, "path/hawser"), "--settings", join(root, "settings.json")];
  }

  function hawser(...args: string[]): Promise<Ended> {
    return startProgram(bed(), [executable.path, ...args], {}, "").ended;
  }

  function uninstall(): Promise<Ended> {
    return hawser("uninstall", "--own-dir", join(bed().root, "own"), "--state-dir", bed().stateDir);
  }

  /** Hawser's part of the runtime's first file. */
  function installedConfig(): object {
    const [first = ""] = fs.readdirSync(bed().confDir).sort();
    const { plugins, ...list } = JSON.parse(fs.readFileSync(conf(first), "utf8"));
    return annotated({ ...list, ...plugins.at(-1) }, "storage");
  }

  function operate(verb: "ADD" | "DEL", containerId: string, { path }: BedNamespace): Promise<Ended> {
    const installed = { ...executable, path: join(bed().binDir, "hawser") };
    return call(bed(), installed, { verb, containerId, netns: path, config: installedConfig() });
  }

  test("as the owner: a pod gets its networks; uninstalled, the node is as it was", async () => {
    const args = prepare();
    expect(await hawser("install", ...args)).toMatchObject({ exitCode: 0, stderr: "" });
    const onPath = [join(bed().root, "path/hawser"), "--version"];
    expect(await startProgram(bed(), onPath, {}, "").ended).toMatchObject({ exitCode: 0, stderr: "" });
    const pod = addNamespace(bed());
    expect(await operate("ADD", "c1", pod)).toMatchObject({ exitCode: 0 });
    expect(linkNames(pod.name)).toEqual(["eth0", "net1"]);
    const refused = await uninstall();
    expect(refused).toMatchObject({ exitCode: 1, stderr: expect.stringContaining("install.attached") });
    expect(await operate("DEL", "c1", pod)).toMatchObject({ exitCode: 0 });
    expect(await uninstall()).toMatchObject({ exitCode: 0, stderr: "" });
    expect(fs.readdirSync(bed().confDir)).toEqual(["10-pods.conf"]);
    expect(fs.readFileSync(conf("10-pods.conf"), "utf8")).toBe(primary());
    expect(fs.readdirSync(bed().binDir)).toEqual([]);
    expect(fs.readdirSync(join(bed().root, "path"))).toEqual([]);
    expect(fs.readdirSync(join(bed().root, "own"))).toEqual([]);
    expect(leftovers(bed())).toEqual([]);
  });

  test("chained: behind the primary's plugin, and away again", async () => {
    const args = prepare();
    expect(await hawser("install", "--mode", "chained", ...args)).toMatchObject({ exitCode: 0, stderr: "" });
    expect(fs.readdirSync(bed().confDir)).toEqual(["10-pods.conflist"]);
    const { plugins } = JSON.parse(fs.readFileSync(conf("10-pods.conflist"), "utf8"));
    expect(plugins).toMatchObject([{ type: "bridge" }, { type: "hawser" }]);
    expect(await uninstall()).toMatchObject({ exitCode: 0, stderr: "" });
    expect(fs.readdirSync(bed().confDir)).toEqual(["10-pods.conf"]);
    expect(fs.readFileSync(conf("10-pods.conf"), "utf8")).toBe(primary());
  });

  test("doctor --ready, as the DaemonSet's probe asks: before, after, and when the configuration is renamed away", async () => {
    const args = prepare();
    const ready = () => hawser("doctor", "--ready", "--own-dir", join(bed().root, "own"));
    expect(await ready()).toMatchObject({ exitCode: 1, stderr: expect.stringContaining("not ready") });
    await hawser("install", ...args);
    expect(await ready()).toMatchObject({ exitCode: 0, stdout: expect.stringMatching(/^ready: /) });
    fs.renameSync(conf("00-hawser.conflist"), conf("00-hawser.conflist.cilium_bak"));
    expect(await ready()).toMatchObject({ exitCode: 1 });
    const { stdout } = await hawser("doctor", "--conf-dir", bed().confDir, "--plugin-dir", bed().binDir);
    expect(stdout).toMatch(/cilium_bak[\s\S]*cni\.exclusive=false/);
  });

  test("a pod that is attached keeps hawser attachments --wait waiting until its DEL", async () => {
    await hawser("install", ...prepare());
    const pod = addNamespace(bed());
    await operate("ADD", "c1", pod);
    const wait = (time: string) => hawser("attachments", "--state-dir", bed().stateDir, "--wait", time);
    expect(await wait("10ms")).toMatchObject({ exitCode: 1 });
    const waiting = wait("60s");
    expect(await operate("DEL", "c1", pod)).toMatchObject({ exitCode: 0 });
    expect(await waiting).toMatchObject({ exitCode: 0 });
  });

  test("upgrades while pods are attached and detached fail none of them", async () => {
    const args = prepare();
    await hawser("install", ...args);
    const pods = [1, 2, 3].map((n) => ({ id: `c${n}`, namespace: addNamespace(bed()) }));
    let isUpgrading = true;
    const upgrades = (async () => {
      const ends: Ended[] = [];
      for (let n = 0; n < 5; n++) ends.push(await hawser("install", ...args));
      isUpgrading = false;
      return ends;
    })();
    const lives = pods.map(async ({ id, namespace }) => {
      const ends: Ended[] = [];
      while (isUpgrading || ends.length === 0) {
        ends.push(await operate("ADD", id, namespace), await operate("DEL", id, namespace));
      }
      return ends;
    });
    const ends = [...(await upgrades), ...(await Promise.all(lives)).flat()];
    expect(ends.filter(({ exitCode }) => exitCode !== 0)).toEqual([]);
    expect(leftovers(bed())).toEqual([]);
  });

  test("--stay ends at a signal and leaves everything", async () => {
    const args = prepare();
    const staying = startProgram(bed(), [executable.path, "install", "--stay", ...args], {}, "");
    await expect.poll(() => fs.readdirSync(bed().confDir)).toContain("00-hawser.conflist");
    // The configuration is the last step before the waiting.
    await expect.poll(() => isListening(staying.pid), { timeout: 20_000 }).toBe(true);
    staying.kill("SIGTERM");
    expect(await staying.ended).toMatchObject({
      exitCode: 0,
      stderr: expect.stringContaining("SIGTERM: everything stays as it is"),
    });
    expect(fs.readdirSync(bed().confDir)).toEqual(["00-hawser.conflist", "10-pods.conf"]);
    expect(fs.existsSync(join(bed().binDir, "hawser"))).toBe(true);
  });

  test("the plugins that it links answer by their names", async () => {
    await hawser("install", ...prepare());
    const names = fs.readdirSync(bed().binDir).sort();
    expect(names).toEqual(["hawser", ...links].sort());
    for (const name of names) {
      const installed = { name, path: join(bed().binDir, name) };
      const version = await call(bed(), installed, { verb: "VERSION", config: { cniVersion: "1.1.0" } });
      expect(JSON.parse(version.stdout)).toMatchObject({
        supportedVersions: expect.arrayContaining(["1.1.0"]),
      });
    }
  });
});

/** Whether a process handles SIGTERM (bit 14 of what it catches). */
function isListening(pid: number): boolean {
  const status = fs.readFileSync(`/proc/${pid}/status`, "utf8");
  const caught = BigInt(`0x${/^SigCgt:\s*([0-9a-f]+)/m.exec(status)?.[1] ?? "0"}`);
  return (caught & (1n << 14n)) !== 0n;
}
