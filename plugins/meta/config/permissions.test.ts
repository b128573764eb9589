import { describe, expect, test } from "vitest";
import type { Json, JsonObject } from "../../../cni/json.ts";
import { readWhole } from "../../../cni/readers.ts";
import {
  allAllowed,
  completeRules,
  noRequestRules,
  type Permissions,
  permissionsFor,
  type RequestRules,
  readRequests,
  safe,
} from "./permissions.ts";

function rules(requests: Json, defaults: Permissions): RequestRules {
  const said = readWhole(readRequests, requests);
  if (said === undefined) throw new Error("the test's own rules are wrong");
  return completeRules(said, defaults);
}

const data = { namespace: "blue", name: "data" };

describe("what a pod may ask of a network", () => {
  test("by default all that a network's plugins declare, but no device and no arguments", () => {
    const { deviceID, cniArgs, ...others } = permissionsFor(completeRules(noRequestRules, safe), data);
    expect({ deviceID, cniArgs }).toEqual({ deviceID: "deny", cniArgs: "deny" });
    expect(new Set(Object.values(others))).toEqual(new Set(["allow"]));
  });

  test.each<[string, JsonObject, string]>([
    ["what is not said is as before", { mac: "deny" }, "allow"],
    ["for all", { ips: "deny" }, "deny"],
    ["for one network", { ips: "deny", networks: { "blue/data": { ips: "allow" } } }, "allow"],
    ["for another network", { ips: "deny", networks: { "blue/other": { ips: "allow" } } }, "deny"],
    ["for a network of that name elsewhere", { networks: { "red/data": { ips: "deny" } } }, "allow"],
    ["for a namespace", { networks: { "blue/*": { ips: "deny" } } }, "deny"],
    [
      "for a namespace and one network of it, in any order",
      { networks: { "blue/data": { ips: "allow" }, "blue/*": { ips: "deny" } } },
      "allow",
    ],
  ])("%s", (_case, requests, expected) => {
    expect(permissionsFor(rules(requests, safe), data).ips).toBe(expected);
  });

  test("a network's name is no key of an object's prototype", () => {
    const all = rules({ networks: {} }, allAllowed);
    expect(permissionsFor(all, { namespace: "", name: "" })).toEqual(allAllowed);
    const odd = { ...all, networks: Object.create({ "blue/data": { ips: "deny" } }) };
    expect(permissionsFor(odd, data)).toEqual(allAllowed);
  });

  test.each<[string, Json]>([
    ["no object", "allow"],
    ["a kind that there is not", { ip: "allow" }],
    ["a word that there is not", { ips: "yes" }],
    ["a network without its namespace", { networks: { data: {} } }],
    ["a network with a path", { networks: { "blue/../red": {} } }],
    ["every namespace", { networks: { "*/*": {} } }],
    ["networks that are none", { networks: ["blue/data"] }],
    ["networks within networks", { networks: { "blue/data": { networks: {} } } }],
  ])("refuses %s", (_case, requests) => {
    expect(readWhole(readRequests, requests)).toBeUndefined();
  });
});
