import { execFileSync } from "node:child_process";
import * as fs from "node:fs";
import { expect, test } from "vitest";
import { type Bed, useBed } from "../../../tools/testbed/bed.ts";
import { type Ended, expectSilence } from "../../../tools/testbed/call.ts";
import {
  type Containerd,
  containerdBinaries,
  useContainerd,
  writeConf,
} from "../../../tools/testbed/containerd.ts";
import { type Executable, suite } from "../../../tools/testbed/executables.ts";
import { linkNames, links } from "../../../tools/testbed/kernel-state.ts";
import { addresses, leftovers, records } from "../../../tools/testbed/leftovers.ts";
import {
  annotationsCapability,
  bridge,
  define,
  flatBridge,
  hawser,
  macvlan,
  networksAnnotation,
  referenceVersion,
} from "../../../tools/testbed/networks.ts";
import { pauseImage } from "../../../tools/testbed/pause-image.ts";
import { addWitnessed, calls, type SeenCall } from "../../../tools/testbed/script-plugin.ts";

/** A pod's life in a real containerd, as the kubelet drives it. The test calls only the CRI and ctr. */

const reference = ["root", "containerd", "bridge", "macvlan", "host-local", "portmap"] as const;
const networks = { [networksAnnotation]: "storage,lan@data0" };

/** Defines two networks on disk: a bridge with addresses that stay, and a macvlan with the reference's IPAM plugin. */
function defineNetworks(bed: Bed, executable: Executable): void {
  define(bed, "storage", flatBridge(bed, executable, 52));
  const host = { type: "host-local", dataDir: bed.dataDir, ranges: [[{ subnet: "10.53.0.0/24" }]] };
  define(bed, "lan", macvlan("", { ipam: host }));
}

/** The calls that containerd has made to hawser for a sandbox, in order. */
function operations(bed: Bed, id: string): SeenCall[] {
  return calls(bed).filter(({ type, env }) => type === "hawser" && env.CNI_CONTAINERID === id);
}

async function namespaceOf({ cri, path }: Containerd, id: string): Promise<string> {
  return path((await cri.status(id)).netns);
}

for (const binary of containerdBinaries()) {
  suite(`${binary.name}: a pod's life`, reference, (executable) => {
    const bed = useBed({ node: true });
    const containerd = useContainerd(bed, binary);

    /** Starts a node on which hawser owns the primary: a bridge with portmap behind it. */
    async function startOwner(more: object = {}): Promise<Containerd> {
      const runtime = await containerd();
      addWitnessed(bed(), executable);
      defineNetworks(bed(), executable);
      const { cniVersion } = runtime;
      const portmap = { type: "portmap", capabilities: { portMappings: true } };
      const plugins = [bridge(bed(), 51), portmap];
      const delegate = { cniVersion: referenceVersion(), name: "pods", plugins };
      const capabilities = { [annotationsCapability]: true, portMappings: true };
      writeConf(bed(), "10-pods.conf", hawser(bed(), { cniVersion, delegate, capabilities, ...more }));
      await runtime.awaitNetworks(["pods"]);
      return runtime;
    }

    test("its annotation names two networks: three interfaces, eth0's address is the pod's; nothing is left", async () => {
      const runtime = await startOwner();
      const id = await runtime.runPod({ name: "web", annotations: networks });
      expect((await runtime.cri.status(id)).ips).toEqual(["10.51.0.2"]);
      const inPod = links(await namespaceOf(runtime, id));
      const shown = inPod.map(({ name, addresses: [address] }) => [name, address?.replace(/\.\d+\//, ".x/")]);
      expect(Object.fromEntries(shown)).toEqual({
        eth0: "10.51.0.x/24",
        net1: "10.52.0.x/24",
        data0: "10.53.0.x/24",
      });

      await runtime.cri.stop(id);
      await runtime.cri.remove(id);
      expect(leftovers(bed(), id)).toEqual([]);
      expect(await runtime.cri.list()).toEqual([]);
      const [add, ...dels] = operations(bed(), id);
      expect(add).toMatchObject({ verb: "ADD", ifname: "eth0" });
      const args = add?.env.CNI_ARGS?.split(";") ?? [];
      expect(args).toEqual(expect.arrayContaining(["K8S_POD_NAMESPACE=default", "K8S_POD_NAME=web"]));
      expect(add?.config.runtimeConfig).toMatchObject({ [annotationsCapability]: networks });
      // RemovePodSandbox sends the second DEL. It finds neither a namespace nor a record.
      expect(dels.map(({ verb, env }) => [verb, env.CNI_NETNS])).toEqual([
        ["DEL", add?.env.CNI_NETNS],
        ["DEL", ""],
      ]);
      expect(dels.map(({ config }) => "prevResult" in config)).toEqual([true, false]);
    });

    test("a pod without annotations: the primary alone, and a host port at its address", async () => {
      const runtime = await startOwner();
      const portMappings = [{ containerPort: 80, hostPort: 8080 }];
      const id = await runtime.runPod({ name: "plain", portMappings });
      const asked = operations(bed(), id)[0]?.config;
      // If the pod has no annotations, the runtime passes null. That is no reason to ask the API.
      expect(asked).toHaveProperty(["runtimeConfig", annotationsCapability], null);
      expect(linkNames(await namespaceOf(runtime, id))).toEqual(["eth0"]);
      const rules = await runtime.run(["iptables", "-t", "nat", "-S"]);
      expect(rules.stdout).toContain("--dport 8080 -j DNAT --to-destination 10.51.0.2:80");
      await runtime.cri.remove(id);
      expect(leftovers(bed(), id)).toEqual([]);
      expect((await runtime.run(["iptables", "-t", "nat", "-S"])).stdout).not.toContain("10.51.0.2:80");
    });

    test("eight pods at once, and at once their ends: no address twice, nothing left", async () => {
      const runtime = await startOwner();
      const names = Array.from({ length: 8 }, (_, index) => `web-${index}`);
      const ids = await Promise.all(names.map((name) => runtime.runPod({ name, annotations: networks })));
      const all = await Promise.all(ids.map(async (id) => links(await namespaceOf(runtime, id))));
      expect(all.map((list) => list.map(({ name }) => name).sort())).toEqual(
        Array(8).fill(["data0", "eth0", "net1"]),
      );
      expect(new Set(all.flat().map((link) => link.addresses[0])).size).toBe(24);
      const told = await Promise.all(ids.map(async (id) => (await runtime.cri.status(id)).ips));
      const eth0 = all.map((list) => list.find(({ name }) => name === "eth0")?.addresses ?? []);
      expect(told).toEqual(eth0.map((list) => list.map((address) => address.replace("/24", ""))));
      expect(records(bed())).toHaveLength(8);
      await Promise.all(ids.map((id) => runtime.cri.stop(id)));
      await Promise.all(ids.map((id) => runtime.cri.remove(id)));
      for (const id of ids) expect(leftovers(bed(), id)).toEqual([]);
    });

    test("a pod's next sandbox, of another container ID, has its addresses of hawser-flat again", async () => {
      const runtime = await startOwner();
      const addressOf = async (id: string): Promise<unknown> =>
        links(await namespaceOf(runtime, id)).find(({ name }) => name === "net1")?.addresses;
      const first = await runtime.runPod({ name: "db-0", annotations: networks });
      const before = await addressOf(first);
      await runtime.cri.remove(first);
      const neighbour = await runtime.runPod({ name: "db-1", annotations: networks });
      const second = await runtime.runPod({ name: "db-0", annotations: networks });
      expect(await addressOf(second)).toEqual(before);
      expect(await addressOf(neighbour)).not.toEqual(before);
    });

    test("CHECK straight after ADD, which containerd never asks for, with the result that its libcni keeps", async () => {
      const runtime = await startOwner();
      const id = await runtime.runPod({ name: "web", annotations: networks });
      const add = operations(bed(), id)[0];
      const cached = fs.readFileSync(runtime.path(`/var/lib/cni/results/pods-${id}-eth0`), "utf8");
      const { result } = JSON.parse(cached) as { result: object };
      const check = (): Promise<Ended> =>
        runtime.run(
          ["/opt/cni/bin/hawser"],
          { ...add?.env, CNI_COMMAND: "CHECK" },
          JSON.stringify({ ...add?.config, prevResult: result }),
        );
      expectSilence(await check());
      const netns = await namespaceOf(runtime, id);
      execFileSync("nsenter", [`--net=${netns}`, "ip", "address", "flush", "dev", "net1"]);
      const ended = await check();
      expect(ended.exitCode).toBe(1);
      expect(ended.stdout).toContain("secondary network default/storage (net1)");
    });

    test("chained behind a primary that stays its own: its result is the pod's, ours are beside it", async () => {
      const runtime = await containerd();
      addWitnessed(bed(), executable);
      defineNetworks(bed(), executable);
      const { cniVersion: _own, name: _name, ...last } = hawser(bed());
      const { cniVersion: _its, ...primary } = bridge(bed(), 51);
      const portmap = { type: "portmap", capabilities: { portMappings: true } };
      const list = { cniVersion: referenceVersion(), name: "cluster", plugins: [primary, portmap, last] };
      const { cniVersion } = runtime;
      writeConf(bed(), "10-cluster.conflist", { ...list, cniVersion });
      await runtime.awaitNetworks(["cluster"]);
      const id = await runtime.runPod({ name: "web", annotations: networks });
      expect((await runtime.cri.status(id)).ips).toEqual(["10.51.0.2"]);
      expect(linkNames(await namespaceOf(runtime, id))).toEqual(["data0", "eth0", "net1"]);
      expect(operations(bed(), id)[0]?.config).toHaveProperty("prevResult");
      await runtime.cri.stop(id);
      await runtime.cri.remove(id);
      expect(operations(bed(), id).map(({ verb, env }) => [verb, env.CNI_NETNS !== ""])).toEqual([
        ["ADD", true],
        ["DEL", true],
        ["DEL", false],
      ]);
      expect(leftovers(bed(), id)).toEqual([]);
    });

    test("ctr run --cni: neither CNI_ARGS nor capabilities; the networks of the configuration", async () => {
      const runtime = await startOwner({ networks: ["storage"] });
      const flags = ["--rm", "--cni", "--snapshotter", "native", "--cgroup", ""];
      const ended = await runtime.ctr([
        "-n",
        "k8s.io",
        "run",
        ...flags,
        pauseImage,
        "box",
        "ip",
        "-o",
        "addr",
      ]);
      expect(ended).toMatchObject({ exitCode: 0 });
      expect(ended.stdout).toMatch(/eth0 +inet 10\.51\.0\.2\/24/);
      expect(ended.stdout).toMatch(/net1 +inet 10\.52\.0\.\d+\/24/);
      const own = calls(bed()).filter(({ type, verb }) => type === "hawser" && verb !== "STATUS");
      const netns = expect.stringMatching(/^\/proc\/\d+\/ns\/net$/);
      expect(own.map(({ verb, env }) => [verb, env.CNI_ARGS, env.CNI_NETNS])).toEqual([
        ["ADD", "", netns],
        ["DEL", "", ""],
      ]);
      expect(own[0]?.config).not.toHaveProperty("runtimeConfig");
      expect(addresses(bed())).toEqual([]);
      expect(records(bed())).toEqual([]);
    });
  });
}
