import { spawnSync } from "node:child_process";
import { closeSync, openSync, symlinkSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { useBed } from "../tools/testbed/bed.ts";
import { suite } from "../tools/testbed/executables.ts";
import { effects, leftovers, records } from "../tools/testbed/leftovers.ts";
import { hawser } from "../tools/testbed/networks.ts";
import { addPlugin } from "../tools/testbed/script-plugin.ts";

/** Tests of the process itself: the name that it is called by, and its three descriptors. */

suite("the process", [], (executable) => {
  const bed = useBed({ node: false });

  /** `stdio` opens stdin and stdout. With `pipe` spawnSync writes and reads them. */
  function run(
    path: string,
    env: NodeJS.ProcessEnv,
    input: string,
    stdout: "pipe" | number = "pipe",
    args: string[] = [],
  ) {
    return spawnSync(path, args, { env, input, stdio: ["pipe", stdout, "pipe"], encoding: "utf8" });
  }

  function ofAdd(): NodeJS.ProcessEnv {
    return {
      PATH: process.env.PATH,
      CNI_COMMAND: "ADD",
      CNI_CONTAINERID: "c1",
      CNI_NETNS: "/var/run/netns/none",
      CNI_IFNAME: "eth0",
      CNI_PATH: bed().path,
    };
  }

  test.each(["hawser", "multus", "hawser-0.1.0"])("called %s it is the meta-plugin", (name) => {
    const path = join(bed().binDir, name);
    symlinkSync(executable.path, path);
    const { status, stdout } = run(path, { CNI_COMMAND: "VERSION" }, "{}");
    expect(status).toBe(0);
    expect(JSON.parse(stdout)).toMatchObject({ cniVersion: "1.1.0", supportedVersions: expect.any(Array) });
  });

  test("stdin that cannot be read: code 5", () => {
    const folder = openSync(bed().root, "r");
    const { status, stdout } = spawnSync(executable.path, [], {
      env: ofAdd(),
      stdio: [folder, "pipe", "pipe"],
      encoding: "utf8",
    });
    closeSync(folder);
    expect(status).toBe(1);
    expect(JSON.parse(stdout)).toMatchObject({ code: 5, details: expect.stringContaining("[config.stdin]") });
  });

  test("a result that cannot be written: exit 1, and what was attached stays recorded for DEL", () => {
    addPlugin(bed(), "main");
    const config = JSON.stringify(hawser(bed(), { delegate: { type: "main" } }));
    const full = openSync("/dev/full", "w");
    const { status, stderr } = run(executable.path, ofAdd(), config, full);
    closeSync(full);
    expect(status).toBe(1);
    expect(stderr).toContain("could not write the result");
    expect([...effects(bed()), ...records(bed())]).toEqual(["main@c1@eth0", "pods/c1@eth0.json"]);
    expect(run(executable.path, { ...ofAdd(), CNI_COMMAND: "DEL" }, config)).toMatchObject({
      status: 0,
      stdout: "",
    });
    expect(leftovers(bed())).toEqual([]);
  });

  test("without CNI_* and with an argument it is a command line; stdin is not read", () => {
    const { status, stdout } = run(executable.path, { PATH: process.env.PATH }, "{not json", "pipe", [
      "--version",
    ]);
    expect(status).toBe(0);
    expect(stdout).toMatch(/^hawser /);
  });

  test("CNI_COMMAND makes it a plugin, whatever its arguments", () => {
    const { status, stdout } = run(executable.path, { CNI_COMMAND: "VERSION" }, "{}", "pipe", ["--version"]);
    expect(status).toBe(0);
    expect(JSON.parse(stdout)).toMatchObject({ cniVersion: "1.1.0" });
  });
});
