import { podAnnotationsCapability } from "../../../kube/pod.ts";
import type { Sys } from "../../../sys/sys.ts";
import { type Context, defineCommand } from "../command.ts";
import { clusterDefinitions, confDir, json, pluginDirs } from "../common-options.ts";
import type { Configuration } from "../configuration.ts";
import { readHeldRecords } from "../held.ts";
import { flag, text, type ValuesOf } from "../option.ts";
import { paint, plain, printDocument, type Terminal } from "../terminal.ts";
import { checkApi, type Surroundings } from "./check-api.ts";
import { checkCapabilities, checkConfig } from "./check-config.ts";
import { checkDefinitions, type Wanting } from "./check-definitions.ts";
import { checkDevices } from "./check-devices.ts";
import { checkStateDir, checkTrusted } from "./check-folders.ts";
import { checkOtherPlugins } from "./check-others.ts";
import { checkPlugins, tellExecutables, typesIn } from "./check-plugins.ts";
import { checkPools } from "./check-pools.ts";
import { checkLocks, checkRecords, checkStatuses } from "./check-records.ts";
import { checkTrust } from "./check-trust.ts";
import type { Finding } from "./finding.ts";
import { tellReady } from "./ready.ts";
import { survey } from "./survey.ts";

const options = {
  config: text("only this configuration"),
  ready: flag("only whether hawser install has put all in its place"),
  root: text("with --ready: where the node's root is mounted", { default: "" }),
  ownDir: text("with --ready: as for install", { default: "/etc/cni/hawser" }),
  confDir,
  pluginDirs,
  clusterDefinitions,
  json,
};
type DoctorOptions = ValuesOf<typeof options>;

export const doctorCommand = defineCommand({
  summary: "Find what is wrong on this node, and say what to do",
  takes: "[--config FILE | --conf-dir DIR]",
  about: [
    "Checks configuration, network definitions, plugin executables, capabilities, folders and rights,",
    "records and locks, and says what to do about each finding. Changes nothing.",
  ],
  options,
  examples: [
    ["this node, as the runtime finds it", "sudo hawser doctor"],
    [
      "whether an installation is complete, as the DaemonSet's probe asks",
      "hawser doctor --ready --root /host",
    ],
    [
      "one file, with plugins elsewhere",
      "hawser doctor --config 10-hawser.conflist --plugin-dir build/plugins",
    ],
    ["what of a cluster would be refused", "hawser doctor --cluster-definitions definitions.json"],
  ],
  exits: "0 no problem (there may be warnings), 1 a problem, 2 the command was used wrongly",
  run: async (sys, context, options) =>
    options.ready
      ? tellReady(sys, context.terminal, options, context.program.executable)
      : tellFindings(sys, context, options),
});

async function tellFindings(sys: Sys, { terminal }: Context, options: DoctorOptions): Promise<number> {
  const findings = await examine(sys, options);
  const count = (level: Finding["level"]) => findings.filter((finding) => finding.level === level).length;
  const problems = count("problem");
  const warnings = count("warning");
  if (options.json) {
    printDocument(terminal, { problems, warnings, findings });
  } else {
    for (const finding of findings) printFinding(terminal, finding);
    terminal.print(`\n${plural(problems, "problem")}, ${plural(warnings, "warning")}, ${count("ok")} fine.`);
  }
  return problems > 0 ? 1 : 0;
}

async function examine(sys: Sys, options: DoctorOptions): Promise<Finding[]> {
  const { configurations, findings } = survey(sys, options);
  const all = [...findings];
  for (const configuration of configurations) all.push(...(await examineOne(sys, configuration, options)));
  // Two configurations often share folders and plugins, and then give the same finding twice.
  return [...new Map(all.map((finding) => [JSON.stringify(finding), finding])).values()];
}

async function examineOne(
  sys: Sys,
  configuration: Configuration,
  { pluginDirs, clusterDefinitions }: DoctorOptions,
): Promise<Finding[]> {
  const { config, findings } = await checkConfig(configuration);
  if (config === undefined) return [...findings];
  const { binDir, stateDir, definitionsDir } = config;
  const folders = [...new Set(binDir === "" ? pluginDirs : [binDir, ...pluginDirs])];
  const definitions = await checkDefinitions(sys, config);
  const plugins = checkPlugins(sys, typesIn([listOf(configuration), ...definitions.wanting]), folders);
  return [
    ...findings,
    ...checkOtherPlugins(configuration, definitions.wanting),
    ...(await checkCapabilities(sys, configuration, config)),
    ...(await checkApi(sys, config, surroundings(sys, configuration, stateDir))),
    ...definitions.findings,
    ...(await checkTrust(sys, config, clusterDefinitions)),
    ...checkDevices(sys, config),
    ...plugins.findings,
    ...tellExecutables(definitions.wanting),
    ...(await checkPools(sys, [listOf(configuration), ...definitions.wanting])),
    ...checkTrusted(sys, configuration.path, [configuration.path]),
    ...checkTrusted(sys, definitionsDir, definitions.paths),
    ...checkTrusted(sys, "plugin folders", [...folders, ...plugins.paths]),
    ...checkStateDir(sys, stateDir),
    ...checkRecords(sys, stateDir),
    ...checkStatuses(sys, stateDir),
    ...checkLocks(sys, stateDir),
  ];
}

function surroundings(sys: Sys, { capabilities }: Configuration, stateDir: string): Surroundings {
  const held = readHeldRecords(sys, stateDir);
  const pods = (held.ok ? held.value : []).flatMap(({ state }) =>
    state.kind === "attached" && state.record.pod !== undefined ? [state.record.pod] : [],
  );
  return { annotationsComeAlong: capabilities.includes(podAnnotationsCapability), pods };
}

/** The plugins that the runtime itself calls, hawser among them. */
function listOf({ path, before, plugin, after }: Configuration): Wanting {
  return { user: path, plugins: [...before, plugin, ...after] };
}

const colours = { ok: "green", warning: "yellow", problem: "red" } as const;

function printFinding(terminal: Terminal, { level, area, what, why, todo }: Finding): void {
  const label = paint(terminal, colours[level], level.padEnd(7));
  terminal.print(`${label}  ${area.padEnd(13)}  ${plain(what)}`);
  if (why !== "") terminal.print(`${" ".repeat(24)}  why: ${plain(why)}`);
  if (todo !== "") terminal.print(`${" ".repeat(24)}  do:  ${plain(todo)}`);
}

function plural(count: number, noun: string): string {
  return `${count} ${noun}${count === 1 ? "" : "s"}`;
}
