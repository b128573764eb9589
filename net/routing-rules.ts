import { joined, readText, readU8, readU32, u8, u32, zeroEnded } from "./bytes.ts";
import { attribute, flag, type Message, readAttributes } from "./message.ts";
import type { Request } from "./talk.ts";

const ruleMessage = { made: 32, removed: 33, get: 34 } as const;
/** FRA_*. */
const ruleAttribute = {
  destination: 1,
  source: 2,
  inLink: 3,
  priority: 6,
  mark: 10,
  table: 15,
  markMask: 16,
  outLink: 17,
} as const;
/** FR_ACT_TO_TBL. */
const toTable = 1;

/** A rule of policy routing. */
export interface RoutingRule {
  /** 2 (IPv4) or 10 (IPv6). */
  readonly family: number;
  readonly table: number;
  readonly priority?: number;
  readonly source?: Uint8Array;
  readonly sourcePrefix?: number;
  readonly destination?: Uint8Array;
  readonly destinationPrefix?: number;
  readonly inLink?: string;
  readonly outLink?: string;
  readonly mark?: number;
  readonly markMask?: number;
  /** FR_ACT_*; 1 (look in the table) if it is left out. */
  readonly action?: number;
}

/** Errors: `EEXIST`. */
export function addRule(rule: RoutingRule): Request<void> {
  return changing("add", ruleMessage.made, flag.create | flag.exclusive, rule);
}

/** Errors: `ENOENT`. */
export function removeRule(rule: RoutingRule): Request<void> {
  return changing("remove", ruleMessage.removed, 0, rule);
}

export function listRules(of: number): Request<RoutingRule[]> {
  return {
    words: "list the routing rules",
    type: ruleMessage.get,
    flags: flag.dump,
    payload: joined([u8(of), new Uint8Array(11)]),
    changes: false,
    read: (answers) => answers.filter(({ type }) => type === ruleMessage.made).map(readRule),
  };
}

export function readRule({ payload }: Message): RoutingRule {
  const attributes = readAttributes(payload, 12);
  const number = (type: number): number | undefined => {
    const data = attributes.get(type);
    return data === undefined ? undefined : readU32(data);
  };
  const priority = number(ruleAttribute.priority);
  const source = attributes.get(ruleAttribute.source);
  const destination = attributes.get(ruleAttribute.destination);
  const inLink = attributes.get(ruleAttribute.inLink);
  const outLink = attributes.get(ruleAttribute.outLink);
  const mark = number(ruleAttribute.mark);
  const markMask = number(ruleAttribute.markMask);
  return {
    family: readU8(payload, 0),
    table: number(ruleAttribute.table) ?? readU8(payload, 4),
    action: readU8(payload, 7),
    ...(priority === undefined ? {} : { priority }),
    ...(source === undefined ? {} : { source, sourcePrefix: readU8(payload, 2) }),
    ...(destination === undefined ? {} : { destination, destinationPrefix: readU8(payload, 1) }),
    ...(inLink === undefined ? {} : { inLink: readText(inLink) }),
    ...(outLink === undefined ? {} : { outLink: readText(outLink) }),
    ...(mark === undefined ? {} : { mark }),
    ...(markMask === undefined ? {} : { markMask }),
  };
}

function changing(verb: string, type: number, flags: number, rule: RoutingRule): Request<void> {
  const { source, sourcePrefix, destination, destinationPrefix, table, priority, inLink, outLink } = rule;
  const { mark, markMask, action = toTable } = rule;
  const bits = (address: Uint8Array | undefined, prefix: number | undefined): number =>
    address === undefined ? 0 : (prefix ?? address.length * 8);
  return {
    words: `${verb} routing rule for table ${table}`,
    type,
    flags,
    payload: joined([
      joined([
        u8(rule.family),
        u8(bits(destination, destinationPrefix)),
        u8(bits(source, sourcePrefix)),
        u8(0),
      ]),
      joined([u8(table > 255 ? 0 : table), u8(0), u8(0), u8(action), u32(0)]),
      ...(destination === undefined ? [] : [attribute(ruleAttribute.destination, destination)]),
      ...(source === undefined ? [] : [attribute(ruleAttribute.source, source)]),
      ...(inLink === undefined ? [] : [attribute(ruleAttribute.inLink, zeroEnded(inLink))]),
      ...(outLink === undefined ? [] : [attribute(ruleAttribute.outLink, zeroEnded(outLink))]),
      ...(priority === undefined ? [] : [attribute(ruleAttribute.priority, u32(priority))]),
      ...(mark === undefined ? [] : [attribute(ruleAttribute.mark, u32(mark))]),
      ...(markMask === undefined ? [] : [attribute(ruleAttribute.markMask, u32(markMask))]),
      attribute(ruleAttribute.table, u32(table)),
    ]),
    changes: true,
    read: () => undefined,
  };
}
