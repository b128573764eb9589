import { type CniError, describe } from "../../cni/errors.ts";
import { fail, type Outcome } from "../../sys/outcome.ts";

/** Takes back one thing that was done. */
export type UndoStep = () => Outcome<void, CniError> | Promise<Outcome<void, CniError>>;

/**
 * Runs an ADD that notes how each thing that it has done is taken back. If the ADD fails, the steps are run, last first: a
 * runtime may never call DEL. What could not be undone is told behind the error.
 */
export async function withUndo<T>(
  body: (note: (step: UndoStep) => void) => Promise<Outcome<T, CniError>>,
): Promise<Outcome<T, CniError>> {
  const steps: UndoStep[] = [];
  const outcome = await body((step) => steps.push(step));
  if (outcome.ok) return outcome;
  const errors: string[] = [];
  for (const step of steps.reverse()) {
    const undone = await step();
    if (!undone.ok) errors.push(`(${describe(undone.error)})`);
  }
  if (errors.length === 0) return outcome;
  const note = `Undoing it failed too, and DEL will try again: ${errors.join(" ")}`;
  const details = outcome.error.details === "" ? note : `${outcome.error.details} ${note}`;
  return fail({ ...outcome.error, details });
}
