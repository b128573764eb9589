import type { AttachmentKey } from "../../cni/attachments.ts";
import { type CniError, failWith } from "../../cni/errors.ts";
import { isSameBytes, readText } from "../../net/bytes.ts";
import {
  addChain,
  addTable,
  appendRule,
  flushChain,
  getChain,
  hook,
  listChainRules,
  type NftChain,
  type NftRule,
  nftFamily,
  removeChain,
  removeChainRule,
} from "../../net/nftables.ts";
import { type Expression, header, linkNameData, metaKey, verdict } from "../../net/nftables-expressions.ts";
import type { Request } from "../../net/talk.ts";
import type { Attempt } from "../../sys/fault.ts";
import type { NetlinkSocket, NetworkNamespace } from "../../sys/network.ts";
import { type Outcome, ok } from "../../sys/outcome.ts";
import { cutComment } from "./filter-names.ts";
import { askFilter, changeFilter, withFilter } from "./packet-filter.ts";

type Owner = Pick<AttachmentKey, "containerId" | "ifname">;

const table = { family: nftFamily.bridge, table: "nat" } as const;
const preRouting: NftChain = { ...table, chain: "PREROUTING" };
/** Where libvirt's and ebtables' rules of this kind are. */
const priority = -300;
const commentStart = "macspoofchk-";
/** Where the address of the sender lies in an Ethernet frame. */
const senderOffset = 6;

/**
 * Lets only frames with this hardware address come from the host's end of an attachment (`macspoofchk`). What the attachment had
 * before is replaced. Errors: `filter.refused`.
 */
export function setUpSpoofCheck(
  host: NetworkNamespace,
  owner: Owner,
  hostEnd: string,
  hardware: Uint8Array,
): Outcome<void, CniError> {
  const { link, mac, comment } = namesOf(owner);
  const made = [
    addTable(table),
    addChain(preRouting, { type: "filter", hook: hook.preRouting, priority }),
    addChain(link),
    addChain(mac),
    flushChain(link),
    flushChain(mac),
    appendRule(preRouting, fromLink(hostEnd, link), comment),
    appendRule(link, [jumpTo(mac)], comment),
    appendRule(mac, [...fromHardware(hardware), { kind: "verdict", verdict: verdict.return }], comment),
    appendRule(mac, [{ kind: "verdict", verdict: verdict.drop }], comment),
  ];
  return changeFilter(host, `restrict ${owner.ifname} to its own MAC address`, (socket) => {
    const stale = staleJumps(socket, comment);
    return stale.ok ? ok([...made.slice(0, 2), ...stale.value, ...made.slice(2)]) : stale;
  });
}

/** Removes the attachment's chains and what leads to them. Errors: `filter.refused`. */
export function tearDownSpoofCheck(host: NetworkNamespace, owner: Owner): Outcome<void, CniError> {
  const { link, mac, comment } = namesOf(owner);
  return changeFilter(host, `end the restriction of ${owner.ifname} to its MAC address`, (socket) => {
    const jumps = staleJumps(socket, comment);
    if (!jumps.ok) return jumps;
    const chains = removals(socket, [link.chain, mac.chain]);
    return chains.ok ? ok([...jumps.value, ...chains.value]) : chains;
  });
}

/**
 * Removes the rules of host ends that are no more. `listNames` tells the names of the node's links. It is asked after the rules were
 * read, because a rule is made after its link. Errors: `filter.refused`.
 */
export function collectSpoofChecks(
  host: NetworkNamespace,
  listNames: () => Attempt<ReadonlySet<string>>,
): Outcome<void, CniError> {
  return changeFilter(host, "remove stale restrictions to MAC addresses", (socket) => {
    const rules = askFilter(socket, listChainRules(preRouting));
    if (!rules.ok) return rules;
    const ours = (rules.value ?? []).filter(isSpoofCheck);
    if (ours.length === 0) return ok([]);
    const names = listNames();
    if (!names.ok) return names;
    const changes: Request<void>[] = [];
    const chains = new Set<string>();
    for (const rule of ours) {
      const [, name, jump] = rule.expressions;
      if (name?.kind !== "compare" || jump?.kind !== "verdict") continue;
      if (names.value.has(readText(name.data)) || jump.chain === undefined) continue;
      changes.push(removeChainRule(preRouting, rule.handle));
      chains.add(jump.chain);
    }
    for (const chain of chains) {
      const removed = removals(socket, [chain, `${chain}-mac`]);
      if (!removed.ok) return removed;
      changes.push(...removed.value);
    }
    return ok(changes);
  });
}

/** Whether only frames with this hardware address come from the host's end. Errors: `filter.drift`, `filter.refused`. */
export function checkSpoofCheck(
  host: NetworkNamespace,
  owner: Owner,
  hostEnd: string,
  hardware: Uint8Array,
): Outcome<void, CniError> {
  const { link, mac } = namesOf(owner);
  const doing = `check the restriction of ${owner.ifname} to its MAC address`;
  const found = withFilter(host, doing, (socket) => {
    const lists: NftRule[][] = [];
    for (const chain of [preRouting, link, mac]) {
      const rules = askFilter(socket, listChainRules(chain));
      if (!rules.ok) return rules;
      lists.push(rules.value ?? []);
    }
    const [entries = [], jumps = [], ends = []] = lists;
    return ok(
      entries.some((rule) => has(rule, linkNameData(hostEnd)) && jumpsTo(rule, link)) &&
        jumps.some((rule) => jumpsTo(rule, mac)) &&
        ends[0] !== undefined &&
        has(ends[0], hardware) &&
        ends.length === 2,
    );
  });
  if (!found.ok || found.value) return found.ok ? ok(undefined) : found;
  const why = "Something on the node has changed rules of the packet filter. Start the pod anew.";
  return failWith("drift", "filter.drift", `${doing}: its rules in table bridge nat are not there`, why);
}

interface SpoofNames {
  readonly link: NftChain;
  readonly mac: NftChain;
  readonly comment: Uint8Array;
}

/** As the reference plugin names them. */
function namesOf({ containerId, ifname }: Owner): SpoofNames {
  const id = `${containerId}-${ifname}`;
  const chain = `cni-br-iface-${id}`;
  return {
    link: { ...table, chain },
    mac: { ...table, chain: `${chain}-mac` },
    comment: cutComment(`${commentStart}${id}`),
  };
}

/** Removes those of the chains that are there. */
function removals(socket: NetlinkSocket, names: readonly string[]): Attempt<readonly Request<void>[]> {
  const changes: Request<void>[] = [];
  for (const name of names) {
    const chain: NftChain = { ...table, chain: name };
    const found = askFilter(socket, { ...getChain(chain), read: () => true });
    if (!found.ok) return found;
    if (found.value !== undefined) changes.push(removeChain(chain));
  }
  return ok(changes);
}

function isSpoofCheck({ comment }: NftRule): boolean {
  return comment !== undefined && readText(comment).startsWith(commentStart);
}

function staleJumps(socket: NetlinkSocket, comment: Uint8Array): Attempt<readonly Request<void>[]> {
  const rules = askFilter(socket, listChainRules(preRouting));
  if (!rules.ok) return rules;
  const stale: Request<void>[] = [];
  for (const rule of rules.value ?? []) {
    if (rule.comment === undefined || !isSameBytes(rule.comment, comment)) continue;
    stale.push(removeChainRule(preRouting, rule.handle));
  }
  return ok(stale);
}

function fromLink(name: string, chain: NftChain): Expression[] {
  return [
    { kind: "meta", key: metaKey.inLinkName },
    { kind: "compare", equal: true, data: linkNameData(name) },
    jumpTo(chain),
  ];
}

function fromHardware(hardware: Uint8Array): Expression[] {
  return [
    { kind: "payload", base: header.link, offset: senderOffset, length: hardware.length },
    { kind: "compare", equal: true, data: hardware },
  ];
}

function jumpTo({ chain }: NftChain): Expression {
  return { kind: "verdict", verdict: verdict.jump, chain };
}

function has({ expressions }: NftRule, data: Uint8Array): boolean {
  return expressions.some((each) => each.kind === "compare" && each.equal && isSameBytes(each.data, data));
}

function jumpsTo({ expressions }: NftRule, { chain }: NftChain): boolean {
  return expressions.some((each) => each.kind === "verdict" && each.chain === chain);
}
