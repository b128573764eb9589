import { describe, expect, it } from "vitest";
import type { CniResult } from "../../cni/types.ts";
import { homePath } from "../../net/simulation/simulated-kernel.ts";
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
import { ptp } from "./plugin.ts";

const hostEnd = hostEndName("c1", "eth0");
const v4 = { address: "10.1.0.5/24", gateway: "10.1.0.1" };
const v6 = { address: "fd00::5/64", gateway: "fd00::1" };
const configOf = (...ips: readonly object[]) => ({
  ipam: { type: "test-ipam", gives: { ips, routes: [{ dst: "0.0.0.0/0" }] } },
});
const config = configOf(v4);

const add = async (node: TestNode, given: object): Promise<CniResult> =>
  mustAdd(await ptp.add(node.machine.spawn().sys, callOf("ADD", given)));
const del = (node: TestNode, variables = {}) =>
  ptp.del(node.machine.spawn().sys, callOf("DEL", config, variables));
const check = (node: TestNode, given: object, prevResult: CniResult) =>
  ptp.check(node.machine.spawn().sys, callOf("CHECK", { ...given, prevResult }));

const clean = {
  shown: [
    { links: ["lo"], routes: [] },
    { links: ["lo"], routes: [] },
  ],
  allocated: 0,
};

describe("ADD", () => {
  it("makes a link on which there is only the gateway", async () => {
    const node = createNode();
    const result = await add(node, { ...config, mtu: 1400 });
    const state = node.kernel.state();
    const [host, pod] = [state[homePath], state[podPath]];
    expect(result).toEqual({
      interfaces: [
        { name: hostEnd, mac: host?.links[hostEnd]?.hardware },
        { name: "eth0", mac: pod?.links.eth0?.hardware, sandbox: podPath },
      ],
      ips: [{ ...v4, interface: 1 }],
      routes: [{ dst: "0.0.0.0/0" }],
    });
    expect(host?.links[hostEnd]?.addresses.join()).toContain("10.1.0.1/32");
    expect(host?.routes.join("\n")).toContain("10.1.0.5");
    const inside = (pod?.routes ?? []).filter((each) => each.includes("10.1.0.0/24"));
    expect(inside).toHaveLength(1);
    expect(inside[0]).toContain("10.1.0.1");
    expect(host?.settings["ipv4/ip_forward"]).toBe("1");
    expect(pod?.links.eth0?.mtu).toBe(1400);
  });

  it("of an address that is a subnet by itself", async () => {
    const node = createNode();
    const result = await add(node, configOf({ address: "10.1.0.5/32", gateway: "169.254.1.1" }));
    expect(await check(node, config, result)).toEqual({ ok: true, value: undefined });
  });

  it("routes by other hosts of the subnet, which only the reference plugin's order reaches", async () => {
    const node = createNode();
    const routes = [
      { dst: "10.20.0.0/16", gw: "10.1.0.7" },
      { dst: "fd20:0:0:0:0:0:0:0/48", gw: "fd00:0:0:0:0:0:0:7" },
    ];
    await add(node, { ipam: { type: "test-ipam", gives: { ips: [v4, v6], routes } } });
    const inside = node.kernel.state()[podPath]?.routes.join("\n");
    expect(inside).toContain("10.20.0.0/16 via 10.1.0.7 dev eth0");
    expect(inside).toContain("fd20:0:0:0:0:0:0:0/48 via fd00:0:0:0:0:0:0:7 dev eth0");
  });

  it("routes by a gateway that is in no subnet", async () => {
    const node = createNode();
    const ips = [{ address: "10.1.0.5/32", gateway: "169.254.1.1" }];
    const routes = [{ dst: "0.0.0.0/0" }];
    await add(node, { ipam: { type: "test-ipam", gives: { ips, routes } } });
    expect(node.kernel.state()[podPath]?.routes.join("\n")).toContain("169.254.1.1");
  });

  it("sets no hardware address that is asked for, as the reference plugin", async () => {
    const node = createNode();
    const asked = { runtimeConfig: { mac: "x" }, args: { cni: { mac: "02:00:00:00:00:42" } } };
    const result = await add(node, { ...config, ...asked });
    expect(result.interfaces?.[1]?.mac).not.toBe("02:00:00:00:00:42");
  });

  it.each([
    { given: {}, why: "ipam.type: is missing" },
    { given: { ...config, ipMasqBackend: "x" }, why: "ipMasqBackend: " },
    { given: { ...config, mtu: -1 }, why: "mtu: is -1" },
  ])("$given is refused", async ({ given, why }) => {
    const node = createNode();
    const error = errorOf(await ptp.add(node.machine.spawn().sys, callOf("ADD", given)));
    expect(error).toMatchObject({ id: "link.config", code: 7 });
    expect(error.msg).toContain(why);
  });

  it("needs a gateway, and undoes all without one", async () => {
    const node = createNode();
    const given = configOf({ address: "10.1.0.5/24" });
    const error = errorOf(await ptp.add(node.machine.spawn().sys, callOf("ADD", given)));
    expect(error.id).toBe("delegate.bad-result");
    expect(leftovers(node)).toMatchObject(clean);
  });

  it("leaves nothing after a fault or a crash at each effect", async () => {
    const tried = await tryEveryEffect(ptp, configOf(v4, v6), (node) => {
      expect(leftovers(node)).toMatchObject(clean);
    });
    expect(tried).toBeGreaterThan(10);
  });
});

describe("DEL", () => {
  it.each([
    { what: "its namespace", variables: {} },
    { what: "no namespace", variables: { CNI_NETNS: "" } },
    { what: "a namespace that is gone", variables: { CNI_NETNS: "/run/netns/gone" } },
  ])("with $what leaves nothing, and may be repeated", async ({ variables }) => {
    const node = createNode();
    await add(node, config);
    for (const _ of [1, 2]) {
      expect(await del(node, variables)).toEqual({ ok: true, value: undefined });
      expect(leftovers(node)).toMatchObject(clean);
    }
  });
});

describe("CHECK, STATUS and GC", () => {
  it("CHECK is content with what ADD has made, and finds what is gone", async () => {
    const node = createNode();
    const both = configOf(v4, v6);
    const result = await add(node, both);
    expect(await check(node, both, result)).toEqual({ ok: true, value: undefined });
    expect(errorOf(await check(node, { ...both, mtu: 1400 }, result)).id).toBe("link.drift");
    const wrong = { ...result, ips: [{ ...v4, gateway: "10.1.0.2", interface: 1 }] };
    expect(errorOf(await check(node, both, wrong)).id).toBe("link.drift");
    await del(node);
    expect(errorOf(await check(node, both, result)).id).toBe("link.drift");
  });

  it("STATUS and GC ask the IPAM plugin", async () => {
    const node = createNode();
    const { sys } = node.machine.spawn();
    expect(await ptp.status(sys, callOf("STATUS", config))).toEqual({ ok: true, value: undefined });
    expect(await ptp.gc(sys, callOf("GC", config))).toEqual({ ok: true, value: undefined });
    expect(node.ipamCalls).toEqual(["STATUS", "GC"]);
    expect(errorOf(await ptp.status(sys, callOf("STATUS", {})))).toMatchObject({ code: 50 });
  });
});
