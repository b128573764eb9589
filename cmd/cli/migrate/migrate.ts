import { parseNetworkConfig } from "../../../cni/config.ts";
import { type CniError, within } from "../../../cni/errors.ts";
import { printJson } from "../../../cni/json.ts";
import type { MetaConfig } from "../../../plugins/meta/config/config.ts";
import { metaTeardown } from "../../../plugins/meta/config/config.ts";
import { parseMetaConfig } from "../../../plugins/meta/config/parse.ts";
import { fail, type Outcome, ok } from "../../../sys/outcome.ts";
import type { Sys } from "../../../sys/sys.ts";
import { type JudgedDefinitions, judgeDefinitions } from "../cluster-definitions.ts";
import { type Context, defineCommand } from "../command.ts";
import { clusterDefinitions, confDir, json, stateDir } from "../common-options.ts";
import { printFailure } from "../failure.ts";
import { argument, flag, text, type ValuesOf } from "../option.ts";
import { confirmed, type Person } from "../person.ts";
import { formatTable } from "../table.ts";
import { paint, plain, printDocument, type Terminal } from "../terminal.ts";
import { type FoundMultus, findMultus } from "./find-multus.ts";
import { type PlannedTakeOver, planTakeOver, type TakeOver, takeOver } from "./take-over.ts";
import { type Translation, translate } from "./translate.ts";

const multusCache = "/var/lib/cni/multus";

const options = {
  from: argument("from what (multus)", "whose attachments", ["multus"]),
  config: text("Multus's configuration (default: the first in conf-dir)"),
  confDir,
  daemonConfig: text("the daemon's configuration, of a thick Multus"),
  cniDir: text("Multus's cache (default: as its configuration says)"),
  results: text("the runtime's cache", { default: "/var/lib/cni/results" }),
  stateDir,
  clusterDefinitions,
  takeOver: flag("record what Multus has attached"),
  all: flag("also where the namespace is gone"),
  dryRun: flag("only show what would be recorded"),
  yes: flag("ask nothing"),
  json,
};
type MigrateOptions = Omit<ValuesOf<typeof options>, "from">;

export const migrateCommand = defineCommand({
  summary: "Take over what another meta-plugin has attached",
  takes: "multus [--take-over]",
  about: [
    "Reads this node's Multus: its configuration and what it has attached. Prints the configuration in",
    "hawser's words, what would change, and the containers. With --take-over their attachments are recorded,",
    "after a question, so that hawser checks and deletes them; Multus's own files stay. May be run again.",
  ],
  options,
  examples: [
    ["what it would come to", "sudo hawser migrate multus"],
    [
      "a thick Multus, with its daemon's configuration",
      "hawser migrate multus --daemon-config daemon-config.json",
    ],
    ["running pods, without a question", "sudo hawser migrate multus --take-over --yes"],
    ["what that would do, for machines", "hawser migrate multus --take-over --dry-run --json"],
  ],
  exits: "0 done, 1 something cannot be read or was refused, 2 the command was used wrongly",
  run,
});

async function run(sys: Sys, { terminal, person }: Context, options: MigrateOptions): Promise<number> {
  const found = findMultus(sys, options);
  if (!found.ok) return printFailure(terminal, found.error, options.json);
  const config = await configOf(found.value);
  if (!config.ok) return printFailure(terminal, config.error, options.json);
  const translation = await translate(sys, found.value, config.value);
  const about = aboutOf(found.value, config.value, options);
  const planned = planTakeOver(sys, about);
  const judged = await judge(sys, config.value, translation, options);
  if (!judged.ok) return printFailure(terminal, judged.error, options.json);
  if (!options.json) printPlan(terminal, found.value, translation, about, planned);
  if (!options.json && judged.value !== undefined) printJudged(terminal, judged.value);
  const done = await carryOut(sys, about, planned, options, person);
  if (!done.ok) return printFailure(terminal, done.error, options.json);
  if (options.json) {
    const document = documentOf(found.value, translation, about, done.value, options);
    printDocument(terminal, { ...document, ...(judged.value && { clusterDefinitions: judged.value }) });
  } else printResult(terminal, options, done.value);
  return done.value.some(({ verdict }) => verdict === "unreadable") ? 1 : 0;
}

async function configOf({ path, plugin }: FoundMultus): Promise<Outcome<MetaConfig, CniError>> {
  const network = parseNetworkConfig(printJson(plugin));
  if (!network.ok) return fail(within(`read ${path}`, network.error.error));
  const config = await parseMetaConfig(network.value);
  return config.ok ? config : fail(within(`read ${path}`, config.error));
}

/** Finds the cluster's definitions that hawser would refuse. Answers undefined without --cluster-definitions. */
async function judge(
  sys: Sys,
  { network }: MetaConfig,
  { own }: Translation,
  { clusterDefinitions }: MigrateOptions,
): Promise<Outcome<JudgedDefinitions | undefined, CniError>> {
  if (clusterDefinitions === undefined) return ok(undefined);
  const parsed = parseNetworkConfig(printJson({ ...own, name: network.name }));
  if (!parsed.ok) return fail(parsed.error.error);
  const config = await parseMetaConfig(parsed.value);
  return config.ok ? judgeDefinitions(sys, config.value, clusterDefinitions) : config;
}

function printJudged(terminal: Terminal, { count, refused }: JudgedDefinitions): void {
  terminal.print("");
  terminal.print(
    paint(terminal, "bold", `Definitions of the cluster: ${refused.length} of ${count} would be refused`),
  );
  for (const { name, error } of refused) {
    terminal.print(plain(`  ${name}: ${error.msg}`));
    terminal.print(plain(`    ${error.details}`));
  }
}

function aboutOf({ plugin }: FoundMultus, config: MetaConfig, options: MigrateOptions): TakeOver {
  const { cniDir } = plugin;
  return {
    network: config.network,
    cniDir: options.cniDir ?? (typeof cniDir === "string" && cniDir !== "" ? cniDir : multusCache),
    results: options.results,
    stateDir: options.stateDir,
    path: [metaTeardown(config.network).binDir],
    all: options.all,
  };
}

async function carryOut(
  sys: Sys,
  about: TakeOver,
  planned: readonly PlannedTakeOver[],
  { takeOver: wanted, dryRun, yes }: MigrateOptions,
  person: Person,
): Promise<Outcome<PlannedTakeOver[], CniError>> {
  const fresh = planned.filter(({ verdict }) => verdict === "new");
  if (!wanted || dryRun || fresh.length === 0) return ok([...planned]);
  const agreed = await confirmed(person, yes, `Take over ${plural(fresh.length, "container")}?`);
  return agreed.ok ? takeOver(sys, about, planned) : agreed;
}

function printPlan(
  terminal: Terminal,
  { path, kind }: FoundMultus,
  { configuration, definitions, changes }: Translation,
  { cniDir }: TakeOver,
  planned: readonly PlannedTakeOver[],
): void {
  const title = (text: string) => terminal.print(paint(terminal, "bold", text));
  const section = (text: string) => {
    terminal.print("");
    title(text);
  };
  title(`Multus (${kind}), ${plain(path)}, in hawser's words:`);
  printDocument(terminal, configuration);
  for (const definition of definitions) {
    section(`Definition ${plain(definition.path)}:`);
    printDocument(terminal, definition.content);
  }
  section("What would change:");
  for (const { field, what } of changes) terminal.print(plain(`  ${field}: ${what}`));
  if (changes.length === 0) terminal.print("  nothing");
  section(`Attached by Multus (${plain(cniDir)}):`);
  terminal.print(planned.length === 0 ? "  nothing" : tableOf(terminal, planned));
}

const shownIdLength = 12;

function tableOf(terminal: Terminal, planned: readonly PlannedTakeOver[]): string {
  const rows = planned.map(({ container, record, verdict, why }) => [
    record?.pod === undefined ? "-" : `${record.pod.namespace}/${record.pod.name}`,
    container.containerId.slice(0, shownIdLength),
    (record?.carried ?? []).map(({ step }) => `${step.ifname}=${step.network}`).join(" ") || "-",
    why === "" ? verdict : `${verdict}: ${why}`,
  ]);
  return formatTable(["POD", "CONTAINER", "INTERFACES", "RECORD"], rows, terminal.columns).join("\n");
}

function printResult(terminal: Terminal, options: MigrateOptions, done: readonly PlannedTakeOver[]): void {
  const count = done.filter(({ verdict }) => verdict === "new").length;
  if (!options.takeOver) {
    if (count > 0) terminal.print("Nothing was written. --take-over records what is attached.");
  } else if (options.dryRun) {
    terminal.print(`Would take over ${plural(count, "container")}. Nothing was written.`);
  } else {
    terminal.print(`Took over ${plural(count, "container")}.`);
  }
}

function documentOf(
  { path, kind }: FoundMultus,
  { configuration, definitions, changes }: Translation,
  { cniDir, stateDir }: TakeOver,
  done: readonly PlannedTakeOver[],
  { takeOver: wanted, dryRun }: MigrateOptions,
): Record<string, unknown> {
  const attachments = done.map(({ container, record, verdict, why }) => ({
    containerId: container.containerId,
    ...(record?.pod === undefined ? {} : { pod: `${record.pod.namespace}/${record.pod.name}` }),
    interfaces: (record?.carried ?? []).map(({ step }) => ({ ifname: step.ifname, network: step.network })),
    verdict,
    ...(why === "" ? {} : { why }),
  }));
  const wrote = wanted && !dryRun;
  return {
    multus: { path, kind, cniDir },
    stateDir,
    wrote,
    configuration,
    definitions,
    changes,
    attachments,
  };
}

function plural(count: number, noun: string): string {
  return `${count} ${noun}${count === 1 ? "" : "s"}`;
}
