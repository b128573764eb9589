import { expect, test } from "vitest";
import type { JsonObject } from "../../cni/json.ts";
import { must, mustFail } from "../../sys/outcome-testing.ts";
import { pluginCall } from "../link/invocation-testing.ts";
import { parseTap } from "./config.ts";

const parse = (raw: JsonObject) => parseTap(pluginCall(raw));

test("every field", () => {
  const raw = { multiQueue: true, mtu: 1400, mac: "02:00:00:00:00:01", owner: 0, group: 107, bridge: "br1" };
  expect(must(parse(raw))).toMatchObject({
    ipam: undefined,
    multiQueue: true,
    mtu: 1400,
    mac: Uint8Array.of(2, 0, 0, 0, 0, 1),
    owner: 0,
    group: 107,
    bridge: "br1",
  });
});

test("no owner is another thing than root", () => {
  expect(must(parse({}))).toMatchObject({
    owner: undefined,
    group: undefined,
    multiQueue: false,
    bridge: "",
  });
});

test.each<[JsonObject, string]>([
  [{ owner: -1 }, "owner: is -1, not a whole number"],
  [{ group: 4294967295 }, "group: is 4294967295, not a whole number"],
  [{ multiQueue: 1 }, "multiQueue: is a number, not true or false"],
  [{ bridge: "a b" }, 'bridge: "a b" cannot name an interface'],
  [{ selinuxContext: "system_u:system_r:container_t:s0" }, "selinuxContext: is not supported"],
])("refuses %j", (raw, why) => {
  expect(mustFail(parse(raw)).msg).toContain(why);
});

test("passes over a hardware address in args, as the reference plugin does", () => {
  const raw = { args: { cni: { mac: "02:00:00:00:00:42" } } };
  expect(must(parse(raw)).mac).toBeUndefined();
  expect(must(parse({ ...raw, mac: "02:00:00:00:00:01" })).mac).toEqual(Uint8Array.of(2, 0, 0, 0, 0, 1));
});

test("an empty label is none", () => {
  expect(parse({ selinuxContext: "" }).ok).toBe(true);
});
