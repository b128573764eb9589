import { execFileSync } from "node:child_process";
import * as fs from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { addNamespace, useBed } from "../../../tools/testbed/bed.ts";
import { answerOf, call, errorOf, expectSilence } from "../../../tools/testbed/call.ts";
import { suite } from "../../../tools/testbed/executables.ts";
import { linkNames, links } from "../../../tools/testbed/kernel-state.ts";
import { leftovers } from "../../../tools/testbed/leftovers.ts";
import { annotated, bridge, define, hawser, macvlan } from "../../../tools/testbed/networks.ts";
import { addPlugin, callNames, forgetCalls, wellBehaved } from "../../../tools/testbed/script-plugin.ts";

/** Faults of real clusters, with the reference plugins. In each of them a pod did not start, or was never removed. */

const reference = ["root", "bridge", "macvlan", "host-local", "static"] as const;

suite("pods of real use", reference, (executable) => {
  const bed = useBed({ node: true });

  /** Defines a network. Returns the configuration for a pod of `prim` that asks for it. */
  function pod(definition: object, selection = "data", more: object = { native: "off" }) {
    addPlugin(bed(), "prim", wellBehaved());
    define(bed(), "data", definition);
    return annotated(hawser(bed(), { delegate: { type: "prim" }, result: "merged", ...more }), selection);
  }

  const layer2 = (more: object = {}) => ({ cniVersion: "1.0.0", type: "bridge", bridge: "brl2", ...more });
  const sourceRouted = () => {
    const { cniVersion, ...main } = bridge(bed(), 84);
    return { cniVersion, name: "data", plugins: [main, { type: "sbr" }] };
  };

  const wronglyChecked: [string, () => object][] = [
    ["a bridge of layer 2", () => layer2()],
    ["a bridge whose ipam says nothing", () => layer2({ ipam: {} })],
    ["source routing behind a bridge", sourceRouted],
    [
      "an address without a subnet",
      () => layer2({ ipam: { type: "static", addresses: [{ address: "10.85.0.5/32" }] } }),
    ],
  ];
  const ways = ["off", "prefer"] as const;
  test.each(
    wronglyChecked.flatMap(([name, definition]) => ways.map((native) => [name, native, definition] as const)),
  )(
    "%s, native %s: the CHECK that CRI-O sends after ADD succeeds, until something is wrong",
    async (_case, native, definition) => {
      const sandbox = addNamespace(bed());
      const config = pod(definition(), "data", { native });
      const operation = { config, netns: sandbox.path };
      const prevResult = answerOf<object>(await call(bed(), executable, { verb: "ADD", ...operation }));
      const checking = { verb: "CHECK", config: { ...config, prevResult }, netns: sandbox.path } as const;
      const checked = await call(bed(), executable, checking);
      expect([checked.exitCode, checked.stdout]).toEqual([0, ""]);
      // CHECK of ours is right, so no failure need be passed over.
      if (native === "prefer") expect(checked.stderr).toBe("");
      else expect(checked.stderr).toContain("this failure is passed over");
      execFileSync("ip", ["-n", sandbox.name, "link", "delete", "net1"]);
      expect(errorOf(await call(bed(), executable, checking)).msg).toContain("net1");
      expectSilence(await call(bed(), executable, { verb: "DEL", ...operation }));
      expect(leftovers(bed())).toEqual([]);
    },
  );

  test.each(["02:AA:BB:CC:DD:01", "02-aa-bb-cc-dd-01", "02aa.bbcc.dd01"])(
    "the MAC address %s is what the kernel, the result and CHECK call it",
    async (mac) => {
      const sandbox = addNamespace(bed());
      const { cniVersion, ...main } = bridge(bed(), 84);
      const plugins = [main, { type: "tuning", capabilities: { mac: true } }];
      const config = pod({ cniVersion, name: "data", plugins }, JSON.stringify([{ name: "data", mac }]));
      const added = await call(bed(), executable, { verb: "ADD", config, netns: sandbox.path });
      const prevResult = answerOf<{ interfaces: { name: string; mac?: string }[] }>(added);
      const told = prevResult.interfaces.find(({ name }) => name === "net1")?.mac;
      const kernel = links(sandbox.name).find(({ name }) => name === "net1")?.mac;
      expect([told, kernel]).toEqual(["02:aa:bb:cc:dd:01", "02:aa:bb:cc:dd:01"]);
      const checking = { config: { ...config, prevResult }, netns: sandbox.path };
      expectSilence(await call(bed(), executable, { verb: "CHECK", ...checking }));
      expectSilence(await call(bed(), executable, { verb: "DEL", config, netns: sandbox.path }));
    },
  );

  test.each<[string, () => object]>([
    ["an MTU that is text", () => macvlan("10.83.0.9/24", { mtu: "1500" })],
    [
      "ranges that are none",
      () => macvlan("10.83.0.9/24", { ipam: { type: "host-local", dataDir: bed().dataDir } }),
    ],
    [
      "an IPAM plugin that is not installed",
      () => macvlan("10.83.0.9/24", { ipam: { type: "absent", range: "10.83.0.0/24" } }),
    ],
  ])("%s: what never was attached can be deleted, as it is and corrected", async (_case, definition) => {
    for (const corrected of [false, true]) {
      const sandbox = addNamespace(bed());
      const containerId = `c${corrected}`;
      const config = pod(definition());
      errorOf(await call(bed(), executable, { verb: "ADD", config, netns: sandbox.path, containerId }));
      if (corrected) pod(macvlan("10.83.0.9/24"));
      const deleting = { verb: "DEL", config, netns: sandbox.path, containerId } as const;
      if (!corrected) errorOf(await call(bed(), executable, deleting));
      const deleted = await call(bed(), executable, deleting);
      expect([deleted.exitCode, deleted.stdout]).toEqual([0, ""]);
      expectSilence(await call(bed(), executable, { verb: "DEL", config, netns: "", containerId }));
      // DEL keeps what it gave up, for GC. macvlan's link ends with its namespace. With a corrected definition, nothing is
      // left.
      if (corrected) expect(linkNames(sandbox.name)).toEqual([]);
      const kept = leftovers(bed(), containerId);
      expect(kept).toEqual(corrected ? [] : [expect.stringMatching(/\.json\.refused-\d+$/)]);
    }
  });

  test("the second DEL of the same pod starts no plugin", async () => {
    const sandbox = addNamespace(bed());
    const config = pod(macvlan("10.83.0.9/24"));
    answerOf(await call(bed(), executable, { verb: "ADD", config, netns: sandbox.path }));
    expectSilence(await call(bed(), executable, { verb: "DEL", config, netns: sandbox.path }));
    forgetCalls(bed());
    expectSilence(await call(bed(), executable, { verb: "DEL", config, netns: "" }));
    expect(callNames(bed())).toEqual([]);
  });

  test("CHECK knows the namespace by the path of a process in it", async () => {
    const sandbox = addNamespace(bed());
    const config = pod(macvlan("10.83.0.9/24"));
    const added = await call(bed(), executable, { verb: "ADD", config, netns: sandbox.path });
    const checking = { ...config, prevResult: answerOf<object>(added) };
    const alias = join(bed().root, "netns-alias");
    fs.symlinkSync(sandbox.path, alias);
    expectSilence(await call(bed(), executable, { verb: "CHECK", config: checking, netns: alias }));
    const other = addNamespace(bed());
    const refused = await call(bed(), executable, { verb: "CHECK", config: checking, netns: other.path });
    expect(errorOf(refused).details).toContain("check.sandbox");
    expectSilence(await call(bed(), executable, { verb: "DEL", config, netns: sandbox.path }));
  });
});
