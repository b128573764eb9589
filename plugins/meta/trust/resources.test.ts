import { describe, expect, test } from "vitest";
import { createMachine } from "../../../sys/fake.ts";
import { must } from "../../../sys/outcome-testing.ts";
import { grantFor, noResources, opensTo, type Resources, readResources } from "./resources.ts";

const path = "/etc/cni/hawser/resources.json";

function read(content: unknown) {
  const text = typeof content === "string" ? content : JSON.stringify(content);
  return readResources(createMachine({ files: { [path]: text } }).spawn().sys, path);
}

function resources(content: unknown): Resources {
  return must(read(content));
}

const all = ["*"];

describe("the operator's resources", () => {
  test("a file that is not there restricts nothing and gives nothing", () => {
    expect(readResources(createMachine({}).spawn().sys, path)).toEqual({ ok: true, value: noResources });
  });

  test("a pool has the whole text of its store, and its own name where none is said", () => {
    const etcd = { endpoints: ["https://10.0.0.1:2379"], passwordFile: "/etc/hawser/password" };
    const { pools } = resources({
      stores: { main: { etcd, namespaces: [] } },
      pools: {
        storage: {
          store: "main",
          ranges: [[{ subnet: "10.60.0.0/16" }]],
          hold: "1h",
          namespaces: ["team-a"],
        },
        lab: { pool: "lab-old", ranges: [], namespaces: all },
      },
    });
    expect(pools.get("storage")?.ipam).toEqual({
      pool: "storage",
      ranges: [[{ subnet: "10.60.0.0/16" }]],
      hold: "1h",
      store: { etcd },
    });
    expect(pools.get("lab")?.ipam).toEqual({ pool: "lab-old", ranges: [] });
  });

  test.each<[string, unknown, string]>([
    ["text that is no JSON", "{", "it is not JSON"],
    ["a list", [], "it is an array, not an object"],
    ["an unknown field", { master: {} }, `master is no field`],
    ["a field in another case", { Masters: {} }, `Masters is written "masters"`],
    ["whom it is given to is not said", { masters: { eth1: {} } }, `masters.eth1 has no "namespaces"`],
    ["a namespace that is none", { masters: { eth1: { namespaces: ["A"] } } }, "masters.eth1.namespaces[0]"],
    ["a star in the midst", { masters: { "e*1": { namespaces: all } } }, "masters"],
    ["VLANs that are none", { vlans: { "1-x": { namespaces: all } } }, "vlans"],
    [
      "an unknown request",
      { bridges: { br0: { namespaces: all, requests: { ip: "deny" } } } },
      "requests.ip",
    ],
    ["a pool in no store", { pools: { a: { ranges: [], store: "s", namespaces: all } } }, "pools.a.store"],
    ["a pool of nothing", { pools: { a: { namespaces: all } } }, `pools.a has no "ranges"`],
    ["a store of both kinds", { stores: { s: { etcd: {}, dir: "/d", namespaces: all } } }, "stores.s"],
    ["a default that is none", { defaultStore: "s" }, "defaultStore"],
  ])("refuses %s", (_case, content, words) => {
    const found = read(content);
    expect(found).toMatchObject({ ok: false, error: { id: "config.resources", code: 7 } });
    if (!found.ok) expect(found.error.msg).toContain(words);
  });

  test("a file that cannot be read opens nothing", () => {
    const sys = createMachine({ files: { [`${path}/x`]: "" } }).spawn().sys;
    expect(readResources(sys, path)).toMatchObject({ ok: false, error: { id: "config.resources" } });
  });
});

describe("grants", () => {
  const { restricted } = resources({
    masters: { eth1: { namespaces: ["a"] }, "bond*": { namespaces: ["b"] }, bond0: { namespaces: ["c"] } },
    vlans: { "100-199": { namespaces: ["a"] }, 300: { namespaces: all } },
  });
  const { masters = new Map(), vlans = new Map() } = restricted;

  test.each<[string, string[] | undefined]>([
    ["eth1", ["a"]],
    ["eth10", undefined],
    ["bond1", ["b"]],
    ["bond0", ["c"]],
    ["", undefined],
    ["*", undefined],
  ])("of link %j", (link, namespaces) => {
    expect(grantFor(masters, "masters", link)?.namespaces).toEqual(namespaces);
  });

  test.each<[string, boolean]>([
    ["100", true],
    ["199", true],
    ["200", false],
    ["150-199", true],
    ["150-200", false],
    ["99-100", false],
    ["300", true],
    ["199-100", false],
  ])("of VLANs %s", (used, isOpen) => {
    expect(grantFor(vlans, "vlans", used) !== undefined).toBe(isOpen);
  });

  test("open to a namespace, or to all", () => {
    expect(opensTo({ namespaces: ["a"], requests: {} }, "a")).toBe(true);
    expect(opensTo({ namespaces: ["a"], requests: {} }, "b")).toBe(false);
    expect(opensTo({ namespaces: all, requests: {} }, "b")).toBe(true);
  });
});
