import type { AttachmentKey } from "../../cni/attachments.ts";
import { isSameBytes, readText } from "../../net/bytes.ts";
import { readAttributes } from "../../net/message.ts";
import {
  getChain,
  listChainRules,
  listTableRules,
  type NftChain,
  type NftRule,
  nftFamily,
  removeChain,
  removeChainRule,
} from "../../net/nftables.ts";
import { verdict } from "../../net/nftables-expressions.ts";
import type { Request } from "../../net/talk.ts";
import type { Attempt } from "../../sys/fault.ts";
import type { NetlinkSocket } from "../../sys/network.ts";
import { ok } from "../../sys/outcome.ts";
import { masqueradeChain } from "./filter-names.ts";
import { masked, type Subnet } from "./ip-bytes.ts";
import { askFilter, type FilterPlan } from "./packet-filter.ts";

/**
 * What the newer iptables keeps in nf_tables: a table, chains and rules like any other. So they are looked at and removed by
 * netlink, and no program is run.
 */

const families = [nftFamily.ipv4, nftFamily.ipv6] as const;
type IpFamily = (typeof families)[number];

/**
 * Removes the jumps of these addresses, of all addresses if they are unknown, and the chain if nothing jumps to it any more: two
 * interfaces of a container in one network have one chain.
 */
export function chainRemovals(key: AttachmentKey, subnets: readonly Subnet[] | undefined): FilterPlan {
  const name = masqueradeChain(key);
  return (socket) => {
    const changes: Request<void>[] = [];
    for (const family of families) {
      const chain = natChain(family, name);
      const found = askFilter(socket, getFound(chain));
      if (!found.ok) return found;
      if (found.value === undefined) continue;
      const jumps = listJumps(socket, family);
      if (!jumps.ok) return jumps;
      const own = jumps.value.filter((rule) => target(rule) === name);
      const going = own.filter((rule) => subnets?.some((subnet) => isFrom(rule, subnet)) ?? true);
      for (const rule of going) changes.push(removeChainRule(rule, rule.handle));
      if (going.length === own.length) changes.push(removeChain(chain));
    }
    return ok(changes);
  };
}

const ownChain = /^CNI-[0-9a-f]{24}$/;

/**
 * Removes the chains of attachments that have rules with comments that begin so, but those with one of these comments, and what
 * jumps to them. A chain that nothing jumps to was left by an ADD of the reference plugins that was killed.
 */
export function staleChains(start: string, kept: readonly string[]): FilterPlan {
  return (socket) => {
    const changes: Request<void>[] = [];
    for (const family of families) {
      const rules = askFilter(socket, listTableRules({ family, table: "nat" }));
      if (!rules.ok) return rules;
      const chains = new Set<string>();
      for (const rule of rules.value ?? []) {
        const chain = ownChain.test(rule.chain) ? rule.chain : target(rule);
        if (chain === undefined || !ownChain.test(chain)) continue;
        const comment = commentOf(rule);
        if (comment === undefined || !comment.startsWith(start) || kept.includes(comment)) continue;
        // The rules of a chain go with it.
        if (chain !== rule.chain) changes.push(removeChainRule(rule, rule.handle));
        chains.add(chain);
      }
      for (const chain of chains) changes.push(removeChain(natChain(family, chain)));
    }
    return ok(changes);
  };
}

/** Whether each subnet's address has its jump to the attachment's chain. */
export function hasMasqueradeJumps(
  socket: NetlinkSocket,
  key: AttachmentKey,
  subnets: readonly Subnet[],
): Attempt<boolean> {
  const name = masqueradeChain(key);
  const found: NftRule[] = [];
  for (const family of families) {
    const jumps = listJumps(socket, family);
    if (!jumps.ok) return jumps;
    found.push(...jumps.value.filter((rule) => target(rule) === name));
  }
  return ok(subnets.every((subnet) => found.some((rule) => isFrom(rule, subnet))));
}

function natChain(family: IpFamily, chain: string): NftChain {
  return { family, table: "nat", chain };
}

function getFound(chain: NftChain): Request<true> {
  return { ...getChain(chain), read: () => true };
}

function listJumps(socket: NetlinkSocket, family: IpFamily): Attempt<readonly NftRule[]> {
  const rules = askFilter(socket, listChainRules(natChain(family, "POSTROUTING")));
  return rules.ok ? ok(rules.value ?? []) : rules;
}

/** The chain that a rule jumps to. */
function target({ expressions }: NftRule): string | undefined {
  for (const each of expressions) {
    if (each.kind === "verdict" && each.verdict === verdict.jump) return each.chain;
  }
  return undefined;
}

/** Whether a jump is of packets from the address, or from its whole subnet as old reference plugins wrote it. */
function isFrom({ expressions }: NftRule, subnet: Subnet): boolean {
  const network = masked(subnet);
  return expressions.some(
    (each) =>
      each.kind === "compare" &&
      (isSameBytes(each.data, subnet.bytes) ||
        // A prefix of whole bytes may be compared alone.
        (isSameBytes(each.data, network.subarray(0, each.data.length)) &&
          each.data.length * 8 >= subnet.prefix)),
  );
}

/** NFTA_MATCH_*. */
const matchAttribute = { name: 1, info: 3 } as const;
const nothing = new Uint8Array();

/** The comment of the newer iptables is a match of its own; that of nft is the rule's. */
function commentOf({ expressions, comment }: NftRule): string | undefined {
  for (const each of expressions) {
    if (each.kind !== "other" || each.name !== "match") continue;
    const match = readAttributes(each.data);
    if (readText(match.get(matchAttribute.name) ?? nothing) !== "comment") continue;
    return readText(match.get(matchAttribute.info) ?? nothing);
  }
  return comment === undefined ? undefined : readText(comment);
}
