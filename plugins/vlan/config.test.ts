import { expect, test } from "vitest";
import type { JsonObject } from "../../cni/json.ts";
import { must, mustFail } from "../../sys/outcome-testing.ts";
import { pluginCall } from "../link/invocation-testing.ts";
import { parseVlan } from "./config.ts";

const ipam = { type: "host-local" };
const parse = (raw: JsonObject) => parseVlan(pluginCall(raw));

test("every field", () => {
  const raw = { ipam, master: "eth1", vlanId: 4094, mtu: 1400, linkInContainer: true };
  expect(must(parse(raw))).toMatchObject({ master: "eth1", vlanId: 4094, mtu: 1400, linkInContainer: true });
});

test("the VLAN is 0 where none is named, as in the reference plugin", () => {
  expect(must(parse({ ipam, master: "eth1" })).vlanId).toBe(0);
});

test.each<[JsonObject, string]>([
  [{ ipam, vlanId: 5 }, "master: is missing"],
  [{ master: "eth1", vlanId: 5 }, "ipam.type: is missing"],
  [{ ipam, master: "eth1", vlanId: 4095 }, "vlanId: is 4095, not a whole number from 0 to 4094"],
  [{ ipam, master: "eth1", vlanId: -1 }, "vlanId: is -1, not a whole number"],
  [{ ipam, master: "eth1", vlanId: "5" }, 'vlanId: is "5", not a whole number'],
])("refuses %j", (raw, why) => {
  expect(mustFail(parse(raw)).msg).toContain(why);
});
