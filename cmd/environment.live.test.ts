import { spawnSync } from "node:child_process";
import * as fs from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { useBed } from "../tools/testbed/bed.ts";
import { answerOf, call } from "../tools/testbed/call.ts";
import { suite } from "../tools/testbed/executables.ts";
import { hawser } from "../tools/testbed/networks.ts";
import { addPlugin, calls } from "../tools/testbed/script-plugin.ts";

/** Variables that a runtime's environment may hold for other programs. The engine below hawser would obey them. */

suite("the runtime's environment", [], (executable) => {
  const bed = useBed({ node: false });

  /** A script that leaves a file when it is run. */
  function program(): { path: string; ran: () => boolean } {
    const [path, mark] = [join(bed().root, "program.js"), join(bed().root, "ran")];
    fs.writeFileSync(path, `require("fs").writeFileSync(${JSON.stringify(mark)}, "")`);
    return { path, ran: () => fs.existsSync(mark) };
  }

  /** OpenSSL's settings, with a library to load. */
  function settings(): string {
    const path = join(bed().root, "openssl.cnf");
    const sections = ["[all]\nengines = some", "[some]\none = loaded", "[loaded]\ndynamic_path = /none.so"];
    fs.writeFileSync(path, `openssl_conf = all\nnodejs_conf = all\n${sections.join("\n")}\ninit = 1\n`);
    return path;
  }

  function version(env: NodeJS.ProcessEnv) {
    return spawnSync(executable.path, [], {
      env: { PATH: process.env.PATH, CNI_COMMAND: "VERSION", ...env },
      input: `{"cniVersion":"1.0.0"}`,
      encoding: "utf8",
    });
  }

  test.each([
    ["BUN_OPTIONS", (file: string) => `--preload ${file}`],
    ["BUN_OPTIONS", () => "--version"],
    ["BUN_BE_BUN", () => "1"],
    ["BUN_INSPECT_PRELOAD", (file: string) => file],
    ["NODE_OPTIONS", (file: string) => `--require ${file}`],
    ["NODE_OPTIONS", () => "--inspect=127.0.0.1:0"],
    ["OPENSSL_CONF", () => settings()],
    ["OPENSSL_CONF", () => "/none"],
  ])("%s makes it no other program, and runs none", (name, toValue) => {
    const { path, ran } = program();
    const { status, stdout, stderr } = version({ [name]: toValue(path) });
    expect({ status, stderr, ran: ran() }).toEqual({ status: 0, stderr: "", ran: false });
    expect(JSON.parse(stdout)).toMatchObject({ cniVersion: "1.0.0", supportedVersions: expect.any(Array) });
  });

  test("a proxy that is no URL ends nothing", () => {
    const { status, stderr } = version({
      NODE_USE_ENV_PROXY: "1",
      HTTP_PROXY: "no url",
      HTTPS_PROXY: "no url",
    });
    expect({ status, stderr }).toEqual({ status: 0, stderr: "" });
  });

  test("an executable of another name stays that plugin", () => {
    const path = join(bed().root, "hawser-static");
    fs.symlinkSync(executable.path, path);
    const env = { CNI_COMMAND: "VERSION", NODE_EXTRA_CA_CERTS: "/none", BUN_OPTIONS: "x" };
    const { status, stdout } = spawnSync(path, [], { env, input: "{}", encoding: "utf8" });
    expect({ status, version: JSON.parse(stdout).cniVersion }).toEqual({ status: 0, version: "1.1.0" });
  });

  /** Its process's own environment, and that of a delegate. */
  async function environments(env: Record<string, string>) {
    addPlugin(bed(), "main", {
      // shell: what our parent was started with
      ADD: [`tr '\\0' '\\n' < /proc/$PPID/environ > ${bed().root}/parent`, `echo '{"cniVersion":"1.1.0"}'`],
    });
    const config = hawser(bed(), { delegate: { type: "main" } });
    answerOf(await call(bed(), executable, { verb: "ADD", config, env }));
    const [called] = calls(bed());
    return {
      own: fs.readFileSync(join(bed().root, "parent"), "utf8").split("\n"),
      delegate: called?.env ?? {},
    };
  }

  test("its process has none of them, and delegates have all of them: it is their environment", async () => {
    const env = {
      NODE_OPTIONS: "--trace-warnings",
      BUN_CONFIG_VERBOSE_FETCH: "curl",
      OPENSSL_MODULES: "/none",
      NODE_NAME: "node-a",
      EMPTY: "",
    };
    const { own, delegate } = await environments(env);
    expect(delegate).toMatchObject(env);
    expect(Object.keys(delegate)).not.toContain("HAWSER_ENGINE_VARIABLES");
    expect(own).toContain("NODE_NAME=node-a");
    expect(own.filter((line) => /^(NODE_OPTIONS|BUN_|OPENSSL_)/.test(line))).toEqual([]);
  });

  test("the meta-plugin keeps its engine's compiler, by which it reaches the kernel's network", async () => {
    const { own, delegate } = await environments({ BUN_JSC_useJIT: "0" });
    const isBun = executable.name === "hawser";
    expect(own.filter((line) => line === "BUN_JSC_useJIT=0")).toEqual(isBun ? [] : ["BUN_JSC_useJIT=0"]);
    expect(delegate).toMatchObject({ BUN_JSC_useJIT: "0" });
  });
});
