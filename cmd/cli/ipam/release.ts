import { type CniError, cniError } from "../../../cni/errors.ts";
import { conditionOf, type Holding, isAttached, quarantined } from "../../../ipam/flat/pool/holding.ts";
import { entriesAt, keysOfHolding, rewrite, type Stored } from "../../../ipam/flat/pool/stored.ts";
import type { Entry, Op, Txn } from "../../../ipam/flat/store/store.ts";
import { fail, type Outcome, ok } from "../../../sys/outcome.ts";
import type { Sys } from "../../../sys/sys.ts";
import { printFailure } from "../failure.ts";
import { plain, printDocument, type Terminal } from "../terminal.ts";
import { type Named, readNamed } from "./address.ts";
import { apply, changedMeanwhile, confirmed } from "./change.ts";
import type { AddressOptions, ReleaseOptions } from "./options.ts";
import type { Person } from "./person.ts";
import type { Pool } from "./pool.ts";
import { readKey, readOnce } from "./read.ts";
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
  const isUsed = holding?.state === "live";
  const question = isUsed ? `Put ${what} into quarantine?` : `Release ${what} (${was})?`;
  const agreed = await confirmed(person, options.yes, question);
  if (!agreed.ok) return printFailure(terminal, agreed.error, options.json);
  const done = isUsed
    ? await quarantine(pool, named, stored, quarantined(holding, pool.node, sys.clock.nowMs()))
    : await release(pool, named, stored);
  if (!done.ok) return printFailure(terminal, done.error, options.json);
  if (options.json) {
    const result = { released: !isUsed, quarantined: isUsed, was };
    printDocument(terminal, { pool: pool.name, address: named.text, ...result });
  } else if (isUsed) printQuarantine(terminal, what, named, holding);
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
  if (holding === undefined || (holding.state !== "reserved" && holding.reserved !== true)) {
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
  const next = holding.state === "reserved" ? undefined : unreserved(holding);
  const txn: Txn = {
    compare: [{ kind: "unchanged", key: stored.key, modRevision: stored.modRevision }],
    success: rewrite(pool.keys, [holding], next),
    failure: [],
  };
  const applied = await apply(pool.store, doing, txn);
  if (!applied.ok) return printFailure(terminal, applied.error, options.json);
  if (!applied.value) return printFailure(terminal, changedMeanwhile(doing), options.json);
  if (options.json) printDocument(terminal, { pool: pool.name, address: named.text, unreserved: true });
  else terminal.print(plain(`${printCodes(holding.addresses)} is not reserved any more.`));
  return 0;
}

function unreserved(holding: Holding): Holding {
  const { reserved: _reserved, ...rest } = holding;
  return rest;
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
function refusalOf({ text }: Named, { holding }: Stored): CniError | undefined {
  const doing = `release ${text}`;
  if (holding === undefined) {
    const why = "its record cannot be read, so nobody knows who uses it";
    return cniError(
      "ipam",
      "cli.unreadable",
      `${doing}: ${why}`,
      "Once you are sure that nobody does: --force.",
    );
  }
  if (!isAttached(holding)) return undefined;
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

async function quarantine(
  { keys, store }: Pool,
  { text }: Named,
  { key, modRevision, holding }: Stored,
  next: Holding,
): Promise<Outcome<void, CniError>> {
  const doing = `release ${text}`;
  const applied = await apply(store, doing, {
    compare: [{ kind: "unchanged", key, modRevision }],
    success: rewrite(keys, holding === undefined ? [] : [holding], next),
    failure: [],
  });
  if (!applied.ok) return applied;
  return applied.value ? ok(undefined) : fail(changedMeanwhile(doing));
}

/** All keys that the same transaction wrote: what else bears the owner's name is not this holding's. */
async function release(pool: Pool, { text }: Named, stored: Stored): Promise<Outcome<void, CniError>> {
  const { keys, store } = pool;
  const doing = `release ${text}`;
  const all = stored.holding === undefined ? [] : keysOfHolding(keys, stored.holding);
  const wanted = [...new Set([stored.key, ...all])];
  const reply = await readOnce(
    store,
    wanted.map((key) => ({ kind: "get", key })),
  );
  if (!reply.ok) return reply;
  const entries = wanted.flatMap((_key, at) => entriesAt(reply.value, at));
  const applied = await apply(
    store,
    doing,
    freeing(entries.filter(({ modRevision }) => modRevision === stored.modRevision)),
  );
  if (!applied.ok) return applied;
  const isGone =
    applied.value &&
    entries.some(({ key, modRevision }) => key === stored.key && modRevision === stored.modRevision);
  return isGone ? ok(undefined) : fail(changedMeanwhile(doing));
}

function freeing(entries: readonly Entry[]): Txn {
  return {
    compare: entries.map(({ key, modRevision }) => ({ kind: "unchanged", key, modRevision })),
    success: entries.map(({ key }): Op => ({ kind: "delete", key })),
    failure: [],
  };
}
