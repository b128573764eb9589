import { type CniError, cniError } from "../../../cni/errors.ts";
import { conditionOf, type Holding, nobody } from "../../../ipam/flat/pool/holding.ts";
import { reserve } from "../../../ipam/flat/pool/operator.ts";
import { rangeWith } from "../../../ipam/range.ts";
import { fail, type Outcome, ok } from "../../../sys/outcome.ts";
import type { Sys } from "../../../sys/sys.ts";
import { type Context, defineCommand } from "../command.ts";
import { printFailure } from "../failure.ts";
import { argument, mapped, text, type ValuesOf } from "../option.ts";
import { plain, printDocument } from "../terminal.ts";
import { carryOut, changedMeanwhile } from "./change.ts";
import { holdingDocument } from "./list.ts";
import { type Named, readIdentity, readNamed, whyNever } from "./named-address.ts";
import type { Pool } from "./pool.ts";
import { findPool } from "./target.ts";
import { exampleConfig, exitsOfChanges, targetConflicts, targetOptions } from "./target-options.ts";
import { printCodes, printOwner } from "./words.ts";

/** Addresses that are reserved together, and the identity that gets them. */
interface Reservation {
  readonly identity: string;
  readonly named: readonly Named[];
}

const options = {
  addresses: mapped(argument("address", "IP addresses, between commas"), (addresses) => addresses.split(",")),
  ...targetOptions,
  for: text("NAMESPACE/POD/INTERFACE"),
};
type ReserveOptions = ValuesOf<typeof options>;

export const reserveCommand = defineCommand({
  summary: "Reserve addresses, for a pod or from everybody",
  takes: "ADDRESS[,ADDRESS] [--for NAMESPACE/POD/INTERFACE]",
  about: [
    "Reserves addresses for a pod's interface, which keeps them beyond every DEL, or from everybody.",
    "For a pod, name one address of each range set.",
  ],
  options,
  conflicts: targetConflicts,
  examples: [
    ["for one pod", `hawser ipam reserve 10.60.0.7 --for blue/db-0/net1 ${exampleConfig}`],
    ["from everybody", `hawser ipam reserve 10.60.0.8,10.60.0.9 ${exampleConfig}`],
  ],
  exits: exitsOfChanges,
  run,
});

async function run(sys: Sys, { terminal }: Context, options: ReserveOptions): Promise<number> {
  const pool = await findPool(sys, options);
  if (!pool.ok) return printFailure(terminal, pool.error, options.json);
  const reservations = readReservations(pool.value, options);
  if (!reservations.ok) return printFailure(terminal, reservations.error, options.json);
  const nowMs = sys.clock.nowMs();
  const done: Holding[] = [];
  for (const reservation of reservations.value) {
    const reserved = await reserveFor(pool.value, reservation, nowMs);
    if (!reserved.ok) return printFailure(terminal, reserved.error, options.json);
    done.push(reserved.value);
    if (options.json) continue;
    const { addresses, state } = reserved.value;
    const still = state === "live" ? ", which uses it now" : "";
    terminal.print(plain(`Reserved ${printCodes(addresses)} for ${printOwner(reservation)}${still}.`));
  }
  if (options.json) {
    printDocument(terminal, {
      pool: pool.value.name,
      reserved: done.map((each) => holdingDocument(each, nowMs)),
    });
  }
  return 0;
}

/** Reads what a person wants to reserve. Errors: `cli.address`, `cli.identity`, `cli.never`, `cli.one-of-each`. */
function readReservations(pool: Pool, options: ReserveOptions): Outcome<Reservation[], CniError> {
  const named: Named[] = [];
  for (const text of options.addresses) {
    const one = readNamed(pool, text);
    if (!one.ok) return one;
    const never = whyNever(pool, one.value);
    if (never !== undefined) {
      return fail(
        cniError("ipam", "cli.never", `reserve ${one.value.text}: ${never}`, "Nobody is given it anyway."),
      );
    }
    named.push(one.value);
  }
  if (options.for === undefined) {
    return ok(named.map((each) => ({ identity: nobody(each.text), named: [each] })));
  }
  const identity = readIdentity(options.for);
  if (!identity.ok) return identity;
  const ordered = bySets(pool, named);
  if (ordered !== undefined) return ok([{ identity: identity.value, named: ordered }]);
  const doing = `reserve for ${identity.value}`;
  const why = `the pool gives ${pool.sets.length} addresses to each pod, and reserves them together`;
  const hint = "Name one address of each range set; hawser ipam predict tells which the pod would prefer.";
  return fail(cniError("ipam", "cli.one-of-each", `${doing}: ${why}`, hint));
}

/** Sorts addresses by range set. Answers undefined unless there is one of each set. */
function bySets({ sets }: Pool, named: readonly Named[]): Named[] | undefined {
  if (sets.length === 0) return [...named];
  const ordered = sets.flatMap(
    (set) => named.find(({ address }) => rangeWith(set, address) !== undefined) ?? [],
  );
  return ordered.length === sets.length && named.length === sets.length ? ordered : undefined;
}

/** Reserves addresses for one identity. Errors: `cli.taken`, `cli.changed` and the store's. */
async function reserveFor(
  pool: Pool,
  { identity, named }: Reservation,
  nowMs: number,
): Promise<Outcome<Holding, CniError>> {
  const doing = `reserve ${named.map(({ text }) => text).join(" ")}`;
  const { keys, name } = pool;
  const codes = named.map(({ code }) => code);
  const end = await carryOut(pool.store, doing, reserve({ keys, pool: name, identity, codes, nowMs }));
  if (!end.ok) return end;
  switch (end.value.kind) {
    case "reserved":
      return ok(end.value.holding);
    case "taken":
      return fail(takenBy(end.value.code, end.value.by, nowMs));
    case "has others":
      return fail(hasOthers(identity, codes, end.value.had));
    case "changed":
      return fail(changedMeanwhile(doing));
  }
}

function hasOthers(identity: string, codes: readonly string[], had: Holding | undefined): CniError {
  const has = had === undefined ? "something unreadable" : printCodes(had.addresses);
  const doing = `reserve ${printCodes(codes)} for ${printOwner({ identity })}`;
  const hint = `Let go of that first: hawser ipam release ${has.split(" ")[0]}.`;
  return cniError("ipam", "cli.taken", `${doing}: it has ${has} already`, hint);
}

function takenBy(code: string, holding: Holding | undefined, nowMs: number): CniError {
  const text = printCodes([code]);
  const by =
    holding === undefined
      ? "taken by an unreadable record"
      : `${conditionOf(holding, nowMs)} by ${printOwner(holding)}`;
  return cniError("ipam", "cli.taken", `reserve ${text}: it is ${by}`, `hawser ipam why ${text} tells more.`);
}
