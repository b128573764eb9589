import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import type { JsonObject } from "../cni/json.ts";
import type { CniResult } from "../cni/types.ts";
import { type AttachedNetwork, networkStatus, statusEntries, statusPatch } from "./network-status.ts";

const inside = "/run/netns/x";
const bridge: CniResult = {
  interfaces: [
    { name: "br0", mac: "02:00:00:00:00:01" },
    { name: "veth1", mac: "02:00:00:00:00:02" },
    { name: "eth0", mac: "02:00:00:00:00:03", mtu: 1400, sandbox: inside },
  ],
  ips: [
    { address: "10.1.0.5/24", gateway: "10.1.0.1", interface: 2 },
    { address: "fd01::5/64", interface: 2 },
  ],
  routes: [{ dst: "10.96.0.0/12" }, { dst: "0.0.0.0/0", gw: "10.1.0.1" }],
  dns: { nameservers: ["10.96.0.10"], search: ["svc.local"] },
};

function entries(result: CniResult, more: Partial<AttachedNetwork> = {}): JsonObject[] {
  return statusEntries({ name: "shop/n", isDefault: false, result, ...more });
}

const link = (name: string, more: object = {}) => ({ name, sandbox: inside, ...more });

describe("the entries of one network", () => {
  test("of a bridge, as Multus writes it, keys in its order", () => {
    const [entry, ...others] = entries(bridge, { name: "pods", isDefault: true });
    expect(others).toEqual([]);
    expect(Object.entries(entry ?? {})).toEqual([
      ["name", "pods"],
      ["interface", "eth0"],
      ["ips", ["10.1.0.5", "fd01::5"]],
      ["mac", "02:00:00:00:00:03"],
      ["mtu", 1400],
      ["default", true],
      ["dns", { nameservers: ["10.96.0.10"], search: ["svc.local"] }],
      ["gateway", ["10.1.0.1"]],
    ]);
  });

  test.each<[string, CniResult, Partial<AttachedNetwork>, object[]]>([
    ["nothing at all: one without an interface", {}, {}, [{ name: "shop/n", dns: {} }]],
    ["interfaces on the host only", { interfaces: [{ name: "br0" }] }, {}, [{ name: "shop/n", dns: {} }]],
    [
      "addresses without interfaces",
      { ips: [{ address: "10.1.0.5/24" }] },
      {},
      [{ name: "shop/n", ips: ["10.1.0.5"], dns: {} }],
    ],
    [
      "the host's end alone, as Calico tells it: the addresses are the pod's",
      { interfaces: [{ name: "cali12345" }], ips: [{ address: "192.168.185.80/32" }] },
      { name: "k8s-pod-network", isDefault: true },
      [{ name: "k8s-pod-network", ips: ["192.168.185.80"], default: true, dns: {} }],
    ],
    [
      "the same, and the addresses name it",
      {
        interfaces: [{ name: "cali12345", mac: "ee:ee:ee:ee:ee:ee" }],
        ips: [{ address: "192.168.185.80/32", interface: 0 }, { address: "fd00::80/128" }],
        routes: [{ dst: "0.0.0.0/0", gw: "169.254.1.1" }],
      },
      {},
      [{ name: "shop/n", ips: ["192.168.185.80", "fd00::80"], dns: {}, gateway: ["169.254.1.1"] }],
    ],
    [
      "several on the host, and none in the pod",
      { interfaces: [{ name: "br0" }, { name: "tap1" }], ips: [{ address: "10.1.0.5/24", interface: 1 }] },
      {},
      [{ name: "shop/n", ips: ["10.1.0.5"], dns: {} }],
    ],
    [
      "an address of the host's end, where the pod's is told as well",
      {
        interfaces: [{ name: "veth1" }, link("net1")],
        ips: [
          { address: "10.1.0.1/24", interface: 0 },
          { address: "10.1.0.5/24", interface: 1 },
        ],
      },
      {},
      [{ name: "shop/n", interface: "net1", ips: ["10.1.0.5"], dns: {} }],
    ],
    [
      "one interface has all addresses, whatever they say",
      {
        interfaces: [link("net1")],
        ips: [{ address: "10.1.0.5/24" }, { address: "10.1.0.6/24", interface: 0 }],
      },
      {},
      [{ name: "shop/n", interface: "net1", ips: ["10.1.0.5", "10.1.0.6"], dns: {} }],
    ],
    [
      "two interfaces, each with its own; the last with those of none",
      {
        interfaces: [link("net1"), link("net1b", { mac: "02:00:00:00:00:09" })],
        ips: [{ address: "10.1.0.5/24", interface: 0 }, { address: "10.2.0.5/24" }],
      },
      { isDefault: true },
      [
        { name: "shop/n", interface: "net1", ips: ["10.1.0.5"], default: true, dns: {} },
        { name: "shop/n", interface: "net1b", ips: ["10.2.0.5"], mac: "02:00:00:00:00:09", dns: {} },
      ],
    ],
    [
      "the default is the one that a gateway belongs to",
      {
        interfaces: [link("a"), link("b")],
        ips: [
          { address: "10.1.0.5/24", interface: 0 },
          { address: "10.2.0.5/24", gateway: "10.2.0.1", interface: 1 },
        ],
      },
      { isDefault: true },
      [
        { name: "shop/n", interface: "a", ips: ["10.1.0.5"], dns: {} },
        { name: "shop/n", interface: "b", ips: ["10.2.0.5"], default: true, dns: {} },
      ],
    ],
    [
      "a default route of scope link goes by no gateway",
      {
        interfaces: [link("net1")],
        ips: [{ address: "10.1.0.5/24", gateway: "10.1.0.1" }],
        routes: [{ dst: "0.0.0.0/0", scope: 253 }],
      },
      {},
      [{ name: "shop/n", interface: "net1", ips: ["10.1.0.5"], dns: {} }],
    ],
    [
      "a default route without a gateway goes by the addresses'",
      {
        interfaces: [link("net1")],
        ips: [{ address: "10.1.0.5/24", gateway: "10.1.0.1" }],
        routes: [{ dst: "0.0.0.0/0" }, { dst: "::/0" }, { dst: "0.0.0.0/0", gw: "10.9.0.1", table: 100 }],
      },
      {},
      [{ name: "shop/n", interface: "net1", ips: ["10.1.0.5"], dns: {}, gateway: ["10.1.0.1"] }],
    ],
    [
      "a device",
      { interfaces: [link("net1")] },
      { deviceInfo: { type: "pci", version: "1.1.0", pci: { "pci-address": "0000:18:02.5" } } },
      [
        {
          name: "shop/n",
          interface: "net1",
          dns: {},
          "device-info": { type: "pci", version: "1.1.0", pci: { "pci-address": "0000:18:02.5" } },
        },
      ],
    ],
  ])("%s", (_case, result, more, expected) => {
    expect(entries(result, more)).toEqual(expected);
  });
});

describe("the annotation", () => {
  const network = (name: string, result: CniResult): AttachedNetwork => ({ name, isDefault: false, result });

  test("is an array, indented as Multus's", () => {
    const text = networkStatus([network("a/b", {}), network("a/c", {})]);
    const entry = (name: string) => `{\n    "name": "${name}",\n    "dns": {}\n}`;
    expect(text).toEqual({ ok: true, value: `[${entry("a/b")},${entry("a/c")}]` });
  });

  const long = (count: number, more: object = {}): CniResult => ({
    interfaces: Array.from({ length: count }, (_each, n) => link(`i${n}`)),
    ips: [{ address: "10.1.0.5/24", interface: 0 }],
    ...more,
  });

  test.each([
    ["blanks", long(2500), 2500, { name: "n", interface: "i0", ips: ["10.1.0.5"], dns: {} }],
    [
      "what readers can do without",
      long(1, { dns: { search: ["x".repeat(200_000)] } }),
      1,
      { name: "n", interface: "i0", ips: ["10.1.0.5"], dns: {} },
    ],
  ])("that is too long loses %s", (_case, result, count, first) => {
    const text = networkStatus([network("n", result)]);
    const value = text.ok ? text.value : "[]";
    expect(value).not.toContain("\n");
    expect(value.length).toBeLessThan(131_073);
    expect(JSON.parse(value)).toHaveLength(count);
    expect(JSON.parse(value)[0]).toEqual(first);
  });

  test("that is too long whatever is left out is an error", () => {
    const text = networkStatus([network("n", long(5000))]);
    expect(text).toMatchObject({ ok: false, error: { id: "status.size", code: 107 } });
  });

  test("has an entry for every network, and every address of the pod's once", () => {
    const results = fc.array(
      fc.record({
        sandboxes: fc.array(fc.boolean(), { maxLength: 4 }),
        owners: fc.array(fc.option(fc.nat(3), { nil: undefined }), { maxLength: 6 }),
      }),
      { maxLength: 5 },
    );
    fc.assert(
      fc.property(results, (given) => {
        const networks = given.map(({ sandboxes, owners }, n) => {
          const interfaces = sandboxes.map((isInside, i) => ({
            name: `i${i}`,
            ...(isInside && { sandbox: inside }),
          }));
          const ips = owners
            .filter((at) => at === undefined || at < interfaces.length)
            .map((at, i) => ({ address: `10.${n}.0.${i}/24`, ...(at !== undefined && { interface: at }) }));
          return { name: `n${n}`, isDefault: n === 0, result: { interfaces, ips } };
        });
        const text = networkStatus(networks);
        const told = JSON.parse(text.ok ? text.value : "") as {
          name: string;
          ips?: string[];
          default?: boolean;
        }[];
        expect(told.filter((entry) => entry.default === true)).toHaveLength(Math.min(1, networks.length));
        for (const { name, result } of networks) {
          const own = told.filter((entry) => entry.name === name);
          const insiders = result.interfaces.filter(({ sandbox }) => sandbox !== undefined);
          expect(own).toHaveLength(Math.max(1, insiders.length));
          const reachable = result.ips.filter((ip) => {
            if (result.interfaces.length <= 1 || insiders.length === 0) return true;
            return ip.interface === undefined || insiders.includes(result.interfaces[ip.interface] as never);
          });
          expect(own.flatMap(({ ips = [] }) => ips).sort()).toEqual(
            reachable.map(({ address }) => address.replace("/24", "")).sort(),
          );
        }
      }),
    );
  });
});

test.each([
  ["names the pod by its uid", { uid: "u-1" }, false, { uid: "u-1" }],
  ["not where the runtime tells none", {}, false, {}],
  ["nor a static pod, which has another one in the API", { uid: "u-1" }, true, {}],
])("the patch %s", (_case, more, isStatic, expected) => {
  expect(statusPatch("[]", { namespace: "shop", name: "web", ...more }, isStatic)).toEqual({
    metadata: { ...expected, annotations: { "k8s.v1.cni.cncf.io/network-status": "[]" } },
  });
});
