import { symlinkSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { addNamespace, removeNamespace, useBed } from "../../../tools/testbed/bed.ts";
import { answerOf, call, errorOf, expectSilence } from "../../../tools/testbed/call.ts";
import { pluginDir, suite } from "../../../tools/testbed/executables.ts";
import { linkNames, links, type PrintedResult } from "../../../tools/testbed/kernel-state.ts";
import { leftovers } from "../../../tools/testbed/leftovers.ts";
import { annotated, bridge, define, hawser, macvlan } from "../../../tools/testbed/networks.ts";
import { addPlugin, callNames } from "../../../tools/testbed/script-plugin.ts";

/** Pods of which Hawser makes every network itself: no other plugin is installed. Who attached a pod also detaches it. */

suite("native networks", ["root", "bridge", "macvlan", "host-local", "static"], (executable) => {
  const bed = useBed({ node: true });

  /** Chains, source routing and a default route: all that a pod of real use has. */
  function configuration(more: object = {}): Record<string, unknown> {
    const { cniVersion, ...storage } = bridge(bed(), 72, { routes: [{ dst: "0.0.0.0/0" }] });
    define(bed(), "storage", {
      cniVersion,
      name: "storage",
      plugins: [storage, { type: "tuning", mtu: 1400 }, { type: "sbr" }],
    });
    define(bed(), "lan", macvlan("10.73.0.9/24"));
    const delegate = { ...bridge(bed(), 71, { routes: [{ dst: "0.0.0.0/0" }] }), ipMasq: true };
    return annotated(hawser(bed(), { delegate, ...more }), "storage,lan");
  }

  /** A node on which no plugin is installed. */
  const bare = () => ({ path: bed().binDir });

  test("need no plugin on the node: ADD, CHECK, STATUS, GC and DEL", async () => {
    const pod = addNamespace(bed());
    const config = configuration();
    const operation = { netns: pod.path, ...bare() };
    const result = answerOf<PrintedResult>(
      await call(bed(), executable, { verb: "ADD", config, ...operation }),
    );
    expect(result.ips?.map(({ address }) => address)).toEqual([
      "10.71.0.2/24",
      "10.72.0.2/24",
      "10.73.0.9/24",
    ]);
    expect(links(pod.name).map(({ name, mtu }) => `${name} ${mtu}`)).toEqual([
      "eth0 1500",
      "net1 1400",
      "net2 1500",
    ]);
    const told = { ...config, prevResult: result };
    expectSilence(await call(bed(), executable, { verb: "CHECK", config: told, ...operation }));
    expectSilence(await call(bed(), executable, { verb: "STATUS", config, ...bare() }));
    const valid = { ...config, "cni.dev/valid-attachments": [{ containerID: "c1", ifname: "eth0" }] };
    expectSilence(await call(bed(), executable, { verb: "GC", config: valid, ...bare() }));
    expectSilence(await call(bed(), executable, { verb: "CHECK", config: told, ...operation }));
    expectSilence(await call(bed(), executable, { verb: "DEL", config: told, ...operation }));
    expect(linkNames(pod.name)).toEqual([]);
    expect(leftovers(bed())).toEqual([]);
  });

  test("are collected by GC when their DEL was lost", async () => {
    const pod = addNamespace(bed());
    const config = configuration();
    const operation = { netns: pod.path, ...bare() };
    answerOf(await call(bed(), executable, { verb: "ADD", config, ...operation }));
    removeNamespace(bed(), pod);
    const none = { ...config, "cni.dev/valid-attachments": [] };
    expectSilence(await call(bed(), executable, { verb: "GC", config: none, ...bare() }));
    expect(linkNames(bed().node ?? "")).toEqual(["br71", "br72", "switch0", "uplink0"]);
    expect(leftovers(bed())).toEqual([]);
  });

  test.each(["CHECK", "DEL"] as const)(
    "%s after the operator has switched them off is ours, too",
    async (verb) => {
      const pod = addNamespace(bed());
      const config = configuration();
      const operation = { netns: pod.path, ...bare() };
      const result = answerOf<object>(await call(bed(), executable, { verb: "ADD", config, ...operation }));
      const off = { ...configuration({ native: "off" }), prevResult: result };
      expectSilence(await call(bed(), executable, { verb, config: off, ...operation }));
      expectSilence(await call(bed(), executable, { verb: "DEL", config: off, ...operation }));
      expect(linkNames(pod.name)).toEqual([]);
      expect(leftovers(bed())).toEqual([]);
    },
  );

  test("what the executables attached is checked and detached by them", async () => {
    for (const type of ["bridge", "macvlan"]) addPlugin(bed(), type);
    const pod = addNamespace(bed());
    const operation = { netns: pod.path };
    define(bed(), "lan", macvlan("10.73.0.9/24"));
    const of = (native: string) => annotated(hawser(bed(), { delegate: bridge(bed(), 71), native }), "lan");
    const result = answerOf<object>(
      await call(bed(), executable, { verb: "ADD", config: of("off"), ...operation }),
    );
    const told = { ...of("prefer"), prevResult: result };
    await call(bed(), executable, { verb: "CHECK", config: told, ...operation });
    expectSilence(await call(bed(), executable, { verb: "DEL", config: told, ...operation }));
    expect(callNames(bed())).toEqual([
      ...["ADD bridge eth0", "ADD macvlan net1"],
      ...["CHECK bridge eth0", "CHECK macvlan net1"],
      ...["DEL macvlan net1", "DEL bridge eth0"],
    ]);
    expect(leftovers(bed())).toEqual([]);
  });

  test("a field that ours does not know takes the executable, and without one the error names the field", async () => {
    const pod = addNamespace(bed());
    const delegate = { ...bridge(bed(), 71), hairpinMode: "yes" };
    const config = hawser(bed(), { delegate });
    const operation = { netns: pod.path, ...bare() };
    const error = errorOf(await call(bed(), executable, { verb: "ADD", config, ...operation }));
    expect(`${error.msg} ${error.details}`).toContain("hairpinMode");
    for (const type of ["bridge", "host-local"]) symlinkSync(join(pluginDir, type), join(bed().binDir, type));
    // The reference bridge reads it, and says what is wrong of it.
    const theirs = errorOf(await call(bed(), executable, { verb: "ADD", config, ...operation }));
    expect(`${theirs.msg} ${theirs.details}`).toContain("cannot unmarshal string");
  });
});
