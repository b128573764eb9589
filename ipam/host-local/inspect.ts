import { isSameAddress, parseCidr, printAddress } from "../../cni/address.ts";
import { allOk, asUnavailable, type CniError, cniError, failWith } from "../../cni/errors.ts";
import type { Invocation } from "../../cni/plugin.ts";
import { previousResult } from "../../cni/previous-result.ts";
import { fail, type Outcome, ok } from "../../sys/outcome.ts";
import type { Sys } from "../../sys/sys.ts";
import { judgeShortage } from "../ipam-config.ts";
import { printRangeSet, rangeWith } from "../range.ts";
import { heldBy, readHoldings } from "./address-files.ts";
import { parseHostLocalConfig } from "./config.ts";
import { describeUsage, isFull, usageOf } from "./range-usage.ts";
import { readResolvConf } from "./resolv-conf.ts";

/**
 * CHECK (CNI 1.1.0, section 2): the attachment holds the same addresses as prevResult has. An address of prevResult outside
 * of the ranges belongs to another plugin.
 */
export async function check(sys: Sys, invocation: Invocation): Promise<Outcome<void, CniError>> {
  const config = parseHostLocalConfig(invocation);
  if (!config.ok) return config;
  const previous = previousResult(invocation.config);
  if (!previous.ok) return previous;
  const { folder, sets } = config.value;
  const holdings = readHoldings(sys, folder);
  if (!holdings.ok) return holdings;
  const { containerId, ifname } = invocation.environment;
  const drift = (why: string): Outcome<never, CniError> =>
    failWith(
      "drift",
      "ipam.drift",
      `CHECK of container ${containerId} (${ifname}): ${why}`,
      "DEL and ADD it.",
    );
  const held = heldBy(holdings.value, { containerId, ifname });
  if (held.length === 0)
    return drift(`Failed to find address added by container ${containerId} in ${folder}`);
  const told = (previous.value.ips ?? []).flatMap(({ address }) => parseCidr(address)?.address ?? []);
  const untold = held.find(({ address }) => !told.some((each) => isSameAddress(each, address)));
  if (untold !== undefined) return drift(`it holds ${untold.name}, which prevResult does not have`);
  const lost = told.find(
    (address) =>
      sets.some((set) => rangeWith(set, address) !== undefined) &&
      !held.some((each) => isSameAddress(each.address, address)),
  );
  if (lost !== undefined) return drift(`prevResult has ${printAddress(lost)}, which is not reserved for it`);
  return ok(undefined);
}

/**
 * STATUS (CNI 1.1.0, section 2): 50 if the configuration is wrong. An unreadable folder or a full range set is an error only if
 * the operator says so.
 */
export async function status(sys: Sys, invocation: Invocation): Promise<Outcome<void, CniError>> {
  const config = parseHostLocalConfig(invocation);
  if (!config.ok) return fail(asUnavailable(config.error));
  const { folder, sets, resolvConf, notReadyWhen } = config.value;
  const dns = readResolvConf(sys, resolvConf);
  if (!dns.ok) return fail(asUnavailable(dns.error));
  const holdings = readHoldings(sys, folder);
  if (!holdings.ok) return judgeShortage(sys, notReadyWhen, "unreachable", holdings.error);
  const outcomes = sets.map((set, index): Outcome<void, CniError> => {
    const usage = usageOf(set, holdings.value);
    if (!isFull(usage)) return ok(undefined);
    const msg = `no IP addresses available in range set ${index}: ${printRangeSet(set)}`;
    const error = cniError("notAvailable", "ipam.exhausted", msg, `${describeUsage(usage)}.`);
    return judgeShortage(sys, notReadyWhen, "full", error);
  });
  return allOk(outcomes.flatMap((each) => (each.ok ? [] : each.error)));
}
