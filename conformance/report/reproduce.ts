import type { CaseOutcome } from "../case-outcome.ts";

/** A shell script that does by hand, as root, what a case did; its last lines take away what it has made. */
export function scriptOfCase(outcome: CaseOutcome): string[] {
  const { script } = outcome;
  const made = script.flatMap((line) => /^ip netns add (\S+)$/.exec(line)?.[1] ?? []);
  const removed = new Set(script.flatMap((line) => /^ip netns del (\S+)$/.exec(line)?.[1] ?? []));
  const folder = /^mkdir -p (\S+)\/bin /.exec(script[0] ?? "")?.[1];
  const serves = script.some((line) => line.startsWith("setpriv "));
  return [
    ...script,
    ...(serves ? ["kill $(jobs -p)"] : []),
    ...made.filter((name) => !removed.has(name)).map((name) => `ip netns del ${name}`),
    ...(folder === undefined ? [] : [`rm -r ${folder}`]),
  ];
}
