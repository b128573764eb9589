import { describe, expect, test } from "vitest";
import type { Verb } from "../../../cni/version.ts";
import { type Bed, useBed } from "../../../tools/testbed/bed.ts";
import { answerOf, call, errorOf, expectSilence } from "../../../tools/testbed/call.ts";
import { type Executable, suite } from "../../../tools/testbed/executables.ts";
import { effects, leftovers, records } from "../../../tools/testbed/leftovers.ts";
import { annotated, define, hawser } from "../../../tools/testbed/networks.ts";
import {
  addPlugin,
  answer,
  callNames,
  calls,
  failWith,
  forgetCalls,
  makeEffect,
  someResult,
  wellBehaved,
} from "../../../tools/testbed/script-plugin.ts";

/** VERSION, STATUS, CHECK and GC, and which delegates are called for each. */

const allVersions = ["0.1.0", "0.2.0", "0.3.0", "0.3.1", "0.4.0", "1.0.0", "1.1.0"];

suite("VERSION and the gates", [], (executable) => {
  const bed = useBed({ node: false });

  test.each([
    ["0.4.0 in, 0.4.0 out", `{"cniVersion":"0.4.0"}`, "0.4.0"],
    ["a version that we do not speak", `{"cniVersion":"9.9.9"}`, "9.9.9"],
    ["no version", `{}`, "1.1.0"],
    ["empty stdin", "", "1.1.0"],
    ["garbage", "{not json", "1.1.0"],
  ])("VERSION: %s", async (_case, config, cniVersion) => {
    const ended = await call(bed(), executable, { verb: "VERSION", config, env: { CNI_PATH: undefined } });
    expect(answerOf(ended)).toEqual({ cniVersion, supportedVersions: allVersions });
  });

  test.each<[Verb, string]>([
    ["CHECK", "0.3.1"],
    ["STATUS", "1.0.0"],
    ["GC", "1.0.0"],
  ])("%s does not exist at %s: code 1, and nothing runs", async (verb, cniVersion) => {
    addPlugin(bed(), "main");
    const config = hawser(bed(), { cniVersion, delegate: { type: "main" }, "cni.dev/valid-attachments": [] });
    const error = errorOf(await call(bed(), executable, { verb, config }));
    expect(error).toMatchObject({ code: 1, cniVersion });
    expect(callNames(bed())).toEqual([]);
  });

  test.each(allVersions)("%s: ADD answers in it, whatever the delegate speaks", async (cniVersion) => {
    addPlugin(bed(), "main", wellBehaved());
    const delegate = { cniVersion: "1.1.0", type: "main" };
    const config = hawser(bed(), { cniVersion, delegate });
    const result = answerOf<Record<string, unknown>>(await call(bed(), executable, { verb: "ADD", config }));
    expect(result.cniVersion).toBe(cniVersion);
    const isFirst = cniVersion === "0.1.0" || cniVersion === "0.2.0";
    expect(isFirst ? result.ip4 : (result.ips as unknown[])[0]).toMatchObject(
      isFirst ? { ip: "10.9.0.5/24" } : { address: "10.9.0.5/24", interface: 0 },
    );
    expectSilence(await call(bed(), executable, { verb: "DEL", config }));
    expect(leftovers(bed())).toEqual([]);
  });
});

/** A primary of version 1.1.0 with networks of older versions. Every pod gets all of them. */
function mixedVersions(bed: Bed): Record<string, unknown> {
  for (const type of ["main", "v100", "v040", "v031"]) addPlugin(bed, type);
  define(bed, "of-100", { cniVersion: "1.0.0", name: "of-100", type: "v100" });
  define(bed, "of-040", { cniVersion: "0.4.0", name: "of-040", type: "v040" });
  define(bed, "of-031", { cniVersion: "0.3.1", name: "of-031", type: "v031" });
  return hawser(bed, { delegate: { type: "main" }, networks: ["of-100", "of-040", "of-031"] });
}

async function add(bed: Bed, executable: Executable, config: object, containerId = "c1"): Promise<object> {
  return answerOf<object>(await call(bed, executable, { verb: "ADD", config, containerId }));
}

suite("delegates of older versions", [], (executable) => {
  const bed = useBed({ node: false });

  test.each<[Verb, string[]]>([
    ["CHECK", ["CHECK main eth0", "CHECK v100 net1", "CHECK v040 net2"]],
    ["STATUS", ["STATUS main"]],
    ["GC", ["GC main"]],
    ["DEL", ["DEL v031 net3", "DEL v040 net2", "DEL v100 net1", "DEL main eth0"]],
  ])("%s goes to those that know it", async (verb, expected) => {
    const config = mixedVersions(bed());
    const prevResult = await add(bed(), executable, config);
    forgetCalls(bed());
    const list = { "cni.dev/valid-attachments": [{ containerID: "c1", ifname: "eth0" }] };
    const given = verb === "GC" ? { ...config, ...list } : { ...config, prevResult };
    expectSilence(await call(bed(), executable, { verb, config: given }));
    expect(callNames(bed())).toEqual(expected);
  });

  test("each speaks its own version, its results included", async () => {
    const config = mixedVersions(bed());
    const prevResult = await add(bed(), executable, config);
    await call(bed(), executable, { verb: "CHECK", config: { ...config, prevResult } });
    await call(bed(), executable, { verb: "DEL", config });
    const spoken = { main: "1.1.0", v100: "1.0.0", v040: "0.4.0", v031: "0.3.1" };
    for (const { type, config: sent } of calls(bed())) {
      const version = spoken[type as keyof typeof spoken];
      expect(sent.cniVersion).toBe(version);
      const previous = sent.prevResult as { cniVersion: string } | undefined;
      expect(previous?.cniVersion ?? version).toBe(version);
    }
    const dels = calls(bed()).filter(({ verb }) => verb === "DEL");
    // Version 0.4.0 added prevResult to DEL.
    expect(dels.map((each) => [each.type, "prevResult" in each.config])).toEqual([
      ["v031", false],
      ["v040", true],
      ["v100", true],
      ["main", true],
    ]);
  });

  test("CHECK hands each its own result, and disableCheck keeps it from one", async () => {
    for (const type of ["main", "side", "quiet"]) addPlugin(bed(), type);
    for (const [name, octet] of [
      ["main", 1],
      ["side", 2],
      ["quiet", 3],
    ] as const) {
      addPlugin(
        bed(),
        name,
        wellBehaved(someResult({ ips: [{ address: `10.9.0.${octet}/24`, interface: 0 }] })),
      );
    }
    define(bed(), "blue", { cniVersion: "1.1.0", name: "blue", type: "side" });
    const plugins = [{ type: "quiet" }];
    define(bed(), "green", { cniVersion: "1.1.0", name: "green", disableCheck: true, plugins });
    const config = hawser(bed(), { delegate: { type: "main" }, networks: ["blue", "green"] });
    const prevResult = await add(bed(), executable, config);
    forgetCalls(bed());
    expectSilence(await call(bed(), executable, { verb: "CHECK", config: { ...config, prevResult } }));
    const results = calls(bed()).map(({ type, config: sent }) => [type, sent.prevResult]);
    expect(results).toEqual([
      ["main", expect.objectContaining({ ips: [{ address: "10.9.0.1/24", interface: 0 }] })],
      ["side", expect.objectContaining({ ips: [{ address: "10.9.0.2/24", interface: 0 }] })],
    ]);
  });
});

suite("CHECK refuses", [], (executable) => {
  const bed = useBed({ node: false });
  const sideGone = { ADD: [makeEffect, answer(someResult())], CHECK: [failWith(999, "the address is gone")] };

  test.each<[string, object, object, number, RegExp]>([
    [
      "an attachment whose delegate finds a fault, its code kept",
      {},
      {},
      999,
      /secondary network default\/blue \(net1\).*the address is gone/,
    ],
    ["a container that was never added", {}, { containerId: "c2" }, 3, /c2/],
    ["another sandbox", {}, { netns: "/var/run/netns/other" }, 105, /attached in \/var\/run\/netns\/none/],
    ["no prevResult", { prevResult: undefined }, {}, 7, /prevResult/],
    [
      "a prevResult that lacks an interface",
      { prevResult: { cniVersion: "1.1.0" } },
      {},
      105,
      /no interface eth0/,
    ],
  ])("%s", async (_case, changes, operation, code, said) => {
    addPlugin(bed(), "main");
    addPlugin(bed(), "side", sideGone);
    define(bed(), "blue", { cniVersion: "1.1.0", name: "blue", type: "side" });
    const config = hawser(bed(), { delegate: { type: "main" }, networks: ["blue"] });
    const prevResult = await add(bed(), executable, config);
    const told = { ...config, prevResult, ...changes };
    const error = errorOf(await call(bed(), executable, { verb: "CHECK", config: told, ...operation }));
    expect(error).toMatchObject({ code, msg: expect.stringMatching(said) });
  });

  test("but bears what later plugins have added to prevResult", async () => {
    addPlugin(bed(), "main");
    const config = hawser(bed(), { delegate: { type: "main" } });
    const result = (await add(bed(), executable, config)) as { interfaces: object[] };
    const prevResult = { ...result, interfaces: [...result.interfaces, { name: "tun0" }], sandboxes: 1 };
    expectSilence(await call(bed(), executable, { verb: "CHECK", config: { ...config, prevResult } }));
  });
});

suite("STATUS", [], (executable) => {
  const bed = useBed({ node: false });

  test.each([
    ["main", 50, 50],
    ["main", 51, 51],
    ["side", 50, 50],
    ["side", 51, 51],
    ["side", 999, 50],
  ])("%s answers %i: we answer %i", async (type, code, expected) => {
    for (const each of ["main", "side"]) addPlugin(bed(), each);
    addPlugin(bed(), type, { STATUS: [failWith(code, "the daemon is down")] });
    define(bed(), "blue", { cniVersion: "1.1.0", name: "blue", type: "side" });
    const config = hawser(bed(), { delegate: { type: "main" }, networks: ["blue"] });
    const error = errorOf(await call(bed(), executable, { verb: "STATUS", config }));
    expect(error).toMatchObject({ code: expected, msg: expect.stringContaining("the daemon is down") });
    expect(callNames(bed())).toEqual(["STATUS main", "STATUS side"]);
  });

  test.each<[string, object]>([
    ["a plugin that is not there", { delegate: { type: "absent" } }],
    ["a network that is not defined", { networks: ["absent"] }],
  ])("50 for %s", async (_case, more) => {
    addPlugin(bed(), "main");
    const config = hawser(bed(), { delegate: { type: "main" }, ...more });
    const error = errorOf(await call(bed(), executable, { verb: "STATUS", config }));
    expect(error).toMatchObject({ code: 50 });
    expect(`${error.msg} ${error.details}`).toContain("absent");
  });

  test("ready when all are, without a container in the environment", async () => {
    addPlugin(bed(), "main");
    const config = hawser(bed(), { delegate: { type: "main" } });
    expectSilence(await call(bed(), executable, { verb: "STATUS", config }));
  });
});

const spellings = ["cni.dev/valid-attachments", "cni.dev/attachments"] as const;

suite("GC", [], (executable) => {
  const bed = useBed({ node: false });

  /** Three containers: two of this network and one of another. Each has a secondary. */
  async function stage(): Promise<Record<string, unknown>> {
    for (const type of ["main", "side"]) addPlugin(bed(), type);
    define(bed(), "blue", { cniVersion: "1.1.0", name: "azure", type: "side" });
    const config = annotated(hawser(bed(), { delegate: { type: "main" } }), "blue");
    for (const containerId of ["a", "b"]) await add(bed(), executable, config, containerId);
    await add(bed(), executable, { ...config, name: "other" }, "c");
    forgetCalls(bed());
    return config;
  }

  const of = (container: string): string[] => leftovers(bed(), `${container}@`);
  const whole = (network: string, container: string): string[] => [
    `${network}/${container}@eth0.json`,
    `main@${container}@eth0`,
    `side@${container}@net1`,
  ];

  test.each([
    ["missing", {}],
    ["null", { [spellings[0]]: null }],
  ])("a list that is %s deletes nothing and asks nobody", async (_case, list) => {
    const config = await stage();
    expectSilence(await call(bed(), executable, { verb: "GC", config: { ...config, ...list } }));
    expect([of("a"), of("b"), of("c")]).toEqual([
      whole("pods", "a"),
      whole("pods", "b"),
      whole("other", "c"),
    ]);
    expect(callNames(bed())).toEqual([]);
  });

  test("an empty list deletes all of this network, and nothing of another", async () => {
    const config = await stage();
    expectSilence(await call(bed(), executable, { verb: "GC", config: { ...config, [spellings[0]]: [] } }));
    expect([of("a"), of("b"), of("c")]).toEqual([[], [], whole("other", "c")]);
    expect(records(bed())).toEqual(["other/c@eth0.json"]);
  });

  test.each(spellings)("%s: what it does not name is deleted, with all its attachments", async (spelling) => {
    const config = await stage();
    const list = [{ containerID: "a", ifname: "eth0" }];
    expectSilence(await call(bed(), executable, { verb: "GC", config: { ...config, [spelling]: list } }));
    expect([of("a"), of("b"), of("c")]).toEqual([whole("pods", "a"), [], whole("other", "c")]);
    const dels = callNames(bed()).filter((name) => name.startsWith("DEL"));
    expect(dels).toEqual(["DEL side net1", "DEL main eth0"]);
  });

  test("each delegate gets its own valid set, in both spellings, other networks' attachments in it", async () => {
    const config = await stage();
    const list = [{ containerID: "a", ifname: "eth0" }];
    expectSilence(await call(bed(), executable, { verb: "GC", config: { ...config, [spellings[0]]: list } }));
    const sent = calls(bed()).filter(({ verb }) => verb === "GC");
    const sets = sent.map(({ config: given }) => [given.name, given[spellings[0]], given[spellings[1]]]);
    const blue = [
      { containerID: "c", ifname: "net1" },
      { containerID: "a", ifname: "net1" },
    ];
    expect(sets).toEqual([
      ["pods", list, list],
      ["azure", blue, blue],
    ]);
    expect(sent.map(({ config: given }) => given.runtimeConfig)).toEqual([undefined, undefined]);
  });

  test("an interrupted DEL's rest is collected; one that fails is told of, and the others go on", async () => {
    const config = await stage();
    addPlugin(bed(), "side", {
      DEL: [`[ $CNI_CONTAINERID != a ] || { ${failWith(999, "a is stuck")}; }`, `rm -f "$effect"`],
    });
    const list = { [spellings[0]]: [] };
    const error = errorOf(await call(bed(), executable, { verb: "GC", config: { ...config, ...list } }));
    expect(error).toMatchObject({ code: 999, msg: expect.stringContaining("a is stuck") });
    expect(of("b")).toEqual([]);
    expect(of("a")).toEqual(["pods/a@eth0.json", "side@a@net1"]);
    addPlugin(bed(), "side");
    expectSilence(await call(bed(), executable, { verb: "GC", config: { ...config, ...list } }));
    expect(of("a")).toEqual([]);
  });

  describe("a list that is none", () => {
    test.each<[string, unknown]>([
      ["an object", {}],
      ["an array of texts", ["a"]],
      ["entries without an interface", [{ containerID: "a" }]],
    ])("%s: code 7, nothing deleted", async (_case, list) => {
      const config = await stage();
      const ended = await call(bed(), executable, {
        verb: "GC",
        config: { ...config, [spellings[0]]: list },
      });
      expect(errorOf(ended).code).toBe(7);
      expect(effects(bed())).toHaveLength(6);
    });
  });
});
