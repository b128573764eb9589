import { addressFamily, cidrFamily } from "../../../../cni/address.ts";
import { kindOf } from "../../../../cni/config.ts";
import type { Json } from "../../../../cni/json.ts";
import { quote } from "../../../../kube/text.ts";
import type { TenantNotes, TenantReader } from "../tenant-fields.ts";

/**
 * portmap's `conditionsV4` and `conditionsV6` are arguments of iptables. iptables runs as root, and has options that start
 * programs (`--modprobe`). So a tenant may write only conditions of addresses, interfaces and protocols, and each word is
 * checked in its place.
 *
 * Conditions of nftables belong to the operator: portmap writes them into a chain that all networks of the node share.
 */
export const conditions: TenantReader = (value, place, notes) => {
  if (!Array.isArray(value)) return refuse(notes, place, `is ${kindOf(value)}, not a list`);
  if (value.length > mostWords)
    return refuse(notes, place, `has ${value.length} entries; at most ${mostWords} are taken`);
  const words = value.filter((each) => typeof each === "string");
  if (words.length < value.length) return refuse(notes, place, "has an entry that is no text");
  const why = problemOf(words);
  return why === undefined ? words : refuse(notes, place, why);
};

const mostWords = 64;

type Operand = (word: string) => boolean;

const isNetwork: Operand = (word) => (addressFamily(word) ?? cidrFamily(word)) !== undefined;
/** A `+` at the end stands for any rest. */
const isInterface: Operand = (word) => /^[A-Za-z0-9_][A-Za-z0-9_.@-]{0,14}\+?$/.test(word);
const isProtocol: Operand = (word) => /^(tcp|udp|sctp)$/.test(word);

const operands: ReadonlyMap<string, Operand> = new Map([
  ...["-s", "--source", "--src", "-d", "--destination", "--dst"].map((flag) => [flag, isNetwork] as const),
  ...["-i", "--in-interface", "-o", "--out-interface"].map((flag) => [flag, isInterface] as const),
  ...["-p", "--protocol"].map((flag) => [flag, isProtocol] as const),
]);

/** The conditions are `["!"] FLAG VALUE`, any number of times. */
function problemOf(words: readonly string[]): string | undefined {
  let at = 0;
  // One empty word tells the plugin that there is no condition.
  if (words.length === 1 && words[0] === "") return undefined;
  while (at < words.length) {
    if (words[at] === "!") at += 1;
    const flag = words[at] ?? "";
    const isRight = operands.get(flag);
    if (isRight === undefined)
      return `${quote(flag)} is no condition that can stand here; there are ${[...operands.keys()].join(", ")}, each after "!" or not`;
    const value = words[at + 1] ?? "";
    if (!isRight(value)) return `${quote(value)} cannot follow ${flag}`;
    at += 2;
  }
  return undefined;
}

function refuse(notes: TenantNotes, place: string, why: string): Json | undefined {
  notes.problems.push({ place, why });
  return undefined;
}
