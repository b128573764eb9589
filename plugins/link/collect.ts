import { validAttachments } from "../../cni/config.ts";
import { allOk, type CniError } from "../../cni/errors.ts";
import type { Invocation } from "../../cni/plugin.ts";
import { listLinks } from "../../net/links.ts";
import { talk } from "../../net/talk.ts";
import { type Outcome, ok } from "../../sys/outcome.ts";
import type { Sys } from "../../sys/sys.ts";
import type { PairExtras } from "./detach.ts";
import { passToIpam } from "./ipam.ts";
import { loadMasquerade, loadSpoofCheck } from "./late-filter.ts";
import { type OpenNamespace, withHost } from "./site.ts";

/**
 * GC of a main plugin: the IPAM plugin's, and rules of the packet filter for attachments that are no more. Links need none: the
 * kernel removes them with the container's namespace.
 */
export async function collect(
  sys: Sys,
  invocation: Invocation,
  { ipam, masquerades, checksSpoofing = false }: PairExtras,
): Promise<Outcome<void, CniError>> {
  const valid = validAttachments(invocation.config.raw);
  if (!valid.ok) return valid;
  const network = invocation.config.name;
  const keys = valid.value?.map(({ containerID, ifname }) => ({ network, containerId: containerID, ifname }));
  const freed = await passToIpam(sys, "GC", invocation, ipam);
  const outcomes = [freed];
  if (masquerades && keys !== undefined) {
    const { collectMasquerades } = await loadMasquerade();
    outcomes.push(await withHost(sys, ({ namespace }) => collectMasquerades(sys, namespace, network, keys)));
  }
  if (checksSpoofing) outcomes.push(await withHost(sys, collectRestrictions));
  return allOk(outcomes.flatMap((each) => (each.ok ? [] : [each.error])));
}

async function collectRestrictions({ namespace, route }: OpenNamespace): Promise<Outcome<void, CniError>> {
  const { collectSpoofChecks } = await loadSpoofCheck();
  return collectSpoofChecks(namespace, () => {
    const links = talk(route, listLinks());
    return links.ok ? ok(new Set(links.value.map(({ name }) => name))) : links;
  });
}
