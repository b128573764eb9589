import { canonicalAddress } from "../../cni/address.ts";
import type { Chain } from "../../cni/chain.ts";
import type { RuntimeConf } from "../../cni/delegate.ts";
import { type CniError, describe, failWith } from "../../cni/errors.ts";
import { canonicalHardware } from "../../cni/hardware.ts";
import type { JsonObject } from "../../cni/json.ts";
import { ipsOf } from "../../cni/result.ts";
import type { CniResult, Interface } from "../../cni/types.ts";
import { listAddresses, printBytes } from "../../net/addresses.ts";
import { printHardware } from "../../net/bytes.ts";
import { type Link as KernelLink, listLinks } from "../../net/links.ts";
import { talk } from "../../net/talk.ts";
import { type Outcome, ok } from "../../sys/outcome.ts";
import type { Sys } from "../../sys/sys.ts";

/**
 * What hawser itself can check of an attachment whose plugin has a wrong CHECK: its interfaces are in the pod, with their
 * hardware addresses and their IP addresses, and the host's end is a port of its bridge. If the kernel does not answer, no more
 * than that is checked, and stderr says so. Errors: `check.interface`, `check.address`.
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
  const found = await readLinks(sys, doing, runtimeConf);
  if (!found.ok) {
    sys.warn(`hawser: ${doing}: nothing else could be checked: ${describe(found.error)}`);
    return ok(undefined);
  }
  for (const [index, each] of (result.interfaces ?? []).entries()) {
    if ((each.sandbox ?? "") === "") continue;
    const checked = checkInterface(each, addressesOf(result, index), found.value.get(each.name));
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

function addressesOf(result: CniResult, index: number): string[] {
  return ipsOf(result, index).map(({ address }) => address);
}

/** The links of the container by name. Errors: `route.run`, `route.read`. */
async function readLinks(
  sys: Sys,
  doing: string,
  runtimeConf: RuntimeConf,
): Promise<Outcome<ReadonlyMap<string, Link>, CniError>> {
  const { inContainer, unread } = await import("./routes/route-steps.ts");
  return inContainer(sys, doing, runtimeConf, async (socket) => {
    const links = talk(socket, listLinks());
    if (!links.ok) return unread(doing, links.error);
    const addresses = talk(socket, listAddresses());
    if (!addresses.ok) return unread(doing, addresses.error);
    const own = ({ index }: KernelLink): ReadonlySet<string> =>
      new Set(
        addresses.value
          .filter(({ link }) => link === index)
          .map(({ address, prefix }) => canonicalAddress(`${printBytes(address)}/${prefix}`)),
      );
    return ok(
      new Map(
        links.value.map((link) => [link.name, { mac: printHardware(link.hardware), addresses: own(link) }]),
      ),
    );
  });
}
