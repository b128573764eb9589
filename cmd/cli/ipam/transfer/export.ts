import { cniError } from "../../../../cni/errors.ts";
import type { Sys } from "../../../../sys/sys.ts";
import { type Context, defineCommand } from "../../command.ts";
import { printFailure } from "../../failure.ts";
import { text, type ValuesOf } from "../../option.ts";
import { plain, printDocument } from "../../terminal.ts";
import { countEntries, readHoldings } from "../read.ts";
import { findPool } from "../target.ts";
import { exampleConfig, exitsOfLooks, targetConflicts, targetOptions } from "../target-options.ts";
import { headerLine, holdingLine } from "./lines.ts";

const fileMode = 0o600;

const options = { ...targetOptions, output: text("to this file") };
type ExportOptions = ValuesOf<typeof options>;

export const exportCommand = defineCommand({
  summary: "Write all owners as lines of JSON",
  takes: "[--output FILE]",
  about: ["Writes a line of JSON for each owner, which import reads again. Changes nothing."],
  options,
  conflicts: targetConflicts,
  examples: [["a backup", `hawser ipam export ${exampleConfig} --output pool.jsonl`]],
  exits: exitsOfLooks,
  run,
});

/** Errors: `cli.write`. */
async function run(sys: Sys, { terminal, person }: Context, options: ExportOptions): Promise<number> {
  const pool = await findPool(sys, options);
  if (!pool.ok) return printFailure(terminal, pool.error, options.json);
  const { store, keys, name } = pool.value;
  const holdings = await readHoldings(store, keys, countEntries(person, name));
  if (!holdings.ok) return printFailure(terminal, holdings.error, options.json);
  const lines = [headerLine(name, sys.clock.nowMs()), ...holdings.value.map(holdingLine)].join("\n");
  const { output, json } = options;
  if (output === undefined) {
    terminal.print(lines);
    return 0;
  }
  const written = sys.files.write(output, `${lines}\n`, { mode: fileMode, sync: true });
  if (!written.ok) {
    return printFailure(
      terminal,
      cniError("ioFailure", "cli.write", `write ${output}: ${written.error.message}`),
      json,
    );
  }
  const owners = holdings.value.length;
  if (json) printDocument(terminal, { pool: name, store: store.label, output, owners });
  else terminal.print(plain(`${owners} owners of pool ${name} written to ${output}`));
  return 0;
}
