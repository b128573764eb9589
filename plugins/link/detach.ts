import { allOk, type CniError } from "../../cni/errors.ts";
import type { Invocation } from "../../cni/plugin.ts";
import { previousResult } from "../../cni/previous-result.ts";
import type { Outcome } from "../../sys/outcome.ts";
import type { Sys } from "../../sys/sys.ts";
import { ipsOfInterface } from "./check-link.ts";
import { type Subnet, subnetOf } from "./ip-bytes.ts";
import { delAddresses } from "./ipam.ts";
import { loadMasquerade, loadSpoofCheck } from "./late-filter.ts";
import { withRemainingSite } from "./site.ts";
import { keyOf, removeVeth } from "./veth.ts";

/** What an ADD of this configuration has made beside the veth pair. */
export interface PairExtras {
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
  { ipam, masquerades, checksSpoofing = false }: PairExtras,
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
    if (checksSpoofing) {
      const { tearDownSpoofCheck } = await loadSpoofCheck();
      keep(tearDownSpoofCheck(namespace, environment));
    }
    if (masquerades) {
      const { tearDownMasquerade } = await loadMasquerade();
      const subnets = knownSubnets(invocation, removed.ok ? (removed.value ?? []) : []);
      keep(await tearDownMasquerade(sys, namespace, keyOf(invocation), subnets));
    }
    return allOk(errors);
  });
}

/**
 * The addresses that the interface had to the last, and those that ADD has reported: the pod may have changed its own, the runtime
 * need not tell the reported ones, and after an interrupted DEL there is no interface any more.
 */
function knownSubnets({ environment, config }: Invocation, last: readonly Subnet[]): Subnet[] {
  const previous = previousResult(config);
  if (!previous.ok) return [...last];
  const { interfaces = [] } = previous.value;
  // A DEL need not have the namespace's path.
  const own = interfaces.find(({ name, sandbox = "" }) => name === environment.ifname && sandbox !== "");
  const netns = own?.sandbox ?? environment.netns;
  const reported = ipsOfInterface(previous.value, { ifname: environment.ifname, netns });
  return [...last, ...reported.map(({ address }) => subnetOf(address))];
}
