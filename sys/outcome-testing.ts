import type { Outcome } from "./outcome.ts";

/** The value of an outcome that a test takes for granted. A failure ends the test, and the message is the error. */
export function must<T>(outcome: Outcome<T, unknown>): T {
  if (outcome.ok) return outcome.value;
  const { error } = outcome;
  throw new Error(typeof error === "string" ? error : JSON.stringify(error));
}

/** The error of an outcome that a test takes for a failure. A success ends the test. */
export function mustFail<E>(outcome: Outcome<unknown, E>): E {
  if (!outcome.ok) return outcome.error;
  throw new Error(`it succeeded: ${JSON.stringify(outcome.value)}`);
}
