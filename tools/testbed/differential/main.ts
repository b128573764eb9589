import { allCases } from "./cases/all-cases.ts";
import { createJudge, textOf } from "./compare.ts";
import { knownDifferences } from "./known-differences.ts";
import { runCases } from "./run-cases.ts";

/**
 * `main.ts REFERENCE-FOLDER OUR-FOLDER PLUGIN[:WORDS]...`: tells the differences without a reason as they are found, and ends with
 * 1 if there are any. WORDS choose cases by their names and configurations.
 */
const [reference = "", ours = "", ...chosen] = process.argv.slice(2);
const judge = createJudge(knownDifferences);
const say = (line: object): void => void process.stdout.write(`${JSON.stringify(line)}\n`);
for (const choice of chosen) {
  const [name = "", words = ""] = choice.split(":");
  const all = allCases.find(({ plugin }) => plugin === name);
  if (all === undefined) throw new Error(`there are no cases of ${name}`);
  const cases = all.cases.filter((each) => textOf(each).includes(words));
  const started = performance.now();
  let done = 0;
  const report = (_: unknown, found: readonly object[]): void => {
    found.forEach(say);
    done += 1;
    if (done % 10 === 0) process.stderr.write(`${name}: ${done} of ${cases.length}\n`);
  };
  const differences = await runCases({ plugin: name, cases }, { sides: { reference, ours }, judge, report });
  const unused = words === "" ? judge.unused(name) : [];
  for (const { path, when, reason } of unused) say({ unused: reason, path: `${path}`, when: `${when}` });
  say({ plugin: name, cases: cases.length, ms: Math.round(performance.now() - started) });
  if (differences.length + unused.length > 0) process.exitCode = 1;
}
