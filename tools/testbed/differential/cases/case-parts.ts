import fc from "fast-check";
import type { DifferentialCase } from "../differential-case.ts";

/** The generated cases are the same in every run. */
const seed = 20_240_607;

/** So many cases of what the arbitrary gives, each with a name of its own. */
export function generated(
  count: number,
  arbitrary: fc.Arbitrary<Omit<DifferentialCase, "name">>,
): DifferentialCase[] {
  return fc
    .sample(arbitrary, { numRuns: count, seed })
    .map((each, index) => ({ name: `generated ${index + 1}`, ...each }));
}

/** Sometimes an object with the field, sometimes one without it. */
export function perhaps<T>(key: string, value: fc.Arbitrary<T>): fc.Arbitrary<Record<string, T>> {
  return fc
    .option(value, { nil: undefined })
    .map((each) => (each === undefined ? {} : { [key]: each }) as Record<string, T>);
}

/** All objects laid over one another. */
export function together(...parts: readonly fc.Arbitrary<object>[]): fc.Arbitrary<Record<string, unknown>> {
  return fc.tuple(...parts).map((objects) => Object.assign({}, ...objects) as Record<string, unknown>);
}

/** Hardware addresses of one interface, in spellings that plugins understand. */
export const macs = fc.constantFrom(
  "02:00:00:00:00:21",
  "02:ab:cd:ef:00:22",
  "0A-00-00-00-00-23",
  "06:00:00:00:00:24",
);

/** A veth pair whose one end is eth0 of the container. */
export const pairOnHost: readonly string[] = [
  "ip link add uplink type veth peer name eth0 netns $C",
  "ip link set uplink up",
];

/** The kernel makes the link-local addresses of the pair a moment later, of the hardware addresses that its ends have then. */
const hasLinkLocal = [
  "until ip -6 addr show dev eth0 | grep -q fe80:; do sleep 0.02; done",
  "until nsenter --net=/var/run/netns/$H ip -6 addr show dev uplink | grep -q fe80:; do sleep 0.02; done",
];

/** A result as plugins of this version print it. */
export function atVersion(result: object, cniVersion: string): object {
  const { ips = [] } = result as { ips?: readonly { address: string }[] };
  const isNamed = cniVersion.startsWith("0.");
  const named = ips.map((each) => ({ ...each, version: each.address.includes(":") ? "6" : "4" }));
  return { ...result, cniVersion, ...(isNamed && { ips: named }) };
}

/** What a plugin before a chained one has made of eth0, and told. */
export function madeBefore(
  addresses: readonly { readonly address: string; readonly gateway?: string }[],
  routes: readonly { readonly dst: string; readonly gw?: string }[] = [],
): { readonly container: readonly string[]; readonly prevResult: object } {
  const commands = addresses.map(({ address }) => `ip addr add ${address} dev eth0`);
  const gateways = routes.map(
    ({ dst, gw }) => `ip route add ${dst}${gw === undefined ? "" : ` via ${gw}`} dev eth0`,
  );
  return {
    container: [
      "ip link set eth0 address 02:00:00:00:00:11",
      "ip link set eth0 up",
      ...commands,
      ...gateways,
      ...hasLinkLocal,
    ],
    prevResult: {
      cniVersion: "1.1.0",
      interfaces: [{ name: "uplink" }, { name: "eth0", mac: "02:00:00:00:00:11", sandbox: "{{netns}}" }],
      ips: addresses.map((each) => ({ ...each, interface: 1 })),
      routes,
    },
  };
}
