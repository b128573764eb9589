import { cniError } from "../../../cni/errors.ts";
import { conditionOf } from "../../../ipam/flat/pool/holding.ts";
import { isReserved, unreserve } from "../../../ipam/flat/pool/operator.ts";
import type { Sys } from "../../../sys/sys.ts";
import { type Context, defineCommand } from "../command.ts";
import { printFailure } from "../failure.ts";
import { argument, type ValuesOf } from "../option.ts";
import { plain, printDocument } from "../terminal.ts";
import { findStored, makeChange } from "./change.ts";
import { exampleConfig, exitsOfChanges, targetConflicts, targetOptions } from "./target-options.ts";
import { printCodes, printOwner } from "./words.ts";

const options = { address: argument("address", "an IP address"), ...targetOptions };
type UnreserveOptions = ValuesOf<typeof options>;

export const unreserveCommand = defineCommand({
  summary: "Take a reservation back",
  takes: "ADDRESS",
  about: ["Takes a reservation back. A pod that uses the address now keeps it until its DEL."],
  options,
  conflicts: targetConflicts,
  examples: [["one address", `hawser ipam unreserve 10.60.0.7 ${exampleConfig}`]],
  exits: exitsOfChanges,
  run,
});

async function run(sys: Sys, { terminal }: Context, options: UnreserveOptions): Promise<number> {
  const found = await findStored(sys, options, "unreserve");
  if (!found.ok) return printFailure(terminal, found.error, options.json);
  const { pool, named, stored } = found.value;
  const { holding } = stored;
  const doing = `unreserve ${named.text}`;
  if (holding === undefined || !isReserved(holding)) {
    const is =
      holding === undefined
        ? "unreadable"
        : `${conditionOf(holding, sys.clock.nowMs())}, by ${printOwner(holding)}`;
    const hint = "To free it nevertheless: hawser ipam release.";
    return printFailure(
      terminal,
      cniError("ipam", "cli.not-reserved", `${doing}: it is ${is}`, hint),
      options.json,
    );
  }
  const done = await makeChange(pool, doing, unreserve(pool.keys, { ...stored, holding }));
  if (!done.ok) return printFailure(terminal, done.error, options.json);
  if (options.json) printDocument(terminal, { pool: pool.name, address: named.text, unreserved: true });
  else terminal.print(plain(`${printCodes(holding.addresses)} is not reserved any more.`));
  return 0;
}
