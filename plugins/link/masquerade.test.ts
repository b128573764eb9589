import { describe, expect, test } from "vitest";
import { u32, zeroEnded } from "../../net/bytes.ts";
import { attribute } from "../../net/message.ts";
import { addChain, addTable, appendRule, type NftChain, nftFamily } from "../../net/nftables.ts";
import { commit } from "../../net/nftables-batch.ts";
import { type Expression, header, verdict } from "../../net/nftables-expressions.ts";
import { createKernel, homePath } from "../../net/simulation/simulated-kernel.ts";
import { Crash, createMachine, type FakeProcess } from "../../sys/fake.ts";
import { crashSites } from "../../sys/fake-crashes.ts";
import type { NetworkNamespace } from "../../sys/network.ts";
import { chainComment, masqueradeChain } from "./filter-names.ts";
import { subnetOf } from "./ip-bytes.ts";
import { createIptables } from "./iptables-testing.ts";
import { checkMasquerade, collectMasquerades, setUpMasquerade, tearDownMasquerade } from "./masquerade.ts";
import type { MasqueradeBackend } from "./masquerade-backend.ts";

const key = { network: "n1", containerId: "c1", ifname: "eth0" };
const other = { network: "n1", containerId: "c2", ifname: "eth0" };
const subnets = ["10.1.2.5/17", "fd00::5/64"].map(subnetOf);

function createNode({ legacy = false }: { legacy?: boolean } = {}) {
  const kernel = createKernel();
  const iptables = createIptables();
  const names = { "/proc/net/ip_tables_names": "filter\nnat\n", "/proc/net/ip6_tables_names": "nat\n" };
  const machine = createMachine({
    network: kernel,
    ...(legacy ? { executables: iptables.executables, files: names } : {}),
  });
  const rules = () => (kernel.state()[homePath]?.tables ?? []).filter((line) => /rule|CNI-/.test(line));
  /** Lets a process of its own do something in the node's namespace. */
  const within = async <T>(
    body: (process: FakeProcess, host: NetworkNamespace) => Promise<T> | T,
    process = machine.spawn(),
  ): Promise<T> => {
    const host = await process.sys.network.open();
    if (!host.ok) throw new Error("the node has no network");
    return body(process, host.value);
  };
  const add = (of = key, its = subnets, backend?: MasqueradeBackend, process?: FakeProcess) =>
    within(({ sys }, host) => setUpMasquerade(sys, host, of, its, backend), process);
  const del = (of = key, its: typeof subnets | undefined = subnets, process?: FakeProcess) =>
    within(({ sys }, host) => tearDownMasquerade(sys, host, of, its), process);
  const check = (of = key) => within(({ sys }, host) => checkMasquerade(sys, host, of, subnets));
  const collect = (valid: (typeof key)[]) =>
    within(({ sys }, host) => collectMasquerades(sys, host, "n1", valid));
  return { kernel, iptables, machine, rules, within, add, del, check, collect };
}

const done = { ok: true, value: undefined };

describe("by nftables", () => {
  test("an attachment gets the rules of its addresses once, and loses them alone", async () => {
    const node = createNode();
    expect(await node.check()).toMatchObject({ error: { id: "filter.drift", code: 105 } });
    expect(await node.add(key, subnets, "nftables")).toEqual(done);
    const once = node.rules();
    expect(once).toHaveLength(5);
    expect(await node.add()).toEqual(done);
    expect(node.rules()).toEqual(once);
    expect(await node.check()).toEqual(done);
    expect(await node.add(other)).toEqual(done);
    expect(await node.del(other)).toEqual(done);
    expect(node.rules()).toEqual(once);
    expect(await node.del(key, undefined)).toEqual(done);
    expect(node.rules()).toHaveLength(3);
    expect(await node.del()).toEqual(done);
  });

  test("what somebody has changed of the entry is put right with the next attachment", async () => {
    const node = createNode();
    await node.add();
    const right = node.rules();
    await node.within((_, host) => {
      const socket = host.socket("netfilter");
      const place = {
        family: nftFamily.inet,
        table: "cni_plugins_masquerade",
        chain: "postrouting",
      } as const;
      if (socket.ok) expect(commit(socket.value, [appendRule(place, [])]).ok).toBe(true);
    });
    expect(node.rules()).not.toEqual(right);
    await node.add();
    expect([...node.rules()].sort()).toEqual([...right].sort());
  });

  test("GC leaves what is valid, and what is of other networks", async () => {
    const node = createNode();
    const foreign = { ...other, network: "n2" };
    for (const each of [key, other, foreign]) await node.add(each);
    expect(await node.collect([other])).toEqual(done);
    expect(await node.check(key)).toMatchObject({ ok: false });
    expect(await node.check(other)).toEqual(done);
    expect(await node.check(foreign)).toEqual(done);
  });

  test("a kernel that refuses has nothing changed, and its words are told", async () => {
    const node = createNode();
    const process = node.machine.spawn();
    process.failAt(0, "EPERM");
    expect(await node.add(key, subnets, undefined, process)).toMatchObject({
      error: { id: "filter.refused", code: 109, msg: expect.stringContaining("EPERM") },
    });
    expect(node.rules()).toEqual([]);
  });

  test("it begins anew if what it saw has gone meanwhile", async () => {
    const node = createNode();
    await node.add();
    const process = node.machine.spawn();
    process.failAt(0, "ENOENT");
    expect(await node.del(key, subnets, process)).toEqual(done);
    expect(process.effects()).toHaveLength(2);
    expect(node.rules()).toHaveLength(3);
  });
});

/** The chain of an attachment as the newer iptables makes it. */
function compatRules(node: ReturnType<typeof createNode>, of: typeof key, source: Uint8Array): Promise<void> {
  const table = { family: nftFamily.ipv4, table: "nat" } as const;
  const [entry, chain]: NftChain[] = ["POSTROUTING", masqueradeChain(of)].map((name) => ({
    ...table,
    chain: name,
  }));
  if (entry === undefined || chain === undefined) throw new Error("no chain");
  const comment = zeroEnded(chainComment(of));
  const match = [attribute(1, zeroEnded("comment")), attribute(2, u32(0)), attribute(3, comment)];
  const rule: Expression[] = [
    { kind: "payload", base: header.network, offset: 12, length: 4 },
    { kind: "compare", equal: true, data: source },
    { kind: "other", name: "match", data: Buffer.concat(match) },
    { kind: "other", name: "counter", data: new Uint8Array() },
    { kind: "verdict", verdict: verdict.jump, chain: chain.chain },
  ];
  return node.within((_, host) => {
    const socket = host.socket("netfilter");
    if (!socket.ok) throw new Error("no socket");
    const base = { type: "nat", hook: 4, priority: 100 } as const;
    const made = [addTable(table), addChain(entry, base), addChain(chain), appendRule(entry, rule)];
    expect(commit(socket.value, made).ok).toBe(true);
  });
}

describe("what the newer iptables has in nf_tables", () => {
  const [own, twin] = [subnetOf("10.1.2.5/17"), subnetOf("10.1.2.6/17")];

  test("is removed without a program", async () => {
    const node = createNode();
    await compatRules(node, key, own.bytes);
    expect(await node.within(({ sys }, host) => checkMasquerade(sys, host, key, [own]))).toEqual(done);
    expect(await node.del(key, [own])).toEqual(done);
    expect(node.rules()).toEqual([]);
  });

  test("stays as long as another interface of the container uses it", async () => {
    const node = createNode();
    await compatRules(node, key, own.bytes);
    await compatRules(node, key, twin.bytes);
    expect(await node.del(key, [own])).toEqual(done);
    expect(node.rules().filter((line) => line.includes("rule"))).toHaveLength(1);
    expect(await node.del(key, [twin])).toEqual(done);
    expect(node.rules()).toEqual([]);
  });

  test("goes whole if nobody knows the addresses", async () => {
    const node = createNode();
    await compatRules(node, key, own.bytes);
    await compatRules(node, key, twin.bytes);
    expect(await node.del(key, [])).toEqual(done);
    expect(node.rules()).toEqual([]);
  });

  test("is found by GC, by its comment", async () => {
    const node = createNode();
    for (const each of [key, other, { ...key, network: "n2" }]) await compatRules(node, each, own.bytes);
    expect(await node.collect([other])).toEqual(done);
    const left = node.rules().join("\n");
    expect(left).not.toContain(masqueradeChain(key));
    expect(left).toContain(masqueradeChain(other));
    expect(left).toContain(masqueradeChain({ ...key, network: "n2" }));
  });
});

test("GC removes a chain of the newer iptables that nothing jumps to", async () => {
  const node = createNode();
  const place = { family: nftFamily.ipv4, table: "nat", chain: masqueradeChain(key) } as const;
  await node.within((_, host) => {
    const socket = host.socket("netfilter");
    const rule = appendRule(place, [], new TextEncoder().encode(chainComment(key)));
    if (socket.ok) expect(commit(socket.value, [addTable(place), addChain(place), rule]).ok).toBe(true);
  });
  expect(node.rules()).toHaveLength(2);
  expect(await node.collect([key])).toEqual(done);
  expect(node.rules()).toHaveLength(2);
  expect(await node.collect([other])).toEqual(done);
  expect(node.rules()).toEqual([]);
});

describe("by the older iptables", () => {
  test("an attachment gets the reference plugins' rules, by one program for each family", async () => {
    const node = createNode({ legacy: true });
    const process = node.machine.spawn();
    expect(await node.add(key, subnets, undefined, process)).toEqual(done);
    expect(process.effects()).toEqual(["run /usr/sbin/iptables-restore", "run /usr/sbin/ip6tables-restore"]);
    const chain = masqueradeChain(key);
    const words = '-m comment --comment "name: \\"n1\\" id: \\"c1\\""';
    expect(node.iptables.lines().filter((line) => line.startsWith("4"))).toEqual([
      "4 :POSTROUTING - [0:0]",
      `4 :${chain} - [0:0]`,
      `4 -A POSTROUTING -s 10.1.2.5/32 ${words} -j ${chain}`,
      `4 -A ${chain} -d 10.1.0.0/17 ${words} -j ACCEPT`,
      `4 -A ${chain} ! -d 224.0.0.0/4 ${words} -j MASQUERADE`,
    ]);
    expect(node.rules()).toEqual([]);
    expect(await node.del()).toEqual(done);
    expect(node.iptables.lines()).toEqual(createIptables().lines());
  });

  test("two interfaces share a chain, which goes with the second", async () => {
    const node = createNode({ legacy: true });
    const empty = node.iptables.lines();
    const twin = { ...key, ifname: "net1" };
    await node.add(key, [subnetOf("10.1.2.5/17")]);
    expect(await node.add(twin, [subnetOf("10.9.0.5/16")])).toEqual(done);
    const both = node.iptables.lines();
    expect(await node.add(twin, [subnetOf("10.9.0.5/16")])).toEqual(done);
    expect(node.iptables.lines()).toEqual(both);
    expect(await node.del(key, [subnetOf("10.1.2.5/17")])).toEqual(done);
    expect(node.iptables.lines().filter((line) => line.includes("POSTROUTING -s"))).toHaveLength(1);
    expect(await node.del(twin, [subnetOf("10.9.0.5/16")])).toEqual(done);
    expect(node.iptables.lines()).toEqual(empty);
  });

  test("if one family fails, nothing is left of the other", async () => {
    const node = createNode({ legacy: true });
    const empty = node.iptables.lines();
    node.iptables.failV6();
    expect(await node.add(key, subnets, "iptables")).toMatchObject({ error: { id: "filter.refused" } });
    expect(node.iptables.lines()).toEqual(empty);
  });

  test("GC removes a chain that nothing jumps to", async () => {
    const node = createNode({ legacy: true });
    const empty = node.iptables.lines();
    await node.add(key);
    node.iptables.loseJumps();
    expect(node.iptables.lines()).toHaveLength(empty.length + 6);
    expect(await node.collect([other])).toEqual(done);
    expect(node.iptables.lines()).toEqual(empty);
  });

  test("GC leaves what is valid", async () => {
    const node = createNode({ legacy: true });
    await node.add(other);
    const left = node.iptables.lines();
    await node.add(key);
    expect(await node.collect([other])).toEqual(done);
    expect(node.iptables.lines()).toEqual(left);
  });

  test("without iptables, or with one that does not work, it is nftables", async () => {
    const node = createNode({ legacy: true });
    node.iptables.fail(3, "can't initialize iptables table `nat'");
    expect(await node.add()).toMatchObject({ ok: true });
    expect(node.rules()).toHaveLength(5);
    expect(await createNode().add(key, subnets, "iptables")).toMatchObject({ error: { id: "filter.tools" } });
  });
});

describe.each([
  ["nftables", false],
  ["the older iptables", true],
])("by %s", (_, legacy) => {
  test("wherever an ADD is killed, a DEL leaves nothing, wherever it is killed itself", async () => {
    const whole = createNode({ legacy });
    const process = whole.machine.spawn();
    await whole.add(key, subnets, undefined, process);
    for (const { effect, point, where } of crashSites(process.effects())) {
      const node = createNode({ legacy });
      await node.add(other);
      await node.del(other);
      const before = [node.rules(), node.iptables.lines()];
      const killed = node.machine.spawn();
      killed.crashAt(effect, point);
      await expect(node.add(key, subnets, undefined, killed), where).rejects.toThrow(Crash);
      for (const again of ["before", "after"] as const) {
        const killedToo = node.machine.spawn();
        killedToo.crashAt(0, again);
        await node.del(key, subnets, killedToo).catch((error) => expect(error).toBeInstanceOf(Crash));
      }
      expect(await node.del(), where).toEqual(done);
      expect([node.rules().slice(0, 3), node.iptables.lines()], where).toEqual([
        before[0]?.slice(0, 3),
        before[1],
      ]);
      expect(node.rules().length, where).toBeLessThanOrEqual(3);
      expect(await node.add(), where).toEqual(done);
    }
  });
});
