import { isSameBytes, joined, readU8, u8, u32, zeroEnded } from "../bytes.ts";
import { family } from "../link-kinds.ts";
import { attribute, flag, type Message } from "../message.ts";
import { type RoutingRule, readRule } from "../routing-rules.ts";
import { done, type KernelAnswer, type KernelReply, type NetSpace, refuse } from "./kernel-model.ts";

/** The rules that every namespace begins with. */
export function firstRules(): RoutingRule[] {
  const at = (of: number, priority: number, table: number): RoutingRule => ({
    family: of,
    priority,
    table,
    action: 1,
  });
  return [
    at(family.v4, 0, 255),
    at(family.v4, 32766, 254),
    at(family.v4, 32767, 253),
    at(family.v6, 0, 255),
    at(family.v6, 32766, 254),
  ];
}

export function answerRule(space: NetSpace, message: Message): KernelReply {
  const of = readU8(message.payload, 0);
  if (message.type === 34) return listed(space, of);
  if (of !== family.v4 && of !== family.v6) return refuse("EAFNOSUPPORT");
  const asked = readRule(message);
  if (message.type === 33) {
    const at = space.rules.findIndex((rule) => isMeant(rule, asked));
    if (at < 0) return refuse("ENOENT");
    space.rules.splice(at, 1);
    return done;
  }
  const rule = { ...asked, priority: asked.priority ?? usualPriority(space, of) };
  const isThere = space.rules.some((each) => isSame(each, rule));
  if (isThere && (message.flags & flag.exclusive) !== 0) return refuse("EEXIST");
  space.rules.push(rule);
  space.rules.sort((one, other) => (one.priority ?? 0) - (other.priority ?? 0));
  return done;
}

/** One before the second rule. */
function usualPriority(space: NetSpace, of: number): number {
  const second = space.rules.filter((rule) => rule.family === of)[1]?.priority ?? 0;
  return second === 0 ? 0 : second - 1;
}

function isSame(one: RoutingRule, other: RoutingRule): boolean {
  return one.family === other.family && one.priority === other.priority && isAlike(one, other, false);
}

/** What is not said is any. */
function isMeant(held: RoutingRule, asked: RoutingRule): boolean {
  if (held.family !== asked.family) return false;
  return (asked.priority === undefined || asked.priority === held.priority) && isAlike(held, asked, true);
}

function isAlike(held: RoutingRule, asked: RoutingRule, mayLack: boolean): boolean {
  const bytes = (one: Uint8Array | undefined, other: Uint8Array | undefined): boolean => {
    if (other === undefined) return mayLack || one === undefined;
    return one !== undefined && isSameBytes(one, other);
  };
  const plain = (one: string | number | undefined, other: string | number | undefined): boolean =>
    other === undefined ? mayLack || one === undefined : one === other;
  return (
    (held.table === asked.table || (mayLack && asked.table === 0)) &&
    bytes(held.source, asked.source) &&
    bytes(held.destination, asked.destination) &&
    (asked.source === undefined || held.sourcePrefix === asked.sourcePrefix) &&
    (asked.destination === undefined || held.destinationPrefix === asked.destinationPrefix) &&
    plain(held.inLink, asked.inLink) &&
    plain(held.outLink, asked.outLink) &&
    plain(held.mark, asked.mark) &&
    plain(held.markMask, asked.markMask)
  );
}

function listed({ rules }: NetSpace, of: number): KernelReply {
  const found = rules.filter((rule) => of === 0 || rule.family === of);
  return found.map((rule): KernelAnswer => ({ type: 32, payload: encodeRule(rule) }));
}

function encodeRule(rule: RoutingRule): Uint8Array {
  const {
    table,
    priority = 0,
    source,
    sourcePrefix = 0,
    destination,
    destinationPrefix = 0,
    action = 1,
  } = rule;
  const { inLink, outLink, mark, markMask } = rule;
  return joined([
    joined([u8(rule.family), u8(destinationPrefix), u8(sourcePrefix), u8(0)]),
    joined([u8(table > 255 ? 252 : table), u8(0), u8(0), u8(action), u32(0)]),
    attribute(15, u32(table)),
    ...(priority === 0 ? [] : [attribute(6, u32(priority))]),
    ...(destination === undefined ? [] : [attribute(1, destination)]),
    ...(source === undefined ? [] : [attribute(2, source)]),
    ...(inLink === undefined ? [] : [attribute(3, zeroEnded(inLink))]),
    ...(outLink === undefined ? [] : [attribute(17, zeroEnded(outLink))]),
    ...(mark === undefined ? [] : [attribute(10, u32(mark)), attribute(16, u32(markMask ?? 0xffffffff))]),
  ]);
}
