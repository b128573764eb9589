import { describe, expect, test } from "vitest";
import { cniError, failWith } from "../cni/errors.ts";
import { isObject, parseJson } from "../cni/json.ts";
import type { Invocation, Plugin } from "../cni/plugin.ts";
import type { CniResult } from "../cni/types.ts";
import { atLeast, verbs, versions } from "../cni/version.ts";
import { createMachine } from "../sys/fake.ts";
import { fail, type Outcome, ok } from "../sys/outcome.ts";
import { type PluginReply, serve } from "./serve.ts";

const attached: CniResult = {
  interfaces: [{ name: "eth0", mtu: 1400, sandbox: "/ns" }],
  ips: [{ address: "10.1.0.5/16", interface: 0 }],
};

interface Scene {
  readonly plugin?: Partial<Plugin>;
  readonly variables?: Record<string, string>;
  readonly stdin?: Outcome<string, { message: string }> | string;
  readonly load?: () => Promise<Plugin>;
}

const variables = { CNI_CONTAINERID: "c1", CNI_NETNS: "/ns", CNI_IFNAME: "eth0", CNI_PATH: "/bin/cni" };
const network = { cniVersion: "1.1.0", name: "pods", type: "hawser" };

/** Makes one call. Answers the reply, the verbs that the plugin was called for, and the words on stderr. */
async function called(verb: string, scene: Scene = {}) {
  const asked: Invocation[] = [];
  const silent = async (_sys: unknown, invocation: Invocation) => {
    asked.push(invocation);
    return ok(undefined);
  };
  const add: Plugin["add"] = async (_sys, invocation) => {
    asked.push(invocation);
    return ok(attached);
  };
  const verbsOfPlugin = { add, del: silent, check: silent, status: silent, gc: silent };
  const plugin: Plugin = { about: "a test's", versions, ...verbsOfPlugin, ...scene.plugin };
  const machine = createMachine({});
  const { sys } = machine.spawn();
  const said: string[] = [];
  const stdin = scene.stdin ?? JSON.stringify(network);
  const reply = await serve({ ...sys, warn: (line) => said.push(line) }, scene.load ?? (async () => plugin), {
    variables: { ...variables, CNI_COMMAND: verb, ...scene.variables },
    readStdin: () => (typeof stdin === "string" ? ok(stdin) : stdin),
  });
  return { reply, asked, said };
}

/** The one document on stdout, which ends with a newline. */
function documentOf({ stdout }: PluginReply) {
  expect(stdout.endsWith("\n")).toBe(true);
  const json = parseJson(stdout);
  if (!json.ok || !isObject(json.value)) throw new Error(`no document: ${stdout}`);
  return json.value;
}

const at = (cniVersion: unknown): string => JSON.stringify({ ...network, cniVersion });

describe("success", () => {
  test.each(versions)("ADD answers in the configuration's version: %s", async (cniVersion) => {
    const { reply } = await called("ADD", { stdin: at(cniVersion) });
    expect(reply.exitCode).toBe(0);
    const document = documentOf(reply);
    expect(document.cniVersion).toBe(cniVersion);
    expect(JSON.stringify(document).includes(`"mtu"`)).toBe(atLeast(cniVersion, "1.0.0"));
  });

  test.each(versions)("ADD keeps a route in the table that it is meant for: %s", async (cniVersion) => {
    const route = { dst: "0.0.0.0/0", gw: "10.1.0.1", mtu: 1400, advmss: 1360, priority: 5, table: 100 };
    const add: Plugin["add"] = async () => ok({ ...attached, routes: [{ ...route, scope: 0 }] });
    const { reply } = await called("ADD", { stdin: at(cniVersion), plugin: { add } });
    const { routes, ip4 } = documentOf(reply);
    expect(routes ?? (isObject(ip4) && ip4.routes)).toEqual([{ ...route, scope: 0 }]);
  });

  test.each(["DEL", "CHECK", "STATUS", "GC"])("%s prints nothing", async (verb) => {
    const { reply, asked } = await called(verb);
    expect(reply).toEqual({ stdout: "", exitCode: 0 });
    expect(asked.map(({ environment }) => environment.command)).toEqual([verb]);
  });

  test("the plugin gets the configuration as it came, exact numbers included", async () => {
    const { asked } = await called("DEL", {
      stdin: `{"name":"pods","type":"hawser","vlan":12345678901234567890}`,
    });
    expect(asked[0]?.config).toMatchObject({ cniVersion: "0.1.0", name: "pods", type: "hawser" });
    expect(JSON.stringify(asked[0]?.config.raw)).toContain("12345678901234567890");
  });
});

describe("VERSION", () => {
  test.each([
    ["0.4.0 in, 0.4.0 out", at("0.4.0"), "0.4.0"],
    ["one that we do not speak", at("2.0.0"), "2.0.0"],
    ["no text", at(7), "1.1.0"],
    ["empty stdin", "", "1.1.0"],
    ["garbage", "{", "1.1.0"],
    ["null", "null", "1.1.0"],
  ])("%s; no plugin is loaded for it", async (_case, stdin, cniVersion) => {
    const load = (): never => {
      throw new Error("VERSION needs no plugin");
    };
    const { reply } = await called("VERSION", { stdin, load });
    expect(reply.exitCode).toBe(0);
    expect(documentOf(reply)).toEqual({ cniVersion, supportedVersions: [...versions] });
  });
});

describe("the gates", () => {
  const refused = {
    CHECK: ["0.1.0", "0.2.0", "0.3.0", "0.3.1"],
    STATUS: versions.slice(0, 6),
    GC: versions.slice(0, 6),
  };

  test.each(verbs.filter((verb) => verb !== "VERSION"))("%s at every version", async (verb) => {
    for (const cniVersion of versions) {
      const { reply, asked } = await called(verb, { stdin: at(cniVersion) });
      const isRefused = verb in refused && refused[verb as keyof typeof refused].includes(cniVersion);
      expect([cniVersion, reply.exitCode, asked.length]).toEqual([
        cniVersion,
        isRefused ? 1 : 0,
        isRefused ? 0 : 1,
      ]);
      if (isRefused) expect(documentOf(reply)).toMatchObject({ cniVersion, code: 1 });
    }
  });
});

describe("failure: one document, exit 1", () => {
  const busy = cniError("tryAgainLater", "lock.busy", "wait for container c1", "Try again.");

  test.each(["ADD", "DEL", "CHECK", "STATUS", "GC"])("the plugin's own error of %s", async (verb) => {
    const failing = async () => fail(busy);
    const plugin = { add: failing, del: failing, check: failing, status: failing, gc: failing };
    const { reply } = await called(verb, { plugin });
    expect(reply.exitCode).toBe(1);
    const expected = { code: 11, msg: "wait for container c1", details: "Try again. [lock.busy]" };
    expect(documentOf(reply)).toEqual({ cniVersion: "1.1.0", ...expected });
  });

  test.each<[string, Scene, number, string]>([
    ["stdin cannot be read", { stdin: fail({ message: "EISDIR" }) }, 5, "1.1.0"],
    ["stdin is not JSON", { stdin: "{" }, 6, "1.1.0"],
    ["the version is unknown", { stdin: at("9.9.9") }, 1, "1.1.0"],
    ["the name is missing", { stdin: `{"cniVersion":"0.4.0","type":"hawser"}` }, 7, "0.4.0"],
    [
      "the container is missing, stdin being right",
      { stdin: at("0.4.0"), variables: { CNI_CONTAINERID: "" } },
      4,
      "0.4.0",
    ],
    ["the verb is unknown, stdin being wrong", { stdin: "{", variables: { CNI_COMMAND: "add" } }, 4, "1.1.0"],
  ])("%s", async (_case, scene, code, cniVersion) => {
    const { reply, asked } = await called("ADD", scene);
    expect(reply.exitCode).toBe(1);
    expect(documentOf(reply)).toMatchObject({ cniVersion, code });
    expect(asked).toEqual([]);
  });

  test("a result that the asked version cannot say", async () => {
    const add: Plugin["add"] = async () => ok({ interfaces: [{ name: "eth0" }] });
    const { reply } = await called("ADD", { stdin: at("0.2.0"), plugin: { add } });
    expect(reply.exitCode).toBe(1);
    expect(documentOf(reply)).toMatchObject({ cniVersion: "0.2.0", code: 1 });
  });

  test.each<[string, Scene]>([
    ["thrown by the verb", { plugin: { del: () => Promise.reject(new TypeError("x is undefined")) } }],
    ["thrown where the plugin is loaded", { load: () => Promise.reject(new TypeError("x is undefined")) }],
  ])("a bug %s: our own code, the stack on stderr", async (_case, scene) => {
    const { reply, said } = await called("DEL", scene);
    expect(reply.exitCode).toBe(1);
    const document = documentOf(reply);
    expect(document).toMatchObject({ code: 100, details: "[internal.bug]" });
    expect(document.msg).toContain("x is undefined");
    expect(said.join("\n")).toContain("serve.test.ts");
  });

  test("the error of a plugin that fails after a success is not printed beside a result", async () => {
    const add: Plugin["add"] = async () => failWith(999, "delegate.failed", "no addresses left");
    const { reply } = await called("ADD", { plugin: { add } });
    expect(Object.keys(documentOf(reply))).toEqual(["cniVersion", "code", "msg", "details"]);
  });
});
