import type { Argv } from "yargs";
import { parseDurationMs } from "../../../cni/duration.ts";
import { described } from "../help.ts";
import { gcHelp } from "./help.ts";
import type { GcOptions } from "./options.ts";

const text = { type: "string", requiresArg: true } as const;
const flag = { type: "boolean" } as const;

/** A duration as `90s`; a wrong one is told as yargs tells its own. */
export function duration(name: string): (value: string) => number {
  return (value) => {
    const parsed = parseDurationMs(String(value));
    if (parsed === undefined) throw new Error(`--${name} ${value} is no duration like 90s, 5m or 0`);
    return parsed;
  };
}

export function addGc(
  parser: Argv,
  defaults: { readonly confDir: string; readonly pluginDirs: readonly string[] },
  take: (options: GcOptions) => void,
): Argv {
  const options = {
    valid: { ...text, describe: "a list of what lives, - for stdin" },
    cri: { ...text, describe: "the runtime's socket (default: the one that is there)" },
    "min-age": {
      ...text,
      coerce: duration("min-age"),
      describe: "leave what is younger (default 5m; 0 with --valid)",
    },
    "none-valid": { ...flag, describe: "although the list is empty: everything goes" },
    config: { ...text, describe: "only this configuration (default: the runtime's, the first in conf-dir)" },
    "conf-dir": { ...text, default: defaults.confDir, describe: "the runtime's folder of configurations" },
    "plugin-dir": {
      ...text,
      array: true,
      describe: `a folder of plugins (default ${defaults.pluginDirs.join(", ")}); may be repeated`,
    },
    "dry-run": { ...flag, describe: "say what would be deleted, and do nothing" },
    json: { ...flag, describe: "print JSON, for machines" },
  } as const;
  return parser.command(
    "gc",
    "Delete what containers that are gone still hold",
    (command) => described(command, gcHelp).options(options).conflicts("valid", "cri"),
    ({ valid, cri, minAge, config, confDir, pluginDir = defaults.pluginDirs, ...flags }) =>
      take({
        ...{ valid, cri, config, confDir, pluginDirs: pluginDir },
        minAgeMs: minAge,
        noneValid: flags.noneValid === true,
        dryRun: flags.dryRun === true,
        json: flags.json === true,
      }),
  );
}
