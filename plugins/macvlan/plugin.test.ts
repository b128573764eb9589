import { describe, expect, test } from "vitest";
import type { JsonObject } from "../../cni/json.ts";
import {
  changeLink,
  createScene,
  homePath,
  ipam,
  linksIn,
  podPath,
  type SceneOptions,
  survivesEverywhere,
} from "../link/attach-testing.ts";
import { macvlan } from "./plugin.ts";

const card: SceneOptions = { prepare: (kernel) => kernel.addCard({ name: "eth1" }) };
const raw: JsonObject = { master: "eth1", ipam };
const scene = (options: SceneOptions = card) => createScene(macvlan, options);

describe("ADD", () => {
  test("makes the interface in the container's namespace only, with the addresses", async () => {
    const now = scene();
    const result = await now.add({
      ...raw,
      mode: "vepa",
      mtu: 1400,
      mac: "02:00:00:00:00:07",
      bcqueuelen: 3,
    });
    expect(result).toEqual({
      interfaces: [{ name: "net1", mac: "02:00:00:00:00:07", sandbox: podPath }],
      ips: [
        { address: "10.1.0.5/24", gateway: "10.1.0.1", interface: 0 },
        { address: "fd00::5/64", gateway: "fd00::1", interface: 0 },
      ],
      routes: [{ dst: "0.0.0.0/0" }],
      dns: { nameservers: ["10.1.0.53"] },
    });
    expect(now.kernel.state()[podPath]?.links.net1).toMatchObject({
      kind: "macvlan",
      mtu: 1400,
      relative: `eth1@${homePath}`,
      data: { 1: "02000000", 7: "03000000" },
    });
    expect(now.kernel.state()[podPath]?.settings).toMatchObject({
      "ipv4/conf/net1/arp_notify": "1",
      "ipv6/conf/net1/ndisc_notify": "1",
    });
    expect(linksIn(now, homePath)).toEqual(["eth1"]);
  });

  test("without an address plugin only takes the interface up", async () => {
    const now = scene();
    expect(await now.add({ master: "eth1" })).toMatchObject({ ips: [], routes: [] });
    expect(now.kernel.state()[podPath]?.links.net1?.flags).toContain("up");
    expect(now.kernel.state()[podPath]?.settings).toEqual({});
  });

  test("the node's own name servers count", async () => {
    const dns = { nameservers: ["192.0.2.53"] };
    expect(await scene().add({ ...raw, dns })).toMatchObject({ dns });
  });

  test("a master in the container", async () => {
    const now = scene();
    await now.add(raw, { ifname: "eth1" });
    expect(await now.call("add", { ...raw, master: "eth1", linkInContainer: true })).toMatchObject({
      ok: true,
    });
    expect(linksIn(now)).toEqual(["eth1", "net1"]);
  });

  test("an older kernel refuses a name that the node's namespace has, and it gets it all the same", async () => {
    const prepare: SceneOptions["prepare"] = (kernel) =>
      ["eth1", "net1"].map((name) => kernel.addCard({ name }));
    const now = scene({ prepare, kernel: { isOld: true } });
    await now.add(raw);
    expect(linksIn(now)).toEqual(["net1"]);
    expect(linksIn(now, homePath)).toEqual(["eth1", "net1"]);
  });

  test.each<[string, JsonObject, object]>([
    ["no such master", { ...raw, master: "eth7" }, { id: "link.no-master", code: 109 }],
    ["no default route", { ipam }, { id: "link.no-master" }],
    [
      "an MTU above the master's",
      { ...raw, mtu: 1501 },
      { msg: "mtu: invalid MTU 1501, must be [0, master MTU(1500)]" },
    ],
    ["a wrong field", { ...raw, mode: "x" }, { id: "link.config" }],
    ["no address", { ...raw, ipam: { type: "ipam", refuses: true } }, { code: 106 }],
  ])("refuses %s, and leaves nothing", async (_what, config, error) => {
    const now = scene();
    expect(await now.call("add", config)).toMatchObject({ ok: false, error });
    expect(linksIn(now)).toEqual([]);
    expect(now.held.size).toBe(0);
  });

  test("refuses a name that the container has, and the DEL after it leaves that interface alone", async () => {
    const now = scene();
    await now.add(raw);
    expect(await now.call("add", raw)).toMatchObject({ error: { id: "link.exists" } });
    const other = createScene(macvlan, {
      prepare: (kernel) => {
        kernel.addCard({ name: "eth1" });
      },
    });
    expect(await other.call("add", raw, { ifname: "lo" })).toMatchObject({ error: { id: "link.exists" } });
    expect(await other.call("del", raw, { ifname: "lo" })).toEqual({ ok: true });
    expect(other.kernel.state()[podPath]?.links).toHaveProperty("lo");
  });

  test("a kernel without macvlan says so in its own words", async () => {
    const now = scene({ ...card, kernel: { lacks: ["macvlan"] } });
    const outcome = await now.call("add", raw);
    expect(outcome).toMatchObject({ error: { id: "link.refused" } });
    expect(JSON.stringify(outcome)).toContain("Unknown device type");
    expect(JSON.stringify(outcome)).toContain("module");
  });

  test("an address that another host has is an error that names it", async () => {
    const now = scene({ ...card, kernel: { duplicates: ["fd00:0:0:0:0:0:0:5"] } });
    await changeLink(now, "eth1", { up: true });
    expect(await now.call("add", raw)).toMatchObject({
      error: { id: "link.duplicate-address", msg: expect.stringContaining("fd00::5/64") },
    });
    expect(linksIn(now)).toEqual([]);
  });
});

describe("CHECK", () => {
  test.each<[string, JsonObject, JsonObject, string | undefined]>([
    ["what ADD has made", raw, {}, undefined],
    ["another mode", raw, { mode: "vepa" }, "another mode"],
    ["another MTU", raw, { mtu: 1400 }, "MTU"],
    ["a master that is gone", raw, { master: "eth7" }, "no such link"],
    ["another master", raw, { master: "eth2" }, "not on eth2"],
  ])("%s", async (_what, added, changed, why) => {
    const now = scene({ prepare: (kernel) => ["eth1", "eth2"].map((name) => kernel.addCard({ name })) });
    const prevResult = { cniVersion: "1.1.0", ...(await now.add(added)) } as unknown as JsonObject;
    const outcome = await now.call("check", { ...added, prevResult, ...changed });
    if (why === undefined) expect(outcome).toEqual({ ok: true });
    else expect(outcome).toMatchObject({ error: { msg: expect.stringContaining(why) } });
  });

  test("needs prevResult", async () => {
    expect(await scene().call("check", raw)).toMatchObject({ error: { id: "config.prev-result" } });
  });
});

describe("DEL, GC and STATUS", () => {
  test("DEL without a namespace frees the addresses", async () => {
    const now = scene();
    await now.add(raw);
    now.kernel.removePath(podPath);
    for (const netns of ["", podPath]) expect(await now.call("del", raw, { netns })).toEqual({ ok: true });
    expect(now.held.size).toBe(0);
  });

  test("DEL does not need the master, or a right configuration", async () => {
    const now = scene();
    await now.add(raw);
    expect(await now.call("del", { ipam, master: 7, mode: "x" })).toEqual({ ok: true });
    expect(linksIn(now)).toEqual([]);
  });

  test("STATUS wants the master", async () => {
    const now = scene();
    expect(await now.call("status", raw)).toEqual({ ok: true });
    expect(await now.call("status", { ...raw, master: "eth7" })).toMatchObject({
      error: { code: 50, id: "link.no-master" },
    });
    expect(await now.call("status", { ...raw, mtu: 9000 })).toMatchObject({ error: { code: 50 } });
    expect(await now.call("status", { ipam, master: "eth7", linkInContainer: true })).toEqual({ ok: true });
  });

  test("GC passes to the address plugin", async () => {
    expect(await scene().call("gc", { ipam: { type: "nobody" } })).toMatchObject({
      error: { id: "delegate.not-found" },
    });
    expect(await scene().call("gc", raw)).toEqual({ ok: true });
  });
});

describe("an attachment of macvlan", () => survivesEverywhere(macvlan, raw, card));

describe("an attachment of macvlan on an older kernel that has the name on the node", () =>
  survivesEverywhere(macvlan, raw, {
    prepare: (kernel) => ["eth1", "net1"].map((name) => kernel.addCard({ name })),
    kernel: { isOld: true },
  }));
