import { paint, plain, type Terminal } from "../terminal.ts";
import type { InstallStep, Told } from "./step.ts";

const verbs: Readonly<Record<InstallStep["kind"], string>> = {
  folder: "made",
  binary: "copied",
  link: "linked",
  file: "written",
  remove: "removed",
};

export function printStep(terminal: Terminal, { step, end }: Told): void {
  const words = {
    done: verbs[step.kind],
    unchanged: "unchanged",
    "would be done": "would be",
    "not possible": "failed",
  };
  const word = words[end];
  const rest = end === "would be done" ? `  (${verbs[step.kind]})` : "";
  const label = word.padEnd(9);
  terminal.print(
    `${end === "unchanged" ? label : paint(terminal, "green", label)}  ${plain(step.path)}${rest}`,
  );
}

/** The report for machines. It does not repeat what was written, which may be secret. */
export function reportOf(told: readonly Told[]): { steps: { what: string; path: string; end: string }[] } {
  return { steps: told.map(({ step, end }) => ({ what: verbs[step.kind], path: step.path, end })) };
}
