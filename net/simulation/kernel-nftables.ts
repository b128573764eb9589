import { isSameBytes, joined, readText, u8, u16 } from "../bytes.ts";
import {
  type Attribute,
  type Attributes,
  attribute,
  flag,
  listAttributes,
  type Message,
  readAttributes,
} from "../message.ts";
import { isRefusal, type KernelAnswer, type KernelReply, type Refusal, refuse } from "./kernel-model.ts";
import type { RuleEntry, Ruleset, RuleTable } from "./kernel-ruleset.ts";

const subsystem = 10;
const batch = { begin: 16, end: 17 } as const;
const changes = {
  makeTable: 0,
  dropTable: 2,
  makeChain: 3,
  dropChain: 5,
  makeRule: 6,
  dropRule: 8,
  makeSet: 9,
  dropSet: 11,
  addElement: 12,
  dropElement: 14,
  destroyTable: 26,
  destroyChain: 27,
  destroyRule: 28,
} as const;
const gets = { table: 1, chain: 4, rule: 7, set: 10, element: 13, generation: 16 } as const;
const expressionsOfRule = 4;
const handleAt = { table: 4, chain: 2, rule: 3, set: 16 } as const;

/** One message of a datagram, with what the kernel says to it. */
export type Replied = readonly [message: Message, reply: KernelReply];

/** A datagram is one transaction: all of it, or nothing. */
export function answerNetfilter(ruleset: Ruleset, messages: readonly Message[]): Replied[] {
  const draft = structuredClone({ tables: ruleset.tables, lastHandle: ruleset.lastHandle });
  const replied: Replied[] = [];
  let isBatch = false;
  let hasFailed = false;
  for (const message of messages) {
    if (message.type === batch.begin || message.type === batch.end) {
      isBatch = message.type === batch.begin;
      if ((message.flags & flag.acknowledge) !== 0) replied.push([message, []]);
      continue;
    }
    const isGet = isNetfilterGet(message.type);
    const reply = isGet ? tell(ruleset, message) : isBatch ? (apply(draft, message) ?? []) : refuse("EINVAL");
    if (isRefusal(reply)) hasFailed = true;
    replied.push([message, reply]);
  }
  // The kernel goes on behind a refusal, and answers what wants an answer, although it takes everything back.
  if (hasFailed)
    return replied.filter(([{ flags }, reply]) => isRefusal(reply) || (flags & flag.acknowledge) !== 0);
  Object.assign(ruleset, draft);
  return replied;
}

export function isNetfilterGet(type: number): boolean {
  return type >> 8 === subsystem && Object.values<number>(gets).includes(type & 0xff);
}

interface Scope {
  readonly ruleset: Ruleset;
  readonly family: number;
  readonly flags: number;
  readonly attributes: Attributes;
  readonly list: readonly Attribute[];
}

function apply(ruleset: Ruleset, { type, flags, payload }: Message): Refusal | undefined {
  if (type >> 8 !== subsystem) return refuse("EINVAL");
  const list = listAttributes(payload, 4).map((each) => ({ ...each, data: Uint8Array.from(each.data) }));
  const attributes = new Map(list.map((each) => [each.type, each.data]));
  const scope: Scope = { ruleset, family: payload[0] ?? 0, flags, attributes, list };
  switch (type & 0xff) {
    case changes.makeTable:
      return makeTable(scope);
    case changes.dropTable:
      return dropTable(scope);
    case changes.destroyTable:
      return forgiving(dropTable(scope));
    case changes.makeChain:
      return makeChain(scope);
    case changes.dropChain:
      return dropChain(scope);
    case changes.destroyChain:
      return forgiving(dropChain(scope));
    case changes.makeRule:
      return makeRule(scope);
    case changes.dropRule:
      return dropRule(scope);
    case changes.destroyRule:
      return forgiving(dropRule(scope));
    case changes.makeSet:
      return makeSet(scope);
    case changes.dropSet:
      return dropSet(scope);
    case changes.addElement:
    case changes.dropElement:
      return changeElements(scope, (type & 0xff) === changes.dropElement);
    default:
      return refuse("EOPNOTSUPP");
  }
}

function forgiving(refusal: Refusal | undefined): Refusal | undefined {
  return refusal?.refused === "ENOENT" ? undefined : refusal;
}

function textOf({ attributes }: Scope, type: number): string | undefined {
  const data = attributes.get(type);
  return data === undefined ? undefined : readText(data);
}

function tableOf(scope: Scope): RuleTable | undefined {
  const name = textOf(scope, 1);
  return scope.ruleset.tables.find((table) => table.family === scope.family && table.name === name);
}

function entryOf(scope: Scope, handleType: number): RuleEntry {
  return {
    handle: ++scope.ruleset.lastHandle,
    attributes: scope.list.filter(({ type }) => type !== handleType),
  };
}

function makeTable(scope: Scope): Refusal | undefined {
  if (tableOf(scope) !== undefined)
    return (scope.flags & flag.exclusive) === 0 ? undefined : refuse("EEXIST");
  const { family } = scope;
  const entry = entryOf(scope, handleAt.table);
  scope.ruleset.tables.push({ family, name: textOf(scope, 1) ?? "", entry, chains: [], sets: [] });
  return undefined;
}

function dropTable(scope: Scope): Refusal | undefined {
  const { ruleset, family } = scope;
  if (textOf(scope, 1) === undefined) {
    ruleset.tables = ruleset.tables.filter((table) => family !== 0 && table.family !== family);
    return undefined;
  }
  const table = tableOf(scope);
  if (table === undefined) return refuse("ENOENT");
  ruleset.tables = ruleset.tables.filter((each) => each !== table);
  return undefined;
}

function makeChain(scope: Scope): Refusal | undefined {
  const table = tableOf(scope);
  const name = textOf(scope, 3);
  if (table === undefined || name === undefined) return refuse("ENOENT");
  if (table.chains.some((chain) => chain.name === name)) {
    return (scope.flags & flag.exclusive) === 0 ? undefined : refuse("EEXIST");
  }
  table.chains.push({ name, entry: entryOf(scope, handleAt.chain), rules: [] });
  return undefined;
}

function dropChain(scope: Scope): Refusal | undefined {
  const table = tableOf(scope);
  const name = textOf(scope, 3);
  const handle = handleOf(scope, handleAt.chain);
  const at = table?.chains.findIndex((chain) =>
    name === undefined ? chain.entry.handle === handle : chain.name === name,
  );
  const chain = table?.chains[at ?? -1];
  if (table === undefined || chain === undefined || at === undefined) return refuse("ENOENT");
  const isUsed = table.chains.some(
    (other) => other !== chain && other.rules.some((rule) => refersTo(rule, chain.name)),
  );
  if (isUsed) return refuse("EBUSY");
  table.chains.splice(at, 1);
  return undefined;
}

function handleOf({ attributes }: Scope, type: number): number | undefined {
  const data = attributes.get(type);
  return data === undefined
    ? undefined
    : Number(new DataView(data.buffer, data.byteOffset, 8).getBigUint64(0));
}

function refersTo({ attributes }: RuleEntry, chain: string): boolean {
  return targetsOf(attributes).includes(chain);
}

/** The chains that a rule jumps or goes to: the verdicts of its immediate expressions. */
function targetsOf(attributes: readonly Attribute[]): string[] {
  const expressions = attributes.find(({ type }) => type === expressionsOfRule);
  if (expressions === undefined) return [];
  return listAttributes(expressions.data).flatMap(({ data }) => {
    const expression = readAttributes(data);
    const value = readAttributes(expression.get(2) ?? new Uint8Array()).get(2);
    const isVerdict = readText(expression.get(1) ?? new Uint8Array()) === "immediate" && value !== undefined;
    const verdict = isVerdict ? readAttributes(value).get(2) : undefined;
    const chain = verdict === undefined ? undefined : readAttributes(verdict).get(2);
    return chain === undefined ? [] : [readText(chain)];
  });
}

function makeRule(scope: Scope): Refusal | undefined {
  const table = tableOf(scope);
  const chain = table?.chains.find(({ name }) => name === textOf(scope, 2));
  if (table === undefined || chain === undefined) return refuse("ENOENT");
  const missing = targetsOf(scope.list).some((target) => !table.chains.some(({ name }) => name === target));
  if (missing) return refuse("ENOENT");
  const position = handleOf(scope, 6);
  const at = position === undefined ? -1 : chain.rules.findIndex(({ handle }) => handle === position);
  if (position !== undefined && at < 0) return refuse("ENOENT");
  const entry = entryOf(scope, handleAt.rule);
  const isAppended = (scope.flags & flag.append) !== 0;
  if (position !== undefined) chain.rules.splice(isAppended ? at + 1 : at, 0, entry);
  else if (isAppended) chain.rules.push(entry);
  else chain.rules.unshift(entry);
  return undefined;
}

function dropRule(scope: Scope): Refusal | undefined {
  const table = tableOf(scope);
  const name = textOf(scope, 2);
  const chains = table?.chains.filter((chain) => name === undefined || chain.name === name) ?? [];
  if (table === undefined || (name !== undefined && chains.length === 0)) return refuse("ENOENT");
  const handle = handleOf(scope, handleAt.rule);
  if (handle === undefined) {
    for (const chain of chains) chain.rules.length = 0;
    return undefined;
  }
  for (const { rules } of chains) {
    const at = rules.findIndex((rule) => rule.handle === handle);
    if (at >= 0) return void rules.splice(at, 1);
  }
  return refuse("ENOENT");
}

function makeSet(scope: Scope): Refusal | undefined {
  const table = tableOf(scope);
  const name = textOf(scope, 2);
  if (table === undefined || name === undefined) return refuse("ENOENT");
  if (table.sets.some((set) => set.name === name)) {
    return (scope.flags & flag.exclusive) === 0 ? undefined : refuse("EEXIST");
  }
  table.sets.push({ name, entry: entryOf(scope, handleAt.set), elements: [] });
  return undefined;
}

function dropSet(scope: Scope): Refusal | undefined {
  const table = tableOf(scope);
  const at = table?.sets.findIndex(({ name }) => name === textOf(scope, 2)) ?? -1;
  if (at < 0) return refuse("ENOENT");
  table?.sets.splice(at, 1);
  return undefined;
}

function changeElements(scope: Scope, drops: boolean): Refusal | undefined {
  const set = tableOf(scope)?.sets.find(({ name }) => name === textOf(scope, 2));
  if (set === undefined) return refuse("ENOENT");
  const key = (element: Uint8Array): Uint8Array => readAttributes(element).get(1) ?? new Uint8Array();
  for (const { data } of listAttributes(scope.attributes.get(3) ?? new Uint8Array())) {
    const at = set.elements.findIndex((each) => isSameBytes(key(each), key(data)));
    if (drops && at < 0) return refuse("ENOENT");
    if (!drops && at >= 0 && (scope.flags & flag.exclusive) !== 0) return refuse("EEXIST");
    if (drops) set.elements.splice(at, 1);
    else if (at < 0) set.elements.push(data);
  }
  return undefined;
}

function tell({ tables }: Ruleset, { type, flags, payload }: Message): KernelReply {
  const of = payload[0] ?? 0;
  const attributes = readAttributes(payload, 4);
  const named = (at: number, name: string): boolean => {
    const data = attributes.get(at);
    return data === undefined || readText(data) === name;
  };
  const isDump = (flags & flag.dump) === flag.dump;
  const meant = tables
    .filter((table) => of === 0 || table.family === of)
    .filter(({ name }) => named(1, name));
  const answers: KernelAnswer[] = [];
  const get = type & 0xff;
  for (const table of meant) {
    const say = (made: number, entry: RuleEntry, handleType: number): void => {
      answers.push({ type: (subsystem << 8) | made, payload: encodeEntry(table.family, entry, handleType) });
    };
    if (get === gets.table) say(changes.makeTable, table.entry, handleAt.table);
    for (const chain of table.chains) {
      if (get === gets.chain && named(3, chain.name)) say(changes.makeChain, chain.entry, handleAt.chain);
      if (get !== gets.rule || !named(2, chain.name)) continue;
      for (const rule of chain.rules) say(changes.makeRule, rule, handleAt.rule);
    }
    for (const set of table.sets)
      if (get === gets.set && named(2, set.name)) say(changes.makeSet, set.entry, handleAt.set);
  }
  return answers.length === 0 && !isDump ? refuse("ENOENT") : answers;
}

function encodeEntry(family: number, { handle, attributes }: RuleEntry, handleType: number): Uint8Array {
  const bytes = new Uint8Array(8);
  new DataView(bytes.buffer).setBigUint64(0, BigInt(handle));
  const parts = attributes.map(({ type, data }) => attribute(type, data));
  return joined([u8(family), u8(0), u16(0), ...parts, attribute(handleType, bytes)]);
}
