import type { AttachmentKey } from "../../cni/attachments.ts";
import { isSameBytes, joined } from "../../net/bytes.ts";
import {
  addChain,
  addTable,
  appendRule,
  flushChain,
  hook,
  listChainRules,
  type NftChain,
  type NftRule,
  nftFamily,
  removeChainRule,
} from "../../net/nftables.ts";
import {
  type Expression,
  encodeExpressions,
  header,
  metaKey,
  verdict,
} from "../../net/nftables-expressions.ts";
import { type Request, talk } from "../../net/talk.ts";
import type { Attempt } from "../../sys/fault.ts";
import type { NetlinkSocket } from "../../sys/network.ts";
import { ok } from "../../sys/outcome.ts";
import { attachmentMark, networkMark, ruleComment } from "./filter-names.ts";
import { masked, type Subnet } from "./ip-bytes.ts";
import { askFilter, type FilterPlan } from "./packet-filter.ts";

const table = { family: nftFamily.inet, table: "cni_plugins_masquerade" } as const;
const checks: NftChain = { ...table, chain: "masq_checks" };
const postRouting: NftChain = { ...table, chain: "postrouting" };
const tableComment = "Masquerading for plugins from github.com/containernetworking/plugins";
const checksComment = "Masquerade traffic from certain IPs to any (non-multicast) IP outside their subnet";
/** NF_IP_PRI_NAT_SRC. */
const sourcePriority = 100;
/** Where the two addresses lie in a packet's header. */
const offsets = { v4: { source: 12, destination: 16 }, v6: { source: 8, destination: 24 } } as const;

/** Puts the attachment's rules in the place of those that it may have. */
export function masqueradeRules(key: AttachmentKey, subnets: readonly Subnet[]): FilterPlan {
  const comment = ruleComment(key);
  const added = subnets.map((subnet) => appendRule(checks, masqueradeOf(subnet), comment));
  const stale = masqueradeRemovals(key);
  return (socket) => {
    const entry = talk(socket, listChainRules(postRouting));
    if (!entry.ok) return entry;
    const going = stale(socket);
    // The reference plugins write table, chains and entry anew with every rule. So do we, unless they are as they must be.
    const isFounded = isSameList(entry.value, entryRules);
    return going.ok ? ok([...(isFounded ? [] : foundation()), ...going.value, ...added]) : going;
  };
}

/** Removes the attachment's rules. */
export function masqueradeRemovals(key: AttachmentKey): FilterPlan {
  return (socket) => removals(socket, () => markedBy(attachmentMark(key)));
}

/** Removes the rules of the network's attachments that are not among these. */
export function staleMasqueradeRules(network: string, valid: readonly AttachmentKey[]): FilterPlan {
  return (socket) =>
    removals(socket, () => {
      const isOurs = markedBy(networkMark(network));
      const kept = valid.map(ruleComment);
      return (rule) => isOurs(rule) && !isKept(rule, kept);
    });
}

/** Whether the attachment has the rule of each of its subnets. */
export function hasMasqueradeRules(
  socket: NetlinkSocket,
  key: AttachmentKey,
  subnets: readonly Subnet[],
): Attempt<boolean> {
  const rules = askFilter(socket, listChainRules(checks));
  if (!rules.ok) return rules;
  const own = (rules.value ?? []).filter(markedBy(attachmentMark(key)));
  return ok(
    subnets.every(({ bytes }) =>
      own.some(({ expressions }) =>
        expressions.some((each) => each.kind === "compare" && isSameBytes(each.data, bytes)),
      ),
    ),
  );
}

/** Which rules are meant. */
type RuleChoice = (rule: NftRule) => boolean;

/** Marks are made only if there are rules: a hash costs more than all the rest. */
function removals(socket: NetlinkSocket, choose: () => RuleChoice): Attempt<readonly Request<void>[]> {
  const rules = askFilter(socket, listChainRules(checks));
  if (!rules.ok) return rules;
  const going: Request<void>[] = [];
  if (rules.value === undefined || rules.value.length === 0) return ok(going);
  const isGoing = choose();
  for (const rule of rules.value) if (isGoing(rule)) going.push(removeChainRule(checks, rule.handle));
  return ok(going);
}

/** Whether a rule's comment begins so. */
function markedBy(mark: string): RuleChoice {
  const bytes = new TextEncoder().encode(mark);
  return ({ comment }) => comment !== undefined && isSameBytes(comment.subarray(0, bytes.length), bytes);
}

function isKept({ comment }: NftRule, kept: readonly Uint8Array[]): boolean {
  return comment !== undefined && kept.some((each) => isSameBytes(each, comment));
}

/** Multicast is not masqueraded, and everything else is checked. */
const entryRules: readonly (readonly Expression[])[] = [
  [
    ...ofFamily(nftFamily.ipv4),
    ...toSubnet({ bytes: Uint8Array.of(224, 0, 0, 0), prefix: 4 }, true),
    { kind: "verdict", verdict: verdict.return },
  ],
  [
    ...ofFamily(nftFamily.ipv6),
    ...toSubnet({ bytes: Uint8Array.of(0xff, ...new Uint8Array(15)), prefix: 8 }, true),
    { kind: "verdict", verdict: verdict.return },
  ],
  [{ kind: "verdict", verdict: verdict.goto, chain: checks.chain }],
];

/** Table and chains as they must be, whatever is there. */
function foundation(): Request<void>[] {
  return [
    addTable(table, tableComment),
    addChain(checks, undefined, checksComment),
    addChain(postRouting, { type: "nat", hook: hook.postRouting, priority: sourcePriority }),
    flushChain(postRouting),
    ...entryRules.map((rule) => appendRule(postRouting, rule)),
  ];
}

function isSameList(rules: readonly NftRule[], wanted: readonly (readonly Expression[])[]): boolean {
  if (rules.length !== wanted.length) return false;
  return wanted.every((expressions, index) => isSameRule(rules[index]?.expressions ?? [], expressions));
}

/** The kernel's bytes of both are the same. */
function isSameRule(one: readonly Expression[], other: readonly Expression[]): boolean {
  return isSameBytes(joined(encodeExpressions(one)), joined(encodeExpressions(other)));
}

/** From the address to wherever is not its subnet. */
function masqueradeOf(subnet: Subnet): Expression[] {
  const { bytes } = subnet;
  const isV4 = bytes.length === 4;
  const offset = (isV4 ? offsets.v4 : offsets.v6).source;
  return [
    ...ofFamily(isV4 ? nftFamily.ipv4 : nftFamily.ipv6),
    { kind: "payload", base: header.network, offset, length: bytes.length },
    { kind: "compare", equal: true, data: bytes },
    ...toSubnet(subnet, false),
    { kind: "masquerade" },
  ];
}

function ofFamily(family: number): Expression[] {
  return [
    { kind: "meta", key: metaKey.networkProtocol },
    { kind: "compare", equal: true, data: Uint8Array.of(family) },
  ];
}

/** As nft writes it: of a prefix of whole bytes only these are loaded. */
function toSubnet(subnet: Subnet, equal: boolean): Expression[] {
  const { bytes, prefix } = subnet;
  const offset = (bytes.length === 4 ? offsets.v4 : offsets.v6).destination;
  const network = masked(subnet);
  if (prefix > 0 && prefix % 8 === 0) {
    const data = network.subarray(0, prefix / 8);
    return [
      { kind: "payload", base: header.network, offset, length: data.length },
      { kind: "compare", equal, data },
    ];
  }
  const ones = new Uint8Array(bytes.length).fill(0xff);
  return [
    { kind: "payload", base: header.network, offset, length: bytes.length },
    { kind: "bitwise", mask: masked({ bytes: ones, prefix }) },
    { kind: "compare", equal, data: network },
  ];
}
