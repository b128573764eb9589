import { type Address, isSameAddress, printAddress } from "../../cni/address.ts";
import { type CniError, failWith, within } from "../../cni/errors.ts";
import { lockContainer } from "../../cni/lock.ts";
import type { Invocation } from "../../cni/plugin.ts";
import type { CniResult, IpConfig } from "../../cni/types.ts";
import { fail, type Outcome, ok } from "../../sys/outcome.ts";
import type { Sys } from "../../sys/sys.ts";
import { type Candidate, roundRobin } from "../allocate.ts";
import { printIn, type RangeSet, rangeWith } from "../range.ts";
import { assignRequests } from "../requested.ts";
import {
  type AddressFile,
  type Attachment,
  contentOf,
  folderError,
  free,
  heldBy,
  lockPatienceMs,
  makeFolder,
  openTicket,
  readHoldings,
  readMarker,
  type Ticket,
  warnOfStrays,
  writeMarker,
} from "./address-files.ts";
import { type HostLocalConfig, parseHostLocalConfig } from "./config.ts";
import { isFull, usageOf } from "./range-usage.ts";
import { exhausted, requestedTaken } from "./refusals.ts";
import { readResolvConf } from "./resolv-conf.ts";

/**
 * ADD: gives one address of each range set. It is idempotent for container and interface: an attachment gets the addresses
 * again that it holds, and those that an interrupted ADD had not taken yet.
 */
export async function add(sys: Sys, invocation: Invocation): Promise<Outcome<CniResult, CniError>> {
  const config = parseHostLocalConfig(invocation);
  if (!config.ok) return config;
  const { folder, routes, resolvConf, sets, requests } = config.value;
  const { containerId, ifname } = invocation.environment;
  const assigned = assignRequests(sets, requests);
  if (!assigned.ok) return assigned;
  const dns = readResolvConf(sys, resolvConf);
  if (!dns.ok) return dns;
  const made = makeFolder(sys, folder);
  if (!made.ok) return made;
  const lock = await lockContainer(sys, folder, containerId, lockPatienceMs);
  if (!lock.ok) return lock;
  try {
    const given = giveAll(sys, config.value, { containerId, ifname }, assigned.value);
    if (!given.ok) return fail(within(`ADD of container ${containerId} (${ifname})`, given.error));
    return ok({ ips: given.value.map(toIpConfig), routes: [...routes], dns: dns.value });
  } finally {
    lock.value.release();
  }
}

function toIpConfig({ address, range }: Candidate): IpConfig {
  const { gateway } = range;
  return {
    address: `${printAddress(address)}/${range.subnet.prefix}`,
    ...(gateway === undefined ? {} : { gateway: printIn(range, gateway) }),
  };
}

/** One range set, and its address for the attachment. */
interface Part {
  readonly index: number;
  readonly set: RangeSet;
  readonly requested: Address | undefined;
  /** The address that the attachment has already. */
  readonly held: Candidate | undefined;
}

function giveAll(
  sys: Sys,
  { folder, sets }: HostLocalConfig,
  attachment: Attachment,
  requested: readonly (Address | undefined)[],
): Outcome<readonly Candidate[], CniError> {
  const holdings = readHoldings(sys, folder);
  if (!holdings.ok) return holdings;
  warnOfStrays(sys, folder, holdings.value);
  const own = heldBy(holdings.value, attachment);
  const parts = sets.map((set, index) => toPart(set, index, requested[index], own));
  const conflict = parts.find(
    ({ held, requested: asked }) => held && asked && !isSameAddress(held.address, asked),
  );
  if (conflict !== undefined) return heldOther(conflict, attachment);
  const missing = parts.filter(({ held }) => held === undefined);
  if (missing.length === 0) return ok(parts.flatMap(({ held }) => held ?? []));
  const ticket = openTicket(sys, folder, attachment);
  if (!ticket.ok) return fail(folderError(`write to the data folder ${folder}`, ticket.error));
  try {
    const taken = takeParts(
      { sys, folder, attachment, ticket: ticket.value, holdings: holdings.value },
      missing,
    );
    if (!taken.ok) return taken;
    return ok(parts.flatMap(({ held, index }) => held ?? taken.value.get(index) ?? []));
  } finally {
    ticket.value.close();
  }
}

/** If the attachment holds several addresses of the set, the requested one counts, else the lowest. */
function toPart(
  set: RangeSet,
  index: number,
  requested: Address | undefined,
  own: readonly AddressFile[],
): Part {
  const candidates = own
    .flatMap(({ address }): Candidate[] => {
      const range = rangeWith(set, address);
      return range === undefined ? [] : [{ address, range }];
    })
    .sort((one, other) => (one.address.value < other.address.value ? -1 : 1));
  const asked = candidates.find(({ address }) => requested && isSameAddress(address, requested));
  return { index, set, requested, held: asked ?? candidates[0] };
}

function heldOther({ held, requested }: Part, { containerId, ifname }: Attachment): Outcome<never, CniError> {
  const has = held === undefined ? "another" : printAddress(held.address);
  const asked = requested === undefined ? "none" : printAddress(requested);
  return failWith(
    "ipam",
    "ipam.requested-differs",
    `${has} has been allocated to ${containerId} (${ifname}), duplicate allocation is not allowed: requested is ${asked}`,
    "It keeps the address that it has. DEL it first.",
  );
}

/** The arguments of every function that takes addresses. */
interface Taking {
  readonly sys: Sys;
  readonly folder: string;
  readonly attachment: Attachment;
  readonly ticket: Ticket;
  /** All addresses that were taken when the folder was read. */
  readonly holdings: readonly AddressFile[];
}

/** Takes an address for each part, or none at all. The result is by the part's index. */
function takeParts(
  taking: Taking,
  parts: readonly Part[],
): Outcome<ReadonlyMap<number, Candidate>, CniError> {
  const taken = new Map<number, Candidate>();
  for (const part of parts) {
    const candidate =
      part.requested === undefined ? takeNext(taking, part) : takeRequested(taking, part, part.requested);
    if (!candidate.ok) {
      giveBack(taking, [...taken.values()]);
      return candidate;
    }
    taken.set(part.index, candidate.value);
  }
  const synced = taking.sys.files.syncFolder(taking.folder);
  if (!synced.ok) {
    giveBack(taking, [...taken.values()]);
    return fail(folderError(`take an address in ${taking.folder}`, synced.error));
  }
  for (const [index, { address }] of taken) noteLast(taking, index, address);
  return ok(taken);
}

/** How often the folder is read again. A round without success means that others have taken the free addresses. */
const rounds = 100;

function takeNext(taking: Taking, part: Part): Outcome<Candidate, CniError> {
  const { sys, folder } = taking;
  let { holdings } = taking;
  for (let round = 0; round < rounds; round++) {
    const taken = takeFree(taking, part, holdings);
    if (!taken.ok) return taken;
    if (taken.value !== undefined) return ok(taken.value);
    const again = readHoldings(sys, folder);
    if (!again.ok) return again;
    holdings = again.value;
    if (isFull(usageOf(part.set, holdings))) break;
  }
  return fail(exhausted(part, usageOf(part.set, holdings)));
}

/** Takes the next address that was free when the folder was read. Undefined if none of them is free any more. */
function takeFree(
  { sys, folder, ticket }: Taking,
  { set, index }: Part,
  holdings: readonly AddressFile[],
): Outcome<Candidate | undefined, CniError> {
  const known = new Set(holdings.map(({ name }) => name));
  for (const candidate of roundRobin(set, readMarker(sys, folder, index))) {
    if (known.has(printAddress(candidate.address))) continue;
    const taken = ticket.take(candidate.address);
    if (!taken.ok) return fail(folderError(`take an address in ${folder}`, taken.error));
    if (taken.value) return ok(candidate);
  }
  return ok(undefined);
}

function takeRequested(
  { sys, folder, ticket }: Taking,
  { set }: Part,
  address: Address,
): Outcome<Candidate, CniError> {
  const range = rangeWith(set, address);
  if (range === undefined)
    throw new Error(`${printAddress(address)} was assigned to a set that does not have it`);
  const taken = ticket.take(address);
  if (!taken.ok) return fail(folderError(`take an address in ${folder}`, taken.error));
  return taken.value ? ok({ address, range }) : fail(requestedTaken(sys, folder, set, address));
}

/** Frees the addresses that this very ADD has taken. The attachment keeps those that it had before. */
function giveBack({ sys, folder, attachment }: Taking, taken: readonly Candidate[]): void {
  for (const { address } of taken) {
    const name = printAddress(address);
    const freed = free(sys, folder, { name, text: contentOf(attachment) });
    if (!freed.ok) sys.warn(`${name} in ${folder} was not given back, DEL frees it: ${freed.error.message}`);
  }
}

/** Notes the last given address. The note only serves the order, so a failure is only a warning. */
function noteLast({ sys, folder }: Taking, index: number, address: Address): void {
  const written = writeMarker(sys, folder, index, address);
  if (!written.ok)
    sys.warn(`the last address given in ${folder} could not be noted: ${written.error.message}`);
}
