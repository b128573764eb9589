import { DemoFailure } from "./programs.ts";

/** Prints the story: headings, commands as a person types them, their output, and what was verified. */
export interface Printer {
  title(text: string): void;
  step(text: string): void;
  say(text: string): void;
  command(text: string): void;
  output(text: string): void;
  /** Prints a verified fact. A false one ends the demonstration. */
  check(holds: boolean, fact: string): void;
}

export function makePrinter(write: (text: string) => void, colours: boolean): Printer {
  const paint = (code: string, text: string) => (colours ? `\u001b[${code}m${text}\u001b[0m` : text);
  const line = (text: string) => write(`${text}\n`);
  let steps = 0;
  return {
    title: (text) => line(`\n${paint("1", text)}`),
    step: (text) => {
      steps += 1;
      line(`\n${paint("1;36", `${steps}. ${text}`)}`);
    },
    say: (text) => line(indent(text)),
    command: (text) => line(indent(`${paint("2", "$")} ${paint("1", text)}`)),
    output: (text) => line(indent(text.trimEnd())),
    check: (holds, fact) => {
      line(indent(`${holds ? paint("32", "✓") : paint("31", "✗")} ${fact}`));
      if (!holds) throw new DemoFailure(`not so: ${fact}`);
    },
  };
}

function indent(text: string): string {
  return text
    .split("\n")
    .map((each) => (each === "" ? "" : `   ${each}`))
    .join("\n");
}
