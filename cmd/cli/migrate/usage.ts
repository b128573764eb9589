import type { Argv } from "yargs";
import { described } from "../help.ts";
import { migrateHelp } from "./help.ts";
import type { MigrateOptions } from "./options.ts";

export interface MigrateDefaults {
  readonly stateDir: string;
  readonly confDir: string;
}

const text = { type: "string", requiresArg: true } as const;
const flag = { type: "boolean" } as const;

function migrateOptions({ stateDir, confDir }: MigrateDefaults) {
  return {
    config: { ...text, describe: "Multus's configuration (default: the first in conf-dir)" },
    "conf-dir": { ...text, default: confDir, describe: "the runtime's folder of configurations" },
    "daemon-config": { ...text, describe: "the daemon's configuration, of a thick Multus" },
    "cni-dir": { ...text, describe: "Multus's cache (default: as its configuration says)" },
    results: { ...text, default: "/var/lib/cni/results", describe: "the runtime's cache" },
    "state-dir": { ...text, default: stateDir, describe: "the folder of records" },
    "cluster-definitions": { ...text, describe: "a file of kubectl's: which of its definitions are refused" },
    "take-over": { ...flag, describe: "record what Multus has attached" },
    all: { ...flag, describe: "also where the namespace is gone" },
    "dry-run": { ...flag, describe: "only show what would be recorded" },
    yes: { ...flag, describe: "ask nothing" },
    json: { ...flag, describe: "print JSON, for machines" },
  } as const;
}

export function addMigrate(
  parser: Argv,
  defaults: MigrateDefaults,
  take: (options: MigrateOptions) => void,
): Argv {
  return parser.command(
    "migrate <from>",
    "Take over what another meta-plugin has attached",
    (command) =>
      described(command, migrateHelp)
        .positional("from", {
          type: "string",
          choices: ["multus"],
          demandOption: true,
          describe: "whose attachments",
        })
        .options(migrateOptions(defaults)),
    ({ config, confDir, daemonConfig, cniDir, results, stateDir, clusterDefinitions, ...flags }) =>
      take({
        ...{ config, confDir, daemonConfig, cniDir, results, stateDir, clusterDefinitions },
        takeOver: flags.takeOver === true,
        all: flags.all === true,
        dryRun: flags.dryRun === true,
        yes: flags.yes === true,
        json: flags.json === true,
      }),
  );
}
