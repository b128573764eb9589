import { describe, expect, it } from "vitest";
import type { CniResult } from "../../cni/types.ts";
import { getLink, removeLink } from "../../net/links.ts";
import { homePath } from "../../net/simulation/simulated-kernel.ts";
import { talk } from "../../net/talk.ts";
import { must } from "../../sys/outcome-testing.ts";
import { hostEndName } from "../link/host-end.ts";
import {
  callOf,
  createNode,
  errorOf,
  leftovers,
  mustAdd,
  podPath,
  type TestNode,
  tryEveryEffect,
} from "../link/veth-testing.ts";
import { bridge } from "./plugin.ts";

const hostEnd = hostEndName("c1", "eth0");
const gives = { ips: [{ address: "10.1.0.5/24" }], routes: [{ dst: "0.0.0.0/0" }] };
const layer3 = { isGateway: true, ipam: { type: "test-ipam", gives } };

const add = async (node: TestNode, config: object): Promise<CniResult> =>
  mustAdd(await bridge.add(node.machine.spawn().sys, callOf("ADD", config)));
const del = (node: TestNode, config: object, variables = {}) =>
  bridge.del(node.machine.spawn().sys, callOf("DEL", config, variables));
const check = (node: TestNode, config: object, prevResult: CniResult) =>
  bridge.check(node.machine.spawn().sys, callOf("CHECK", { ...config, prevResult }));

describe("ADD", () => {
  it("connects the container, and the bridge is its gateway", async () => {
    const node = createNode();
    const result = await add(node, layer3);
    const state = node.kernel.state();
    const [host, pod] = [state[homePath], state[podPath]];
    expect(result).toEqual({
      interfaces: [
        { name: "cni0", mac: host?.links.cni0?.hardware },
        { name: hostEnd, mac: host?.links[hostEnd]?.hardware },
        { name: "eth0", mac: pod?.links.eth0?.hardware, sandbox: podPath },
      ],
      ips: [{ address: "10.1.0.5/24", gateway: "10.1.0.1", interface: 2 }],
      routes: [{ dst: "0.0.0.0/0" }],
    });
    expect(host?.links[hostEnd]).toMatchObject({ master: "cni0", relative: `eth0@${podPath}` });
    expect(host?.links.cni0?.addresses.join()).toContain("10.1.0.1/24");
    expect(pod?.links.eth0?.addresses.join()).toContain("10.1.0.5/24");
    expect(pod?.routes.join("\n")).toContain("10.1.0.1");
    expect(host?.settings["ipv4/ip_forward"]).toBe("1");
  });

  it.each([
    { given: { isDefaultGateway: true }, routes: [{ dst: "0.0.0.0/0", gw: "10.1.0.1" }] },
    { given: { isGateway: true }, routes: undefined },
  ])("$given adds the routes $routes", async ({ given, routes }) => {
    const ipam = { type: "test-ipam", gives: { ips: gives.ips } };
    expect((await add(createNode(), { ...given, ipam })).routes).toEqual(routes);
  });

  it("makes a link without addresses where there is no IPAM plugin", async () => {
    const node = createNode();
    const mac = "02:00:00:00:00:09";
    const result = await add(node, { bridge: "br7", mtu: 1400, runtimeConfig: { mac } });
    expect(result.interfaces?.map(({ name }) => name)).toEqual(["br7", hostEnd, "eth0"]);
    expect(result.ips).toBeUndefined();
    const eth0 = node.kernel.state()[podPath]?.links.eth0;
    expect(eth0).toMatchObject({ hardware: mac, mtu: 1400 });
    expect(eth0?.flags).toContain("up");
  });

  it("leaves the interface down if the configuration says so", async () => {
    const node = createNode();
    await add(node, { disableContainerInterface: true });
    expect(node.kernel.state()[podPath]?.links.eth0?.flags).not.toContain("up");
  });

  it("puts the port into its VLANs and out of the default one, and gives the gateway a link of its own", async () => {
    const node = createNode();
    const result = await add(node, { ...layer3, vlan: 7, vlanTrunk: [{ minID: 20, maxID: 22 }, { id: 30 }] });
    const links = node.kernel.state()[homePath]?.links;
    expect(links?.[hostEnd]?.vlans.map((each) => Number.parseInt(each, 10))).toEqual([7, 20, 21, 22, 30]);
    expect(links?.["cni0.7"]?.addresses.join()).toContain("10.1.0.1/24");
    expect(links?.[hostEndName("cni0", "cni0.7")]).toMatchObject({ master: "cni0" });
    expect(result.interfaces?.[3]?.name).toBe("cni0.7");
  });

  it("takes the gateway that the IPAM plugin names, of both families", async () => {
    const node = createNode();
    const ips = [
      { address: "10.1.0.5/24", gateway: "10.1.0.254" },
      { address: "fd00::5/64", gateway: "fe80::1" },
    ];
    await add(node, { isDefaultGateway: true, ipam: { type: "test-ipam", gives: { ips } } });
    const addresses = node.kernel.state()[homePath]?.links.cni0?.addresses.join() ?? "";
    expect(addresses).toContain("10.1.0.254/24");
    expect(addresses).toContain("fe80:0:0:0:0:0:0:1/64");
  });

  it.each([
    { config: { bridge: "a/b" }, why: "bridge: " },
    { config: { vlan: -7 }, why: "vlan: is -7" },
    { config: { vlanTrunk: [{ minID: 5 }] }, why: "vlanTrunk[0]: maxID is missing" },
    { config: { vlanTrunk: [{ minID: 5, maxID: 4 }] }, why: "minID 5 is above maxID 4" },
    { config: { hairpinMode: true, promiscMode: true }, why: "hairpinMode: " },
    { config: { ...layer3, disableContainerInterface: true }, why: "disableContainerInterface: " },
    { config: { ...layer3, bridge: "longest-name-15", vlan: 7 }, why: "longest-name-15.7" },
    { config: { ipMasqBackend: "ipchains" }, why: "ipMasqBackend: " },
    { config: { isGateway: "yes" }, why: "isGateway: is a string" },
    { config: { cniVersion: "0.2.0" }, why: "ipam: is missing" },
  ])("$config is refused before anything is made", async ({ config, why }) => {
    const node = createNode();
    const before = node.kernel.state();
    const error = errorOf(await bridge.add(node.machine.spawn().sys, callOf("ADD", config)));
    expect(error).toMatchObject({ id: "link.config", code: 7 });
    expect(error.msg).toContain(why);
    expect(node.kernel.state()).toEqual(before);
  });

  it("refuses a bridge that is none, and a gateway beside another", async () => {
    const node = createNode();
    node.kernel.addCard({ name: "cni0" });
    expect(errorOf(await bridge.add(node.machine.spawn().sys, callOf("ADD", layer3))).id).toBe(
      "link.other-kind",
    );
    const other = createNode();
    await add(other, layer3);
    await del(other, layer3);
    const ipam = { type: "test-ipam", gives: { ips: [{ address: "10.2.0.5/24" }] } };
    const moved = { ...layer3, ipam };
    expect(errorOf(await bridge.add(other.machine.spawn().sys, callOf("ADD", moved))).id).toBe(
      "link.other-address",
    );
    await add(other, { ...moved, forceAddress: true });
    const addresses = other.kernel.state()[homePath]?.links.cni0?.addresses.join() ?? "";
    expect(addresses).toContain("10.2.0.1/24");
    expect(addresses).not.toContain("10.1.0.1/24");
  });

  it("has several gateways of one family, if one network gives them", async () => {
    const node = createNode();
    const [one, other] = [{ address: "10.1.0.5/24" }, { address: "10.2.0.5/24" }];
    const giving = (...ips: readonly object[]) => ({
      ...layer3,
      ipam: { type: "test-ipam", gives: { ips } },
    });
    await add(node, giving(one));
    await del(node, giving(one));
    await add(node, giving(other, one));
    const addresses = node.kernel.state()[homePath]?.links.cni0?.addresses.join() ?? "";
    expect(addresses).toContain("10.1.0.1/24");
    expect(addresses).toContain("10.2.0.1/24");
  });

  it("refuses an interface that is there already, and leaves it", async () => {
    const node = createNode();
    await add(node, layer3);
    const before = leftovers(node);
    const error = errorOf(await bridge.add(node.machine.spawn().sys, callOf("ADD", layer3)));
    expect(error.id).toBe("link.exists");
    expect(leftovers(node)).toEqual(before);
  });

  it("names the address that another host has", async () => {
    const node = createNode({ duplicates: ["fd00:0:0:0:0:0:0:5"] });
    const ipam = { type: "test-ipam", gives: { ips: [{ address: "fd00::5/64" }] } };
    const config = { enabledad: true, ipam };
    const error = errorOf(await bridge.add(node.machine.spawn().sys, callOf("ADD", config)));
    expect(error.id).toBe("link.duplicate-address");
    expect(error.msg).toContain("fd00::5/64");
    expect(node.allocated()).toBe(0);
  });

  it.each(["ADD", "nothing"])("undoes all but the bridge if the IPAM plugin fails its %s", async (verb) => {
    const node = createNode();
    const failing = verb === "ADD" ? { fails: ["ADD"] } : { gives: { ips: [] } };
    const config = { ...layer3, ipam: { ...layer3.ipam, ...failing } };
    errorOf(await bridge.add(node.machine.spawn().sys, callOf("ADD", config)));
    expect(node.ipamCalls).toEqual(["ADD", "DEL"]);
    expect(leftovers(node)).toMatchObject({
      shown: [{ links: ["cni0", "lo"] }, { links: ["lo"] }],
      allocated: 0,
    });
  });
});

describe("faults and crashes", () => {
  const settled = (node: TestNode): void => {
    const { links } = node.kernel.state()[homePath] ?? { links: {} };
    const own = Object.keys(links).filter(
      (name) => !["lo", "cni0", "cni0.7", hostEndName("cni0", "cni0.7")].includes(name),
    );
    expect(own).toEqual([]);
    expect(Object.keys(node.kernel.state()[podPath]?.links ?? {})).toEqual(["lo"]);
    expect(node.kernel.state()[homePath]?.tables).toEqual([]);
    expect(node.allocated()).toBe(0);
  };

  it.each([
    { what: "one network", config: layer3 },
    { what: "a layer 2 network", config: {} },
    {
      what: "both families, VLANs, modes",
      config: {
        isDefaultGateway: true,
        vlan: 7,
        hairpinMode: true,
        portIsolation: true,
        ipam: {
          type: "test-ipam",
          gives: { ips: [...gives.ips, { address: "fd00::5/64" }], routes: gives.routes },
        },
      },
    },
  ])("at each effect of an ADD to $what leave nothing", async ({ config }) => {
    expect(await tryEveryEffect(bridge, config, settled)).toBeGreaterThan(4);
  });
});

describe("DEL", () => {
  it("leaves the bridge alone, and may be repeated", async () => {
    const node = createNode();
    await add(node, layer3);
    for (const _ of [1, 2]) {
      expect(await del(node, layer3)).toEqual({ ok: true, value: undefined });
      expect(leftovers(node)).toMatchObject({
        shown: [{ links: ["cni0", "lo"] }, { links: ["lo"] }],
        allocated: 0,
      });
    }
  });

  it.each([
    { what: "is not named", variables: { CNI_NETNS: "" } },
    { what: "is gone", variables: { CNI_NETNS: "/run/netns/gone" } },
  ])("removes the host's end where the namespace $what", async ({ variables }) => {
    const node = createNode();
    await add(node, layer3);
    expect(await del(node, layer3, variables)).toEqual({ ok: true, value: undefined });
    expect(leftovers(node)).toMatchObject({
      shown: [{ links: ["cni0", "lo"] }, { links: ["lo"] }],
      allocated: 0,
    });
  });

  it("goes by what can be read of a wrong configuration", async () => {
    const node = createNode();
    await add(node, layer3);
    expect(await del(node, { ...layer3, vlan: "x" })).toEqual({ ok: true, value: undefined });
    expect(leftovers(node)).toMatchObject({
      shown: [{ links: ["cni0", "lo"] }, { links: ["lo"] }],
      allocated: 0,
    });
  });
});

describe("CHECK", () => {
  it("is content with what ADD has made", async () => {
    const node = createNode();
    const config = { ...layer3, vlan: 7, hairpinMode: true, mtu: 1400 };
    const result = await add(node, config);
    expect(await check(node, config, result)).toEqual({ ok: true, value: undefined });
  });

  it.each([
    { what: "another hairpin mode", config: { hairpinMode: true } },
    { what: "another MTU", config: { mtu: 1400 } },
    { what: "a VLAN", config: { vlan: 9 } },
    { what: "another bridge", config: { bridge: "br7" } },
    { what: "promiscuous mode", config: { promiscMode: true } },
  ])("finds that the network has $what", async ({ config }) => {
    const node = createNode();
    const result = await add(node, layer3);
    expect(errorOf(await check(node, { ...layer3, ...config }, result)).id).toBe("link.drift");
  });

  it("finds what is gone", async () => {
    const node = createNode();
    const result = await add(node, layer3);
    await del(node, layer3);
    expect(errorOf(await check(node, layer3, result))).toMatchObject({ id: "link.drift", code: 105 });
    const [ip] = result.ips ?? [];
    await add(node, layer3);
    const others: CniResult[] = [
      { ...result, ips: [{ ...ip, address: "10.1.0.6/24" }] },
      { ...result, routes: [{ dst: "10.9.0.0/16" }] },
    ];
    for (const other of others) expect(errorOf(await check(node, layer3, other)).id).toBe("link.drift");
  });
});

describe("STATUS and GC", () => {
  it("STATUS asks the IPAM plugin, and refuses a wrong configuration", async () => {
    const node = createNode();
    const { sys } = node.machine.spawn();
    expect(await bridge.status(sys, callOf("STATUS", layer3))).toEqual({ ok: true, value: undefined });
    expect(node.ipamCalls).toEqual(["STATUS"]);
    expect(errorOf(await bridge.status(sys, callOf("STATUS", { vlan: 5000 })))).toMatchObject({ code: 50 });
    const failing = { ...layer3, ipam: { ...layer3.ipam, fails: ["STATUS"] } };
    expect(errorOf(await bridge.status(sys, callOf("STATUS", failing))).code).toBe(11);
    node.kernel.addCard({ name: "cni0" });
    expect(errorOf(await bridge.status(sys, callOf("STATUS", layer3)))).toMatchObject({
      id: "link.other-kind",
      code: 50,
    });
  });

  it("GC asks the IPAM plugin", async () => {
    const node = createNode();
    const config = { ...layer3, "cni.dev/valid-attachments": [] };
    expect(await bridge.gc(node.machine.spawn().sys, callOf("GC", config))).toEqual({
      ok: true,
      value: undefined,
    });
    expect(node.ipamCalls).toEqual(["GC"]);
  });

  it("GC removes the rules of attachments that are gone with their namespaces", async () => {
    const node = createNode();
    const config = { ...layer3, ipMasq: true, macspoofchk: true };
    await add(node, config);
    const gc = (valid: object[]) =>
      bridge.gc(node.machine.spawn().sys, callOf("GC", { ...config, "cni.dev/valid-attachments": valid }));
    const rules = () =>
      (node.kernel.state()[homePath]?.tables ?? []).filter((line) => line.startsWith("rule"));
    const whole = rules();
    expect(await gc([{ containerID: "c1", ifname: "eth0" }])).toEqual({ ok: true, value: undefined });
    expect(rules()).toEqual(whole);
    node.kernel.removePath(podPath);
    expect(await gc([])).toEqual({ ok: true, value: undefined });
    // What leads to the check of addresses is every attachment's.
    expect(rules().map((line) => line.split(" ", 4)[3])).toEqual([
      "postrouting",
      "postrouting",
      "postrouting",
    ]);
  });
});

describe("DEL and the packet filter", () => {
  it.each([
    { what: "as it was", change: async () => undefined },
    {
      what: "without its interface, which an interrupted DEL has removed",
      change: async ({ machine }: TestNode) => {
        const { sys } = machine.spawn();
        const pod = must(await sys.network.open(podPath));
        const socket = must(pod.socket("route"));
        must(talk(socket, removeLink(must(talk(socket, getLink("eth0"))).index)));
      },
    },
    { what: "gone", change: async ({ kernel }: TestNode) => kernel.removePath(podPath) },
  ])("leaves no rule of a container that is $what", async ({ change }) => {
    const node = createNode();
    const config = { ...layer3, ipMasq: true, macspoofchk: true };
    const prevResult = await add(node, config);
    await change(node);
    expect(await del(node, { ...config, prevResult })).toEqual({ ok: true, value: undefined });
    const left = (node.kernel.state()[homePath]?.tables ?? []).filter((line) =>
      /eth0|^rule .* (masq_checks|PREROUTING) /.test(line),
    );
    expect(left).toEqual([]);
    expect(await del(node, config)).toEqual({ ok: true, value: undefined });
  });
});
