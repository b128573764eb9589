import yargs, { type Argv } from "yargs";
import type { Command } from "./commands.ts";
import { addGc, duration } from "./gc/usage.ts";
import { attachmentsHelp, described, doctorHelp, explainHelp, mainHelp, showHelp } from "./help.ts";
import { addInstall, addUninstall } from "./install/usage.ts";
import { actionHelps } from "./ipam/help.ts";
import { addIpam, positionals } from "./ipam/usage.ts";
import { addMigrate } from "./migrate/usage.ts";

export type Usage =
  | { readonly kind: "command"; readonly command: Command }
  /** Help or the version: to be printed as it is. */
  | { readonly kind: "text"; readonly text: string }
  | { readonly kind: "wrong"; readonly message: string; readonly helpCommand: string };

export interface UsageDefaults {
  readonly stateDir: string;
  readonly confDir: string;
  readonly version: string;
  /** Characters in a line of help. */
  readonly columns: number;
}

const pluginDirs = ["/opt/cni/bin", "/usr/lib/cni"];

/** Reads the arguments of a person's call. Nothing is run: yargs only tells what was asked for. */
export async function parseUsage(args: readonly string[], defaults: UsageDefaults): Promise<Usage> {
  const seen: { command?: Command; problem?: string } = {};
  const take = (command: Command) => {
    seen.command = command;
  };
  const parser = withCommands(newParser(defaults), defaults, take).fail((message: string, error?: Error) => {
    // The first is what the person did, later ones follow from it.
    seen.problem ??= inWords(args, message || (error?.message ?? "the arguments cannot be understood"));
  });
  let text = "";
  await parser.parseAsync(withAllFolders(args), {}, (_error: unknown, _argv: unknown, output: string) => {
    text = output;
  });
  if (seen.problem !== undefined) {
    return { kind: "wrong", message: seen.problem, helpCommand: helpCommand(args) };
  }
  if (text !== "") return { kind: "text", text };
  if (seen.command !== undefined) return { kind: "command", command: seen.command };
  return { kind: "text", text: await parser.getHelp() };
}

/** Of an option that is given twice yargs keeps the last; of folders of plugins all are meant, written as in CNI_PATH. */
function withAllFolders(args: readonly string[]): string[] {
  const option = "--plugin-dir";
  const folders: string[] = [];
  const rest: string[] = [];
  for (let at = 0; at < args.length; at++) {
    const [arg = "", next = "-"] = args.slice(at, at + 2);
    const isPair = arg === option && !next.startsWith("-");
    if (isPair) at++;
    if (isPair || arg.startsWith(`${option}=`)) folders.push(isPair ? next : arg.slice(option.length + 1));
    else rest.push(arg);
  }
  return folders.length === 0 ? rest : [...rest, option, folders.join(":")];
}

/** `--plugin-dir`, as it was given. */
function foldersOf(given: readonly string[] | undefined): readonly string[] {
  return given === undefined
    ? pluginDirs
    : given.flatMap((each) => each.split(":")).filter((each) => each !== "");
}

/** yargs counts what it misses; a person wants it named. */
function inWords([first, second = ""]: readonly string[], message: string): string {
  if (!message.startsWith("Not enough non-option arguments")) return message.replaceAll(/\s+/g, " ");
  if (first === "migrate") return "Missing argument: from what (multus)";
  return `Missing argument: ${first === "ipam" ? (positionals[second] ?? "command") : "container"}`;
}

function helpCommand([first = "", second = ""]: readonly string[]): string {
  if (first === "attachments" && second === "show") return "hawser attachments show --help";
  if (first === "ipam" && second in actionHelps) return `hawser ipam ${second} --help`;
  return ["explain", "attachments", "doctor", "gc", "ipam", "migrate", "install", "uninstall"].includes(first)
    ? `hawser ${first} --help`
    : "hawser --help";
}

function newParser({ version, columns }: UsageDefaults): Argv {
  const parser = yargs()
    .scriptName("hawser")
    .exitProcess(false)
    // Its translations are files that are not in the executable.
    .detectLocale(false)
    .wrap(columns)
    .parserConfiguration({
      "boolean-negation": false,
      "duplicate-arguments-array": false,
      "greedy-arrays": false,
      "parse-numbers": false,
      "parse-positional-numbers": false,
    })
    .strict()
    .strictCommands()
    .showHelpOnFail(false)
    .help();
  return described(parser, mainHelp).version(version);
}

type Take = (command: Command) => void;

function withCommands(parser: Argv, defaults: UsageDefaults, take: Take): Argv {
  const known = addDoctor(addAttachments(addExplain(parser, take), defaults, take), defaults, take);
  addMigrate(known, defaults, (migrate) => take({ kind: "migrate", migrate }));
  addGc(known, { ...defaults, pluginDirs }, ({ pluginDirs, ...gc }) =>
    take({ kind: "gc", gc: { ...gc, pluginDirs: foldersOf(pluginDirs) } }),
  );
  addIpam(known, defaults, (ipam) => take({ kind: "ipam", ipam }));
  addInstall(known, defaults, (install) => take({ kind: "install", install }));
  return addUninstall(known, defaults, (uninstall) => take({ kind: "uninstall", uninstall }));
}

const json = { type: "boolean", describe: "print JSON, for machines" } as const;
const text = { type: "string", requiresArg: true } as const;

const explainOptions = {
  config: { ...text, demandOption: true, describe: "configuration or list with hawser in it" },
  annotations: { ...text, describe: "the pod's annotations as a JSON object, or only its networks" },
  pod: { ...text, describe: "a file with the pod's manifest, as kubectl apply takes it" },
  namespace: { ...text, describe: "the pod's namespace" },
  "pod-name": { ...text, describe: "the pod's name; of several pods in the file, which" },
  ifname: { ...text, default: "eth0", describe: "the pod's first interface" },
  definitions: { ...text, describe: "the folder of definitions (default: the configuration's)" },
  "conf-dir": { ...text, describe: "the folder of networks that it names (default: the configuration's)" },
  "prev-result": { ...text, describe: "file with the result of the plugins before hawser" },
  json,
} as const;

function addExplain(parser: Argv, take: Take): Argv {
  return parser.command(
    "explain",
    "Show what a pod would get, without doing any of it",
    (command) => described(command, explainHelp).options(explainOptions).conflicts("annotations", "pod"),
    ({
      config,
      annotations,
      pod,
      namespace,
      podName,
      ifname,
      prevResult,
      definitions,
      confDir,
      json = false,
    }) =>
      take({
        kind: "explain",
        ...{ config, annotations, pod, namespace, podName, ifname, prevResult, definitions, confDir, json },
      }),
  );
}

function addAttachments(parser: Argv, { stateDir }: UsageDefaults, take: Take): Argv {
  const options = {
    "state-dir": { ...text, default: stateDir, describe: "the folder of records" },
    json,
  } as const;
  const listing = {
    quiet: { type: "boolean", alias: "q", describe: "print container IDs only, each once" },
    wait: {
      ...text,
      coerce: duration("wait"),
      describe: "wait so long until nothing is attached any more (10m)",
    },
    ...options,
  } as const;
  const container = {
    type: "string",
    demandOption: true,
    describe: "container ID, or its beginning",
  } as const;
  return parser.command(
    "attachments",
    "Show what this node holds",
    (command) =>
      described(command, attachmentsHelp)
        .options(listing)
        .command(
          "show <container>",
          "Print all that is recorded of a container",
          (show) => described(show, showHelp).positional("container", container).options(options),
          ({ container, stateDir, json = false }) => take({ kind: "show", container, stateDir, json }),
        ),
    ({ stateDir, json = false, quiet = false, wait: waitMs }) =>
      take({ kind: "attachments", stateDir, json, quiet, waitMs }),
  );
}

function addDoctor(parser: Argv, { confDir }: UsageDefaults, take: Take): Argv {
  const options = {
    config: { ...text, describe: "only this configuration" },
    ready: { type: "boolean", describe: "only whether hawser install has put all in its place" },
    root: { ...text, default: "", describe: "with --ready: where the node's root is mounted" },
    "own-dir": { ...text, default: "/etc/cni/hawser", describe: "with --ready: as for install" },
    "conf-dir": { ...text, default: confDir, describe: "the runtime's folder of configurations" },
    "plugin-dir": {
      ...text,
      array: true,
      describe: `a folder of plugins (default ${pluginDirs.join(", ")}); may be repeated`,
    },
    "cluster-definitions": { ...text, describe: "a file of kubectl's: which of its definitions are refused" },
    json,
  } as const;
  return parser.command(
    "doctor",
    "Find what is wrong on this node, and say what to do",
    (command) => described(command, doctorHelp).options(options),
    ({ config, confDir, pluginDir, clusterDefinitions, ready = false, root, ownDir, json = false }) =>
      take({
        kind: "doctor",
        ...{
          config,
          confDir,
          pluginDirs: foldersOf(pluginDir),
          clusterDefinitions,
          ready,
          root,
          ownDir,
          json,
        },
      }),
  );
}
