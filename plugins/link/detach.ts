import { allOk, type CniError } from "../../cni/errors.ts";
import type { Invocation } from "../../cni/plugin.ts";
import type { Outcome } from "../../sys/outcome.ts";
import type { Sys } from "../../sys/sys.ts";
import { delAddresses } from "./ipam.ts";
import { tearDownMasquerade } from "./masquerade.ts";
import { withRemainingSite } from "./site.ts";
import { tearDownSpoofCheck } from "./spoof-check.ts";
import { keyOf, removeVeth } from "./veth.ts";

/** What an ADD of this configuration has made beside the veth pair. */
interface Detachment {
  readonly ipam: string | undefined;
  readonly masquerades: boolean;
  readonly checksSpoofing?: boolean;
}

/**
 * DEL of an attachment by a veth pair. Removes the pair first, so that nobody uses the addresses that are freed then, and goes on
 * whatever fails. What is not there is no error.
 */
export async function detach(
  sys: Sys,
  invocation: Invocation,
  { ipam, masquerades, checksSpoofing = false }: Detachment,
): Promise<Outcome<void, CniError>> {
  const { environment } = invocation;
  return withRemainingSite(sys, invocation, async (site) => {
    const errors: CniError[] = [];
    const keep = (outcome: Outcome<unknown, CniError>): void => {
      if (!outcome.ok) errors.push(outcome.error);
    };
    const removed = removeVeth(site, environment);
    keep(removed);
    if (ipam !== undefined) keep(await delAddresses(sys, invocation, ipam));
    const { namespace } = site.host;
    if (checksSpoofing) keep(tearDownSpoofCheck(namespace, environment));
    if (masquerades) {
      const subnets = removed.ok ? removed.value : undefined;
      keep(await tearDownMasquerade(sys, namespace, keyOf(invocation), subnets));
    }
    return allOk(errors);
  });
}
