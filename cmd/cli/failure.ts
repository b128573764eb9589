import type { CniError } from "../../cni/errors.ts";
import { paint, plain, printDocument, type Terminal } from "./terminal.ts";

/** Prints an error with all that a plugin would say of it; the exit code of "something is wrong". */
export function printFailure(terminal: Terminal, error: CniError, json: boolean): 1 {
  const { code, id, msg, details } = error;
  if (json) {
    printDocument(terminal, { error: { code, id, msg, details } });
    return 1;
  }
  terminal.complain(`${paint(terminal, "red", "hawser:")} ${plain(msg)}`);
  if (details !== "") terminal.complain(`        ${plain(details)}`);
  terminal.complain(`        (code ${code}, ${id})`);
  return 1;
}
