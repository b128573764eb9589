import { type Json, parseJson, printJson } from "../../../cni/json.ts";
import {
  isNot,
  isTexts,
  lenient,
  list,
  maybe,
  must,
  newNotes,
  number,
  object,
  oneOf,
  onlyTrue,
  readWhole,
  text,
} from "../../../cni/readers.ts";

/**
 * Who has which addresses. The same value lies under every key of its owner, so that whichever key is read tells all of it.
 */
export interface Holding {
  /** `namespace/pod/interface`, or `container:<containerID>/<interface>`. */
  readonly identity: string;
  /**
   * `live`: a sandbox has it. `held`: it waits for its identity. `reserved`: an operator keeps it. `quarantine`: its
   * identity is wanted elsewhere, or an operator gave it up, and its sandbox may still run.
   */
  readonly state: "live" | "held" | "reserved" | "quarantine";
  /** The container that has the addresses, or had them last. Empty if no container ever had them. */
  readonly containerId: string;
  readonly ifname: string;
  readonly node: string;
  /** The network of the attachment. Two networks may share the pool, and each GC judges only its own network. */
  readonly network: string;
  readonly uid?: string;
  /** The boot of the machine in which the sandbox was made, if the machine tells it (`bootOf`). */
  readonly boot?: string;
  /** Family digit and fixed-width hex, as in the keys: `40a3c0005`. One for each range set, in order. */
  readonly addresses: readonly string[];
  readonly mac: string;
  /** The sandbox asked for this MAC address: it is the sandbox's for as long as it lives, and not its identity's. */
  readonly macAsked?: true;
  /** Grows with every sandbox that takes the addresses over. The CHECK of an earlier sandbox fails. */
  readonly generation: number;
  /** Milliseconds since 1970. */
  readonly sinceMs: number;
  /** Only of state `held`. Absent if it is held for ever. */
  readonly heldUntilMs?: number;
  /** It is reserved for this identity: after its DEL the state is `reserved` again. */
  readonly reserved?: true;
  /** Oldest first, at most `historyLength`. */
  readonly history: readonly HoldingEvent[];
}

export interface HoldingEvent {
  readonly what: "claimed" | "taken over" | "released" | "reserved" | "imported" | "quarantined";
  readonly identity: string;
  readonly containerId: string;
  readonly node: string;
  readonly atMs: number;
}

const historyLength = 8;

export function withEvent(history: readonly HoldingEvent[], event: HoldingEvent): HoldingEvent[] {
  return [...history, event].slice(-historyLength);
}

/** Prints a holding. Throws if it would not be read back as the same: that is a bug, and nothing may be written then. */
export function printHolding(holding: Holding): string {
  const text = printJson(holding);
  const back: Readonly<Record<string, unknown>> = { ...parseHolding(text) };
  const isSame = Object.entries(holding).every(
    ([name, value]) => JSON.stringify(back[name]) === JSON.stringify(value),
  );
  if (!isSame) throw new Error(`a holding that is not read back as it was is a bug: ${text}`);
  return text;
}

const event = object({
  what: oneOf(
    ["claimed", "taken over", "released", "reserved", "imported", "quarantined"],
    isNot("a known event"),
  ),
  identity: text,
  containerId: text,
  node: text,
  atMs: number,
});

const holding = object({
  identity: text,
  state: oneOf(["live", "held", "reserved", "quarantine"], isNot("a known state")),
  containerId: text,
  ifname: text,
  node: text,
  network: text,
  uid: maybe(lenient(text)),
  boot: maybe(lenient(text)),
  addresses: must(
    (value): value is string[] => isTexts(value) && value.length > 0 && new Set(value).size === value.length,
    isNot("an array of addresses"),
  ),
  mac: text,
  macAsked: maybe(lenient(onlyTrue)),
  generation: number,
  sinceMs: number,
  heldUntilMs: maybe(lenient(number)),
  reserved: maybe(lenient(onlyTrue)),
  history: list(event),
});

/**
 * Reads a holding. Undefined if the text is none: another program's value, or a value of a later format. An event that cannot
 * be read is left out, because a holding that is refused as a whole would lose its addresses.
 */
export function parseHolding(text: string): Holding | undefined {
  const json = parseJson(text);
  return json.ok ? holding(json.value, "", newNotes()) : undefined;
}

/** Reads a holding that is not in the store yet. Undefined if anything in it is wrong. */
export function readHolding(value: Json): Holding | undefined {
  return readWhole(holding, value);
}

/**
 * This node's clock and the store's, which may disagree. A hold is counted from the later of the two, and is over only when
 * both say so. So a node whose clock is wrong ends no hold early.
 */
export interface Times {
  readonly nowMs: number;
  /** Undefined if the store does not tell its time. */
  readonly storeMs?: number;
}

export function timesOf(nowMs: number, storeMs: number | undefined): Times {
  return storeMs === undefined ? { nowMs } : { nowMs, storeMs };
}

export function latestMs({ nowMs, storeMs = nowMs }: Times): number {
  return Math.max(nowMs, storeMs);
}

export function earliestMs({ nowMs, storeMs = nowMs }: Times): number {
  return Math.min(nowMs, storeMs);
}

/** Whether the hold is over, so that anybody may take the addresses. */
export function isExpired(holding: Holding, nowMs: number): boolean {
  return holding.state === "held" && holding.heldUntilMs !== undefined && holding.heldUntilMs <= nowMs;
}

/** Whether a sandbox has its addresses, or may have them. */
export function isAttached({ state }: Pick<Holding, "state">): boolean {
  return state === "live" || state === "quarantine";
}

/** The holding in quarantine: its sandbox may still run, so nobody is given its addresses until there is evidence. */
export function quarantined(holding: Holding, node: string, atMs: number): Holding {
  const { identity, containerId, history } = holding;
  // `sinceMs` stays that of its claim: a release that is journalled on its node means claims up to a time.
  const event = { what: "quarantined", identity, containerId, node, atMs } as const;
  return { ...holding, state: "quarantine", history: withEvent(history, event) };
}

/** The condition of an address, for people. */
export type AddressCondition = "used" | "held" | "expired" | "reserved" | "quarantined";
export function conditionOf(holding: Holding, nowMs: number): AddressCondition {
  if (isExpired(holding, nowMs)) return "expired";
  const { state } = holding;
  return state === "live" ? "used" : state === "quarantine" ? "quarantined" : state;
}

/** Whether this very sandbox has the holding. Container IDs are unique, so the node's name does not matter. */
export function isOf(
  holding: Holding,
  who: { readonly containerId: string; readonly ifname: string },
): boolean {
  return isAttached(holding) && holding.containerId === who.containerId && holding.ifname === who.ifname;
}

const reservedFor = "reserved:";

/** The identity of an address that is reserved from everybody. No pod can have this name. */
export function nobody(address: string): string {
  return `${reservedFor}${address}`;
}

export function isNobody(identity: string): boolean {
  return identity.startsWith(reservedFor);
}

/** Whether the holding was claimed in an earlier boot of this very machine. */
export function isOfEarlierBoot(
  { boot: recorded }: Pick<Holding, "boot">,
  boot: string | undefined,
): boolean {
  if (recorded === undefined || boot === undefined) return false;
  const machineOf = (each: string): string => each.slice(0, each.indexOf("-"));
  return recorded !== boot && machineOf(recorded) === machineOf(boot);
}
