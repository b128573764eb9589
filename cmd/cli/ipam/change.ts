import { type CniError, cniError, failWith } from "../../../cni/errors.ts";
import { type Ask, driveOnce, type End, storeError } from "../../../ipam/flat/store/drive.ts";
import type { Store } from "../../../ipam/flat/store/store.ts";
import { fail, type Outcome, ok } from "../../../sys/outcome.ts";
import type { Person } from "./person.ts";
import { readError } from "./read.ts";

/** Carries out what an operator began. Errors: the store's. */
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

/** Asks before something is changed. Errors: `cli.unconfirmed` when nobody can answer, or the answer is no. */
export async function confirmed(
  person: Person,
  yes: boolean,
  question: string,
): Promise<Outcome<void, CniError>> {
  const answer = yes || (await person.confirm(question));
  if (answer === true) return ok(undefined);
  const why = answer === undefined ? "nobody is there to be asked" : "it was not confirmed";
  return failWith(
    "tryAgainLater",
    "cli.unconfirmed",
    `${question} ${why}: nothing was changed`,
    "--yes asks nothing.",
  );
}

/** The store was changed by somebody else between our look and our change. */
export function changedMeanwhile(doing: string): CniError {
  return cniError(
    "tryAgainLater",
    "cli.changed",
    `${doing}: it has changed meanwhile, and was left alone`,
    "Look again, then try again.",
  );
}
