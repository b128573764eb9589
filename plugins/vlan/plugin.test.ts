import { describe, expect, test } from "vitest";
import type { JsonObject } from "../../cni/json.ts";
import {
  createScene,
  homePath,
  ipam,
  linksIn,
  podPath,
  type SceneOptions,
  survivesEverywhere,
} from "../link/attach-testing.ts";
import { vlan } from "./plugin.ts";

const raw: JsonObject = { master: "eth1", vlanId: 5, ipam };
const card: SceneOptions = { prepare: (kernel) => kernel.addCard({ name: "eth1" }), up: ["eth1"] };

test("ADD makes the VLAN in the container's namespace", async () => {
  const now = createScene(vlan, card);
  const { interfaces = [] } = await now.add({ ...raw, mtu: 1400 });
  const { net1 } = now.kernel.state()[podPath]?.links ?? {};
  expect(net1).toMatchObject({ kind: "vlan", mtu: 1400, relative: `eth1@${homePath}`, data: { 1: "0500" } });
  expect(interfaces).toEqual([{ name: "net1", mac: net1?.hardware, sandbox: podPath }]);
  expect(linksIn(now, homePath)).toEqual(["eth1"]);
});

test("one VLAN of one master is in one container only, and the error is the kernel's", async () => {
  const now = createScene(vlan, card);
  await now.add(raw);
  const other = await now.call("add", raw, { containerId: "c2", ifname: "net2" });
  expect(other).toMatchObject({
    error: { id: "link.refused", msg: expect.stringContaining("VLAN device already exists") },
  });
  expect(linksIn(now)).toEqual(["net1"]);
});

test("an MTU above the master's is refused", async () => {
  expect(await createScene(vlan, card).call("add", { ...raw, mtu: 9000 })).toMatchObject({
    error: { id: "link.config" },
  });
});

test("on a master that is down it cannot come up: STATUS says so before ADD does", async () => {
  const now = createScene(vlan, { ...card, up: [] });
  expect(await now.call("status", raw)).toMatchObject({ error: { code: 50, id: "link.no-master" } });
  expect(await now.call("add", raw)).toMatchObject({ error: { msg: expect.stringContaining("ENETDOWN") } });
  expect(linksIn(now)).toEqual([]);
  expect(await createScene(vlan, card).call("status", raw)).toEqual({ ok: true });
});

test("CHECK finds another VLAN", async () => {
  const now = createScene(vlan, card);
  const prevResult = { cniVersion: "1.1.0", ...(await now.add(raw)) } as unknown as JsonObject;
  expect(await now.call("check", { ...raw, prevResult })).toEqual({ ok: true });
  expect(await now.call("check", { ...raw, vlanId: 6, prevResult })).toMatchObject({
    error: { id: "link.drift" },
  });
});

describe("an attachment of vlan", () => survivesEverywhere(vlan, raw, card));
