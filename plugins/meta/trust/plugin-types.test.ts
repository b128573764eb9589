import { describe, expect, test } from "vitest";
import type { JsonObject } from "../../../cni/json.ts";
import type { Owner } from "./owner.ts";
import { allowedFor, deniedTypes, endlessIpam, type TypeRules } from "./plugin-types.ts";
import { typesWithSchema } from "./schemas/index.ts";

const unsaid: TypeRules = { allowedTypes: undefined, allowedIpamTypes: undefined };

function denied(config: JsonObject, owner: Owner, rules: Partial<TypeRules> = {}) {
  return deniedTypes({ ...unsaid, ...rules }, owner, config).map(({ type, part }) => `${part} ${type}`);
}

describe("what may run for a tenant's definition", () => {
  test.each<[string, JsonObject, string[]]>([
    ["a plugin and its addresses", { type: "macvlan", ipam: { type: "host-local" } }, []],
    ["a chain", { plugins: [{ type: "bridge" }, { type: "tuning" }] }, []],
    ["the node's own device", { type: "host-device" }, ["plugin host-device"]],
    ["an unknown one", { type: "evil", ipam: { type: "worse" } }, ["plugin evil", "ipam worse"]],
    ["a main plugin for addresses", { type: "macvlan", ipam: { type: "bridge" } }, ["ipam bridge"]],
    ["itself for addresses", { type: "macvlan", ipam: { type: "macvlan" } }, ["ipam macvlan"]],
    ["ipam in another case", { type: "ptp", Ipam: { type: "host-device" } }, ["ipam host-device"]],
    ["type in another case", { type: "ptp", ipam: { Type: "evil" } }, ["ipam evil"]],
    ["folding that is not ASCII's", { type: "ptp", ipam: { type: "static", tYpe: "evil" } }, ["ipam evil"]],
    ["both spellings", { type: "ptp", ipam: { type: "static" }, IPAM: { type: "evil" } }, ["ipam evil"]],
    ["an IPAM plugin as a plugin", { type: "hawser-flat", ipam: {} }, ["plugin hawser-flat"]],
    ["the reference's IPAM plugin as a plugin", { type: "host-local" }, ["plugin host-local"]],
    [
      "deep in a list",
      { plugins: [{ type: "bridge" }, { type: "tuning", iPAM: { TYPE: "x" } }] },
      ["ipam x"],
    ],
  ])("%s", (_case, config, expected) => {
    expect(denied(config, "tenant")).toEqual(expected);
  });

  test("whatever the operator allows, a plugin's two parts are not changed", () => {
    const rules = { allowedTypes: ["*"] };
    expect(denied({ type: "vendor", ipam: { type: "vendor-ipam" } }, "tenant", rules)).toEqual([]);
    expect(denied({ type: "vendor", ipam: { type: "macvlan" } }, "tenant", rules)).toEqual(["ipam macvlan"]);
    expect(denied({ type: "hawser-flat" }, "tenant", rules)).toEqual(["plugin hawser-flat"]);
  });

  test("one list of the operator's is both lists, each with what can be in it", () => {
    const rules = { allowedTypes: ["macvlan", "host-local", "vendor"] };
    expect(denied({ type: "macvlan", ipam: { type: "host-local" } }, "tenant", rules)).toEqual([]);
    expect(denied({ type: "vendor", ipam: { type: "vendor" } }, "tenant", rules)).toEqual([]);
    expect(denied({ type: "host-local", ipam: { type: "macvlan" } }, "tenant", rules)).toEqual([
      "plugin host-local",
      "ipam macvlan",
    ]);
    expect(denied({ type: "bridge" }, "tenant", rules)).toEqual(["plugin bridge"]);
  });

  test("a list of IPAM plugins of its own", () => {
    const rules = { allowedTypes: ["macvlan", "host-local"], allowedIpamTypes: ["static"] };
    expect(denied({ type: "macvlan", ipam: { type: "static" } }, "tenant", rules)).toEqual([]);
    expect(denied({ type: "macvlan", ipam: { type: "host-local" } }, "tenant", rules)).toEqual([
      "ipam host-local",
    ]);
  });
});

describe("what may run for a definition on disk", () => {
  test("anything, until the operator says", () => {
    expect(denied({ type: "host-device", ipam: { type: "vendor" } }, "operator")).toEqual([]);
    expect(denied({ type: "ptp", Ipam: { type: "vendor" } }, "operator", { allowedTypes: ["ptp"] })).toEqual([
      "ipam vendor",
    ]);
  });
});

describe("an IPAM plugin that never ends", () => {
  test.each<[JsonObject, string | undefined]>([
    [{ type: "macvlan", ipam: { type: "macvlan" } }, "macvlan"],
    [{ type: "vendor", ipam: { type: "vendor" } }, "vendor"],
    [{ type: "vendor", IPAM: { tYPE: "vendor" } }, "vendor"],
    [{ type: "macvlan", ipam: { type: "bridge" } }, "bridge"],
    [{ type: "macvlan", ipam: { type: "hawser" } }, "hawser"],
    [{ type: "macvlan", ipam: { type: "host-local" } }, undefined],
    [{ type: "macvlan", ipam: {} }, undefined],
    [{ type: "macvlan" }, undefined],
  ])("%j", (plugin, expected) => {
    expect(endlessIpam(plugin)).toBe(expected);
  });
});

describe("types and their schemas", () => {
  const anything = { allowedTypes: ["*"], allowedIpamTypes: ["*"] };
  const types = { plugin: typesWithSchema("plugin"), ipam: typesWithSchema("ipam") };

  test.each(["plugin", "ipam"] as const)(
    "what may run as %s unless the operator says otherwise has one",
    (part) => {
      for (const type of allowedFor(unsaid, part, "tenant")) expect(types[part]).toContain(type);
    },
  );

  test("what has one as a plugin alone never runs for addresses, and the other way round", () => {
    for (const type of types.plugin.filter((each) => !types.ipam.includes(each)))
      expect(denied({ type: "macvlan", ipam: { type } }, "tenant", anything)).toEqual([`ipam ${type}`]);
    for (const type of types.ipam.filter((each) => !types.plugin.includes(each)))
      expect(denied({ type }, "tenant", anything)).toEqual([`plugin ${type}`]);
  });

  test("what takes a device from the node, or reaches into it, is the operator's to allow", () => {
    const byDefault = allowedFor(unsaid, "plugin", "tenant");
    const others = types.plugin.filter((type) => !byDefault.includes(type));
    expect(others.sort()).toEqual(["accelerated-bridge", "coordinator", "host-device", "loopback", "tap"]);
  });
});
