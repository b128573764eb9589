import { type CniError, failWith } from "../../cni/errors.ts";
import { printStderr, readLine } from "../../sys/linux-standard.ts";
import { type Outcome, ok } from "../../sys/outcome.ts";

/** The person in front of a command: who answers questions, and watches what takes long. */
export interface Person {
  /** Asks for yes or no; undefined where nobody can answer. */
  readonly confirm: (question: string) => Promise<boolean | undefined>;
  /** One line that the next one replaces; the empty one removes it. Silent where nobody watches. */
  readonly progress: (line: string) => void;
}

/** Who sits at the process's terminal, if anybody does. */
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
