import {
  type Address,
  bitsOf,
  type Cidr,
  networkOf,
  parseAddress,
  parseCidr,
  printAddress,
  printCidr,
} from "../cni/address.ts";
import { fieldOf, readText, show } from "../cni/fields.ts";
import { isObject, type Json, type JsonObject } from "../cni/json.ts";
import { anyList, isNot, type Notes, refuse } from "../cni/readers.ts";
import {
  countIn,
  merged,
  printIn,
  printRange,
  type Range,
  type RangeSet,
  type Span,
  usableSpans,
} from "./range.ts";

export interface RangeRules {
  /**
   * The rules of hawser-flat. `exclude` is a field. Some ranges are refused that the reference plugin accepts: with the
   * network's own or the broadcast address as a bound or gateway, with an IPv4 gateway outside of the subnet, or without any
   * address to give.
   */
  readonly strict: boolean;
  /** The ranges come from hawser-flat's store. They have its fields, and are not judged again. */
  readonly isStored?: true;
}

/** Reads `[[{subnet, rangeStart, rangeEnd, gateway}]]`. Notes every problem with its field path. */
export function readRangeSets(
  value: Json | undefined,
  place: string,
  rules: RangeRules,
  notes: Notes,
): RangeSet[] {
  const sets = anyList(value ?? [], place, notes) ?? [];
  return sets.map((set, index) => readRangeSet(set, `${place}[${index}]`, rules, notes));
}

function readRangeSet(value: Json, place: string, rules: RangeRules, notes: Notes): RangeSet {
  const entries = anyList(value, place, notes) ?? [];
  if (Array.isArray(value) && entries.length === 0) refuse(notes, place, "empty range set");
  const ranges = entries.flatMap(
    (entry, index) => readRange(entry, `${place}[${index}]`, rules, notes) ?? [],
  );
  const family = ranges[0]?.family;
  for (const range of ranges) {
    if (range.family !== family)
      refuse(notes, `${range.place}.subnet`, `mixed address families: the set began with IPv${family}`);
  }
  return ranges;
}

/** Reads one range. If it is wrong, the range is undefined and at least one problem is noted. */
export function readRange(value: Json, place: string, rules: RangeRules, notes: Notes): Range | undefined {
  const before = notes.problems.length;
  if (!isObject(value)) return refuse(notes, place, isNot("an object")(value));
  const subnet = readSubnet(value, place, notes);
  const isNone = (rules.strict || rules.isStored === true) && saysNone(fieldOf(value, "gateway"));
  const bounds = {
    rangeStart: readAddress(value, "rangeStart", place, notes),
    rangeEnd: readAddress(value, "rangeEnd", place, notes),
    gateway: isNone ? undefined : readAddress(value, "gateway", place, notes),
  };
  if (subnet === undefined) return undefined;
  const { family } = subnet.address;
  for (const [key, address] of Object.entries(bounds)) {
    if (address !== undefined && address.family !== family)
      refuse(notes, `${place}.${key}`, `${printAddress(address)} is not IPv${family} as its subnet is`);
  }
  if (notes.problems.length > before) return undefined;
  const range: Range = {
    family,
    subnet,
    ...withDefaults(subnet, bounds),
    ...(isNone ? { gateway: undefined } : {}),
    excluded: rules.strict ? readExclusions(value, subnet, place, notes) : [],
    place,
  };
  noteBounds(range, notes);
  if (rules.strict) noteStrict(range, notes);
  return notes.problems.length > before ? undefined : range;
}

/** The value of `gateway` for a network without a gateway. An empty text is an unset field of a Go program. */
export const noGateway = "none";

function saysNone(gateway: Json | undefined): boolean {
  return gateway === noGateway || gateway === false;
}

interface Bounds {
  readonly rangeStart: Address | undefined;
  readonly rangeEnd: Address | undefined;
  readonly gateway: Address | undefined;
}

/** The defaults of the reference plugin: gateway and start are .1 (which is skipped), and IPv4 ends before the broadcast. */
function withDefaults(subnet: Cidr, { rangeStart, rangeEnd, gateway }: Bounds): Span & { gateway: bigint } {
  const { first, last } = networkOf(subnet);
  return {
    first: rangeStart?.value ?? first + 1n,
    last: rangeEnd?.value ?? (subnet.address.family === "4" ? last - 1n : last),
    gateway: gateway?.value ?? first + 1n,
  };
}

function readSubnet(range: JsonObject, place: string, notes: Notes): Cidr | undefined {
  const text = readText(range, "subnet", place, notes);
  if (text === undefined) return undefined;
  const cidr = text === "" ? undefined : parseCidr(text);
  if (cidr === undefined) {
    const why = text === "" ? "is missing" : `${show(text)} is no network like 10.1.0.0/16`;
    return refuse(notes, `${place}.subnet`, why);
  }
  const { family } = cidr.address;
  const { first } = networkOf(cidr);
  if (cidr.prefix > bitsOf(family) - 2)
    return refuse(notes, `${place}.subnet`, `network ${text} too small to allocate from`);
  if (first !== cidr.address.value) {
    const network = `${printAddress({ family, value: first })}/${cidr.prefix}`;
    return refuse(
      notes,
      `${place}.subnet`,
      `network ${text} has host bits set; the network address is ${network}`,
    );
  }
  return cidr;
}

/** Reads an address. Undefined if it is absent, empty or wrong. */
function readAddress(range: JsonObject, key: string, place: string, notes: Notes): Address | undefined {
  const text = readText(range, key, place, notes) ?? "";
  if (text === "") return undefined;
  const address = parseAddress(text);
  if (address === undefined) refuse(notes, `${place}.${key}`, `${show(text)} is no IP address`);
  return address;
}

function noteBounds(range: Range, notes: Notes): void {
  const { first, last } = networkOf(range.subnet);
  const note = (key: string, value: bigint, why: string): void =>
    void refuse(notes, `${range.place}.${key}`, `${printIn(range, value)} ${why}`);
  const outside = `is not in network ${printCidr(range.subnet)}`;
  const isOutside = (value: bigint): boolean => value < first || value > last;
  if (isOutside(range.first)) note("rangeStart", range.first, outside);
  if (isOutside(range.last)) note("rangeEnd", range.last, outside);
  else if (range.first > range.last)
    note("rangeEnd", range.last, `is before the range's start ${printIn(range, range.first)}`);
}

function noteStrict(range: Range, notes: Notes): void {
  const { first, last } = networkOf(range.subnet);
  const isV4 = range.family === "4";
  const fields = { rangeStart: range.first, rangeEnd: range.last, gateway: range.gateway };
  for (const [key, value] of Object.entries(fields)) {
    if (value === undefined) continue;
    const note = (why: string) => refuse(notes, `${range.place}.${key}`, `${printIn(range, value)} ${why}`);
    if (value === first) note("is the address of the network itself");
    else if (isV4 && value === last) note("is the broadcast address");
  }
  // An IPv6 gateway is often link-local.
  const { gateway } = range;
  if (isV4 && gateway !== undefined && (gateway < first || gateway > last))
    refuse(
      notes,
      `${range.place}.gateway`,
      `${printIn(range, gateway)} is not in network ${printCidr(range.subnet)}`,
    );
  if (range.first <= range.last && countIn(usableSpans([range])) === 0n)
    refuse(notes, `${range.place}`, "nothing is left to give: all of it is excluded or the gateway");
}

function readExclusions(range: JsonObject, subnet: Cidr, place: string, notes: Notes): Span[] {
  const list = anyList(fieldOf(range, "exclude") ?? [], `${place}.exclude`, notes) ?? [];
  const spans = list.flatMap(
    (entry, index) => readExclusion(entry, subnet, `${place}.exclude[${index}]`, notes) ?? [],
  );
  return merged(spans);
}

/** Reads an address or a network as a span. */
function readExclusion(value: Json, subnet: Cidr, place: string, notes: Notes): Span | undefined {
  const note = (why: string): undefined => {
    return refuse(notes, place, `${show(value)} ${why}`);
  };
  const text = typeof value === "string" ? value : "";
  const address = parseAddress(text);
  const cidr = address === undefined ? parseCidr(text) : { address, prefix: bitsOf(address.family) };
  if (cidr === undefined) return note("is neither an IP address nor a network");
  const span = networkOf(cidr);
  if (span.first !== cidr.address.value) return note("has host bits set");
  const { first, last } = networkOf(subnet);
  if (cidr.address.family !== subnet.address.family || span.last < first || span.first > last)
    return note(`is not in network ${printCidr(subnet)}`);
  return span;
}

/** Notes every two ranges that share an address, in one set or in two. */
export function noteOverlaps(ranges: readonly Range[], notes: Notes): void {
  for (const [index, range] of ranges.entries()) {
    for (const other of ranges.slice(0, index)) {
      if (range.family !== other.family || range.first > other.last || other.first > range.last) continue;
      refuse(
        notes,
        `${range.place}`,
        `${printRange(range)} overlaps with ${printRange(other)} of ${other.place}`,
      );
    }
  }
}
