import { describe, expect, test } from "vitest";
import { addChain, appendRule, nftFamily } from "../../net/nftables.ts";
import { commit } from "../../net/nftables-batch.ts";
import { createKernel, homePath } from "../../net/simulation/simulated-kernel.ts";
import { Crash, createMachine, type FakeProcess } from "../../sys/fake.ts";
import { crashSites } from "../../sys/fake-crashes.ts";
import type { NetworkNamespace } from "../../sys/network.ts";
import { ok } from "../../sys/outcome.ts";
import { checkSpoofCheck, collectSpoofChecks, setUpSpoofCheck, tearDownSpoofCheck } from "./spoof-check.ts";

const owner = { containerId: "c1", ifname: "eth0" };
const hardware = Uint8Array.of(2, 0, 0, 0, 0, 1);
const done = { ok: true, value: undefined };

function createNode() {
  const kernel = createKernel();
  const machine = createMachine({ network: kernel });
  const tables = () => kernel.state()[homePath]?.tables ?? [];
  const within = async <T>(body: (host: NetworkNamespace) => T, process: FakeProcess = machine.spawn()) => {
    const host = await process.sys.network.open();
    if (!host.ok) throw new Error("the node has no network");
    return body(host.value);
  };
  return { machine, tables, within };
}

describe("macspoofchk", () => {
  test("a second ADD replaces what the first has made, and others' rules stay", async () => {
    const { tables, within } = createNode();
    await within((host) => setUpSpoofCheck(host, { ...owner, ifname: "net1" }, "veth9", hardware));
    const others = tables();
    expect(await within((host) => setUpSpoofCheck(host, owner, "veth1", hardware))).toEqual(done);
    const once = tables().length;
    expect(await within((host) => setUpSpoofCheck(host, owner, "veth2", hardware))).toEqual(done);
    expect(tables()).toHaveLength(once);
    expect(await within((host) => checkSpoofCheck(host, owner, "veth2", hardware))).toEqual(done);
    expect(await within((host) => tearDownSpoofCheck(host, owner))).toEqual(done);
    expect(tables()).toEqual(others);
    expect(await within((host) => tearDownSpoofCheck(host, owner))).toEqual(done);
  });

  test("CHECK sees another host end, another address, and a rule between", async () => {
    const { within } = createNode();
    const drift = { ok: false, error: { id: "filter.drift", code: 105 } };
    expect(await within((host) => checkSpoofCheck(host, owner, "veth1", hardware))).toMatchObject(drift);
    await within((host) => setUpSpoofCheck(host, owner, "veth1", hardware));
    expect(await within((host) => checkSpoofCheck(host, owner, "veth2", hardware))).toMatchObject(drift);
    const foreign = Uint8Array.of(2, 0, 0, 0, 0, 9);
    expect(await within((host) => checkSpoofCheck(host, owner, "veth1", foreign))).toMatchObject(drift);
    await within((host) => {
      const socket = host.socket("netfilter");
      const chain = "cni-br-iface-c1-eth0-mac";
      const place = { family: nftFamily.bridge, table: "nat", chain } as const;
      if (socket.ok) expect(commit(socket.value, [appendRule(place, [])]).ok).toBe(true);
    });
    expect(await within((host) => checkSpoofCheck(host, owner, "veth1", hardware))).toMatchObject(drift);
  });

  test("what an ADD of the reference plugin left half made is removed", async () => {
    const { tables, within } = createNode();
    await within((host) => setUpSpoofCheck(host, { ...owner, ifname: "net1" }, "veth9", hardware));
    const others = tables();
    await within((host) => {
      const socket = host.socket("netfilter");
      const place = { family: nftFamily.bridge, table: "nat", chain: "cni-br-iface-c1-eth0-mac" } as const;
      if (socket.ok) commit(socket.value, [addChain(place)]);
    });
    expect(tables()).not.toEqual(others);
    expect(await within((host) => tearDownSpoofCheck(host, owner))).toEqual(done);
    expect(tables()).toEqual(others);
  });

  test("GC removes the rules of host ends that are gone, and asks for the links only if there are rules", async () => {
    const { tables, within } = createNode();
    const unasked = () => expect.unreachable("the links were listed");
    expect(await within((host) => collectSpoofChecks(host, unasked))).toEqual(done);
    await within((host) => setUpSpoofCheck(host, { ...owner, ifname: "net1" }, "veth9", hardware));
    const others = tables();
    await within((host) => setUpSpoofCheck(host, owner, "veth1", hardware));
    const names = () => ok(new Set(["veth9", "br0"]));
    expect(await within((host) => collectSpoofChecks(host, names))).toEqual(done);
    expect(tables()).toEqual(others);
    expect(await within((host) => collectSpoofChecks(host, names))).toEqual(done);
    expect(tables()).toEqual(others);
  });

  test("wherever it is killed, a DEL leaves nothing", async () => {
    const whole = createNode();
    const process = whole.machine.spawn();
    await whole.within((host) => setUpSpoofCheck(host, owner, "veth1", hardware), process);
    for (const { effect, point, where } of crashSites(process.effects())) {
      const { machine, tables, within } = createNode();
      await within((host) => setUpSpoofCheck(host, { ...owner, ifname: "net1" }, "veth9", hardware));
      const others = tables();
      const killed = machine.spawn();
      killed.crashAt(effect, point);
      const adding = within((host) => setUpSpoofCheck(host, owner, "veth1", hardware), killed);
      await expect(adding, where).rejects.toThrow(Crash);
      expect(await within((host) => tearDownSpoofCheck(host, owner)), where).toEqual(done);
      expect(tables(), where).toEqual(others);
    }
  });
});
