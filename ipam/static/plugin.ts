import { isSameAddress, parseAddress, parseCidr, printAddress, printCidr } from "../../cni/address.ts";
import { asUnavailable, type CniError, failWith } from "../../cni/errors.ts";
import type { Invocation, Plugin } from "../../cni/plugin.ts";
import { previousResult } from "../../cni/previous-result.ts";
import type { CniResult, IpConfig } from "../../cni/types.ts";
import { versions } from "../../cni/version.ts";
import { fail, type Outcome, ok } from "../../sys/outcome.ts";
import type { Sys } from "../../sys/sys.ts";
import { parseStaticConfig, type StaticAddress } from "./config.ts";

/** The reference plugin `static`. It gives the configured or requested addresses, and records nothing. */
export const staticIpam: Plugin = {
  about: "gives the addresses that the configuration or the caller names",
  versions,
  add,
  check,
  status,
  // The plugin records nothing, so there is nothing to free, even if the configuration has become wrong.
  del: async () => ok(undefined),
  gc: async () => ok(undefined),
};

async function add(sys: Sys, invocation: Invocation): Promise<Outcome<CniResult, CniError>> {
  const config = parseStaticConfig(invocation);
  if (!config.ok) return config;
  const { addresses, routes, dns, warnings } = config.value;
  for (const warning of warnings) sys.warn(warning);
  return ok({ ips: addresses.map(toIpConfig), routes: [...routes], dns });
}

function toIpConfig({ address, gateway }: StaticAddress): IpConfig {
  return { address: printCidr(address), ...(gateway && { gateway: printAddress(gateway) }) };
}

/** CHECK (CNI 1.1.0, section 2): every address that ADD gives is in prevResult, with its prefix and gateway. */
async function check(_sys: Sys, invocation: Invocation): Promise<Outcome<void, CniError>> {
  const config = parseStaticConfig(invocation);
  if (!config.ok) return config;
  const previous = previousResult(invocation.config);
  if (!previous.ok) return previous;
  const { addresses } = config.value;
  const lost = addresses.filter((each) => !(previous.value.ips ?? []).some((ip) => isThatOf(each, ip)));
  if (lost.length === 0) return ok(undefined);
  const { containerId, ifname } = invocation.environment;
  return failWith(
    "drift",
    "ipam.drift",
    `CHECK of container ${containerId} (${ifname}): prevResult has no ${lost.map(describe).join(", no ")}`,
    "It is what the configuration gives. If the configuration was changed, DEL and ADD the container.",
  );
}

function isThatOf({ address, gateway }: StaticAddress, ip: IpConfig): boolean {
  const given = parseCidr(ip.address);
  if (given?.prefix !== address.prefix || !isSameAddress(given.address, address.address)) return false;
  const givenGateway = parseAddress(ip.gateway ?? "");
  return gateway === undefined || (givenGateway !== undefined && isSameAddress(gateway, givenGateway));
}

function describe({ address, gateway }: StaticAddress): string {
  return `address ${printCidr(address)}${gateway === undefined ? "" : ` with gateway ${printAddress(gateway)}`}`;
}

async function status(_sys: Sys, invocation: Invocation): Promise<Outcome<void, CniError>> {
  const config = parseStaticConfig(invocation);
  return config.ok ? ok(undefined) : fail(asUnavailable(config.error));
}
