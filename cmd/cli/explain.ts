import type { CniError } from "../../cni/errors.ts";
import { ownPluginOf } from "../../cni/native.ts";
import { maskRecord } from "../../cni/secrets.ts";
import { type ExplainedAttachment, type Explanation, explain } from "../../plugins/meta/explanation.ts";
import { acceptConfig, personsQuestion, planAdd } from "../../plugins/meta/plan-add.ts";
import { type Outcome, ok } from "../../sys/outcome.ts";
import type { Sys } from "../../sys/sys.ts";
import { type Context, defineCommand } from "./command.ts";
import { json } from "./common-options.ts";
import type { Configuration } from "./configuration.ts";
import { type ExplainInput, readExplainInput } from "./explain-input.ts";
import { type Placed, placeHere, withOptions } from "./explain-places.ts";
import { printFailure } from "./failure.ts";
import { text, type ValuesOf } from "./option.ts";
import { formatTable } from "./table.ts";
import { paint, plain, printDocument, type Terminal } from "./terminal.ts";

const options = {
  config: text("configuration or list with hawser in it", { required: true }),
  annotations: text("the pod's annotations as a JSON object, or only its networks"),
  pod: text("a file with the pod's manifest, as kubectl apply takes it"),
  namespace: text("the pod's namespace"),
  podName: text("the pod's name; of several pods in the file, which"),
  ifname: text("the pod's first interface", { default: "eth0" }),
  definitions: text("the folder of definitions (default: the configuration's)"),
  confDir: text("the folder of networks that it names (default: the configuration's)"),
  prevResult: text("file with the result of the plugins before hawser"),
  json,
};
type ExplainOptions = ValuesOf<typeof options>;

export const explainCommand = defineCommand({
  summary: "Show what a pod would get, without doing any of it",
  takes: "--config FILE [--annotations TEXT | --pod FILE]",
  about: [
    "Shows the plan of an ADD: which networks in which order under which interface names,",
    "where each is defined, what each delegate is sent and which verbs it is asked.",
    "Nothing is run and nothing is written. Away from the node, what lies beside the configuration stands in",
    "for folders that are not there: definitions in net.d/<namespace>/, networks in its own folder.",
  ],
  options,
  conflicts: { annotations: ["pod"] },
  examples: [
    ["two networks in the short form", exampleOf("--annotations 'storage, blue/data@net7'")],
    ["one in the JSON form", exampleOf(`--annotations '[{"name": "storage"}]'`)],
    ["a pod's manifest, for machines", exampleOf("--pod pod.yaml --json")],
    ["with definitions that are elsewhere", exampleOf("--pod pod.yaml --definitions net.d")],
  ],
  exits: "0 an ADD could be planned, 1 it would be refused, 2 the command was used wrongly",
  run,
});

function exampleOf(rest: string): string {
  return `hawser explain --config 10-hawser.conflist ${rest}`;
}

async function run(sys: Sys, { terminal }: Context, options: ExplainOptions): Promise<number> {
  const input = await readExplainInput(sys, options);
  if (!input.ok) return printFailure(terminal, input.error, options.json);
  const { configuration } = input.value;
  const placed = await place(sys, input.value, options);
  const explanation = placed.ok ? await explainPlaced(sys, input.value, placed.value) : placed;
  const notes = [...input.value.notes, ...(placed.ok ? placed.value.notes : [])];
  if (!explanation.ok) {
    // The plan may fail because of an input that explain made up, so the notes are printed first.
    if (!options.json) printNotes(terminal, notes);
    const { error } = explanation;
    return printFailure(
      terminal,
      placed.ok ? withOptions(sys, error, placed.value, options) : error,
      options.json,
    );
  }
  if (options.json) {
    printDocument(terminal, { config: configuration.path, ...explanation.value, notes });
    return 0;
  }
  printHead(terminal, configuration, explanation.value);
  printPlan(terminal, explanation.value);
  printRoutes(terminal, explanation.value);
  printNotes(terminal, notes);
  for (const attachment of explanation.value.attachments) printDelegates(terminal, attachment);
  return 0;
}

async function place(
  sys: Sys,
  { invocation }: ExplainInput,
  options: ExplainOptions,
): Promise<Outcome<Placed, CniError>> {
  const config = await acceptConfig(invocation.config);
  return config.ok ? ok(placeHere(sys, config.value, options)) : config;
}

async function explainPlaced(
  sys: Sys,
  { invocation }: ExplainInput,
  { config }: Placed,
): Promise<Outcome<Explanation, CniError>> {
  const planned = await planAdd(sys, config, invocation, personsQuestion);
  // The output ends up in terminals and tickets, so secrets are masked.
  return planned.ok ? ok(maskRecord(explain(config, planned.value.prepared))) : planned;
}

function printHead(terminal: Terminal, configuration: Configuration, explanation: Explanation): void {
  const { network, pod } = explanation;
  const who = pod === undefined ? "a pod" : `pod ${pod.namespace}/${pod.name}`;
  terminal.print(paint(terminal, "bold", plain(`What ${who} gets of network ${network}`)));
  terminal.print(`  configuration  ${plain(configuration.path)}`);
  terminal.print(`  primary        ${plain(primaryLine(configuration, explanation))}`);
  terminal.print(`  order          ${orderLine(explanation)}`);
  terminal.print(`  result         ${resultLine(explanation)}`);
}

function primaryLine({ before }: Configuration, { primary }: Explanation): string {
  if (primary === "hawser") return "attached by hawser";
  const types = before.map((plugin) => String(plugin.type)).join(", ");
  return `not hawser's: it is chained behind ${types === "" ? "the plugin of --prev-result" : types}`;
}

function orderLine({ parallel, attachments }: Explanation): string {
  if (attachments.length === 0) return "nothing is attached";
  return parallel
    ? "the secondaries at once, after the primary; DEL the other way round"
    : "one after the other; DEL the other way round";
}

function resultLine({ result }: Explanation): string {
  return result === "merged"
    ? "the interfaces and addresses of all"
    : "the interfaces and addresses of the primary only";
}

function printPlan(terminal: Terminal, { attachments }: Explanation): void {
  if (attachments.length === 0) return;
  const [header = "", ...rows] = formatTable(
    ["#", "ROLE", "INTERFACE", "NETWORK", "PLUGINS", "WANTED BY", "VERBS", "DEFINED IN"],
    attachments.map((each) => [
      String(each.order),
      each.role,
      each.ifname,
      // An inline delegate belongs to the configuration's own network.
      each.role === "primary" && each.origin === "configuration" ? each.name : each.network,
      each.plugins.map((plugin) => runnerOf(each, typeOf(plugin))).join(", "),
      each.origin,
      each.verbs.join(" "),
      each.source,
    ]),
    terminal.columns,
  );
  terminal.print("");
  terminal.print([paint(terminal, "bold", header), ...rows].join("\n"));
  for (const { ifname, asked, args, resource, deviceId, mac, executables = [] } of attachments) {
    if (asked.length > 0) terminal.print(`\n${plain(ifname)}: the pod asks for ${asked.join(", ")}`);
    if (args !== undefined) terminal.print(`\n${plain(`${ifname}: its plugins find ${args} in CNI_ARGS`)}`);
    if (mac !== undefined) terminal.print(`\n${plain(`${ifname}: ${macLine}`)}`);
    for (const { type, field } of executables)
      terminal.print(
        `\n${plain(`${ifname}: the executable ${type} is run, as hawser's own does not understand ${field}`)}`,
      );
    if (resource === undefined) continue;
    const which = deviceId ?? "the one that the kubelet assigns";
    terminal.print(`\n${plain(`${ifname}: takes a device of ${resource}: ${which}`)}`);
  }
}

const macLine = "has the MAC address of the pod's identity, which hawser-flat tells (hawser ipam predict)";

/** Prints what happens to default routes after the attachments. */
function printRoutes(terminal: Terminal, { defaultRoutes }: Explanation): void {
  if (defaultRoutes === undefined) return;
  const { gateways, withdrawn } = defaultRoutes;
  terminal.print(`\n${paint(terminal, "bold", "Then the pod's default routes:")}`);
  for (const { family, address, ifname } of gateways)
    terminal.print(
      plain(`  IPv${family} goes by ${address} on ${ifname}; no other default route of IPv${family} stays`),
    );
  for (const ifname of withdrawn) terminal.print(plain(`  ${ifname} loses its own`));
}

function printNotes(terminal: Terminal, notes: readonly string[]): void {
  for (const note of notes) terminal.print(`\n${paint(terminal, "yellow", "Note:")} ${note}`);
}

function printDelegates(terminal: Terminal, { ifname, name, plugins }: ExplainedAttachment): void {
  for (const [index, plugin] of plugins.entries()) {
    const previous = index === 0 ? "" : ", and the result of the plugin before it as prevResult";
    const title = plain(`${ifname}: ${typeOf(plugin)} of network ${name} reads${previous}`);
    terminal.print(`\n${paint(terminal, "bold", title)}`);
    printDocument(terminal, plugin);
  }
}

/** The name of the plugin that is run for a type: ours, or the executable's. */
function runnerOf({ native = [] }: ExplainedAttachment, type: string): string {
  return native.includes(type) ? ownPluginOf(type) : type;
}

function typeOf({ type }: { readonly [key: string]: unknown }): string {
  return String(type);
}
