import { harmlessCell, harmlessLines } from "../../sys/harmless.ts";
import { printStderr, printStdout } from "../../sys/linux-standard.ts";

/** Where a command writes for people. Tests use one that keeps what is written. */
export interface Terminal {
  /** Writes whole lines to stdout. */
  readonly print: (text: string) => void;
  /** Writes whole lines to stderr. */
  readonly complain: (text: string) => void;
  /** Columns of the terminal. Undefined for a file or a pipe, where no line is cut. */
  readonly columns: number | undefined;
  readonly colours: boolean;
}

/** The process's own terminal. It has colours unless the person has refused them (no-color.org). */
export function processTerminal(): Terminal {
  const isTerminal = process.stdout.isTTY === true;
  return {
    // A reader that has gone (`| head`) is not an error of the command.
    print: (text) => void printStdout(`${text}\n`),
    complain: (text) => void printStderr(`${text}\n`),
    columns: isTerminal ? process.stdout.columns : undefined,
    colours: isTerminal && (process.env.NO_COLOR ?? "") === "",
  };
}

/** The same terminal without control characters: all are replaced, except those of our own colours. */
export function guarded(terminal: Terminal): Terminal {
  const shown = (text: string): string =>
    terminal.colours
      ? text
          .split(ownColours)
          .map((part, index) => (index % 2 === 0 ? harmlessLines(part) : part))
          .join("")
      : harmlessLines(text);
  return {
    ...terminal,
    print: (text) => terminal.print(shown(text)),
    complain: (text) => terminal.complain(shown(text)),
  };
}

const ownColours = new RegExp(`(${"\u001b"}\\[(?:0|1|2|31|32|33)m)`);
const ansi = { bold: "1", red: "31", green: "32", yellow: "33", dim: "2" } as const;

export function paint(terminal: Terminal, colour: keyof typeof ansi, text: string): string {
  return terminal.colours ? `\u001b[${ansi[colour]}m${text}\u001b[0m` : text;
}

/** Text from files, on one line. A character that could move the cursor or hide text becomes a question mark. */
export const plain = harmlessCell;

export function printDocument(terminal: Terminal, document: unknown): void {
  terminal.print(JSON.stringify(document, null, 2));
}
