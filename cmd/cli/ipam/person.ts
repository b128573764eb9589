import { printStderr, readLine } from "../../../sys/linux-standard.ts";

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
