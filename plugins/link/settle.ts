import { type CniError, failWith } from "../../cni/errors.ts";
import { addressFlag, type FoundAddress, listAddresses } from "../../net/addresses.ts";
import { family } from "../../net/link-kinds.ts";
import { getLink } from "../../net/links.ts";
import { type Outcome, ok } from "../../sys/outcome.ts";
import type { Sys } from "../../sys/sys.ts";
import { printSubnet } from "./ip-bytes.ts";
import { ask, type OpenNamespace } from "./site.ts";

const settleMs = 5_000;
const pauseMs = 50;
const operUp = 6;

/**
 * Waits until the kernel has found that nobody else has the IPv6 addresses of a link (RFC 4862, duplicate address detection): a
 * tentative address sends nothing. On a link without a carrier that never ends, and nothing is wrong. Errors:
 * `link.duplicate-address`, `link.refused`.
 */
export async function settleAddresses(
  sys: Sys,
  space: OpenNamespace,
  { name, index }: { readonly name: string; readonly index: number },
): Promise<Outcome<void, CniError>> {
  const untilMs = sys.clock.monotonicMs() + settleMs;
  for (;;) {
    const listed = ask(space, listAddresses(index, family.v6), `list the addresses of ${name}`);
    if (!listed.ok) return listed;
    const duplicate = listed.value.find(({ flags }) => (flags & addressFlag.duplicate) !== 0);
    if (duplicate !== undefined) return refuseDuplicate(name, duplicate);
    const tentative = listed.value.find(isTentative);
    if (tentative === undefined) return ok(undefined);
    if (sys.clock.monotonicMs() >= untilMs) return judgeTentative(space, name, index, tentative);
    const stop = await sys.clock.sleepUnlessStopped(pauseMs);
    if (stop !== undefined) {
      const msg = `wait for the addresses of ${name}: hawser received ${stop}`;
      return failWith("tryAgainLater", "link.tentative", msg, "The runtime tries again.");
    }
  }
}

/** An optimistic address is tentative, and may be used. */
function isTentative({ flags }: FoundAddress): boolean {
  return (flags & addressFlag.tentative) !== 0 && (flags & addressFlag.optimistic) === 0;
}

function refuseDuplicate(name: string, { address, prefix }: FoundAddress): Outcome<never, CniError> {
  const msg = `${name} cannot have ${printSubnet({ bytes: address, prefix })}: another host on the link has it`;
  const why =
    "Duplicate address detection has failed. Find the other host, or take its address out of the ranges.";
  return failWith("link", "link.duplicate-address", msg, why);
}

function judgeTentative(
  space: OpenNamespace,
  name: string,
  index: number,
  { address, prefix }: FoundAddress,
): Outcome<void, CniError> {
  const link = ask(space, getLink(index), `look at ${name}`);
  if (!link.ok) return link;
  if (link.value.operState !== operUp) return ok(undefined);
  const msg = `address ${printSubnet({ bytes: address, prefix })} of ${name} is still tentative after ${settleMs / 1000} seconds`;
  return failWith("tryAgainLater", "link.tentative", msg, "The node may be overloaded.");
}
