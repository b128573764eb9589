import { describe, expect, it } from "vitest";
import type { CniResult } from "../../cni/types.ts";
import { addAddress } from "../../net/addresses.ts";
import { homePath } from "../../net/simulation/simulated-kernel.ts";
import { talk } from "../../net/talk.ts";
import { must } from "../../sys/outcome-testing.ts";
import { callOf, createNode, errorOf, mustAdd, podPath, type TestNode } from "../link/veth-testing.ts";
import { loopback } from "./plugin.ts";

const isUp = (node: TestNode): boolean | undefined =>
  node.kernel.state()[podPath]?.links.lo?.flags.includes("up");
const check = (node: TestNode, config: object, variables = {}) =>
  loopback.check(node.machine.spawn().sys, callOf("CHECK", config, variables));

async function added(config: object = {}): Promise<{ node: TestNode; result: CniResult }> {
  const node = createNode();
  const result = mustAdd(await loopback.add(node.machine.spawn().sys, callOf("ADD", config)));
  return { node, result };
}

describe("loopback", () => {
  it("ADD takes the link up, and tells its addresses", async () => {
    const { node, result } = await added();
    expect(isUp(node)).toBe(true);
    expect(result.interfaces).toEqual([{ name: "lo", mac: "00:00:00:00:00:00", sandbox: podPath }]);
    expect(result.ips?.[0]).toEqual({ address: "127.0.0.1/8", interface: 0 });
  });

  it.each([
    [10, 5, 0, 1],
    [0xfd, 5, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1],
  ])("ADD refuses an address that is none of the loopback's, and leaves the link down", async (...bytes) => {
    const node = createNode();
    const namespace = must(await node.kernel.open(podPath));
    const address = Uint8Array.from(bytes);
    const request = addAddress({ link: 1, address, prefix: 8 * bytes.length });
    must(talk(must(namespace.socket("route")), request));
    const error = errorOf(await loopback.add(node.machine.spawn().sys, callOf("ADD", {})));
    expect(error.id).toBe("link.not-loopback");
    expect(isUp(node)).toBe(false);
  });

  it("ADD hands on what earlier plugins have made", async () => {
    const prevResult = { ips: [{ address: "10.1.0.5/24" }] };
    expect((await added({ prevResult })).result).toEqual(prevResult);
  });

  it("DEL takes it down, and is content without a namespace", async () => {
    const { node } = await added();
    const { sys } = node.machine.spawn();
    for (const variables of [{}, { CNI_NETNS: "" }, { CNI_NETNS: "/run/netns/gone" }])
      expect(await loopback.del(sys, callOf("DEL", {}, variables))).toEqual({ ok: true, value: undefined });
    expect(isUp(node)).toBe(false);
  });

  it("CHECK compares the link with the result", async () => {
    const { node, result } = await added();
    expect(await check(node, { prevResult: result })).toEqual({ ok: true, value: undefined });
    const other = { ...result, ips: [{ address: "127.0.0.2/8", interface: 0 }] };
    expect(errorOf(await check(node, { prevResult: other })).id).toBe("link.drift");
    expect(errorOf(await check(node, {})).id).toBe("config.prev-result");
    await loopback.del(node.machine.spawn().sys, callOf("DEL", {}));
    expect(errorOf(await check(node, { prevResult: result })).id).toBe("link.drift");
  });

  it("the node's own namespace is refused before it is touched", async () => {
    const node = createNode();
    const before = node.kernel.state();
    const call = callOf("ADD", {}, { CNI_NETNS: homePath });
    expect(errorOf(await loopback.add(node.machine.spawn().sys, call)).id).toBe("link.netns");
    expect(node.kernel.state()).toEqual(before);
  });

  it("STATUS and GC have nothing to say", async () => {
    const { sys } = createNode().machine.spawn();
    expect(await loopback.status(sys, callOf("STATUS", {}))).toEqual({ ok: true, value: undefined });
    expect(await loopback.gc(sys, callOf("GC", {}))).toEqual({ ok: true, value: undefined });
  });
});
