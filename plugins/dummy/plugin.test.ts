import { describe, expect, test } from "vitest";
import type { JsonObject } from "../../cni/json.ts";
import {
  changeLink,
  createScene,
  homePath,
  ipam,
  linksIn,
  podPath,
  survivesEverywhere,
} from "../link/attach-testing.ts";
import { dummy } from "./plugin.ts";

test("ADD makes the interface in the container's namespace, and takes it up", async () => {
  const now = createScene(dummy, { prepare: (kernel) => kernel.addCard({ name: "net1" }) });
  expect(await now.add({ ipam })).toMatchObject({ ips: [{ interface: 0 }, { interface: 0 }] });
  expect(now.kernel.state()[podPath]?.links.net1).toMatchObject({
    kind: "dummy",
    flags: expect.arrayContaining(["up"]),
  });
  expect(linksIn(now, homePath)).toEqual(["net1"]);
});

test("CHECK finds that the interface is down", async () => {
  const now = createScene(dummy);
  const prevResult = { cniVersion: "1.1.0", ...(await now.add({ ipam })) } as unknown as JsonObject;
  expect(await now.call("check", { ipam, prevResult })).toEqual({ ok: true });
  await changeLink(now, "net1", { up: false }, podPath);
  expect(await now.call("check", { ipam, prevResult })).toMatchObject({ error: { id: "link.drift" } });
});

test.each([1400, -5, "1400"])("passes over an MTU of %j, as the reference plugin does", async (mtu) => {
  const now = createScene(dummy);
  const raw: JsonObject = { ipam, mtu };
  const prevResult = { cniVersion: "1.1.0", ...(await now.add(raw)) } as unknown as JsonObject;
  expect(now.kernel.state()[podPath]?.links.net1).toMatchObject({ mtu: 1500 });
  expect(await now.call("check", { ...raw, prevResult })).toEqual({ ok: true });
});

describe("an attachment of dummy", () => survivesEverywhere(dummy, { ipam }));
