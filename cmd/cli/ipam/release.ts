import { type CniError, cniError } from "../../../cni/errors.ts";
import { conditionOf, type Holding } from "../../../ipam/flat/pool/holding.ts";
import {
  isReserved,
  type OperatorChange,
  quarantineLive,
  releaseSeen,
  riskOf,
  unreserve,
} from "../../../ipam/flat/pool/operator.ts";
import type { Stored } from "../../../ipam/flat/pool/stored.ts";
import { fail, type Outcome, ok } from "../../../sys/outcome.ts";
import type { Sys } from "../../../sys/sys.ts";
import { printFailure } from "../failure.ts";
import { plain, printDocument, type Terminal } from "../terminal.ts";
import { type Named, readNamed } from "./address.ts";
import { carryOut, changedMeanwhile, confirmed } from "./change.ts";
import type { AddressOptions, ReleaseOptions } from "./options.ts";
import type { Person } from "./person.ts";
import type { Pool } from "./pool.ts";
import { readKey } from "./read.ts";
import { findPool } from "./target.ts";
import { printCodes, printOwner } from "./words.ts";

/**
 * `hawser ipam release`: frees an address, and with it all that its owner has of the pool. One that a container uses is put
 * into quarantine instead: from there, too, its node frees it, and so does the operator who is sure.
 */
export async function releaseAddress(
  sys: Sys,
  terminal: Terminal,
  options: ReleaseOptions,
  person: Person,
): Promise<number> {
  const found = await findStored(sys, options, "release");
  if (!found.ok) return printFailure(terminal, found.error, options.json);
  const { pool, named, stored } = found.value;
  const refusal = options.force ? undefined : refusalOf(named, stored);
  if (refusal !== undefined) return printFailure(terminal, refusal, options.json);
  const { holding } = stored;
  const what = whatIsFreed(named, stored);
  const was = holding === undefined ? "unreadable" : conditionOf(holding, sys.clock.nowMs());
  const used = holding?.state === "live" ? { ...stored, holding } : undefined;
  const isUsed = used !== undefined;
  const question = isUsed ? `Put ${what} into quarantine?` : `Release ${what} (${was})?`;
  const agreed = await confirmed(person, options.yes, question);
  if (!agreed.ok) return printFailure(terminal, agreed.error, options.json);
  const by = { node: pool.node, nowMs: sys.clock.nowMs() };
  const change = used === undefined ? releaseSeen(pool.keys, stored) : quarantineLive(pool.keys, used, by);
  const done = await make(pool, `release ${named.text}`, change);
  if (!done.ok) return printFailure(terminal, done.error, options.json);
  if (options.json) {
    const result = { released: !isUsed, quarantined: isUsed, was };
    printDocument(terminal, { pool: pool.name, address: named.text, ...result });
  } else if (used !== undefined) printQuarantine(terminal, what, named, used.holding);
  else terminal.print(plain(`Released ${what}.`));
  return 0;
}

function printQuarantine(terminal: Terminal, what: string, { text }: Named, { node }: Holding): void {
  terminal.print(plain(`${what} is in quarantine: nobody else is given it.`));
  terminal.print(plain(`Its container's DEL, or a GC or reboot of node ${node}, frees it.`));
  terminal.print(plain(`If that node is gone for good, free it now: hawser ipam release ${text} --force.`));
}

/** `hawser ipam unreserve`: takes a reservation back. Whoever uses the address now keeps it until its DEL. */
export async function unreserveAddress(
  sys: Sys,
  terminal: Terminal,
  options: AddressOptions,
): Promise<number> {
  const found = await findStored(sys, options, "unreserve");
  if (!found.ok) return printFailure(terminal, found.error, options.json);
  const { pool, named, stored } = found.value;
  const { holding } = stored;
  const doing = `unreserve ${named.text}`;
  if (holding === undefined || !isReserved(holding)) {
    const is =
      holding === undefined
        ? "unreadable"
        : `${conditionOf(holding, sys.clock.nowMs())}, by ${printOwner(holding)}`;
    const hint = "To free it nevertheless: hawser ipam release.";
    return printFailure(
      terminal,
      cniError("ipam", "cli.not-reserved", `${doing}: it is ${is}`, hint),
      options.json,
    );
  }
  const done = await make(pool, doing, unreserve(pool.keys, { ...stored, holding }));
  if (!done.ok) return printFailure(terminal, done.error, options.json);
  if (options.json) printDocument(terminal, { pool: pool.name, address: named.text, unreserved: true });
  else terminal.print(plain(`${printCodes(holding.addresses)} is not reserved any more.`));
  return 0;
}

/** Errors: `cli.changed` and the store's. */
async function make(
  { store }: Pool,
  doing: string,
  change: OperatorChange,
): Promise<Outcome<void, CniError>> {
  const end = await carryOut(store, doing, change);
  if (!end.ok) return end;
  return end.value.kind === "done" ? ok(undefined) : fail(changedMeanwhile(doing));
}

interface FoundAddress {
  readonly pool: Pool;
  readonly named: Named;
  readonly stored: Stored;
}

/** Errors: `cli.nothing-there` and those of finding the pool. */
async function findStored(
  sys: Sys,
  options: AddressOptions,
  verb: string,
): Promise<Outcome<FoundAddress, CniError>> {
  const pool = await findPool(sys, options);
  if (!pool.ok) return pool;
  const named = readNamed(pool.value, options.address);
  if (!named.ok) return named;
  const stored = await readKey(pool.value.store, named.value.key);
  if (!stored.ok) return stored;
  if (stored.value !== undefined) return ok({ pool: pool.value, named: named.value, stored: stored.value });
  const msg = `${verb} ${named.value.text}: nobody has it in pool ${pool.value.name}`;
  return fail(cniError("ipam", "cli.nothing-there", msg, "hawser ipam list shows who has what."));
}

/** Errors: `cli.live`, `cli.unreadable`. */
function refusalOf({ text }: Named, stored: Stored): CniError | undefined {
  const doing = `release ${text}`;
  const risk = riskOf(stored.holding);
  switch (risk.kind) {
    case "none":
      return undefined;
    case "unreadable": {
      const why = "its record cannot be read, so nobody knows who uses it";
      const hint = "Once you are sure that nobody does: --force.";
      return cniError("ipam", "cli.unreadable", `${doing}: ${why}`, hint);
    }
    case "used":
      return inUse(doing, risk.holding);
  }
}

function inUse(doing: string, holding: Holding): CniError {
  const { containerId, node, state } = holding;
  const whose = `container ${containerId || "(unknown)"} of ${printOwner(holding)}`;
  return state === "live"
    ? cniError(
        "ipam",
        "cli.live",
        `${doing}: ${whose} uses it on node ${node}`,
        "Its pod's deletion frees it. If the node is lost: --force puts it into quarantine.",
      )
    : cniError(
        "ipam",
        "cli.live",
        `${doing}: it is in quarantine, and ${whose} may still use it on node ${node || "(unknown)"}`,
        "Once you know that the container does not run any more: --force.",
      );
}

function whatIsFreed({ text }: Named, { holding }: Stored): string {
  if (holding === undefined) return text;
  return `${printCodes(holding.addresses)} of ${printOwner(holding)}`;
}
