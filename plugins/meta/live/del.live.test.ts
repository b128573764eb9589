import * as fs from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { addNamespace, type Bed, removeNamespace, useBed } from "../../../tools/testbed/bed.ts";
import { answerOf, call, errorOf, expectSilence, type Operation } from "../../../tools/testbed/call.ts";
import { suite } from "../../../tools/testbed/executables.ts";
import { linkNames } from "../../../tools/testbed/kernel-state.ts";
import { addresses, effects, leftovers, recordPath, records } from "../../../tools/testbed/leftovers.ts";
import { annotated, bridge, define, hawser, macvlan } from "../../../tools/testbed/networks.ts";
import {
  addPlugin,
  callNames,
  calls,
  failWith,
  forgetCalls,
  wellBehaved,
} from "../../../tools/testbed/script-plugin.ts";

/** DEL succeeds whatever has become of the namespace, the configuration, the definitions and the record since ADD. */

const reference = ["root", "bridge", "macvlan", "host-local", "static"] as const;

suite("DEL of real networks", reference, (executable) => {
  const bed = useBed({ node: true });

  function configuration(): Record<string, unknown> {
    define(bed(), "storage", bridge(bed(), 82));
    define(bed(), "lan", macvlan("10.83.0.9/24"));
    return annotated(hawser(bed(), { delegate: bridge(bed(), 81) }), "storage,lan");
  }

  test.each<[string, string | undefined, "kept" | "removed"]>([
    ["as it was", undefined, "kept"],
    ["gone, its path too", undefined, "removed"],
    ["gone, named by nothing", "", "removed"],
    ["there, but not named", "", "kept"],
  ])("the namespace is %s: addresses and record are freed", async (_case, netns, fate) => {
    const pod = addNamespace(bed());
    const config = configuration();
    answerOf(await call(bed(), executable, { verb: "ADD", config, netns: pod.path }));
    expect(addresses(bed())).toEqual(["pods/10.81.0.2 c1 eth0", "storage/10.82.0.2 c1 net1"]);
    if (fate === "removed") removeNamespace(bed(), pod);
    const ended = await call(bed(), executable, { verb: "DEL", config, netns: netns ?? pod.path });
    expectSilence(ended);
    expect(leftovers(bed())).toEqual([]);
    if (netns !== "") expect(fate === "removed" ? [] : linkNames(pod.name)).toEqual([]);
  });

  test("twice, and after that a new ADD gets on", async () => {
    const pod = addNamespace(bed());
    const config = configuration();
    const operation = { config, netns: pod.path };
    answerOf(await call(bed(), executable, { verb: "ADD", ...operation }));
    for (const netns of [pod.path, pod.path, ""]) {
      expectSilence(await call(bed(), executable, { verb: "DEL", config, netns }));
    }
    expect(leftovers(bed())).toEqual([]);
    answerOf(await call(bed(), executable, { verb: "ADD", ...operation }));
    expect(linkNames(pod.name)).toEqual(["eth0", "net1", "net2"]);
  });

  test("of a container that was never added: nobody else is disturbed", async () => {
    const [pod, other] = [addNamespace(bed()), addNamespace(bed())];
    const config = configuration();
    answerOf(await call(bed(), executable, { verb: "ADD", config, netns: pod.path }));
    const before = leftovers(bed());
    expectSilence(
      await call(bed(), executable, { verb: "DEL", config, netns: other.path, containerId: "c2" }),
    );
    expectSilence(await call(bed(), executable, { verb: "DEL", config, netns: "", containerId: "c3" }));
    expect(leftovers(bed())).toEqual(before);
    expect(linkNames(pod.name)).toEqual(["eth0", "net1", "net2"]);
  });
});

type Change = (bed: Bed, config: Record<string, unknown>) => Record<string, unknown>;

/** Changes between ADD and DEL. None of them matters, because the record says what was attached. */
const changes: [string, Change][] = [
  ["nothing", (_bed, config) => config],
  [
    "the definition is gone",
    (bed, config) => {
      fs.rmSync(bed.definitionsDir, { recursive: true });
      return config;
    },
  ],
  [
    "the definition names another plugin",
    (bed, config) => {
      define(bed, "blue", { cniVersion: "1.1.0", name: "blue", type: "absent" });
      return config;
    },
  ],
  [
    "the definition is torn",
    (bed, config) => {
      fs.writeFileSync(join(bed.definitionsDir, "default/blue.conf"), `{"type":`);
      return config;
    },
  ],
  ["the annotation names another network", (_bed, config) => annotated(config, "red")],
  ["the annotation is none", (_bed, config) => annotated(config, "a/b/c")],
  ["there are no annotations", (_bed, { runtimeConfig: _gone, ...config }) => config],
  ["the primary is another plugin", (_bed, config) => ({ ...config, delegate: { type: "absent" } })],
  ["the primary is gone", (_bed, { delegate: _gone, ...config }) => config],
  ["an unknown field is in the configuration", (_bed, config) => ({ ...config, netwroks: [] })],
  ["a field is of the wrong type", (_bed, config) => ({ ...config, networks: "blue", parallel: "yes" })],
  ["the version is an older one", (_bed, config) => ({ ...config, cniVersion: "0.3.1" })],
];

suite("DEL by the record", [], (executable) => {
  const bed = useBed({ node: false });

  async function add(): Promise<Record<string, unknown>> {
    for (const type of ["main", "side"]) addPlugin(bed(), type);
    define(bed(), "blue", { cniVersion: "1.1.0", name: "blue", type: "side", vlan: 7 });
    const config = annotated(hawser(bed(), { delegate: { type: "main" } }), "blue");
    answerOf(await call(bed(), executable, { verb: "ADD", config, args: "A=1" }));
    expect(effects(bed())).toEqual(["main@c1@eth0", "side@c1@net1"]);
    forgetCalls(bed());
    return config;
  }

  test.each(changes)("%s", async (_case, change) => {
    const config = await add();
    expectSilence(await call(bed(), executable, { verb: "DEL", config: change(bed(), config) }));
    expect(callNames(bed())).toEqual(["DEL side net1", "DEL main eth0"]);
    expect(calls(bed())[0]?.config).toMatchObject({
      name: "blue",
      vlan: 7,
      prevResult: { cniVersion: "1.1.0" },
    });
    expect(leftovers(bed())).toEqual([]);
  });

  test("delegates are told the ADD's CNI_ARGS and the DEL's namespace", async () => {
    const config = await add();
    const operation: Operation = { verb: "DEL", config, args: "B=2", netns: "" };
    expectSilence(await call(bed(), executable, operation));
    expect(calls(bed()).map(({ env }) => [env.CNI_ARGS, env.CNI_NETNS])).toEqual([
      ["A=1", ""],
      ["A=1", ""],
    ]);
  });

  test("the configuration was swapped for one of another network: the record is found", async () => {
    await add();
    addPlugin(bed(), "new");
    const swapped = hawser(bed(), { name: "new-network", delegate: { type: "new" } });
    fs.writeFileSync(join(bed().confDir, "10-new.conf"), JSON.stringify(swapped));
    expectSilence(await call(bed(), executable, { verb: "DEL", config: swapped }));
    expect(callNames(bed())).toEqual(["DEL side net1", "DEL main eth0"]);
    expect(leftovers(bed())).toEqual([]);
  });

  test("but a network that is configured still keeps its own record", async () => {
    const config = await add();
    addPlugin(bed(), "new");
    const other = hawser(bed(), { name: "new-network", delegate: { type: "new" } });
    fs.writeFileSync(join(bed().confDir, "10-pods.conf"), JSON.stringify(config));
    fs.writeFileSync(join(bed().confDir, "20-new.conf"), JSON.stringify(other));
    expectSilence(await call(bed(), executable, { verb: "DEL", config: other }));
    // The other network would use the same name of an interface. This interface stays untouched.
    expect(callNames(bed())).toEqual([]);
    expect(effects(bed())).toEqual(["main@c1@eth0", "side@c1@net1"]);
    expect(records(bed())).toEqual(["pods/c1@eth0.json"]);
  });

  test("the plugins' folder is named no more: they are found where ADD found them", async () => {
    const config = await add();
    const binDir = join(bed().root, "own-bin");
    expectSilence(await call(bed(), executable, { verb: "DEL", config }));
    fs.mkdirSync(binDir);
    fs.renameSync(join(bed().binDir, "side"), join(binDir, "side"));
    answerOf(await call(bed(), executable, { verb: "ADD", config: { ...config, binDir } }));
    expectSilence(await call(bed(), executable, { verb: "DEL", config }));
    expect(leftovers(bed())).toEqual([]);
  });

  test("a plugin that is gone: an error that names it, and a retry once it is back", async () => {
    const config = await add();
    fs.renameSync(join(bed().binDir, "side"), join(bed().root, "side"));
    const error = errorOf(await call(bed(), executable, { verb: "DEL", config }));
    expect(error).toMatchObject({ code: 101, msg: expect.stringContaining(`"side"`) });
    expect(effects(bed())).toEqual(["side@c1@net1"]);
    expect(records(bed())).toEqual(["pods/c1@eth0.json"]);
    fs.renameSync(join(bed().root, "side"), join(bed().binDir, "side"));
    expectSilence(await call(bed(), executable, { verb: "DEL", config }));
    expect(leftovers(bed())).toEqual([]);
  });
});

suite("DEL with neither record nor use", [], (executable) => {
  const bed = useBed({ node: false });

  test.each<[string, object, string[]]>([
    ["the configuration as it was: its plugins are asked", {}, ["DEL side net1", "DEL main eth0"]],
    ["an unknown network: the primary is asked", { networks: ["absent"] }, ["DEL main eth0"]],
    ["an unknown field: the primary is asked", { netwroks: [] }, ["DEL main eth0"]],
    ["no primary that can be told: nobody is", { delegate: "main" }, []],
  ])("%s", async (_case, changes, asked) => {
    for (const type of ["main", "side"]) addPlugin(bed(), type);
    define(bed(), "blue", { cniVersion: "1.1.0", name: "blue", type: "side" });
    const config = { ...hawser(bed(), { delegate: { type: "main" }, networks: ["blue"] }), ...changes };
    // A runtime whose DEL fails repeats it for ever.
    expectSilence(await call(bed(), executable, { verb: "DEL", config }));
    expect(callNames(bed())).toEqual(asked);
    expect(leftovers(bed())).toEqual([]);
  });
});

suite("DEL whose delegates fail", [], (executable) => {
  const bed = useBed({ node: false });

  test.each([
    ["main", 11, ["main@c1@eth0"], ["DEL side net1", "DEL main eth0"]],
    ["side", 999, ["side@c1@net1"], ["DEL side net1", "DEL main eth0"]],
  ])("%s: the record stays, and a retry does the rest", async (type, code, left, called) => {
    for (const each of ["main", "side"]) addPlugin(bed(), each);
    define(bed(), "blue", { cniVersion: "1.1.0", name: "blue", type: "side" });
    const config = hawser(bed(), { delegate: { type: "main" }, networks: ["blue"] });
    answerOf(await call(bed(), executable, { verb: "ADD", config }));
    addPlugin(bed(), type, { DEL: [failWith(code, "not now")] });
    forgetCalls(bed());
    const error = errorOf(await call(bed(), executable, { verb: "DEL", config }));
    expect(error).toMatchObject({ code, msg: expect.stringContaining("not now") });
    expect(callNames(bed())).toEqual(called);
    expect(effects(bed())).toEqual(left);
    expect(records(bed())).toEqual(["pods/c1@eth0.json"]);
    addPlugin(bed(), type);
    expectSilence(await call(bed(), executable, { verb: "DEL", config }));
    expect(leftovers(bed())).toEqual([]);
  });

  test("both: both are told of", async () => {
    for (const type of ["main", "side"]) {
      addPlugin(bed(), type, { ...wellBehaved(), DEL: [failWith(999, `${type} is stuck`)] });
    }
    define(bed(), "blue", { cniVersion: "1.1.0", name: "blue", type: "side" });
    const config = hawser(bed(), { delegate: { type: "main" }, networks: ["blue"] });
    answerOf(await call(bed(), executable, { verb: "ADD", config }));
    const { msg, details } = errorOf(await call(bed(), executable, { verb: "DEL", config }));
    expect(msg).toContain("detach secondary network default/blue (net1)");
    expect(msg).toContain("side is stuck");
    expect(details).toContain("main is stuck");
  });
});

/** Damages that a crash of the machine or of the disk may do to a record. */
const damages: [string, (text: string) => string][] = [
  ["empty", () => ""],
  ["cut in half", (text) => text.slice(0, text.length / 2)],
  ["changed in one letter", (text) => text.replace(`"committed"`, `"cOmmitted"`)],
  ["of another program", () => `{"version":2}`],
  ["zeros", (text) => "\0".repeat(text.length)],
];

suite("DEL with a torn record", [], (executable) => {
  const bed = useBed({ node: false });

  test.each(damages)(
    "%s: what the configuration says is deleted, and the record moved aside",
    async (_case, damage) => {
      for (const type of ["main", "side"]) addPlugin(bed(), type);
      define(bed(), "blue", { cniVersion: "1.1.0", name: "blue", type: "side" });
      const config = annotated(hawser(bed(), { delegate: { type: "main" } }), "blue@lan0");
      answerOf(await call(bed(), executable, { verb: "ADD", config }));
      const path = recordPath(bed(), "pods");
      fs.writeFileSync(path, damage(fs.readFileSync(path, "utf8")));
      const told = { ...config, prevResult: { cniVersion: "1.1.0" } };
      const checked = errorOf(await call(bed(), executable, { verb: "CHECK", config: told }));
      expect(checked).toMatchObject({ code: expect.toSatisfy((code) => code === 104 || code === 3) });
      const ended = await call(bed(), executable, { verb: "DEL", config });
      expectSilence(ended);
      expect(effects(bed())).toEqual([]);
      expect(records(bed())).toEqual([expect.stringMatching(/^pods\/c1@eth0\.json\.torn-\d+$/)]);
      answerOf(await call(bed(), executable, { verb: "ADD", config }));
      expect(effects(bed())).toEqual(["main@c1@eth0", "side@c1@lan0"]);
    },
  );

  test("and without the pod's annotation any more: the primary, with a word about the rest", async () => {
    addPlugin(bed(), "main");
    const config = annotated(hawser(bed(), { delegate: { type: "main" } }), "");
    answerOf(await call(bed(), executable, { verb: "ADD", config }));
    fs.writeFileSync(recordPath(bed(), "pods"), "");
    const ended = await call(bed(), executable, { verb: "DEL", config: annotated(config, "unknown") });
    expectSilence(ended);
    expect(ended.stderr).toContain("only the primary is deleted");
    expect(effects(bed())).toEqual([]);
  });

  test.each([
    ["empty", {}],
    ["a text", "main"],
  ])(
    "and with nothing left that tells of the primary (delegate %s): an error until that is mended",
    async (_case, delegate) => {
      addPlugin(bed(), "main");
      const config = hawser(bed(), { delegate: { type: "main" } });
      answerOf(await call(bed(), executable, { verb: "ADD", config }));
      fs.writeFileSync(recordPath(bed(), "pods"), "");
      const broken = { ...config, delegate };
      expect(errorOf(await call(bed(), executable, { verb: "DEL", config: broken })).code).toBe(104);
      expect(effects(bed())).toEqual(["main@c1@eth0"]);
      expectSilence(await call(bed(), executable, { verb: "DEL", config }));
      expect(effects(bed())).toEqual([]);
    },
  );

  test("a record of a newer hawser is neither used nor lost", async () => {
    addPlugin(bed(), "main");
    const config = hawser(bed(), { delegate: { type: "main" } });
    answerOf(await call(bed(), executable, { verb: "ADD", config }));
    const path = recordPath(bed(), "pods");
    const body = fs
      .readFileSync(path, "utf8")
      .slice(`{"checksum":"12345678","record":`.length, -"}\n".length);
    fs.writeFileSync(path, sealed(body.replace(`"format":1`, `"format":2`)));
    const error = errorOf(await call(bed(), executable, { verb: "DEL", config }));
    expect(error).toMatchObject({ code: 104, msg: expect.stringContaining("unknown format") });
    expect(effects(bed())).toEqual(["main@c1@eth0"]);
    expect(records(bed())).toEqual(["pods/c1@eth0.json"]);
  });
});

/** A record's file as this version writes it, with the FNV-1a checksum of the record's text. */
function sealed(body: string): string {
  const hash = [...body].reduce((sum, unit) => Math.imul(sum ^ unit.charCodeAt(0), 0x01000193), 0x811c9dc5);
  return `{"checksum":"${(hash >>> 0).toString(16).padStart(8, "0")}","record":${body}}\n`;
}
