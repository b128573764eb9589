import * as os from "node:os";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { runCli, temporaryFolder, writeFile } from "./command-testing.ts";

/** `hawser explain` without the node's folders: on a laptop, in a clone. */

let at = "";
let remove = (): void => {};
beforeEach(() => {
  const folder = temporaryFolder(os.tmpdir());
  at = folder.path;
  remove = folder.remove;
});
afterEach(() => remove());

const storage = { cniVersion: "1.0.0", type: "bridge", bridge: "br0" };
const capabilities = { "io.kubernetes.cri.pod-annotations": true };

function configure(more: object, beside: Readonly<Record<string, unknown>> = {}): string {
  const nowhere = {
    definitionsDir: `${at}/none/net.d`,
    confDir: `${at}/none/conf.d`,
    stateDir: `${at}/state`,
  };
  const plugin = { type: "hawser", capabilities, ...nowhere, ...more };
  writeFile(`${at}/it/10-hawser.conflist`, { cniVersion: "1.0.0", name: "pods", plugins: [plugin] });
  for (const [name, content] of Object.entries(beside)) writeFile(`${at}/it/${name}`, content);
  return `${at}/it/10-hawser.conflist`;
}

async function explain(config: string, ...more: string[]) {
  const args = ["explain", "--config", config, "--annotations", "storage", ...more];
  const { exitCode, stdout, stderr } = await runCli(args);
  return { exitCode, stdout: stdout.replaceAll(at, "/t"), stderr: stderr.replaceAll(at, "/t") };
}

const inline = { delegate: { type: "bridge" } };

describe("definitions", () => {
  test("those beside the configuration stand in for a folder that is not there, and that is said", async () => {
    const { exitCode, stdout } = await explain(configure(inline, { "net.d/default/storage.json": storage }));
    expect(exitCode).toBe(0);
    expect(stdout).toContain("/t/it/net.d/default/storage.json");
    expect(stdout).toContain(
      "Note: There is no folder /t/none/net.d here: definitions are looked for in /t/it/net.d (--definitions names another).",
    );
  });

  test("a folder that is there is the one, whatever lies beside the configuration", async () => {
    writeFile(`${at}/none/net.d/default/storage.json`, { ...storage, bridge: "br1" });
    const { stdout } = await explain(configure(inline, { "net.d/default/storage.json": storage }));
    expect(stdout).toContain("/t/none/net.d/default/storage.json");
    expect(stdout).not.toContain("Note");
  });

  test("--definitions is before both", async () => {
    writeFile(`${at}/none/net.d/default/storage.json`, storage);
    writeFile(`${at}/mine/default/storage.json`, storage);
    const { stdout } = await explain(configure(inline), "--definitions", `${at}/mine`);
    expect(stdout).toContain("/t/mine/default/storage.json");
    expect(stdout).not.toContain("Note");
  });

  test("nowhere: the error names the option", async () => {
    const { exitCode, stderr } = await explain(configure(inline));
    expect(exitCode).toBe(1);
    expect(stderr).toMatch(/There is no folder \/t\/none\/net\.d[\s\S]*--definitions names another folder/);
    expect(stderr).not.toContain("ENOENT");
  });
});

describe("networks that the configuration names", () => {
  const cluster = { cniVersion: "1.0.0", name: "cluster", plugins: [{ type: "ptp" }] };
  const named = { delegate: { name: "cluster" } };
  const beside = { "net.d/default/storage.json": storage, "20-cluster.conflist": cluster };

  test("are found beside it", async () => {
    const { exitCode, stdout } = await explain(configure(named, beside));
    expect(exitCode).toBe(0);
    expect(stdout).toMatch(/Note: There is no folder \/t\/none\/conf\.d here: networks by their names/);
    expect(stdout).toContain("/t/it/20-cluster.conflist");
  });

  test("or by --conf-dir, which the error names", async () => {
    writeFile(`${at}/none/conf.d/87-podman.conflist`, { cniVersion: "1.0.0", name: "podman", plugins: [] });
    const config = configure(named, beside);
    expect((await explain(config)).stderr).toContain("--conf-dir names another folder");
    expect((await explain(config, "--conf-dir", `${at}/it`)).exitCode).toBe(0);
  });

  test("by a path of the runtime's folder, in Multus's words", async () => {
    const path = "/etc/cni/net.d/hawser-test-only/10-cluster.conflist";
    const multus = { type: "multus", clusterNetwork: path, systemNamespaces: ["kube-system"] };
    const config = configure(multus, { ...beside, "hawser-test-only/10-cluster.conflist": cluster });
    const { exitCode, stdout } = await explain(config);
    expect(exitCode).toBe(0);
    expect(stdout).toContain("ptp");
  });
});
