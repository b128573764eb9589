import * as fs from "node:fs";
import { expect, test } from "vitest";
import { addNamespace, useBed } from "../../../tools/testbed/bed.ts";
import { call } from "../../../tools/testbed/call.ts";
import {
  type Containerd,
  containerdBinaries,
  useContainerd,
  writeConf,
} from "../../../tools/testbed/containerd.ts";
import { suiteOfOne } from "../../../tools/testbed/executables.ts";
import { linkNames } from "../../../tools/testbed/kernel-state.ts";
import { leftovers, records } from "../../../tools/testbed/leftovers.ts";
import {
  annotated,
  annotationsCapability,
  bridge,
  define,
  flatBridge,
  hawser,
  networksAnnotation,
  referenceVersion,
} from "../../../tools/testbed/networks.ts";

/**
 * `hawser gc` beside a real containerd, which never asks for GC. It is tried with the socket, and with a list as crictl
 * prints it.
 */

for (const binary of containerdBinaries()) {
  suiteOfOne(`${binary.name}: hawser gc`, ["root", "containerd", "bridge", "host-local"], (executable) => {
    const bed = useBed({ node: true });
    const containerd = useContainerd(bed, binary);

    function configuration({ cniVersion }: Containerd): object {
      const delegate = { cniVersion: referenceVersion(), name: "pods", plugins: [bridge(bed(), 51)] };
      return hawser(bed(), { cniVersion, delegate, capabilities: { [annotationsCapability]: true } });
    }

    /** A pod of containerd's, one on the node's own network, and one whose DEL never came. */
    async function start() {
      const runtime = await containerd();
      fs.copyFileSync(executable.path, `${bed().binDir}/hawser`);
      fs.symlinkSync("hawser", `${bed().binDir}/hawser-flat`);
      define(bed(), "storage", flatBridge(bed(), executable, 52));
      const config = configuration(runtime);
      writeConf(bed(), "10-pods.conf", config);
      await runtime.awaitNetworks(["pods"]);
      const lives = await runtime.runPod({ name: "web", annotations: { [networksAnnotation]: "storage" } });
      await runtime.runPod({ name: "proxy", hostNetwork: true });
      const gone = addNamespace(bed());
      const about = {
        verb: "ADD",
        containerId: "gone",
        netns: gone.path,
        config: annotated(config, "storage"),
      } as const;
      expect(await call(bed(), executable, about)).toMatchObject({ exitCode: 0 });
      const hawserGc = (args: readonly string[], stdin = "") =>
        runtime.run(["/opt/cni/bin/hawser", "gc", ...args], {}, stdin);
      return { runtime, lives, gone, hawserGc };
    }

    test("by its socket, after a look at what would go; the pod that lives keeps its networks", async () => {
      const { runtime, lives, gone, hawserGc } = await start();
      const young = await hawserGc(["--dry-run"]);
      expect(young).toMatchObject({
        exitCode: 0,
        stdout: expect.stringMatching(/gone .*left: it is younger than 300 s/),
      });
      const look = await hawserGc(["--dry-run", "--min-age", "0"]);
      expect(look).toMatchObject({
        exitCode: 0,
        stdout: expect.stringMatching(/gone +eth0 .*would be deleted/),
      });
      expect(look.stdout).not.toContain(lives.slice(0, 12));
      expect(linkNames(gone.name)).toEqual(["eth0", "net1"]);
      const done = await hawserGc(["--min-age", "0"]);
      expect(done).toMatchObject({ exitCode: 0, stdout: expect.stringContaining("Deleted 1 attachment.") });
      // A sandbox on the node's network does not keep GC from collecting any network.
      expect(done.stderr).toBe("");
      expect(records(bed()).join()).toContain(lives);
      expect(records(bed()).join()).not.toContain("gone");
      const { netns } = await runtime.cri.status(lives);
      expect(linkNames(runtime.path(netns))).toEqual(["eth0", "net1"]);
      await runtime.cri.stop(lives);
      expect([...leftovers(bed(), lives), ...leftovers(bed(), "gone")]).toEqual([]);
    });

    test("the way back: what attachments -q names is the runtime's to remove, and then --wait returns", async () => {
      const { runtime, lives, hawserGc } = await start();
      expect(await hawserGc(["--min-age", "0"])).toMatchObject({ exitCode: 0 });
      const own = (...args: string[]) =>
        runtime.run(["/opt/cni/bin/hawser", "attachments", "--state-dir", bed().stateDir, ...args]);
      const named = await own("-q");
      expect(named).toMatchObject({ exitCode: 0, stdout: `${lives}\n` });
      expect(await own("--wait", "10ms")).toMatchObject({ exitCode: 1 });
      const waiting = own("--wait", "60s");
      for (const id of named.stdout.split("\n").filter((line) => line !== "")) {
        await runtime.cri.stop(id);
        await runtime.cri.remove(id);
      }
      expect(await waiting).toMatchObject({ exitCode: 0 });
      expect(leftovers(bed(), lives)).toEqual([]);
    });

    test("by a list, as crictl pods -q prints it", async () => {
      const { runtime, lives, hawserGc } = await start();
      const list = (await runtime.cri.list()).join("\n");
      expect(await hawserGc(["--valid", "-"], `${list}\n`)).toMatchObject({ exitCode: 0 });
      expect(records(bed()).join()).not.toContain("gone");
      await runtime.cri.stop(lives);
      expect([...leftovers(bed(), lives), ...leftovers(bed(), "gone")]).toEqual([]);
    });
  });
}
