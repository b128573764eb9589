import { fail, ok } from "./outcome.ts";
import type { Attempt, Fault } from "./sys.ts";

/** Turns the exception of a Node function into a value. Anything but a system error is a bug and thrown on. */
export function attempt<T>(operation: () => T): Attempt<T> {
  try {
    return ok(operation());
  } catch (error) {
    return fail(toFault(error));
  }
}

export function toFault(error: unknown): Fault {
  const code = (error as { code?: unknown }).code;
  if (!(error instanceof Error) || typeof code !== "string") throw error;
  return { code, message: error.message };
}
