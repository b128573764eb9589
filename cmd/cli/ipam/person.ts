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
      process.stderr.write(`${question} [y/N] `);
      return /^y(es)?$/i.test((await readLine()).trim());
    },
    progress: (line) => {
      if (process.stderr.isTTY === true) process.stderr.write(`\r\u001b[K${line}`);
    },
  };
}

/** What is typed up to Enter. The terminal hands it over line by line. */
function readLine(): Promise<string> {
  const { stdin } = process;
  return new Promise((resolve) => {
    const done = (text: string) => {
      stdin.off("data", onData).off("end", onEnd).pause();
      resolve(text);
    };
    const onData = (text: string) => done(text);
    const onEnd = () => done("");
    stdin.setEncoding("utf8").on("data", onData).on("end", onEnd);
  });
}
