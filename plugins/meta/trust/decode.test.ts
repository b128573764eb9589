import { describe, expect, test } from "vitest";
import type { JsonObject } from "../../../cni/json.ts";
import { createMachine } from "../../../sys/fake.ts";
import { must } from "../../../sys/outcome-testing.ts";
import { metaConfig } from "../meta-testing.ts";
import { decodeDefinition, type Trust } from "./decode.ts";
import { noResources, type Resources, readResources } from "./resources.ts";

function definition(config: JsonObject, more: { name?: string; annotations?: Record<string, string> } = {}) {
  const { name = "storage", annotations = {} } = more;
  const place = { namespace: "team-a", name, source: "Kubernetes API", keptIn: "api" as const };
  return { ...place, annotations, config: { name, ...config } };
}

function resources(content: JsonObject): Resources {
  const sys = createMachine({ files: { "/r.json": JSON.stringify(content) } }).spawn().sys;
  return must(readResources(sys, "/r.json"));
}

function decode(config: JsonObject, trust: Partial<Trust> = {}, given: Resources = noResources) {
  return decodeDefinition(metaConfig(trust), given, definition(config));
}

function handedOn(config: JsonObject, trust: Partial<Trust> = {}, given: Resources = noResources) {
  return must(decode(config, trust, given));
}

function refusal(config: JsonObject, trust: Partial<Trust> = {}, given: Resources = noResources) {
  const decoded = decode(config, trust, given);
  if (decoded.ok) throw new Error(`taken: ${JSON.stringify(decoded.value.config)}`);
  expect(decoded.error).toMatchObject({ id: "meta.definition-denied", code: 103 });
  return decoded.error.msg;
}

const ipam = { type: "host-local", ranges: [[{ subnet: "10.1.0.0/24" }]] };

describe("a tenant's definition is made anew of what was understood", () => {
  test("a plugin, with its addresses and capabilities", () => {
    const config = {
      cniVersion: "0.3.1",
      type: "bridge",
      bridge: "br1",
      vlan: 100,
      capabilities: { ips: true },
      ipam,
    };
    expect(handedOn(config).config).toEqual({ ...config, name: "team-a.storage" });
  });

  test("a list, without what a runtime does not hand on", () => {
    const { config, leftOut } = handedOn({
      cniVersion: "1.0.0",
      capabilities: { ips: true },
      plugins: [{ type: "bridge", ipam: {} }, { type: "tuning" }],
    });
    expect(config).toEqual({
      cniVersion: "1.0.0",
      name: "team-a.storage",
      plugins: [{ type: "bridge", ipam: {} }, { type: "tuning" }],
    });
    expect(leftOut).toEqual([
      `capabilities: it does nothing beside "plugins"; it belongs into the plugin that has the capability`,
    ]);
  });

  test("null is as good as nothing", () => {
    expect(handedOn({ type: "bridge", ipam: null, mtu: null, dns: null }).config).toEqual({
      name: "team-a.storage",
      type: "bridge",
    });
  });

  test.each<[string, JsonObject, string]>([
    ["an unknown field, by its name", { type: "bridge", bridges: "x" }, "bridges is no field"],
    ["a field in another case", { type: "bridge", Ipam: { type: "host-device" } }, `Ipam is written "ipam"`],
    ["a field that folds otherwise", { type: "bridge", briﬁ: 1 }, "is no field"],
    ["the long s", { type: "bridge", "ip\u004dasq": true, "i\u0050Ma\u017Fq": true }, "is written"],
    ["within its ipam", { type: "bridge", ipam: { ...ipam, Ranges: [] } }, `ipam.Ranges is written "ranges"`],
    [
      "within a range",
      { type: "bridge", ipam: { type: "host-local", ranges: [[{ Subnet: "10.0.0.0/8" }]] } },
      "Subnet",
    ],
    ["within args", { type: "bridge", args: { Cni: {} } }, `args.Cni is written "cni"`],
    ["args of its own", { type: "bridge", args: { vendor: {} } }, "args.vendor"],
    [
      "the runtime's words",
      { type: "bridge", runtimeConfig: { ips: [] } },
      "runtimeConfig is the operator's alone",
    ],
    ["a result", { type: "bridge", prevResult: {} }, "prevResult"],
    ["GC's words", { type: "bridge", "cni.dev/valid-attachments": [] }, "is no field"],
    [
      "a file of the node",
      { type: "bridge", ipam: { ...ipam, dataDir: "/etc/cni" } },
      "ipam.dataDir is the operator's alone",
    ],
    [
      "another file",
      { type: "bridge", ipam: { ...ipam, resolvConf: "/etc/shadow" } },
      "ipam.resolvConf is the operator's alone",
    ],
    ["a path for a link", { type: "bridge", bridge: "../x" }, "bridge"],
    [
      "a number that is too large",
      { type: "bridge", vlan: 5000 },
      "vlan is 5000, not a whole number from 0 to 4094",
    ],
    ["text for a number", { type: "bridge", mtu: "1500" }, "mtu is a string"],
    ["no type", { bridge: "x" }, "type names no plugin"],
    ["plugins that are none", { plugins: ["bridge"] }, "plugins[0] is no object"],
    ["too many plugins", { plugins: Array(17).fill({ type: "bridge" }) }, "plugins has 17 entries"],
    ["a type beside plugins", { type: "bridge", plugins: [] }, "type is no field"],
    ["a prototype", JSON.parse(`{"type":"bridge","__proto__":{"ipam":{}}}`), "__proto__ is no field"],
    ["ipam that is no object", { type: "bridge", ipam: [] }, "ipam is no object"],
    ["ipam without a type", { type: "bridge", ipam: { ranges: [] } }, "ipam.type names no IPAM plugin"],
  ])("refused is %s", (_case, config, words) => {
    expect(refusal(config)).toContain(words);
  });

  test("every problem at once, with its place", () => {
    const msg = refusal({
      plugins: [
        { type: "bridge", vlan: "1", ipam: { ...ipam, dataDir: "/x" } },
        { type: "bridge", x: 1 },
      ],
    });
    for (const place of ["plugins[0].vlan", "plugins[0].ipam.dataDir", "plugins[1].x"])
      expect(msg).toContain(place);
  });

  test("unknown fields are left out where the operator ignores them, but none that Go reads as a known one", () => {
    const { config, leftOut } = handedOn({ type: "bridge", comment: "mine" }, { unknownKeys: "ignore" });
    expect(config).toEqual({ name: "team-a.storage", type: "bridge" });
    expect(leftOut).toEqual(["comment: there is no such field"]);
    expect(refusal({ type: "bridge", IPAM: {} }, { unknownKeys: "ignore" })).toContain("IPAM is written");
  });
});

describe("the name in plugins' state", () => {
  test.each<[string, JsonObject, Partial<Trust>, string]>([
    ["carries the namespace", { type: "bridge" }, {}, "team-a.storage"],
    ["also one that is chosen", { name: "pod-network", type: "bridge" }, {}, "team-a.pod-network"],
    [
      "as written, where the operator wants it",
      { name: "x", type: "bridge", ipam },
      { definitionNames: "as-written" },
      "x",
    ],
    [
      "as written, where a controller knows it so",
      { name: "x", type: "ovn-k8s-cni-overlay", topology: "layer2", netAttachDefName: "team-a/storage" },
      {},
      "x",
    ],
    [
      "never of our own plugins",
      { name: "x", type: "bridge", ipam: { ...ipam, type: "hawser-host-local" } },
      { definitionNames: "as-written" },
      "team-a.x",
    ],
  ])("%s", (_case, config, trust, name) => {
    expect(handedOn(config, trust).config.name).toBe(name);
  });
});

test("a name that stays as written names no state of an IPAM plugin beside", () => {
  const overlay = { type: "ovn-k8s-cni-overlay", topology: "layer2", netAttachDefName: "team-a/storage" };
  const plugins = [overlay, { type: "bridge", ipam }];
  expect(refusal({ name: "pod-network", plugins })).toContain("name cannot stay as it is");
  expect(handedOn({ name: "x", plugins: [overlay, { type: "bandwidth" }] }).config.name).toBe("x");
});

test("what names others' state carries the namespace, too", () => {
  const config = {
    type: "macvlan",
    ipam: { type: "whereabouts", range: "10.0.0.0/24", network_name: "pool" },
  };
  expect(handedOn(config).config.ipam).toMatchObject({ network_name: "team-a.pool" });
  expect(handedOn(config, { definitionNames: "as-written" }).config.ipam).toMatchObject({
    network_name: "pool",
  });
});

test("what must be said is missed by its name", () => {
  expect(refusal({ type: "bond", mode: "active-backup", links: [{ name: "net1" }] })).toContain(
    "linksInContainer is missing",
  );
});

test("IPAM of a plugin that gives no addresses is left out", () => {
  const { config, leftOut } = handedOn({
    plugins: [{ type: "tuning", ipam: { type: "host-local", dataDir: "/x" } }],
  });
  expect(config.plugins).toEqual([{ type: "tuning" }]);
  expect(leftOut).toEqual(["plugins[0].ipam: its plugin gives no addresses"]);
});

describe("a type that the operator lets through", () => {
  const trust = { opaqueTypes: ["vendor", "vendor-ipam"] };
  test("keeps its fields as they are", () => {
    const config = {
      type: "vendor",
      deep: { any: ["thing", 1] },
      ipam: { type: "vendor-ipam", pool: { x: null } },
    };
    expect(handedOn(config, trust).config).toEqual({ ...config, name: "team-a.storage" });
  });

  test.each<[string, JsonObject, string]>([
    [
      "is judged in what is not its own",
      { type: "vendor", ipam: { type: "host-local", dataDir: "/x" } },
      "ipam.dataDir",
    ],
    ["has no key that is read as another", { type: "vendor", Ipam: {} }, `is read as "ipam"`],
    ["has no key twice", { type: "vendor", a: { b: 1, B: 2 } }, `is read as "b"`],
    ["says nothing for the runtime", { type: "vendor", runtimeConfig: {} }, "runtimeConfig"],
    ["is not nested for ever", { type: "vendor", a: nested(20) }, "nested more than 16 deep"],
  ])("%s", (_case, config, words) => {
    expect(refusal(config, trust)).toContain(words);
  });

  test("all that no schema is known of", () => {
    expect(handedOn({ type: "vendor", x: 1 }, { opaqueTypes: ["*"] }).config).toMatchObject({ x: 1 });
    expect(refusal({ type: "bridge", x: 1 }, { opaqueTypes: ["*"] })).toContain("x is no field");
  });

  test("none of our own", () => {
    const config = { type: "bridge", ipam: { type: "hawser-flat", ranges: [], journalDir: "/etc/cni" } };
    expect(refusal(config, { opaqueTypes: ["hawser-flat"] })).toContain("journalDir");
  });
});

function nested(depth: number): JsonObject {
  return depth === 0 ? {} : { a: nested(depth - 1) };
}

describe("the operator's pools and stores, by name", () => {
  const given = resources({
    stores: { main: { etcd: { endpoints: ["https://e"], passwordFile: "/secret" }, namespaces: ["team-a"] } },
    pools: {
      shared: {
        store: "main",
        ranges: [[{ subnet: "10.60.0.0/16" }]],
        hold: "1h",
        namespaces: ["team-a"],
        requests: { ips: "deny" },
      },
      others: { ranges: [], namespaces: ["team-b"] },
    },
  });
  const flat = (more: JsonObject) => ({ type: "macvlan", ipam: { type: "hawser-flat", ...more } });
  const ranges = [[{ subnet: "10.1.0.0/24" }]];
  const etcd = { endpoints: ["https://e"], passwordFile: "/secret" };

  test("a pool is wholly the operator's, and what it grants goes with it", () => {
    const { config, grants } = handedOn(flat({ pool: "shared", routes: [{ dst: "10.0.0.0/8" }] }), {}, given);
    expect(config.ipam).toEqual({
      type: "hawser-flat",
      pool: "shared",
      ranges: [[{ subnet: "10.60.0.0/16" }]],
      hold: "1h",
      routes: [{ dst: "10.0.0.0/8" }],
      store: { etcd },
    });
    expect(grants.map(({ requests }) => requests)).toEqual([{ ips: "deny" }]);
  });

  test("a pool of one's own carries the namespace, on the node or in an open store", () => {
    expect(handedOn(flat({ ranges })).config.ipam).toEqual({
      type: "hawser-flat",
      ranges,
      pool: "team-a.storage",
    });
    expect(handedOn(flat({ ranges, store: "main" }), {}, given).config.ipam).toEqual({
      type: "hawser-flat",
      ranges,
      pool: "team-a.storage",
      store: { etcd },
    });
  });

  test.each<[string, JsonObject, string]>([
    [
      "another namespace's pool",
      { pool: "others" },
      `ipam.pool names no pool of the operator's that is open to namespace team-a. Open are "shared"`,
    ],
    ["a pool that is not there", { pool: "x" }, "names no pool"],
    ["what the pool says", { pool: "shared", ranges, hold: "0" }, "ipam.ranges is said by the pool"],
    ["a store that is not there", { ranges, store: "x" }, "ipam.store names no store"],
    [
      "a store of one's own",
      { ranges, store: { etcd: { endpoints: ["http://127.0.0.1:1"], passwordFile: "/etc/shadow" } } },
      "ipam.store",
    ],
    ["another node", { ranges, node: "node-b" }, "ipam.node"],
    ["a folder", { ranges, journalDir: "/etc/cni" }, "ipam.journalDir"],
  ])("refused is %s", (_case, more, words) => {
    expect(refusal(flat(more), {}, given)).toContain(words);
  });
});

describe("links of the node, where the operator restricts them", () => {
  const given = resources({
    masters: {
      eth1: { namespaces: ["team-a"], requests: { mac: "deny" } },
      eth0: { namespaces: ["team-b"] },
    },
    bridges: { "br-a*": { namespaces: ["team-a"] } },
    vlans: { "100-199": { namespaces: ["team-a"] } },
    devices: { "vendor.com/nic": { namespaces: ["team-b"] } },
  });

  test("what is open is taken, and its requests go with it", () => {
    expect(handedOn({ type: "macvlan", master: "eth1" }, {}, given).grants).toEqual([
      { namespaces: ["team-a"], requests: { mac: "deny" } },
    ]);
    expect(handedOn({ type: "bridge", bridge: "br-a1", vlan: 150 }, {}, given).grants).toHaveLength(2);
  });

  test.each<[string, JsonObject, string]>([
    ["another's master", { type: "macvlan", master: "eth0" }, `uses "eth0" of masters`],
    ["a master of the plugin's choice", { type: "macvlan" }, "a link of its plugin's own choice of masters"],
    ["a bridge that is not open", { type: "bridge", bridge: "cni0" }, `uses "cni0" of bridges`],
    ["the default bridge", { type: "bridge" }, `uses "cni0" of bridges`],
    ["a VLAN that is not open", { type: "bridge", bridge: "br-a1", vlan: 200 }, `uses "200" of vlans`],
    [
      "a trunk that reaches beyond",
      { type: "bridge", bridge: "br-a1", vlanTrunk: [{ minID: 150, maxID: 250 }] },
      "of vlans",
    ],
    ["within a list", { plugins: [{ type: "macvlan", master: "eth0" }] }, "plugins[0] uses"],
  ])("refused is %s", (_case, config, words) => {
    expect(refusal(config, {}, given)).toContain(words);
  });

  test("a resource that the definition names", () => {
    const annotations = { "k8s.v1.cni.cncf.io/resourceName": "vendor.com/nic" };
    const named = definition({ type: "sriov" }, { annotations });
    expect(decodeDefinition(metaConfig(), given, named)).toMatchObject({
      ok: false,
      error: { id: "meta.definition-denied" },
    });
  });
});
