import { canonicalAddress } from "../../cni/address.ts";
import type { Chain } from "../../cni/chain.ts";
import type { RuntimeConf } from "../../cni/delegate.ts";
import { type CniError, describe, failWith } from "../../cni/errors.ts";
import { canonicalHardware } from "../../cni/hardware.ts";
import { isObject, type JsonObject, parseJson } from "../../cni/json.ts";
import type { CniResult, Interface } from "../../cni/types.ts";
import { type Outcome, ok } from "../../sys/outcome.ts";
import type { Sys } from "../../sys/sys.ts";

/**
 * What hawser itself can check of an attachment whose plugin has a wrong CHECK: its interfaces are in the pod, with their
 * hardware addresses and their IP addresses, and the host's end is a port of its bridge. A node without the tools for it
 * checks no more than that, and says so. Errors: `check.interface`, `check.address`.
 */
export async function checkOurselves(
  sys: Sys,
  doing: string,
  { plugins }: Chain,
  result: CniResult,
  runtimeConf: RuntimeConf,
): Promise<Outcome<void, CniError>> {
  const ported = checkPort(sys, plugins, result);
  if (!ported.ok) return ported;
  const { runIp } = await import("./routes/route-steps.ts");
  const said = await runIp(sys, doing, ["-j", "address", "show"], runtimeConf);
  const links = said.ok && said.value.ok ? readLinks(said.value.value) : undefined;
  if (links === undefined) {
    const why = said.ok ? "ip does not tell the pod's interfaces" : describe(said.error);
    sys.warn(`hawser: ${doing}: nothing else could be checked: ${why}`);
    return ok(undefined);
  }
  for (const [index, each] of (result.interfaces ?? []).entries()) {
    if ((each.sandbox ?? "") === "") continue;
    const checked = checkInterface(each, addressesOf(result, index), links.get(each.name));
    if (!checked.ok) return checked;
  }
  return ok(undefined);
}

const devices = "/sys/class/net";

/** The bridge of a reference plugin whose configuration names none. */
const defaultBridge = "cni0";

/** Passes over an interface that /sys does not show: /sys may be mounted for another namespace than ours. */
function checkPort(
  sys: Sys,
  plugins: readonly JsonObject[],
  { interfaces = [] }: CniResult,
): Outcome<void, CniError> {
  const plugin = plugins.find(({ type }) => type === "bridge");
  if (plugin === undefined) return ok(undefined);
  const bridge = typeof plugin.bridge === "string" && plugin.bridge !== "" ? plugin.bridge : defaultBridge;
  const ends = interfaces.filter(
    ({ name, sandbox = "" }) =>
      sandbox === "" && name !== bridge && !name.includes("/") && sys.files.stat(`${devices}/${name}`).ok,
  );
  const isPort = ({ name }: Interface): boolean => {
    const master = sys.files.readLink(`${devices}/${name}/master`);
    return master.ok && master.value.endsWith(`/${bridge}`);
  };
  if (ends.length === 0 || ends.some(isPort)) return ok(undefined);
  const names = ends.map(({ name }) => name).join(", ");
  return failWith("drift", "check.interface", `${names} is no port of bridge ${bridge} any more`, hint);
}

interface Link {
  readonly mac: string;
  readonly addresses: ReadonlySet<string>;
}

function checkInterface(
  { name, mac = "" }: Interface,
  addresses: readonly string[],
  link: Link | undefined,
): Outcome<void, CniError> {
  if (link === undefined) {
    return failWith("drift", "check.interface", `the pod has no interface ${name} any more`, hint);
  }
  if (mac !== "" && canonicalHardware(mac) !== link.mac) {
    const msg = `interface ${name} has the hardware address ${link.mac}, not ${mac}`;
    return failWith("drift", "check.interface", msg, hint);
  }
  const lost = addresses.find((address) => !link.addresses.has(canonicalAddress(address)));
  if (lost === undefined) return ok(undefined);
  return failWith("drift", "check.address", `interface ${name} has not the address ${lost} any more`, hint);
}

const hint = "Something in the pod or on the node has changed it since. Run DEL, then ADD.";

/** The addresses of one interface. An address without an index belongs to the only interface in the pod. */
function addressesOf({ interfaces = [], ips = [] }: CniResult, index: number): string[] {
  const inside = interfaces.filter(({ sandbox = "" }) => sandbox !== "");
  return ips
    .filter((ip) => (ip.interface === undefined ? inside.length === 1 : ip.interface === index))
    .map(({ address }) => address);
}

/** The links by name, from `ip -j address show`. */
function readLinks(text: string): Map<string, Link> | undefined {
  const json = parseJson(text);
  if (!json.ok || !Array.isArray(json.value)) return undefined;
  return new Map(json.value.filter(isObject).map((each) => [String(each.ifname), linkOf(each)]));
}

function linkOf({ address, addr_info: infos }: JsonObject): Link {
  const all = Array.isArray(infos) ? infos.filter(isObject) : [];
  const addresses = all.map(({ local, prefixlen }) =>
    canonicalAddress(`${String(local)}/${String(prefixlen)}`),
  );
  return { mac: typeof address === "string" ? address : "", addresses: new Set(addresses) };
}
