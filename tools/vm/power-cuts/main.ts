import { join } from "node:path";
import { parseArgs } from "node:util";
import { project } from "../virtual-machine.ts";
import { cutPower } from "./cut-power.ts";

/** `make power-cuts`: a hundred of them. Exit status 1 if something was lost, or was left. */
const { values } = parseArgs({
  options: { cuts: { type: "string" }, seed: { type: "string" }, "host-local": { type: "string" } },
});
const seed = Number(values.seed ?? 1);
const report = await cutPower({
  cuts: Number(values.cuts ?? 100),
  seed,
  folder: join(project, `build/vm/power-cuts.${seed}`),
  say: (text) => process.stdout.write(`${text}\n`),
  ...(values["host-local"] === undefined ? {} : { hostLocal: values["host-local"] }),
});
const { cuts, done, met, judgements, held, returned, problems } = report;
process.stdout.write(
  `${cuts} cuts, which met ${met} calls; ${done} calls acknowledged; ${judgements} judgements of ${held} attachments; ${returned} came back until GC; ${problems.length} problems\n`,
);
for (const problem of problems) process.stdout.write(`${problem}\n`);
process.exitCode = problems.length === 0 ? 0 : 1;
