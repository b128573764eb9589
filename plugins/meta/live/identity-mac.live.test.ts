import { execFileSync } from "node:child_process";
import * as fs from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test, vi } from "vitest";
import { addNamespace, type BedNamespace, removeNamespace, useBed } from "../../../tools/testbed/bed.ts";
import {
  answerOf,
  call,
  type Ended,
  errorOf,
  expectSilence,
  type Running,
  start,
} from "../../../tools/testbed/call.ts";
import { type EtcdCluster, etcdBinaries, startEtcd } from "../../../tools/testbed/etcd.ts";
import { suite } from "../../../tools/testbed/executables.ts";
import { expectKernelState, links, type PrintedResult } from "../../../tools/testbed/kernel-state.ts";
import { leftovers } from "../../../tools/testbed/leftovers.ts";
import { annotated, define, hawser } from "../../../tools/testbed/networks.ts";
import {
  addPlugin,
  callNames,
  calls,
  failWith,
  sleepS,
  wellBehaved,
} from "../../../tools/testbed/script-plugin.ts";

/** With hawser-flat and a network that declares `mac`, a StatefulSet's pod keeps its address and its MAC address for ever. */

type Store = "a folder" | "etcd";
const dual = [[{ subnet: "10.77.0.0/24" }], [{ subnet: "fd00:77::/64" }]];
const mac = { mac: true };
/** Main plugins, each with the other plugins of its chain. */
const mains: Readonly<Record<string, (ipam: object) => object>> = {
  bridge: (ipam) => ({ type: "bridge", bridge: "br77", capabilities: mac, ipam }),
  macvlan: (ipam) => ({ type: "macvlan", master: "uplink0", mode: "bridge", capabilities: mac, ipam }),
  "bridge with tuning": (ipam) => ({
    plugins: [
      { type: "bridge", bridge: "br77", ipam },
      { type: "tuning", capabilities: mac },
    ],
  }),
};

const etcdBinary = etcdBinaries().at(-1);
const stores: Store[] = etcdBinary === undefined ? ["a folder"] : ["a folder", "etcd"];

suite("the MAC address of a pod's identity", ["root", "bridge", "macvlan"], (executable) => {
  const bed = useBed({ node: true });
  let etcd: EtcdCluster | undefined;
  beforeAll(async () => {
    if (etcdBinary !== undefined) etcd = await startEtcd(etcdBinary);
  });
  afterAll(async () => etcd?.stop());

  const ipamOf = (store: Store, more: object = {}): object => ({
    type: "hawser-flat",
    ranges: dual,
    pool: bed().root.slice(1).replaceAll("/", "-"),
    node: "node1",
    journalDir: join(bed().root, "journal"),
    store: store === "etcd" ? { etcd: { endpoints: etcd?.endpoints } } : { dir: join(bed().root, "store") },
    ...more,
  });

  /** Defines the network. Its etcd is in the test's own network namespace, and the node is in another. */
  function networkOf(plugins: object): void {
    const link = join(bed().root, "hawser-flat");
    if (!fs.existsSync(link)) fs.symlinkSync(executable.path, link);
    const text = `#!/bin/sh\nexec nsenter --net=/proc/${process.pid}/ns/net ${link}\n`;
    fs.writeFileSync(join(bed().binDir, "hawser-flat"), text, { mode: 0o755 });
    define(bed(), "data", { cniVersion: "1.0.0", name: "data", ...plugins });
  }

  interface About {
    readonly pod: string;
    readonly containerId: string;
    readonly namespace: BedNamespace;
    readonly asked?: object;
    readonly more?: object;
  }

  const argsOf = ({ pod, containerId }: About): string =>
    `IgnoreUnknown=1;K8S_POD_NAMESPACE=default;K8S_POD_NAME=${pod};K8S_POD_UID=u-${containerId}`;

  const perform = (verb: "ADD" | "DEL" | "CHECK", about: About): Promise<Ended> => begin(verb, about).ended;

  function begin(verb: "ADD" | "DEL" | "CHECK", about: About): Running {
    const { containerId, namespace, asked = {}, more = {} } = about;
    const config = hawser(bed(), { delegate: { type: "main" }, ...more });
    addPlugin(bed(), "main", { ADD: ['printf \'{"cniVersion":"1.1.0"}\''] });
    return start(bed(), executable, {
      verb,
      config: { ...annotated(config, JSON.stringify([{ name: "data", ...asked }])), ...more },
      containerId,
      netns: namespace.path,
      args: argsOf(about),
    });
  }

  function cli(args: readonly string[]): string {
    const config = join(bed().definitionsDir, "default", "data.conf");
    const where = ["--config", fs.existsSync(config) ? config : `${config}list`];
    return execFileSync(executable.path, ["ipam", ...args, ...where], { encoding: "utf8" });
  }
  const predicted = (ifname = "net1"): { mac: string; addresses: { address: string }[] } =>
    JSON.parse(cli(["predict", `default/db-0/${ifname}`, "--json"]));
  const holdings = (): { containerId: string; mac: string }[] =>
    JSON.parse(cli(["list", "--state", "used", "--json"])).holdings;
  const used = (): string[] => holdings().map(({ containerId }) => containerId);
  const macs = (): string[] =>
    holdings()
      .map(({ mac: each }) => each)
      .toSorted();
  const linkOf = ({ name }: BedNamespace) => links(name).find((link) => link.name === "net1");

  describe.each(stores)("the pool in %s", (store) => {
    test.each(Object.keys(mains))("%s: db-0 is made four times, with both each time", async (main) => {
      networkOf(mains[main]?.(ipamOf(store)) ?? {});
      const { mac: own, addresses } = predicted();
      const expected = {
        mac: own,
        addresses: addresses.map(({ address }) => expect.stringContaining(address)),
      };
      for (const containerId of ["c1", "c2", "c3"]) {
        const one = { pod: "db-0", containerId, namespace: addNamespace(bed()) };
        const result = answerOf<PrintedResult>(await perform("ADD", one));
        expectKernelState(bed(), one.namespace, result);
        expect(linkOf(one.namespace), containerId).toMatchObject(expected);
        expectSilence(await perform("CHECK", { ...one, more: { prevResult: result } }));
        const other = {
          pod: `web-${containerId}`,
          containerId: `w${containerId}`,
          namespace: addNamespace(bed()),
        };
        answerOf(await perform("ADD", other));
        expect(linkOf(other.namespace)?.mac).not.toBe(own);
        expectSilence(await perform("DEL", one));
      }
      expect(predicted()).toMatchObject({ mac: own, basis: "recorded" });
    });

    test("bridge: the next sandbox comes before the DEL of the former", async () => {
      networkOf(mains.bridge?.(ipamOf(store)) ?? {});
      const old = { pod: "db-0", containerId: "c1", namespace: addNamespace(bed()) };
      const next = { pod: "db-0", containerId: "c2", namespace: addNamespace(bed()) };
      answerOf(await perform("ADD", old));
      const before = linkOf(old.namespace);
      answerOf(await perform("ADD", next));
      expectSilence(await perform("DEL", old));
      expect(linkOf(next.namespace)).toEqual(before);
      expect(leftovers(bed(), "c1")).toEqual([]);
      expectSilence(await perform("DEL", next));
    });
  });

  test("the pod's first network, with IPv6 alone", async () => {
    const ranges = [[{ subnet: "fd00:78::/64" }]];
    const delegate = { cniVersion: "1.0.0", ...mains.bridge?.(ipamOf("a folder", { ranges })) };
    networkOf(delegate);
    const macs: (string | undefined)[] = [];
    for (const containerId of ["c1", "c2"]) {
      const one = { pod: "db-0", containerId, namespace: addNamespace(bed()), more: { delegate } };
      const config = { ...hawser(bed(), { delegate }) };
      const operation = { config, containerId, netns: one.namespace.path, args: argsOf(one) };
      const result = answerOf<PrintedResult>(await call(bed(), executable, { verb: "ADD", ...operation }));
      expectKernelState(bed(), one.namespace, result);
      macs.push(links(one.namespace.name).find(({ name }) => name === "eth0")?.mac);
      expectSilence(await call(bed(), executable, { verb: "DEL", ...operation }));
    }
    expect(macs).toEqual([predicted("eth0").mac, predicted("eth0").mac]);
  });

  test.each(Object.keys(mains))(
    "%s: what the pod asks for wins, is told, and is nobody else's",
    async (main) => {
      networkOf(mains[main]?.(ipamOf("a folder")) ?? {});
      const own = predicted().mac;
      const asked = { mac: "02-00-00-00-77-01" };
      const db = { pod: "db-0", containerId: "c1", namespace: addNamespace(bed()), asked };
      answerOf(await perform("ADD", db));
      const link = linkOf(db.namespace);
      expect(link?.mac).toBe("02:00:00:00:77:01");
      expect(predicted().mac).toBe(own);
      const story = cli(["why", link?.addresses[0]?.split("/")[0] ?? ""]);
      expect(story).toContain("02:00:00:00:77:01 (asked for");
      const other = { pod: "web", containerId: "c2", namespace: addNamespace(bed()), asked };
      expect(errorOf(await perform("ADD", other)).details).toContain("[ipam.mac-taken]");
      expect(leftovers(bed(), "c2")).toEqual([]);
      expectSilence(await perform("DEL", db));
      answerOf(await perform("ADD", other));
      expect(linkOf(other.namespace)?.mac).toBe("02:00:00:00:77:01");
      const again = { pod: "db-0", containerId: "c3", namespace: addNamespace(bed()) };
      answerOf(await perform("ADD", again));
      expect(linkOf(again.namespace)).toEqual({ ...link, mac: own });
    },
  );

  test("SR-IOV: it is handed on, and nothing is left where its ADD never was", async () => {
    networkOf({ type: "sriov", capabilities: mac, ipam: ipamOf("a folder") });
    addPlugin(bed(), "sriov", wellBehaved());
    const one = { pod: "db-0", containerId: "c1", namespace: addNamespace(bed()) };
    answerOf(await perform("ADD", one));
    const [added] = calls(bed()).filter(({ type, verb }) => type === "sriov" && verb === "ADD");
    expect(added?.config.runtimeConfig).toEqual({ mac: predicted().mac });
    expectSilence(await perform("DEL", one));
    // Like the real sriov, this one's DEL knows only what its ADD has written down.
    addPlugin(bed(), "sriov", { ...wellBehaved(), ADD: [failWith(999, "no VF is free")] });
    const two = { pod: "db-1", containerId: "c2", namespace: addNamespace(bed()) };
    errorOf(await perform("ADD", two));
    expect(used()).toEqual(["c1"]);
  });

  test.each(["bridge", "macvlan", "ptp"])(
    "%s: killed between the claim and the interface, DEL leaves nothing",
    async (type) => {
      networkOf({
        type,
        master: "uplink0",
        mode: "bridge",
        bridge: "br77",
        capabilities: mac,
        ipam: ipamOf("a folder"),
      });
      // This script stands before the real plugin until hawser is killed.
      addPlugin(bed(), type, { ADD: [sleepS(60)] });
      const one = { pod: "db-0", containerId: "c1", namespace: addNamespace(bed()) };
      const running = begin("ADD", one);
      await vi.waitUntil(() => callNames(bed()).includes(`ADD ${type} net1`), {
        timeout: 30_000,
        interval: 5,
      });
      running.kill("SIGKILL");
      await running.ended;
      expect(used()).toEqual(["c1"]);
      fs.rmSync(join(bed().binDir, type));
      expectSilence(await perform("DEL", one));
      expect(used()).toEqual([]);
      expect(leftovers(bed())).toEqual([]);
    },
  );

  test("after the store was lost, a repair records the MAC address that the pod has", async () => {
    networkOf(mains["bridge with tuning"]?.(ipamOf("a folder")) ?? {});
    const asked = { mac: "02:00:00:00:77:02" };
    const db = { pod: "db-0", containerId: "c1", namespace: addNamespace(bed()), asked };
    const web = { pod: "web", containerId: "c2", namespace: addNamespace(bed()) };
    for (const one of [db, web]) answerOf(await perform("ADD", one));
    const before = macs();
    fs.rmSync(join(bed().root, "store"), { recursive: true });
    expect(macs()).toEqual([]);
    cli(["check", "--repair", "--yes", "--state-dir", bed().stateDir]);
    expect(macs()).toEqual(before);
    expect(before).toEqual(expect.arrayContaining([asked.mac, linkOf(web.namespace)?.mac]));
  });

  test("macvlan: the kernel lets nobody have it twice; once the former is gone, the next has both", async () => {
    networkOf(mains.macvlan?.(ipamOf("a folder")) ?? {});
    const old = { pod: "db-0", containerId: "c1", namespace: addNamespace(bed()) };
    const next = { pod: "db-0", containerId: "c2", namespace: addNamespace(bed()) };
    answerOf(await perform("ADD", old));
    const before = linkOf(old.namespace);
    const error = errorOf(await perform("ADD", next));
    expect(error.msg).toContain("in use");
    removeNamespace(bed(), old.namespace);
    answerOf(await perform("ADD", next));
    expect(linkOf(next.namespace)).toEqual(before);
    expectSilence(await perform("DEL", { ...old }));
    expect(linkOf(next.namespace)).toEqual(before);
  });
});
