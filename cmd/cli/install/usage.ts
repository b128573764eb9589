import type { Argv } from "yargs";
import { withoutTrailingSlashes } from "../../../cni/slashes.ts";
import { duration } from "../gc/usage.ts";
import { described } from "../help.ts";
import { installHelp, uninstallHelp } from "./help.ts";
import type { InstallOptions, PlaceOptions, UninstallOptions } from "./options.ts";

export interface InstallDefaults {
  readonly stateDir: string;
  readonly confDir: string;
}

const text = { type: "string", requiresArg: true } as const;
const flag = { type: "boolean" } as const;

const placeOptions = {
  root: { ...text, describe: "where the node's root is mounted, if not at /" },
  "own-dir": { ...text, default: "/etc/cni/hawser", describe: "for definitions, credentials and a note" },
  "dry-run": { ...flag, describe: "say what would be done, and do nothing" },
  json: { ...flag, describe: "print JSON, for machines" },
} as const;

function installOptions({ confDir }: InstallDefaults) {
  return {
    "bin-dir": { ...text, default: "/opt/cni/bin", describe: "the runtime's folder of plugins" },
    "conf-dir": { ...text, default: confDir, describe: "the runtime's folder of configurations" },
    mode: {
      ...text,
      choices: ["owner", "chained"],
      default: "owner",
      describe: "before the primary network, or behind it",
    },
    primary: { ...text, describe: "the primary network's file in conf-dir (default: the first)" },
    settings: { ...text, describe: "file with more fields of hawser's, a JSON object" },
    link: {
      ...text,
      describe: "a link to hawser on root's PATH, or none (default: /usr/local/bin/hawser)",
    },
    api: { ...flag, describe: "write a kubeconfig of this pod's service account" },
    stay: { ...flag, describe: "keep token and configuration up to date until asked to stop" },
    ...placeOptions,
  } as const;
}

interface Args {
  readonly [name: string]: unknown;
}

/** Without a slash at its end. */
function folder(value: unknown): string {
  return withoutTrailingSlashes(String(value ?? ""));
}

function placesOf(args: Args): PlaceOptions {
  return {
    root: folder(args.root),
    ownDir: folder(args.ownDir),
    dryRun: args.dryRun === true,
    json: args.json === true,
  };
}

function optional(value: unknown): string | undefined {
  return typeof value === "string" ? value : undefined;
}

export function addInstall(
  parser: Argv,
  defaults: InstallDefaults,
  take: (options: InstallOptions) => void,
): Argv {
  return parser.command(
    "install",
    "Put hawser on this node, or renew it",
    (command) => described(command, installHelp).options(installOptions(defaults)),
    (args: Args) =>
      take({
        ...placesOf(args),
        binDir: folder(args.binDir),
        confDir: folder(args.confDir),
        mode: args.mode === "chained" ? "chained" : "owner",
        primary: optional(args.primary),
        settings: optional(args.settings),
        link: args.link === "none" ? "" : optional(args.link),
        api: args.api === true,
        stay: args.stay === true,
      }),
  );
}

export function addUninstall(
  parser: Argv,
  defaults: InstallDefaults,
  take: (options: UninstallOptions) => void,
): Argv {
  const options = {
    "state-dir": { ...text, default: defaults.stateDir, describe: "the folder of records" },
    force: { ...flag, describe: "although containers are attached" },
    wait: { ...text, coerce: duration("wait"), describe: "wait so long until nothing is attached (10m)" },
    ...placeOptions,
  } as const;
  return parser.command(
    "uninstall",
    "Take hawser off this node, and put back what was there",
    (command) => described(command, uninstallHelp).options(options),
    (args: Args) =>
      take({
        ...placesOf(args),
        stateDir: folder(args.stateDir),
        force: args.force === true,
        waitMs: typeof args.wait === "number" ? args.wait : undefined,
      }),
  );
}
