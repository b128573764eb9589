import { cniError } from "../../cni/errors.ts";
import { metaPlaces } from "../../plugins/meta/config/config.ts";
import { readStdin } from "../../sys/linux-standard.ts";
import type { Sys } from "../../sys/sys.ts";
import type { Command } from "./commands.ts";
import { printFailure } from "./failure.ts";
import type { Self } from "./install/node.ts";
import { guarded, paint, plain, processTerminal, type Terminal } from "./terminal.ts";
import { parseUsage, type UsageDefaults } from "./usage.ts";
import { versionLine } from "./version.ts";

const widestHelp = 110;
const exitCodes = { fine: 0, wrongUsage: 2 } as const;

/** A person's call: prints for people and answers the exit status, 0, 1 (something is wrong) or 2 (wrong usage). */
export async function runCommandLine(
  sys: Sys,
  args: readonly string[],
  unguarded: Terminal = processTerminal(),
): Promise<number> {
  const terminal = guarded(unguarded);
  try {
    const usage = await parseUsage(args, defaults(terminal));
    switch (usage.kind) {
      case "text":
        terminal.print(usage.text);
        return exitCodes.fine;
      case "wrong":
        terminal.complain(`${paint(terminal, "red", "hawser:")} ${plain(usage.message)}`);
        terminal.complain(`        See: ${usage.helpCommand}`);
        return exitCodes.wrongUsage;
      case "command":
        return await run(sys, terminal, usage.command);
    }
  } catch (bug) {
    const why = bug instanceof Error ? bug.message : String(bug);
    const hint = `Please report it with the command that you ran (${versionLine()}).`;
    return printFailure(terminal, cniError("internal", "internal.bug", `this is a bug: ${why}`, hint), false);
  }
}

/** Each command is loaded only when it is the one. */
async function run(sys: Sys, terminal: Terminal, command: Command): Promise<number> {
  switch (command.kind) {
    case "explain":
      return (await import("./explain.ts")).explainCommand(sys, terminal, command);
    case "attachments":
      return (await import("./attachments.ts")).attachmentsCommand(sys, terminal, command);
    case "show":
      return (await import("./show.ts")).showCommand(sys, terminal, command);
    case "doctor":
      if (command.ready) {
        const { readyCommand } = await import("./doctor/ready.ts");
        return readyCommand(sys, terminal, command, (await ownProcess()).executable);
      }
      return (await import("./doctor/doctor.ts")).doctorCommand(sys, terminal, command);
    case "migrate":
      return (await import("./migrate/migrate.ts")).migrateCommand(sys, terminal, command.migrate);
    case "gc": {
      const { gcCommand } = await import("./gc/gc.ts");
      return gcCommand(sys, terminal, command.gc, { readStdin, path: process.env.PATH ?? "" });
    }
    case "ipam":
      return (await import("./ipam/ipam.ts")).ipamCommand(sys, terminal, command.ipam);
    case "install": {
      const { installCommand } = await import("./install/install.ts");
      return installCommand(sys, terminal, command.install, await ownProcess());
    }
    case "uninstall":
      return (await import("./install/uninstall.ts")).uninstallCommand(sys, terminal, command.uninstall);
  }
}

/** This program, and the API server that its pod is told of. */
async function ownProcess(): Promise<Self> {
  const { apiServerOf } = await import("./install/credentials.ts");
  return { executable: process.execPath, server: apiServerOf(process.env) };
}

/** The plugin's own defaults, so that people and runtimes look into the same folders. */
function defaults(terminal: Terminal): UsageDefaults {
  const { stateDir, confDir } = metaPlaces({ cniVersion: "1.1.0", name: "", type: "", raw: {} });
  const columns = Math.min(terminal.columns ?? widestHelp, widestHelp);
  return { stateDir, confDir, columns, version: versionLine() };
}
