import type { AttachmentKey } from "../../cni/attachments.ts";
import { allOk, type CniError, failWith, joinErrors } from "../../cni/errors.ts";
import type { NetworkNamespace } from "../../sys/network.ts";
import { fail, type Outcome, ok } from "../../sys/outcome.ts";
import type { Sys } from "../../sys/sys.ts";
import { chainComment, chainCommentStart } from "./filter-names.ts";
import type { Subnet } from "./ip-bytes.ts";
import { findIptables, worksIptables } from "./iptables.ts";
import type { MasqueradeBackend } from "./masquerade-backend.ts";
import { chainRemovals, hasMasqueradeJumps, staleChains } from "./masquerade-compat.ts";
import {
  addMasqueradeChain,
  collectLegacyChains,
  hasLegacyTable,
  removeLegacyChain,
} from "./masquerade-iptables.ts";
import {
  hasMasqueradeRules,
  masqueradeRemovals,
  masqueradeRules,
  staleMasqueradeRules,
} from "./masquerade-nftables.ts";
import { changeFilter, together, withFilter } from "./packet-filter.ts";

/**
 * Hides the attachment's addresses behind the node's, for packets to wherever is not their own subnets (`ipMasq`). What cannot be
 * made whole is not made. `host` is the namespace that we run in. Errors: `filter.refused`, `filter.run`, `filter.tools`.
 */
export async function setUpMasquerade(
  sys: Sys,
  host: NetworkNamespace,
  key: AttachmentKey,
  subnets: readonly Subnet[],
  backend?: MasqueradeBackend,
): Promise<Outcome<void, CniError>> {
  const doing = `masquerade the addresses of ${key.ifname} in network ${key.network}`;
  const asNftables = () => changeFilter(host, doing, masqueradeRules(key, subnets));
  if (backend === "nftables") return asNftables();
  // Like the reference plugins we prefer iptables, unless the node has nftables only.
  if (backend === undefined && findIptables(sys, "iptables") === undefined) return asNftables();
  const made = await addMasqueradeChain(sys, doing, key, subnets);
  if (made.ok) return made;
  // One family may stand already.
  const undone = await tearDownMasquerade(sys, host, key, subnets);
  if (backend === undefined && !(await worksIptables(sys))) return asNftables();
  return undone.ok ? made : fail(joinErrors([made.error, undone.error]));
}

/**
 * Removes what masquerades the attachment's addresses, of either backend: the configuration may have changed since. Without the
 * addresses all of the container's in this network are meant. Errors: `filter.refused`, `filter.run`.
 */
export async function tearDownMasquerade(
  sys: Sys,
  host: NetworkNamespace,
  key: AttachmentKey,
  subnets?: readonly Subnet[],
): Promise<Outcome<void, CniError>> {
  const doing = `end the masquerading of ${key.ifname} in network ${key.network}`;
  const known = subnets?.length === 0 ? undefined : subnets;
  return all([
    changeFilter(host, doing, together(masqueradeRemovals(key), chainRemovals(key, known))),
    await removeLegacyChain(sys, doing, key, known),
  ]);
}

/** Removes what masquerades attachments of the network that are not among these. Errors: `filter.refused`, `filter.run`. */
export async function collectMasquerades(
  sys: Sys,
  host: NetworkNamespace,
  network: string,
  valid: readonly AttachmentKey[],
): Promise<Outcome<void, CniError>> {
  const doing = `remove stale masquerading of network ${network}`;
  const start = chainCommentStart(network);
  const kept = valid.map(chainComment);
  return all([
    changeFilter(host, doing, together(staleMasqueradeRules(network, valid), staleChains(start, kept))),
    await collectLegacyChains(sys, doing, start, kept),
  ]);
}

/** Whether the attachment's addresses are masqueraded, by either backend. Errors: `filter.drift`, `filter.refused`. */
export function checkMasquerade(
  sys: Sys,
  host: NetworkNamespace,
  key: AttachmentKey,
  subnets: readonly Subnet[],
): Outcome<void, CniError> {
  const doing = `check the masquerading of ${key.ifname} in network ${key.network}`;
  // What the older iptables has is only told by a program of its own, and a CHECK runs none for it.
  if (hasLegacyTable(sys, 2) || hasLegacyTable(sys, 10)) return ok(undefined);
  const found = withFilter(host, doing, (socket) => {
    const rules = hasMasqueradeRules(socket, key, subnets);
    return rules.ok && !rules.value ? hasMasqueradeJumps(socket, key, subnets) : rules;
  });
  if (!found.ok || found.value) return found.ok ? ok(undefined) : found;
  const why = "Something on the node has removed rules of the packet filter. Start the pod anew.";
  return failWith(
    "drift",
    "filter.drift",
    `${doing}: the packet filter does not masquerade its addresses`,
    why,
  );
}

function all(outcomes: readonly Outcome<void, CniError>[]): Outcome<void, CniError> {
  return allOk(outcomes.flatMap((each) => (each.ok ? [] : [each.error])));
}
