import yargs from "yargs";
import { isKind } from "./profile.ts";
import { isSpecVersion, type SpecVersion } from "./versions.ts";
import { type Kind, kinds } from "./vocabulary.ts";

export const formats = ["table", "json", "junit", "tap"] as const;
export type Format = (typeof formats)[number];

export interface SuiteOptions {
  readonly plugin: string;
  readonly profile: string | undefined;
  readonly config: string | undefined;
  readonly kind: Kind | undefined;
  readonly versions: readonly SpecVersion[] | undefined;
  readonly only: readonly string[];
  readonly skip: readonly string[];
  readonly format: Format;
  readonly output: string | undefined;
  readonly expectations: string | undefined;
  readonly record: boolean;
  readonly pluginDirs: readonly string[];
  readonly parallel: number;
  readonly quiet: boolean;
  readonly list: boolean;
}

export type Parsed =
  | { readonly kind: "run"; readonly usage: SuiteOptions }
  | { readonly kind: "text"; readonly text: string }
  | { readonly kind: "wrong"; readonly message: string };

const text = { type: "string", requiresArg: true } as const;

const options = {
  profile: { ...text, describe: "the plugin's profile: its name in conformance/profiles, or a file" },
  config: { ...text, describe: "the plugin's configuration, with {{holes}}, instead of a profile" },
  kind: { ...text, choices: kinds, describe: "what the plugin is, with --config" },
  versions: { ...text, describe: "versions to run, between commas (default: all that it advertises)" },
  only: {
    ...text,
    default: "",
    describe: "run these requirements only, between commas: P-14a, or P-14 for all of it",
  },
  skip: { ...text, default: "", describe: "leave these requirements out" },
  format: { ...text, choices: formats, default: "table" as Format, describe: "of the report" },
  output: { ...text, describe: "write the report into this file" },
  expectations: { ...text, describe: "a ledger: what comes out otherwise fails, all else does not" },
  record: { type: "boolean", default: false, describe: "write what comes out into the ledger" },
  "plugin-dir": { ...text, array: true, describe: "a folder for CNI_PATH (default: the plugin's own)" },
  parallel: { type: "number", default: 8, describe: "cases at once" },
  quiet: { type: "boolean", default: false, describe: "no progress" },
  list: { type: "boolean", default: false, describe: "print the requirements and end" },
} as const;

/** Reads the command line. */
export async function parseUsage(args: readonly string[], version: string): Promise<Parsed> {
  let printed = "";
  let problem: string | undefined;
  const parser = yargs()
    .scriptName("hawser-conformance")
    .usage(
      "$0 PLUGIN (--profile NAME|FILE | --config FILE --kind KIND)\n\nTries a CNI plugin against the specification. It needs root.",
    )
    .exitProcess(false)
    .detectLocale(false)
    .options(options)
    .demandCommand(0, 1)
    .conflicts("profile", "config")
    .strict()
    .showHelpOnFail(false)
    .wrap(110)
    .help()
    .version(version)
    .epilogue(
      "Exit status: 0 all well, 1 a MUST fails, 3 a SHOULD, 4 another outcome than the ledger's, 5 something could not be tried, 6 something that this kernel cannot do, 2 wrong usage.",
    )
    .fail((message: string, error?: Error) => {
      problem ??= message || (error?.message ?? "the arguments cannot be understood");
    });
  const argv = await parser.parseAsync([...args], {}, (_error: unknown, _argv: unknown, output: string) => {
    printed = output;
  });
  if (problem !== undefined) return { kind: "wrong", message: problem };
  if (printed !== "") return { kind: "text", text: printed };
  const plugin = String(argv._[0] ?? "");
  const versions = split(argv.versions ?? "");
  const wrong = whatIsWrong(argv, plugin, versions);
  if (wrong !== undefined) return { kind: "wrong", message: wrong };
  const {
    profile,
    config,
    kind,
    format,
    output,
    expectations,
    record,
    pluginDir = [],
    parallel,
    quiet,
    list,
  } = argv;
  return {
    kind: "run",
    usage: {
      plugin,
      profile,
      config,
      kind: isKind(kind) ? kind : undefined,
      versions: versions.length === 0 ? undefined : versions.filter(isSpecVersion),
      only: split(argv.only),
      skip: split(argv.skip),
      format: format as Format,
      output,
      expectations,
      record,
      pluginDirs: pluginDir,
      parallel,
      quiet,
      list,
    },
  };
}

interface Raw {
  readonly _: readonly unknown[];
  readonly list: boolean;
  readonly profile?: string | undefined;
  readonly config?: string | undefined;
  readonly kind?: string | undefined;
  readonly record: boolean;
  readonly expectations?: string | undefined;
  readonly parallel: number;
}

function whatIsWrong(argv: Raw, plugin: string, versions: readonly string[]): string | undefined {
  if (argv.list) return undefined;
  if (plugin === "" || argv._.length > 1) return "one plugin has to be given: the path of its executable";
  if (argv.profile === undefined && argv.config === undefined)
    return "either --profile or --config has to be given";
  if (argv.config !== undefined && argv.kind === undefined) return "--config needs --kind";
  if (argv.record && argv.expectations === undefined) return "--record needs --expectations";
  if (!(argv.parallel >= 1)) return "--parallel has to be 1 or more";
  const unknown = versions.filter((version) => !isSpecVersion(version));
  return unknown.length > 0 ? `no version of the specification: ${unknown.join(", ")}` : undefined;
}

function split(list: string): string[] {
  return list.split(",").filter((each) => each !== "");
}
