import { describe, expect, test } from "vitest";
import type { JsonObject } from "../../cni/json.ts";
import {
  createScene,
  homePath,
  ipam,
  podPath,
  type SceneOptions,
  survivesEverywhere,
} from "../link/attach-testing.ts";
import { ipvlan } from "./plugin.ts";

const raw: JsonObject = { master: "eth1", ipam };
const card: SceneOptions = { prepare: (kernel) => kernel.addCard({ name: "eth1" }) };
const prevResult = {
  cniVersion: "1.1.0",
  interfaces: [{ name: "eth1" }],
  ips: [{ address: "10.9.0.5/24", gateway: "10.9.0.1" }],
  routes: [{ dst: "10.8.0.0/16" }],
};

test("ADD makes the interface in the container's namespace, in the mode", async () => {
  const now = createScene(ipvlan, card);
  await now.add({ ...raw, mode: "l3", mtu: 1400 });
  expect(now.kernel.state()[podPath]?.links.net1).toMatchObject({
    kind: "ipvlan",
    mtu: 1400,
    relative: `eth1@${homePath}`,
    data: { 1: "0100" },
  });
});

test("ADD in a chain takes the master and the addresses of the plugins before", async () => {
  const now = createScene(ipvlan, card);
  expect(await now.add({ prevResult })).toMatchObject({
    interfaces: [{ name: "net1", sandbox: podPath }],
    ips: [{ address: "10.9.0.5/24", gateway: "10.9.0.1", interface: 0 }],
    routes: prevResult.routes,
  });
  expect(now.kernel.state()[podPath]?.links.net1?.relative).toBe(`eth1@${homePath}`);
  expect(now.held.size).toBe(0);
});

test("CHECK finds another mode, and that a master is not the configured one", async () => {
  const now = createScene(ipvlan, {
    prepare: (kernel) => {
      for (const name of ["eth1", "eth2"]) kernel.addCard({ name });
    },
  });
  const known = { cniVersion: "1.1.0", ...(await now.add(raw)) } as unknown as JsonObject;
  const check = (more: JsonObject) => now.call("check", { ...raw, prevResult: known, ...more });
  expect(await check({})).toEqual({ ok: true });
  expect(await check({ master: "" })).toEqual({ ok: true });
  expect(await check({ mode: "l3" })).toMatchObject({ error: { id: "link.drift" } });
  expect(await check({ master: "eth2" })).toMatchObject({ error: { id: "link.drift" } });
});

test("STATUS wants the master, but of a chain's it knows nothing", async () => {
  const now = createScene(ipvlan, card);
  expect(await now.call("status", raw)).toEqual({ ok: true });
  expect(await now.call("status", { ipam })).toMatchObject({ error: { code: 50, id: "link.no-master" } });
  expect(await now.call("status", {})).toEqual({ ok: true });
});

describe("an attachment of ipvlan", () => survivesEverywhere(ipvlan, raw, card));
