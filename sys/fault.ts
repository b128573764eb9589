import { fail, type Outcome, ok } from "./outcome.ts";

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

/** Why the machine refused an operation, as the kernel names it. */
export interface Fault {
  /** The errno's name: `ENOENT`, `EEXIST`, `ENOSPC`, ... */
  readonly code: string;
  readonly message: string;
}

/** Nothing lies at the path: no file of that name, or no folder on the way to it. */
export function isAbsent({ code }: Fault): boolean {
  return code === "ENOENT" || code === "ENOTDIR";
}

export type Attempt<T = void> = Outcome<T, Fault>;
