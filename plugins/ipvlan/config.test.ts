import { expect, test } from "vitest";
import type { JsonObject } from "../../cni/json.ts";
import { must, mustFail } from "../../sys/outcome-testing.ts";
import { pluginCall } from "../link/invocation-testing.ts";
import { parseIpvlan } from "./config.ts";

const ipam = { type: "host-local" };
const parse = (raw: JsonObject, command: "ADD" | "CHECK" | "STATUS" = "ADD") =>
  parseIpvlan(pluginCall(raw, { command }));
const prevResult = {
  cniVersion: "1.1.0",
  interfaces: [{ name: "eth5" }],
  ips: [{ address: "10.1.0.5/24", interface: 0 }],
};

test.each([
  [undefined, "l2"],
  ["", "l2"],
  ["l3", "l3"],
  ["l3s", "l3s"],
])("mode %s is %s", (mode, meant) => {
  expect(must(parse({ ipam, ...(mode !== undefined && { mode }) })).mode).toBe(meant);
});

test("in a chain, the interface before is the master, and its addresses are taken", () => {
  const config = must(parse({ prevResult }));
  expect(config).toMatchObject({ master: "eth5", ipam: undefined, previous: { ips: prevResult.ips } });
});

test("in a chain, a master that is named counts", () => {
  expect(must(parse({ master: "eth1", prevResult })).master).toBe("eth1");
});

test("CHECK does not take the interface of the whole chain's result for the master", () => {
  expect(must(parse({ prevResult }, "CHECK"))).toMatchObject({ master: "", previous: undefined });
});

test.each<[JsonObject, string]>([
  [{}, "ipam.type: is missing, and no plugin before this one gives addresses"],
  [{ ipam, mode: "l4" }, "mode: is a string, not one of l2, l3, l3s"],
  [
    { prevResult: { cniVersion: "1.1.0", ips: [{ address: "10.1.0.5/24" }] } },
    "master: chained master failure",
  ],
  [
    { prevResult: { ...prevResult, interfaces: [{ name: "a" }, { name: "b" }] } },
    "master: chained master failure",
  ],
  [{ ipam, prevResult: 5 }, "prevResult: it is a number"],
])("refuses %j", (raw, why) => {
  expect(mustFail(parse(raw)).msg).toContain(why);
});

test("STATUS comes before there are addresses", () => {
  expect(parse({}, "STATUS").ok).toBe(true);
});
