import { type CniError, failWith } from "../../cni/errors.ts";
import { printStderr, readLine } from "../../sys/linux-standard.ts";
import { type Outcome, ok } from "../../sys/outcome.ts";

/** The person who runs a command: answers questions, and watches long operations. */
export interface Person {
  /** Asks for yes or no; undefined where nobody can answer. */
  readonly confirm: (question: string) => Promise<boolean | undefined>;
  /** Shows one line, which the next call replaces. An empty line removes it. Shows nothing where nobody watches. */
  readonly progress: (line: string) => void;
}

/** The person at the process's terminal, if there is one. */
export function processPerson(): Person {
  return {
    confirm: async (question) => {
      if (process.stdin.isTTY !== true || process.stderr.isTTY !== true) return undefined;
      printStderr(`${question} [y/N] `);
      return /^y(es)?$/i.test((await readLine()).trim());
    },
    progress: (line) => {
      if (process.stderr.isTTY === true) printStderr(`\r\u001b[K${line}`);
    },
  };
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
