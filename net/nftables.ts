import { be32, be64, joined, readBe32, readText, u8, zeroEnded } from "./bytes.ts";
import { attribute, flag, type Message, nested, readAttributes } from "./message.ts";
import {
  decodeComment,
  decodeExpressions,
  type Expression,
  encodeComment,
  encodeExpressions,
} from "./nftables-expressions.ts";
import type { Request } from "./talk.ts";

/** NFPROTO_*. */
export const nftFamily = { inet: 1, ipv4: 2, bridge: 7, ipv6: 10 } as const;
export type NftFamily = (typeof nftFamily)[keyof typeof nftFamily];

/** A table is known by its family and its name. */
export interface NftTable {
  readonly family: NftFamily;
  readonly table: string;
}

export interface NftChain extends NftTable {
  readonly chain: string;
}

/** Where in the kernel a chain begins. A chain without one is only jumped to. */
export interface ChainBase {
  readonly type: "filter" | "nat";
  readonly hook: number;
  readonly priority: number;
}

/** NF_INET_* and NF_BR_*, which are the same. */
export const hook = { preRouting: 0, postRouting: 4 } as const;

/** A rule as the kernel tells it. */
export interface NftRule extends NftChain {
  readonly handle: bigint;
  readonly expressions: readonly Expression[];
  /** As bytes, because a comment may be cut within a character. */
  readonly comment: Uint8Array | undefined;
}

const subsystem = 10 << 8;
/** NFT_MSG_*. */
export const nftMessage = {
  tableMade: subsystem,
  chainMade: subsystem | 3,
  chainGet: subsystem | 4,
  chainRemoved: subsystem | 5,
  ruleMade: subsystem | 6,
  ruleGet: subsystem | 7,
  ruleRemoved: subsystem | 8,
} as const;

export const tableAttribute = { name: 1, flags: 2, userdata: 6 } as const;
export const chainAttribute = { table: 1, name: 3, hook: 4, policy: 5, type: 7, userdata: 12 } as const;
export const hookAttribute = { hook: 1, priority: 2 } as const;
export const ruleAttribute = { table: 1, chain: 2, handle: 3, expressions: 4, userdata: 7 } as const;
/** NF_ACCEPT. */
const acceptPolicy = 1;
/** `struct nfgenmsg`. */
export const nftHeaderBytes = 4;
const nothing = new Uint8Array();

/** Makes the table, if it is not there. */
export function addTable({ family, table }: NftTable, comment?: string): Request<void> {
  return changing(`add table ${table}`, nftMessage.tableMade, flag.create, family, [
    attribute(tableAttribute.name, zeroEnded(table)),
    attribute(tableAttribute.flags, be32(0)),
    ...commented(tableAttribute.userdata, comment),
  ]);
}

/** Makes the chain, if it is not there. Errors: `EEXIST` or `EINVAL` if it is there with another base. */
export function addChain(place: NftChain, base?: ChainBase, comment?: string): Request<void> {
  const { family, table, chain } = place;
  return changing(`add chain ${chain}`, nftMessage.chainMade, flag.create, family, [
    attribute(chainAttribute.table, zeroEnded(table)),
    attribute(chainAttribute.name, zeroEnded(chain)),
    ...(base === undefined ? [] : encodeBase(base)),
    ...commented(chainAttribute.userdata, comment),
  ]);
}

function encodeBase({ type, hook: number, priority }: ChainBase): Uint8Array[] {
  return [
    attribute(chainAttribute.type, zeroEnded(type)),
    attribute(chainAttribute.policy, be32(acceptPolicy)),
    nested(chainAttribute.hook, [
      attribute(hookAttribute.hook, be32(number)),
      attribute(hookAttribute.priority, be32(priority)),
    ]),
  ];
}

/** Errors: `ENOENT`; `EBUSY` if a rule jumps to it. */
export function removeChain({ family, table, chain }: NftChain): Request<void> {
  return changing(`remove chain ${chain}`, nftMessage.chainRemoved, 0, family, [
    attribute(chainAttribute.table, zeroEnded(table)),
    attribute(chainAttribute.name, zeroEnded(chain)),
  ]);
}

/** Removes all rules of the chain. Errors: `ENOENT` if there is no chain. */
export function flushChain(place: NftChain): Request<void> {
  const words = `flush chain ${place.chain}`;
  return changing(words, nftMessage.ruleRemoved, 0, place.family, encodePlace(place));
}

/** Adds a rule at the chain's end. Errors: `ENOENT` if there is no such chain. */
export function appendRule(
  place: NftChain,
  expressions: readonly Expression[],
  comment?: Uint8Array,
): Request<void> {
  const words = `add rule to chain ${place.chain}`;
  return changing(words, nftMessage.ruleMade, flag.create | flag.append, place.family, [
    ...encodePlace(place),
    nested(ruleAttribute.expressions, encodeExpressions(expressions)),
    ...(comment === undefined ? [] : [attribute(ruleAttribute.userdata, encodeComment(comment))]),
  ]);
}

/** Errors: `ENOENT`. */
export function removeChainRule(place: NftChain, handle: bigint): Request<void> {
  const words = `remove rule ${handle} of chain ${place.chain}`;
  return changing(words, nftMessage.ruleRemoved, 0, place.family, [
    ...encodePlace(place),
    attribute(ruleAttribute.handle, be64(handle)),
  ]);
}

/** The rules of a chain in order. There are none if there is no such table or chain. */
export function listChainRules(place: NftChain): Request<NftRule[]> {
  return listing(
    `list chain ${place.chain}`,
    place.family,
    encodePlace(place),
    ({ table, chain }) => table === place.table && chain === place.chain,
  );
}

/** The rules of all chains of a table. There are none if there is no such table. */
export function listTableRules({ family, table }: NftTable): Request<NftRule[]> {
  const asked = [attribute(ruleAttribute.table, zeroEnded(table))];
  return listing(`list table ${table}`, family, asked, (rule) => rule.table === table);
}

/** A kernel that does not filter tells the rules of all tables, so `isMeant` looks again. */
function listing(
  words: string,
  family: NftFamily,
  attributes: readonly Uint8Array[],
  isMeant: (rule: NftRule) => boolean,
): Request<NftRule[]> {
  return {
    words,
    type: nftMessage.ruleGet,
    flags: flag.dump,
    payload: joined([nftHeader(family), ...attributes]),
    changes: false,
    read: (answers) => {
      const rules: NftRule[] = [];
      for (const answer of answers) {
        if (answer.type !== nftMessage.ruleMade) continue;
        const rule = readChainRule(answer);
        if (isMeant(rule)) rules.push(rule);
      }
      return rules;
    },
  };
}

/** Asks whether there is such a chain. Errors: `ENOENT`. */
export function getChain({ family, table, chain }: NftChain): Request<void> {
  return {
    words: `look at chain ${chain}`,
    type: nftMessage.chainGet,
    flags: 0,
    payload: joined([
      nftHeader(family),
      attribute(chainAttribute.table, zeroEnded(table)),
      attribute(chainAttribute.name, zeroEnded(chain)),
    ]),
    changes: false,
    read: () => undefined,
  };
}

export function readChainRule({ payload }: Message): NftRule {
  const attributes = readAttributes(payload, nftHeaderBytes);
  const handle = attributes.get(ruleAttribute.handle) ?? nothing;
  const userdata = attributes.get(ruleAttribute.userdata);
  return {
    family: payload[0] as NftFamily,
    table: readText(attributes.get(ruleAttribute.table) ?? nothing),
    chain: readText(attributes.get(ruleAttribute.chain) ?? nothing),
    handle: (BigInt(readBe32(handle)) << 32n) | BigInt(readBe32(handle, 4)),
    // A chain may have thousands of rules, most of which nobody looks into.
    get expressions() {
      return decodeExpressions(attributes.get(ruleAttribute.expressions) ?? nothing);
    },
    comment: userdata === undefined ? undefined : decodeComment(userdata),
  };
}

function encodePlace({ table, chain }: NftChain): Uint8Array[] {
  return [attribute(ruleAttribute.table, zeroEnded(table)), attribute(ruleAttribute.chain, zeroEnded(chain))];
}

function commented(type: number, comment: string | undefined): Uint8Array[] {
  if (comment === undefined) return [];
  return [attribute(type, encodeComment(new TextEncoder().encode(comment)))];
}

/** Family, version 0, and no resource. */
function nftHeader(family: number): Uint8Array {
  return joined([u8(family), new Uint8Array(nftHeaderBytes - 1)]);
}

function changing(
  words: string,
  type: number,
  flags: number,
  family: number,
  attributes: readonly Uint8Array[],
): Request<void> {
  return {
    words,
    type,
    flags,
    payload: joined([nftHeader(family), ...attributes]),
    changes: true,
    read: () => undefined,
  };
}
