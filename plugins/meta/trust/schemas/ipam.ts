import { parseDurationMs } from "../../../../cni/duration.ts";
import { flag } from "../../../../cni/readers.ts";
import type { Schema, Schemas } from "../schema.ts";
import {
  address,
  addressOrCidr,
  cidr,
  type DecodedFields,
  dns,
  either,
  list,
  matching,
  object,
  oneOf,
  operators,
  operatorsBut,
  routes,
  type TenantReader,
  text,
  whole,
} from "../tenant-fields.ts";
import { maybe } from "./readers.ts";

/** Schemas of the IPAM plugins of containernetworking/plugins v1.8.0 and of our own. ipam-vendors.ts has those of others. */

const range = { subnet: cidr, rangeStart: maybe(address), rangeEnd: maybe(address), gateway: maybe(address) };

const hostLocalFields = (): DecodedFields => ({
  // The older form: one range, written beside `type`.
  ...range,
  ranges: list(list(object(range))),
  routes,
  resolvConf: maybe(
    operatorsBut(["/etc/resolv.conf"], 'Write the name servers into the definition\'s "dns"'),
  ),
  // The last of these values is in the first example of the plugin's own documentation.
  dataDir: maybe(
    operatorsBut(
      ["/var/lib/cni/networks", "/var/lib/cni/networks/", "/run/my-orchestrator/container-ipam-state"],
      "Leave it out",
    ),
  ),
});

const hostLocal = (): Schema => ({ role: "ipam", fields: hostLocalFields() });

const staticIpam = (): Schema => ({
  role: "ipam",
  fields: {
    addresses: list(object({ address: maybe(addressOrCidr), gateway: maybe(address) })),
    routes,
    dns,
  },
});

/** An option by its name or number. The daemon refuses a name that it does not know. */
const dhcpOption = matching(/^([0-9]{1,3}|[a-z][a-z0-9-]{0,40})$/, "is no DHCP option");

const dhcp = (): Schema => ({
  role: "ipam",
  fields: {
    daemonSocketPath: maybe(operatorsBut(["/run/cni/dhcp.sock"], "Leave it out")),
    provide: list(
      object({
        option: dhcpOption,
        value: matching(/^(?!\/|.*(\.\.\/|:\/))[^\p{Cc}]{0,255}$/u, "is no option's value"),
        fromArg: maybe(matching(/^[A-Za-z0-9_]{1,64}$/, "is no argument's name")),
      }),
    ),
    request: list(object({ skipDefault: flag, option: maybe(dhcpOption) })),
    priority: whole(0, 2_147_483_647),
  },
});

const notTenants = "Its definition names a store of the operator's instead (store)";
const isFalse: TenantReader = (value, place, notes) => {
  if (value === false) return value;
  notes.problems.push({ place, why: 'is no IP address, nor "none"' });
  return undefined;
};

/** A tenant names the operator's store or pool (resources.json). The fields that make a store or a pool are the operator's. */
const hawserFlat = (): Schema => ({
  role: "ipam",
  fields: {
    pool: resourceName("pool"),
    store: resourceName("store"),
    ranges: list(
      list(
        object({
          ...range,
          gateway: either(address, oneOf("", "none"), isFalse),
          exclude: list(either(address, cidr)),
        }),
      ),
    ),
    routes,
    dns,
    identity: oneOf("", "pod", "container"),
    hold: either(
      oneOf("", "forever"),
      text((value) => (parseDurationMs(value) === undefined ? "is no duration" : undefined)),
    ),
    onLiveElsewhere: oneOf("", "wait", "new-ip", "takeover"),
    mac: oneOf("", "identity", "none"),
    node: operators("Leave it out"),
    journalDir: operators(notTenants),
    notReadyWhen: operators("Leave it out"),
  },
});

function resourceName(what: string): TenantReader {
  const name = matching(/^[A-Za-z0-9][A-Za-z0-9._-]{0,99}$/, `is no ${what}'s name`);
  return (value, place, notes) => {
    if (typeof value === "string") return name(value, place, notes);
    notes.problems.push({
      place,
      why: `is the operator's alone; a definition has the name of a ${what} of his (resources.json)`,
    });
    return undefined;
  };
}

export const referenceIpamSchemas: Schemas = {
  "host-local": hostLocal,
  static: staticIpam,
  dhcp,
  "hawser-host-local": hostLocal,
  "hawser-static": staticIpam,
  "hawser-flat": hawserFlat,
};
