import fc from "fast-check";
import type { DifferentialCase } from "../differential-case.ts";
import { macs, perhaps, together } from "./case-parts.ts";

/** An `ipam` of the plugin static, with these addresses and routes. */
export function fixedAddresses(
  addresses: readonly object[],
  routes: readonly object[] = [],
  more: object = {},
): Record<string, unknown> {
  return { ipam: { type: "static", addresses, routes, ...more } };
}

export const v4 = { address: "10.9.0.5/24", gateway: "10.9.0.1" };
export const v6 = { address: "fd09::5/64", gateway: "fd09::1" };
export const defaults = [{ dst: "0.0.0.0/0" }, { dst: "::/0" }];

/** IPAM of main plugins: each is one way to give addresses and routes. */
export const ways: Readonly<Record<string, object>> = {
  "no IPAM": {},
  "an empty IPAM": { ipam: {} },
  IPv4: fixedAddresses([v4]),
  "IPv4 and the default route": fixedAddresses([v4], [{ dst: "0.0.0.0/0" }]),
  "IPv4 and a default route by a gateway": fixedAddresses([v4], [{ dst: "0.0.0.0/0", gw: "10.9.0.254" }]),
  "IPv4 without a gateway": fixedAddresses([{ address: "10.9.0.5/24" }]),
  "IPv4 of 32 bits": fixedAddresses([{ address: "10.9.0.5/32" }]),
  IPv6: fixedAddresses([v6], [{ dst: "::/0" }]),
  "IPv6 of 128 bits": fixedAddresses([{ address: "fd09::5/128" }]),
  "both families": fixedAddresses([v4, v6], defaults),
  "two addresses of IPv4": fixedAddresses(
    [v4, { address: "10.10.0.5/24", gateway: "10.10.0.1" }],
    [{ dst: "0.0.0.0/0" }],
  ),
  "host-local": {
    ipam: {
      type: "host-local",
      dataDir: "{{state}}/ipam",
      subnet: "10.9.0.0/24",
      routes: [{ dst: "0.0.0.0/0" }],
    },
  },
  "host-local of both families": {
    ipam: {
      type: "host-local",
      dataDir: "{{state}}/ipam",
      ranges: [[{ subnet: "10.9.0.0/24" }], [{ subnet: "fd09::/64" }]],
      routes: defaults,
    },
  },
  "a route with a metric and an MTU": fixedAddresses(
    [v4],
    [{ dst: "10.20.0.0/16", gw: "10.9.0.1", mtu: 1300, advmss: 1200, priority: 50 }],
  ),
  "a route in a table": fixedAddresses([v4], [{ dst: "10.20.0.0/16", gw: "10.9.0.1", table: 77 }]),
  "a route of the link": fixedAddresses([v4], [{ dst: "10.20.0.0/16", scope: 253 }]),
  "several routes": fixedAddresses(
    [v4, v6],
    [{ dst: "10.20.0.0/16" }, { dst: "10.30.0.0/16", gw: "10.9.0.7" }, { dst: "fd20::/48", gw: "fd09::7" }],
  ),
  DNS: fixedAddresses([v4], [], {
    dns: { nameservers: ["10.9.0.53"], search: ["a.example"], domain: "example", options: ["ndots:1"] },
  }),
};

/** Every way on this configuration. */
export function everyWay(config: object, more: Partial<DifferentialCase> = {}): DifferentialCase[] {
  return Object.entries(ways).map(([name, ipam]) => ({ name, config: { ...config, ...ipam }, ...more }));
}

/** What may be wrong with an address or a route. */
export function wrongWays(config: object, more: Partial<DifferentialCase> = {}): DifferentialCase[] {
  const wrong: Readonly<Record<string, object>> = {
    "no such IPAM": { ipam: { type: "there-is-none" } },
    "an IPAM that is a text": { ipam: "static" },
    "an address that is none": fixedAddresses([{ address: "x" }]),
    "a gateway out of reach": fixedAddresses([v4], [{ dst: "10.20.0.0/16", gw: "10.77.0.1" }]),
    "a route twice": fixedAddresses([v4], [{ dst: "10.20.0.0/16" }, { dst: "10.20.0.0/16" }]),
    "an address twice": fixedAddresses([v4, v4]),
    "an MTU that is a text": { ...fixedAddresses([v4]), mtu: "1400" },
    "a negative MTU": { ...fixedAddresses([v4]), mtu: -5 },
  };
  return Object.entries(wrong).map(([name, fields]) => ({ name, config: { ...config, ...fields }, ...more }));
}

/** Ways to ask for a hardware address. */
export function askedMacs(config: object, more: Partial<DifferentialCase> = {}): DifferentialCase[] {
  const of = (name: string, fields: object, args = ""): DifferentialCase => ({
    name,
    config: { ...config, ...fixedAddresses([v4]), ...fields },
    args,
    ...more,
  });
  return [
    of("mac of the runtime", { runtimeConfig: { mac: "02:00:00:00:00:41" } }),
    of("mac of args", { args: { cni: { mac: "02:00:00:00:00:42" } } }),
    of("mac of CNI_ARGS", {}, "IgnoreUnknown=1;MAC=02:00:00:00:00:43"),
    of(
      "mac of all three",
      { runtimeConfig: { mac: "02:00:00:00:00:41" }, args: { cni: { mac: "02:00:00:00:00:42" } } },
      "MAC=02:00:00:00:00:43",
    ),
    of("mac in its own field", { mac: "02:00:00:00:00:44" }),
    of("mac that is none", { runtimeConfig: { mac: "x" } }),
    of("mac in upper case", { runtimeConfig: { mac: "02:AB:CD:00:00:45" } }),
  ];
}

/** A configuration of some fields, with one of the ways. */
export function randomOf(
  fields: fc.Arbitrary<object>,
  more: Omit<DifferentialCase, "name" | "config">,
): fc.Arbitrary<Omit<DifferentialCase, "name">> {
  const way = fc.constantFrom(...Object.values(ways));
  const version = fc.constantFrom("1.1.0", "1.1.0", "1.0.0", "0.4.0", "0.3.1");
  const runtime = perhaps("runtimeConfig", perhaps("mac", macs));
  return fc
    .tuple(together(fields, way, runtime), version)
    .map(([config, cniVersion]) => ({ config: { cniVersion, ...config }, ...more }));
}
