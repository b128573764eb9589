import { type CniError, cniError } from "../../../cni/errors.ts";
import { conditionOf, type Holding } from "../../../ipam/flat/pool/holding.ts";
import { quarantineLive, releaseSeen, riskOf } from "../../../ipam/flat/pool/operator.ts";
import type { Stored } from "../../../ipam/flat/pool/stored.ts";
import type { Sys } from "../../../sys/sys.ts";
import { type Context, defineCommand } from "../command.ts";
import { printFailure } from "../failure.ts";
import { argument, flag, type ValuesOf } from "../option.ts";
import { confirmed } from "../person.ts";
import { plain, printDocument, type Terminal } from "../terminal.ts";
import { findStored, makeChange } from "./change.ts";
import type { Named } from "./named-address.ts";
import { exampleConfig, exitsOfChanges, targetConflicts, targetOptions } from "./target-options.ts";
import { printCodes, printOwner } from "./words.ts";

const options = {
  address: argument("address", "an IP address"),
  ...targetOptions,
  yes: flag("do not ask"),
  force: flag("of one that is used: quarantine; of one in quarantine: free it"),
};
type ReleaseOptions = ValuesOf<typeof options>;

export const releaseCommand = defineCommand({
  summary: "Free an address",
  takes: "ADDRESS [--yes] [--force]",
  about: [
    "Frees an address, with all that its owner has of the pool. Asks first.",
    "One that a container uses is refused: its pod's deletion frees it. With --force it goes into quarantine:",
    "nobody else is given it until that container's DEL, its node's GC or reboot, or --force a second time.",
  ],
  options,
  conflicts: targetConflicts,
  examples: [
    ["one that waits for its pod", `hawser ipam release 10.60.0.7 ${exampleConfig}`],
    ["what keeps pods of a lost node from starting", `hawser ipam list --state quarantined ${exampleConfig}`],
    [
      "one in quarantine, whose node is gone for good",
      `hawser ipam release 10.60.0.7 ${exampleConfig} --force`,
    ],
  ],
  exits: exitsOfChanges,
  run,
});

async function run(sys: Sys, { terminal, person }: Context, options: ReleaseOptions): Promise<number> {
  const found = await findStored(sys, options, "release");
  if (!found.ok) return printFailure(terminal, found.error, options.json);
  const { pool, named, stored } = found.value;
  const refusal = options.force ? undefined : refusalOf(named, stored);
  if (refusal !== undefined) return printFailure(terminal, refusal, options.json);
  const { holding } = stored;
  const what = whatIsFreed(named, stored);
  const was = holding === undefined ? "unreadable" : conditionOf(holding, sys.clock.nowMs());
  const used = holding?.state === "live" ? { ...stored, holding } : undefined;
  const isUsed = used !== undefined;
  const question = isUsed ? `Put ${what} into quarantine?` : `Release ${what} (${was})?`;
  const agreed = await confirmed(person, options.yes, question);
  if (!agreed.ok) return printFailure(terminal, agreed.error, options.json);
  const by = { node: pool.node, nowMs: sys.clock.nowMs() };
  const change = used === undefined ? releaseSeen(pool.keys, stored) : quarantineLive(pool.keys, used, by);
  const done = await makeChange(pool, `release ${named.text}`, change);
  if (!done.ok) return printFailure(terminal, done.error, options.json);
  if (options.json) {
    const result = { released: !isUsed, quarantined: isUsed, was };
    printDocument(terminal, { pool: pool.name, address: named.text, ...result });
  } else if (used !== undefined) printQuarantine(terminal, what, named, used.holding);
  else terminal.print(plain(`Released ${what}.`));
  return 0;
}

function printQuarantine(terminal: Terminal, what: string, { text }: Named, { node }: Holding): void {
  terminal.print(plain(`${what} is in quarantine: nobody else is given it.`));
  terminal.print(plain(`Its container's DEL, or a GC or reboot of node ${node}, frees it.`));
  terminal.print(plain(`If that node is gone for good, free it now: hawser ipam release ${text} --force.`));
}

/** Why an address is not released without --force. Errors: `cli.live`, `cli.unreadable`. */
function refusalOf({ text }: Named, stored: Stored): CniError | undefined {
  const doing = `release ${text}`;
  const risk = riskOf(stored.holding);
  switch (risk.kind) {
    case "none":
      return undefined;
    case "unreadable": {
      const why = "its record cannot be read, so nobody knows who uses it";
      const hint = "Once you are sure that nobody does: --force.";
      return cniError("ipam", "cli.unreadable", `${doing}: ${why}`, hint);
    }
    case "used":
      return inUse(doing, risk.holding);
  }
}

function inUse(doing: string, holding: Holding): CniError {
  const { containerId, node, state } = holding;
  const whose = `container ${containerId || "(unknown)"} of ${printOwner(holding)}`;
  return state === "live"
    ? cniError(
        "ipam",
        "cli.live",
        `${doing}: ${whose} uses it on node ${node}`,
        "Its pod's deletion frees it. If the node is lost: --force puts it into quarantine.",
      )
    : cniError(
        "ipam",
        "cli.live",
        `${doing}: it is in quarantine, and ${whose} may still use it on node ${node || "(unknown)"}`,
        "Once you know that the container does not run any more: --force.",
      );
}

function whatIsFreed({ text }: Named, { holding }: Stored): string {
  if (holding === undefined) return text;
  return `${printCodes(holding.addresses)} of ${printOwner(holding)}`;
}
