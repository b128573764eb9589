import * as fs from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { type Bed, processesOf, useBed } from "../../../tools/testbed/bed.ts";
import { expectSilence } from "../../../tools/testbed/call.ts";
import {
  type Containerd,
  containerdBinaries,
  useContainerd,
  writeConf,
} from "../../../tools/testbed/containerd.ts";
import { until } from "../../../tools/testbed/etcd.ts";
import { suiteOfOne } from "../../../tools/testbed/executables.ts";
import { effects, leftovers, records } from "../../../tools/testbed/leftovers.ts";
import { define, hawser, networksAnnotation } from "../../../tools/testbed/networks.ts";
import {
  addPlugin,
  addWitnessed,
  answer,
  awaitFile,
  callNames,
  calls,
  failWith,
  makeEffect,
  removeEffect,
  sleepS,
  someResult,
  wellBehaved,
} from "../../../tools/testbed/script-plugin.ts";

/** Faults around a pod in a real containerd: configurations change, plugins fail, deadlines pass. */

const web = { name: "web", annotations: { [networksAnnotation]: "blue" } };
const outOfLuck = [makeEffect, failWith(999, "out of luck")];
const pastTheEnd = wellBehaved(
  someResult({ cniVersion: "1.0.0", ips: [{ address: "10.9.0.5/24", interface: 1 }] }),
);

/** What plugins have made and not removed, and our records. */
function left(bed: Bed): string[] {
  return [...effects(bed), ...records(bed)];
}

for (const binary of containerdBinaries()) {
  suiteOfOne(`${binary.name}: what goes wrong`, ["root", "containerd"], (executable) => {
    const bed = useBed({ node: true });
    const containerd = useContainerd(bed, binary);

    /**
     * Starts a node with the primary `main` and the network `blue` of `side`. Both keep a file for each interface that they
     * have made.
     */
    async function start(): Promise<Containerd> {
      const runtime = await containerd();
      addWitnessed(bed(), executable);
      for (const type of ["main", "side"]) addPlugin(bed(), type);
      define(bed(), "blue", { cniVersion: "1.0.0", name: "blue", type: "side" });
      writeConf(bed(), "10-pods.conf", configuration(runtime));
      await runtime.awaitNetworks(["pods"]);
      return runtime;
    }

    function configuration({ cniVersion }: Containerd, more: object = {}): object {
      return hawser(bed(), { cniVersion, delegate: { type: "main" }, ...more });
    }

    async function startWeb(runtime: Containerd): Promise<string> {
      const id = await runtime.runPod(web);
      expect(effects(bed())).toEqual([`main@${id}@eth0`, `side@${id}@net1`]);
      return id;
    }

    /** The error that the kubelet gets. */
    function failure(runtime: Containerd): Promise<string> {
      return runtime.runPod(web).then((id) => `it has started: ${id}`, String);
    }

    function dels(): readonly (readonly [name: unknown, netns: string | undefined, told: boolean])[] {
      const own = calls(bed()).filter(({ type, verb }) => type === "hawser" && verb === "DEL");
      return own.map(({ config, env }) => [config.name, env.CNI_NETNS, "prevResult" in config]);
    }

    test("the configuration is swapped while a pod runs: its DELs come to the new network, and what is deleted is the old one's", async () => {
      const runtime = await start();
      const id = await startWeb(runtime);
      addPlugin(bed(), "other");
      fs.rmSync(join(bed().confDir, "10-pods.conf"));
      writeConf(bed(), "10-new.conf", configuration(runtime, { name: "new", delegate: { type: "other" } }));
      await runtime.awaitNetworks(["new"]);
      await runtime.cri.stop(id);
      expect(leftovers(bed(), id)).toEqual([]);
      await runtime.cri.remove(id);
      expect(dels()).toEqual([
        ["new", expect.stringContaining("/netns/"), false],
        ["new", "", false],
      ]);
    });

    test.each([
      ["gone", undefined],
      ["torn", `{"cniVersion": "1.0.0", "name": "pods", "ty`],
    ])(
      "the configuration is %s: nobody is sent a DEL until there is one again, under any name",
      async (_case, text) => {
        const runtime = await start();
        const id = await startWeb(runtime);
        if (text === undefined) fs.rmSync(join(bed().confDir, "10-pods.conf"));
        else writeConf(bed(), "10-pods.conf", text);
        await runtime.awaitNetworks([]);
        await expect(runtime.cri.stop(id)).rejects.toThrow("cni plugin not initialized");
        expect(dels()).toEqual([]);
        fs.rmSync(join(bed().confDir, "10-pods.conf"), { force: true });
        writeConf(bed(), "20-pods.conf", configuration(runtime));
        await runtime.awaitNetworks(["pods"]);
        await runtime.cri.stop(id);
        await runtime.cri.remove(id);
        expect(leftovers(bed(), id)).toEqual([]);
      },
    );

    test("a network fails: the kubelet reads why, and nothing is left", async () => {
      const runtime = await start();
      addPlugin(bed(), "side", { ADD: outOfLuck, DEL: [removeEffect] });
      const failed = await failure(runtime);
      expect(failed).toContain("attach secondary network default/blue (net1)");
      expect(failed).toContain("out of luck");
      expect(dels()).toHaveLength(1);
      expect(left(bed())).toEqual([]);
      expect(await runtime.cri.list()).toEqual([]);
    });

    // containerd 2 forgets such a sandbox at once, and never calls DEL for it again.
    test("a network fails, and containerd's DEL with it: the ADD has undone itself", async () => {
      const runtime = await start();
      addWitnessed(bed(), executable, { DEL: [failWith(999, "no DEL today")] });
      addPlugin(bed(), "side", { ADD: outOfLuck, DEL: [removeEffect] });
      expect(await failure(runtime)).toContain("out of luck");
      expect(dels()).toHaveLength(1);
      expect(left(bed())).toEqual([]);
    });

    test("a network fails, and so does its own DEL: what is left is on record, and GC takes it away", async () => {
      const runtime = await start();
      addPlugin(bed(), "side", { ADD: outOfLuck, DEL: [failWith(999, "it is in use")] });
      const failed = await failure(runtime);
      expect(failed).toContain("out of luck");
      expect(failed).toContain("it is in use");
      expect(left(bed())).toEqual([
        expect.stringMatching(/^side@\w+@net1$/),
        expect.stringMatching(/^pods\/\w+@eth0\.json$/),
      ]);
      addPlugin(bed(), "side");
      const list = { cniVersion: "1.1.0", "cni.dev/valid-attachments": [] };
      const env = { CNI_COMMAND: "GC", CNI_PATH: "/opt/cni/bin" };
      const gc = JSON.stringify(configuration(runtime, list));
      expectSilence(await runtime.run(["/opt/cni/bin/hawser"], env, gc));
      expect(left(bed())).toEqual([]);
    });

    test("an address on an interface past the last: an error of ours, and containerd lives on", async () => {
      const runtime = await start();
      addPlugin(bed(), "main", pastTheEnd);
      expect(await failure(runtime)).toContain("ips[0].interface is 1");
      expect(left(bed())).toEqual([]);
      addPlugin(bed(), "main");
      await startWeb(runtime);
    });

    test("the same answer straight from a plugin ends containerd: what the test above shows is needed", async () => {
      const runtime = await start();
      addPlugin(bed(), "rogue", pastTheEnd);
      writeConf(bed(), "00-rogue.conf", { cniVersion: "1.0.0", name: "rogue", type: "rogue" });
      await runtime.awaitNetworks(["rogue"]);
      await expect(runtime.runPod(web)).rejects.toThrow("UNAVAILABLE");
      expect(runtime.log()).toContain("index out of range [1] with length 1");
    });

    test.each<[string, (go: string) => readonly string[]]>([
      ["hangs before its effect", () => [sleepS(600), makeEffect, answer(someResult())]],
      ["hangs after its effect", () => [makeEffect, sleepS(600), answer(someResult())]],
      ["finishes while DEL is there", (go) => [awaitFile(go), makeEffect, answer(someResult())]],
    ])(
      "the kubelet gives up while a delegate %s: we alone are killed, and DEL leaves nothing",
      async (_case, lines) => {
        const runtime = await start();
        const go = join(bed().root, "go");
        addPlugin(bed(), "side", { ADD: lines(go), DEL: [removeEffect] });
        const kubelet = new AbortController();
        const started = runtime.runPod(web, kubelet.signal);
        await until("the delegate runs", async () => callNames(bed()).includes("ADD side net1"));
        kubelet.abort();
        await expect(started).rejects.toThrow("CANCELLED");
        await until("DEL has come", async () => dels().length > 0);
        fs.writeFileSync(go, "");
        await until("DEL has ended", async () => left(bed()).length === 0);
        await until("nothing runs on", async () => processesOf(bed(), "CNI_CONTAINERID").length === 0);
        // DEL has undone the steps. An undo by the killed ADD would have come before DEL.
        const order = ["ADD side net1", "DEL hawser eth0", "DEL side net1", "DEL main eth0"];
        expect(callNames(bed()).slice(-4)).toEqual(order);
        addPlugin(bed(), "side");
        const id = await runtime.runPod({ ...web, attempt: 1 });
        expect(effects(bed())).toEqual([`main@${id}@eth0`, `side@${id}@net1`]);
      },
    );

    test("a configuration of CNI 1.1.0 alone: a containerd that does not know it starts no pod, and nothing is left", async () => {
      const runtime = await start();
      writeConf(bed(), "10-pods.conf", configuration(runtime, { name: "newer", cniVersion: "1.1.0" }));
      await runtime.awaitNetworks(["newer"]);
      if (runtime.cniVersion === "1.1.0") {
        await startWeb(runtime);
        return;
      }
      expect(await failure(runtime)).toContain(`unsupported CNI result version "1.1.0"`);
      expect(left(bed())).toEqual([]);
    });

    test("a list that names both versions: each containerd takes the newest that it knows", async () => {
      const runtime = await start();
      const { cniVersion: _version, name: _name, ...plugin } = hawser(bed(), { delegate: { type: "main" } });
      const versions = { cniVersion: "1.0.0", cniVersions: ["1.0.0", "1.1.0"] };
      writeConf(bed(), "00-both.conflist", { ...versions, name: "both", plugins: [plugin] });
      await runtime.awaitNetworks(["both"]);
      await startWeb(runtime);
      const add = calls(bed()).find(({ type, verb }) => type === "hawser" && verb === "ADD");
      expect(add?.config).toMatchObject({ name: "both", cniVersion: runtime.cniVersion });
    });

    test("STATUS: what a delegate says is the node's condition, from containerd 2.0 on", async () => {
      const runtime = await start();
      const network = async (): Promise<object | undefined> =>
        (await runtime.cri.conditions()).find(({ type }) => type === "NetworkReady");
      expect(await network()).toMatchObject({ status: true });
      addPlugin(bed(), "main", { ...wellBehaved(), STATUS: [failWith(51, "no route to the fabric")] });
      if (runtime.cniVersion === "1.0.0") {
        expect(await network()).toMatchObject({ status: true });
        expect(callNames(bed()).filter((name) => name.startsWith("STATUS"))).toEqual([]);
        return;
      }
      const message = expect.stringContaining("no route to the fabric");
      expect(await network()).toMatchObject({ status: false, message });
    });
  });
}
