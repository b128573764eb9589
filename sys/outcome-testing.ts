import type { Outcome } from "./outcome.ts";

/** The value of what a test takes for granted. A failure ends the test, and is shown as it is. */
export function must<T>(outcome: Outcome<T, unknown>): T {
  if (outcome.ok) return outcome.value;
  const { error } = outcome;
  throw new Error(typeof error === "string" ? error : JSON.stringify(error));
}
