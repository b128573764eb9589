import { type CniError, cniError } from "../../../cni/errors.ts";
import type { OperatorChange } from "../../../ipam/flat/pool/operator.ts";
import type { Stored } from "../../../ipam/flat/pool/stored.ts";
import { type Ask, driveOnce, type End, storeError } from "../../../ipam/flat/store/drive.ts";
import type { Store } from "../../../ipam/flat/store/store.ts";
import { fail, type Outcome, ok } from "../../../sys/outcome.ts";
import type { Sys } from "../../../sys/sys.ts";
import { type Named, readNamed } from "./named-address.ts";
import type { Pool } from "./pool.ts";
import { readError, readKey } from "./read.ts";
import { findPool } from "./target.ts";
import type { TargetOptions } from "./target-options.ts";

/** Carries out a procedure of the operator's. Errors: the store's. */
export async function carryOut<Step extends { readonly kind: string }>(
  store: Store,
  doing: string,
  start: Step | Ask<Step>,
): Promise<Outcome<End<Step>, CniError>> {
  const end = await driveOnce(store, start);
  if (end.ok) return end;
  if (end.error.wasRead) return fail(readError(store, end.error));
  const unsure =
    end.error.kind === "unknown" ? " Whether it was done nobody knows: look before you try again." : "";
  const error = storeError(doing, end.error);
  return fail({ ...error, details: `${error.details}${unsure}` });
}

/** Carries out a change that does all or nothing. Errors: `cli.changed` and the store's. */
export async function makeChange(
  { store }: Pool,
  doing: string,
  change: OperatorChange,
): Promise<Outcome<void, CniError>> {
  const end = await carryOut(store, doing, change);
  if (!end.ok) return end;
  return end.value.kind === "done" ? ok(undefined) : fail(changedMeanwhile(doing));
}

/** An address that a command is to change, with its pool and its record. */
interface FoundAddress {
  readonly pool: Pool;
  readonly named: Named;
  readonly stored: Stored;
}

/** Finds the record of the address that a person names. Errors: `cli.nothing-there` and those of finding the pool. */
export async function findStored(
  sys: Sys,
  options: TargetOptions & { readonly address: string },
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

/** The error when somebody else has changed the store between the command's look and its change. */
export function changedMeanwhile(doing: string): CniError {
  return cniError(
    "tryAgainLater",
    "cli.changed",
    `${doing}: it has changed meanwhile, and was left alone`,
    "Look again, then try again.",
  );
}
