import type { CniError } from "../../cni/errors.ts";
import type { Fault } from "../../sys/fault.ts";
import { paint, plain, printDocument, type Terminal } from "./terminal.ts";

/** Prints an error with all fields of a CNI error. Answers exit status 1. */
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

/**
 * Says to people why a file or folder could not be read. Uses the kernel's words only where there are no plainer ones.
 */
export function whyUnread({ code, message }: Fault, what: "file" | "folder"): string {
  switch (code) {
    case "ENOENT":
    case "ENOTDIR":
      return `there is no such ${what}`;
    case "EACCES":
    case "EPERM":
      return "only root may read it: run the command as root";
    case "EISDIR":
      return "it is a folder";
    default:
      return message;
  }
}
