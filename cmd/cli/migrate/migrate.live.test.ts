import * as fs from "node:fs";
import { dirname, join } from "node:path";
import { expect, test } from "vitest";
import { addNamespace, type BedNamespace, useBed } from "../../../tools/testbed/bed.ts";
import { answerOf, call, expectSilence, startProgram } from "../../../tools/testbed/call.ts";
import { pluginDir, suite } from "../../../tools/testbed/executables.ts";
import { linkNames } from "../../../tools/testbed/kernel-state.ts";
import { addresses, leftovers, records } from "../../../tools/testbed/leftovers.ts";
import { bridge, hawser, podArgs } from "../../../tools/testbed/networks.ts";

/**
 * Hawser takes over, checks and deletes a pod. The test has attached it as Multus does: with its delegates and its
 * files.
 */

const networkName = "multus-cni-network";
const bytes = (value: unknown): string => Buffer.from(JSON.stringify(value)).toString("base64");

suite("hawser migrate multus", ["root", "bridge", "host-local"], (executable) => {
  const bed = useBed({ node: true });

  function write(path: string, content: unknown): void {
    fs.mkdirSync(dirname(path), { recursive: true });
    fs.writeFileSync(path, JSON.stringify(content));
  }

  /** Does what Multus does on ADD: calls the delegates, and writes the cache. */
  async function attachByMultus(
    networks: readonly Record<string, unknown>[],
    pod: BedNamespace,
  ): Promise<void> {
    const plugin = { ...executable, path: join(pluginDir, "bridge") };
    const cniDir = join(bed().root, "multus");
    for (const [index, config] of networks.entries()) {
      const ifname = index === 0 ? "eth0" : `net${index}`;
      const operation = { verb: "ADD", config, netns: pod.path, ifname, args: podArgs } as const;
      const result = answerOf(await call(bed(), plugin, operation));
      const cniArgs = podArgs.split(";").map((pair) => pair.split("="));
      const about = { kind: "cniCacheV1", containerId: "c1", ifName: ifname, networkName: config.name };
      const cached = { ...about, config: bytes(config), netns: pod.path, cniArgs, result };
      write(join(cniDir, `results/${String(config.name)}-c1-${ifname}`), cached);
    }
    write(
      join(cniDir, "c1"),
      networks.map((config) => ({ Conf: {}, ConfList: {}, Name: config.name, Bytes: bytes(config) })),
    );
  }

  async function migrate(): Promise<Record<string, unknown>> {
    const { confDir, stateDir, root } = bed();
    const folders = ["--conf-dir", confDir, "--state-dir", stateDir, "--results", join(root, "results")];
    const argv = [executable.path, "migrate", "multus", ...folders, "--take-over", "--yes", "--json"];
    const { exitCode, stdout, stderr } = await startProgram(bed(), argv, {}, "").ended;
    expect({ exitCode, stderr }).toEqual({ exitCode: 0, stderr: "" });
    return JSON.parse(stdout) as Record<string, unknown>;
  }

  test.each(["multus", "hawser"])("its DEL works under a configuration of type %s", async (type) => {
    const pod = addNamespace(bed());
    const networks = [
      { ...bridge(bed(), 91), name: "cluster" },
      { ...bridge(bed(), 92), name: "storage" },
    ];
    await attachByMultus(networks, pod);
    expect(linkNames(pod.name)).toEqual(["eth0", "net1"]);
    const multus = { cniVersion: "1.1.0", name: networkName, type: "multus", delegates: networks };
    write(join(bed().confDir, "00-multus.conf"), { ...multus, cniDir: join(bed().root, "multus") });

    const { attachments, configuration } = await migrate();
    expect(attachments).toEqual([
      {
        containerId: "c1",
        pod: "default/web",
        interfaces: [
          { ifname: "eth0", network: "cluster" },
          { ifname: "net1", network: "storage" },
        ],
        verdict: "new",
      },
    ]);
    expect(records(bed())).toEqual([`${networkName}/c1@eth0.json`]);

    const { stateDir } = bed();
    const own = { ...hawser(bed()), ...(configuration as object), networks: [], stateDir };
    const config = type === "multus" ? { ...multus, stateDir } : own;
    expectSilence(await call(bed(), executable, { verb: "DEL", config, netns: pod.path, args: podArgs }));
    expect(linkNames(pod.name)).toEqual([]);
    expect(addresses(bed())).toEqual([]);
    expect(leftovers(bed())).toEqual([]);
  });
});
