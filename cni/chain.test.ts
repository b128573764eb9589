import { describe, expect, test } from "vitest";
import { createMachine, exited, type Handler } from "../sys/fake.ts";
import { must } from "../sys/outcome-testing.ts";
import { addChain, type Chain, deleteChain, parseChain, requirePlugins } from "./chain.ts";
import { callDelegate } from "./delegate.ts";
import { type JsonObject, parseJson, printJson } from "./json.ts";

const fallback = { name: "pods", cniVersion: "1.1.0" } as const;

function chainOf(config: JsonObject): Chain {
  return must(parseChain(config, fallback));
}

/** Runs ADD of a list of two plugins. The first one answers with this text. Returns the outcome and what the second is sent. */
async function added(config: JsonObject, stdout: string, exitCode = 0) {
  const sent: JsonObject[] = [];
  const machine = createMachine({
    executables: {
      "/bin/cni/first": () => exited(exitCode, stdout),
      "/bin/cni/second": ({ stdin }) => {
        const json = parseJson(stdin);
        if (json.ok) sent.push(json.value as JsonObject);
        return exited(0, printJson((json.ok && (json.value as JsonObject).prevResult) || {}));
      },
    },
  });
  const sandbox = {
    containerId: "c1",
    netns: "/ns",
    args: "",
    path: ["/bin/cni"],
    variables: {},
    deadlineMs: 1e9,
  };
  const chain = chainOf({ plugins: [{ type: "first" }, { type: "second" }], ...config });
  const end = await addChain(machine.spawn().sys, chain, "eth0", sandbox);
  return { end, prevResult: sent[0]?.prevResult };
}

const ips = [{ address: "10.1.0.5/24" }];

describe("the version of a list", () => {
  test.each<[string, JsonObject, string]>([
    ["one that is not known", { cniVersion: "9.9.9" }, '"9.9.9"'],
    [
      "several that are not",
      { cniVersion: "9.9.9", cniVersions: ["8.0.0", "7.0.0"] },
      '"9.9.9", "8.0.0", "7.0.0"',
    ],
    ["only listed ones", { cniVersions: ["8.0.0"] }, '"8.0.0"'],
    ["a number", { cniVersion: 1 }, "1"],
  ])("%s is refused with those that are supported", (_case, config, named) => {
    expect(parseChain({ type: "x", ...config }, fallback)).toMatchObject({
      ok: false,
      error: {
        id: "config.version",
        code: 1,
        msg: `cniVersion ${named} is not supported`,
        details: expect.stringContaining("0.1.0, 0.2.0, 0.3.0, 0.3.1, 0.4.0, 1.0.0, 1.1.0"),
      },
    });
  });
});

describe("what a plugin answers to ADD", () => {
  test("in a newer version reaches the next one with all that is known of its routes", async () => {
    const routes = [
      { dst: "0.0.0.0/0", gw: "10.1.0.1", table: 100, priority: 7, mtu: 1400, advmss: 1, scope: 0 },
    ];
    const { prevResult } = await added(
      { cniVersion: "0.4.0" },
      printJson({ cniVersion: "1.1.0", ips, routes }),
    );
    expect(prevResult).toMatchObject({ cniVersion: "0.4.0", routes });
  });

  test.each([
    [
      "an error with exit status 0",
      { code: 7, msg: "no" },
      "it is an error (7: no), although the plugin exited with 0",
    ],
    [
      "an error and addresses",
      { code: 7, msg: "no", ips },
      "it is a result and an error (7: no) in one document",
    ],
    [
      "an error and interfaces",
      { code: 0, msg: "no", interfaces: [] },
      "it is a result and an error (0: no)",
    ],
    ["an error and addresses of 0.2.0", { code: 11, msg: "", ip4: {} }, "it is a result and an error (11: )"],
  ])("%s is no result", async (_case, document, why) => {
    const { end } = await added({}, printJson({ cniVersion: "1.1.0", ...document }));
    expect(end).toMatchObject({ ok: false, error: { id: "delegate.bad-result" } });
    expect(end.ok ? "" : end.error.msg).toContain(why);
  });

  test("an error that says nothing is none, and nothing of it is in the result", async () => {
    const { end } = await added({}, printJson({ cniVersion: "1.1.0", code: 0, msg: "", details: "", ips }));
    expect(end).toMatchObject({ ok: true });
    expect(end.ok && end.value.result).toEqual({ ips });
  });

  test("two results are none, as for libcni", async () => {
    const one = printJson({ cniVersion: "1.1.0", ips });
    expect((await added({}, `${one}\n${one}`)).end).toMatchObject({
      ok: false,
      error: { id: "delegate.bad-result" },
    });
  });

  test.each([
    ["a result before it", `{"cniVersion":"1.1.0","ips":[]}\n{"code":7,"msg":"no {","details":"why"}`],
    ["words before it", `something went wrong: {"code":7,"msg":"no {","details":"why"}`],
    ["nothing before it", `{"code":7,"msg":"no {","details":"why"}`],
  ])("an error with %s is told with its code", async (_case, stdout) => {
    expect((await added({}, stdout, 1)).end).toMatchObject({
      ok: false,
      error: { code: 7, id: "delegate.failed", msg: `ADD of plugin "first": no {` },
    });
  });
});

test.each([
  [7, 7],
  [11, 11],
  [50, 50],
  [999, 999],
  [0, 101],
  [8, 101],
  [42, 42],
])(
  "of a plugin's code %i the runtime is told %i: one of the specification's library is none of its own",
  async (said, told) => {
    const { end } = await added({}, printJson({ cniVersion: "1.0.0", code: said, msg: "no" }), 1);
    expect(end).toMatchObject({ ok: false, error: { code: told, id: "delegate.failed" } });
  },
);

describe("types that our own plugins are run for", () => {
  const sandbox = { containerId: "c1", netns: "/ns", args: "", path: ["/bin/cni"], deadlineMs: 1e9 };

  /** Runs plugins of which there are executables and some of ours. Returns what ran, with the variable that it was given. */
  function bench() {
    const ran: string[] = [];
    const handler =
      (name: string): Handler =>
      ({ env }) => {
        ran.push(`${env.CNI_COMMAND} ${name} ${env.HAWSER_NATIVE ?? "-"}`);
        return exited(0, env.CNI_COMMAND === "ADD" ? printJson({ ips }) : "");
      };
    const executables = {
      "hawser-bridge": handler("ours"),
      "hawser-host-local": handler("our host-local"),
      "/bin/cni/bridge": handler("bridge"),
      "/bin/cni/portmap": handler("portmap"),
    };
    return { ran, sys: createMachine({ executables }).spawn().sys };
  }

  test("need no executables, and learn what else is ours; executables learn nothing of it", async () => {
    const { ran, sys } = bench();
    const variables = { HAWSER_NATIVE: "portmap" };
    const chain = {
      ...chainOf({ plugins: [{ type: "bridge" }, { type: "portmap" }] }),
      native: ["bridge", "x"],
    };
    expect(await addChain(sys, chain, "eth0", { ...sandbox, variables })).toMatchObject({ ok: true });
    expect(ran).toEqual(["ADD ours bridge,x", "ADD portmap -"]);
    ran.length = 0;
    const { native: _native, ...executables } = chain;
    expect(await deleteChain(sys, executables, "eth0", { ...sandbox, variables }, undefined)).toBeUndefined();
    expect(ran).toEqual(["DEL portmap -", "DEL bridge -"]);
    expect(requirePlugins(sys, chain, ["/nowhere"])).toMatchObject({
      ok: false,
      error: { id: "delegate.not-found" },
    });
    expect(requirePlugins(sys, { ...chain, plugins: chain.plugins.slice(0, 1) }, ["/nowhere"])).toMatchObject(
      { ok: true },
    );
  });

  test("are those that its own caller says, where a plugin of ours calls another", async () => {
    const { ran, sys } = bench();
    const variables = { HAWSER_NATIVE: "bridge,host-local" };
    const call = () =>
      callDelegate(sys, "DEL", { type: "bridge" }, "eth0", { ...sandbox, variables }, "host-local");
    expect(await call()).toMatchObject({ ok: true });
    expect(ran).toEqual(["DEL our host-local bridge,host-local"]);
    variables.HAWSER_NATIVE = "";
    expect(await call()).toMatchObject({ ok: false, error: { id: "delegate.not-found" } });
  });
});
