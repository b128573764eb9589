import { cidrFamily } from "../cni/address.ts";
import { type CniError, failWith } from "../cni/errors.ts";
import { type JsonObject, printJson } from "../cni/json.ts";
import type { CniResult, Dns, Route } from "../cni/types.ts";
import { type Outcome, ok } from "../sys/outcome.ts";
import { networkStatusAnnotation, type PodIdentity } from "./pod.ts";

/** One network that a pod was attached to. */
export interface AttachedNetwork {
  /** `namespace/name` of its definition. The cluster's own network has the name of its configuration. */
  readonly name: string;
  /** Whether it is the cluster's own network. */
  readonly isDefault: boolean;
  readonly result: CniResult;
  /** The information on its device (Device Information Specification). */
  readonly deviceInfo?: JsonObject;
}

/**
 * All of a pod's annotations together have 256 KiB, and the API server refuses what is more. Half of it leaves the pod's own
 * their room.
 */
const maxBytes = 128 * 1024;
const mainTable = 254;

/**
 * The network-status annotation (multi-network specification 1.3, section 5) as Multus writes it, and in fewer words where
 * that is too long: without blanks, and then without what its readers can do without. Errors: `status.size`.
 */
export function networkStatus(networks: readonly AttachedNetwork[]): Outcome<string, CniError> {
  const entries = networks.flatMap(statusEntries);
  const whole = `[${entries.map((entry) => JSON.stringify(entry, undefined, 4)).join(",")}]`;
  const shorter = [() => printJson(entries), () => printJson(entries.map(bare))];
  if (fits(whole)) return ok(whole);
  for (const shorten of shorter) {
    const text = shorten();
    if (fits(text)) return ok(text);
  }
  return failWith(
    "api",
    "status.size",
    `tell the pod's network status: its ${entries.length} entries are more than an annotation holds`,
    `The pod is attached all the same; "status": "off" leaves the annotation away.`,
  );
}

function fits(text: string): boolean {
  return new TextEncoder().encode(text).length <= maxBytes;
}

/** An entry without the fields that may be of any length: names, addresses and MAC remain. */
function bare({ name, interface: ifname, mac, default: isDefault, dns: _dns, ips }: JsonObject): JsonObject {
  return {
    name: name ?? "",
    ...(ifname !== undefined && { interface: ifname }),
    ...(Array.isArray(ips) && { ips: ips.slice(0, 4) }),
    ...(mac !== undefined && { mac }),
    ...(isDefault !== undefined && { default: isDefault }),
    dns: {},
  };
}

/**
 * One entry for each interface in the sandbox; for a result without any, as the specification wants and Multus does not,
 * one without an interface. Its addresses are the pod's all the same: plugins like Calico's tell the host's end of the link
 * alone, and addresses that name no interface, or that one.
 */
export function statusEntries({ name, isDefault, result, deviceInfo }: AttachedNetwork): JsonObject[] {
  const { interfaces = [] } = result;
  const inside = interfaces.flatMap(({ sandbox = "" }, index) => (sandbox === "" ? [] : [index]));
  const common = { dns: dnsOf(result.dns ?? {}), deviceInfo, gateways: effectiveGateways(result) };
  if (inside.length === 0) {
    return [entryOf({ ...common, name, ips: ipsOf(result), isDefault, interface: undefined })];
  }
  const main = defaultIndex(result, inside);
  return inside.map((index) => {
    // An address that names no interface is the last one's, as in Multus; with one interface, all are its.
    const isOwn = (at: number | undefined): boolean =>
      at === index || (at === undefined && index === inside.at(-1));
    const ips = interfaces.length === 1 ? ipsOf(result) : ipsOf(result, isOwn);
    return entryOf({
      ...common,
      name,
      ips,
      isDefault: isDefault && index === main,
      interface: interfaces[index],
    });
  });
}

interface Entry {
  readonly name: string;
  readonly interface: NonNullable<CniResult["interfaces"]>[number] | undefined;
  readonly ips: readonly string[];
  readonly isDefault: boolean;
  readonly dns: JsonObject;
  readonly deviceInfo: JsonObject | undefined;
  readonly gateways: readonly string[];
}

/** Multus's order of keys. A key without a value is left out, as in Multus. */
function entryOf({ name, interface: link, ips, isDefault, dns, deviceInfo, gateways }: Entry): JsonObject {
  const { mac = "", mtu = 0 } = link ?? {};
  return {
    name,
    ...(link !== undefined && { interface: link.name }),
    ...(ips.length > 0 && { ips: [...ips] }),
    ...(mac !== "" && { mac }),
    ...(mtu !== 0 && { mtu }),
    ...(isDefault && { default: true }),
    dns,
    ...(deviceInfo !== undefined && { "device-info": deviceInfo }),
    ...(gateways.length > 0 && { gateway: [...gateways] }),
  };
}

/** The interface that stands for the default network, if there are several: the first one whose address has a gateway. */
function defaultIndex({ ips = [] }: CniResult, inside: readonly number[]): number | undefined {
  const withGateway = ips.find(
    (ip) => (ip.gateway ?? "") !== "" && ip.interface !== undefined && inside.includes(ip.interface),
  );
  return withGateway?.interface ?? inside[0];
}

function ipsOf(
  { ips = [] }: CniResult,
  isOwn: (index: number | undefined) => boolean = () => true,
): string[] {
  return ips.filter((ip) => isOwn(ip.interface)).map(({ address }) => address.replace(/\/.*$/, ""));
}

/** The gateways of the default routes. A route without a gateway has that of the network's addresses. */
function effectiveGateways({ ips = [], routes = [] }: CniResult): string[] {
  const gateways = routes.filter(isDefaultRoute).flatMap(({ dst, gw = "", scope = 0 }) => {
    if (gw !== "") return [gw];
    // Such a route leads to neighbours on the link. The kernel takes no gateway in it.
    if (scope >= linkScope) return [];
    const implied = ips.find((ip) => cidrFamily(ip.address) === cidrFamily(dst) && (ip.gateway ?? "") !== "");
    return implied?.gateway === undefined ? [] : [implied.gateway];
  });
  return [...new Set(gateways)];
}

const linkScope = 253;

function isDefaultRoute({ dst, table = 0 }: Route): boolean {
  return dst.endsWith("/0") && (table === 0 || table === mainTable);
}

function dnsOf({ nameservers = [], domain = "", search = [], options = [] }: Dns): JsonObject {
  return {
    ...(nameservers.length > 0 && { nameservers: [...nameservers] }),
    ...(domain !== "" && { domain }),
    ...(search.length > 0 && { search: [...search] }),
    ...(options.length > 0 && { options: [...options] }),
  };
}

/**
 * The merge patch of a pod's status that sets the annotation. With the uid in it the API server refuses it for another pod
 * of the same name; a static pod has in the API another uid than on its node.
 */
export function statusPatch(text: string, { uid }: PodIdentity, isStatic: boolean): JsonObject {
  const annotations = { [networkStatusAnnotation]: text };
  return { metadata: { ...(uid !== undefined && !isStatic && { uid }), annotations } };
}
