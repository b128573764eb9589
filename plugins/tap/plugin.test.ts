import { describe, expect, test } from "vitest";
import type { JsonObject } from "../../cni/json.ts";
import { makeLink } from "../../net/links.ts";
import { talk } from "../../net/talk.ts";
import { must } from "../../sys/outcome-testing.ts";
import {
  type AttachScene,
  changeLink,
  createScene,
  ipam,
  linksIn,
  podPath,
  survivesEverywhere,
} from "../link/attach-testing.ts";
import { tap } from "./plugin.ts";

async function addBridge({ kernel }: AttachScene, name: string): Promise<void> {
  const namespace = must(await kernel.open(podPath));
  must(talk(must(namespace.socket("route")), makeLink({ name }, { kind: "bridge" })));
  namespace.close();
}

const everything: JsonObject = { multiQueue: true, owner: 7, mtu: 1400, mac: "02:00:00:00:00:07" };

test("ADD makes the interface with all that it is to have", async () => {
  const now = createScene(tap);
  await addBridge(now, "br1");
  const result = await now.add({ ...everything, bridge: "br1", ipam });
  expect(result.interfaces).toEqual([{ name: "net1", mac: "02:00:00:00:00:07", sandbox: podPath }]);
  expect(now.kernel.state()[podPath]?.links.net1).toMatchObject({
    kind: "tun",
    mtu: 1400,
    master: "br1",
    hardware: "02:00:00:00:00:07",
    data: { 1: "07000000", 7: "01" },
  });
});

test.each<[string, JsonObject, string]>([
  ["a bridge that the container has not", { bridge: "br7" }, "link.no-master"],
  ["a wrong owner", { owner: "root" }, "link.config"],
])("ADD refuses %s, and leaves nothing", async (_what, raw, id) => {
  const now = createScene(tap);
  expect(await now.call("add", raw)).toMatchObject({ error: { id } });
  expect(linksIn(now)).toEqual([]);
});

test("ADD does not take over an interface that is there", async () => {
  const now = createScene(tap);
  await now.add({});
  expect(await now.call("add", {})).toMatchObject({ error: { id: "link.exists" } });
});

test("CHECK finds that it left its bridge, and DEL removes it all the same", async () => {
  const now = createScene(tap);
  await addBridge(now, "br1");
  const raw = { bridge: "br1" };
  const prevResult = { cniVersion: "1.1.0", ...(await now.add(raw)) } as unknown as JsonObject;
  expect(await now.call("check", { ...raw, prevResult })).toEqual({ ok: true });
  await changeLink(now, "net1", { master: 0 }, podPath);
  expect(await now.call("check", { ...raw, prevResult })).toMatchObject({ error: { id: "link.drift" } });
  expect(await now.call("del", raw)).toEqual({ ok: true });
  expect(linksIn(now)).toEqual(["br1"]);
});

test("the interface is up before it has addresses, so that it has its IPv6 routes without a carrier", async () => {
  const now = createScene(tap);
  await now.add({ ipam });
  const routes = now.kernel.state()[podPath]?.routes.join("\n");
  expect(routes).toContain("ff00:");
});

describe("an attachment of tap", () => survivesEverywhere(tap, { ...everything, ipam }));
