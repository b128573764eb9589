import { cniError } from "../../cni/errors.ts";
import { readStdin } from "../../sys/linux-standard.ts";
import type { Sys } from "../../sys/sys.ts";
import type { Context, Root } from "./command.ts";
import { hawser } from "./commands.ts";
import { printFailure } from "./failure.ts";
import { processPerson } from "./person.ts";
import { guarded, paint, plain, processTerminal } from "./terminal.ts";
import { parseUsage } from "./usage.ts";
import { versionLine } from "./version.ts";

const widestHelp = 110;
const exitCodes = { fine: 0, wrongUsage: 2 } as const;

/**
 * Answers a person's call: prints for people, and answers the exit status: 0, 1 (something is wrong) or 2 (wrong
 * usage).
 */
export async function runCommandLine(
  sys: Sys,
  args: readonly string[],
  around: Context = processContext(),
  root: Root = hawser,
): Promise<number> {
  const context = { ...around, terminal: guarded(around.terminal) };
  const { terminal } = context;
  try {
    const columns = Math.min(terminal.columns ?? widestHelp, widestHelp);
    const usage = await parseUsage(root, args, { columns, version: versionLine() });
    switch (usage.kind) {
      case "text":
        terminal.print(usage.text);
        return exitCodes.fine;
      case "wrong":
        terminal.complain(`${paint(terminal, "red", "hawser:")} ${plain(usage.message)}`);
        terminal.complain(`        See: ${usage.helpCommand}`);
        return exitCodes.wrongUsage;
      case "command":
        return await usage.run(sys, context);
    }
  } catch (bug) {
    const why = bug instanceof Error ? bug.message : String(bug);
    const hint = `Please report it with the command that you ran (${versionLine()}).`;
    return printFailure(terminal, cniError("internal", "internal.bug", `this is a bug: ${why}`, hint), false);
  }
}

/** The context of a command that runs in this process. */
function processContext(): Context {
  const program = { executable: process.execPath, variables: process.env, readStdin };
  return { terminal: processTerminal(), person: processPerson(), program };
}
