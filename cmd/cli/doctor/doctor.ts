import { podAnnotationsCapability } from "../../../kube/pod.ts";
import type { Sys } from "../../../sys/sys.ts";
import type { DoctorOptions } from "../commands.ts";
import type { Configuration } from "../configuration.ts";
import { readHeldRecords } from "../held.ts";
import { paint, plain, printDocument, type Terminal } from "../terminal.ts";
import { checkApi, type Surroundings } from "./check-api.ts";
import { checkCapabilities, checkConfig } from "./check-config.ts";
import { checkDefinitions, type Wanting } from "./check-definitions.ts";
import { checkDevices } from "./check-devices.ts";
import { checkStateDir, checkTrusted } from "./check-folders.ts";
import { checkOtherPlugins } from "./check-others.ts";
import { checkPlugins, typesIn } from "./check-plugins.ts";
import { checkPools } from "./check-pools.ts";
import { checkLocks, checkRecords, checkStatuses } from "./check-records.ts";
import { checkTools } from "./check-tools.ts";
import { checkTrust } from "./check-trust.ts";
import type { Finding } from "./finding.ts";
import { survey } from "./survey.ts";

/** `hawser doctor`: what is wrong on this node, and what to do. Reads only. */
export async function doctorCommand(sys: Sys, terminal: Terminal, options: DoctorOptions): Promise<number> {
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
  // Two configurations mostly share their folders and plugins.
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
    ...(await checkPools(sys, [listOf(configuration), ...definitions.wanting])),
    ...checkTools(sys),
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
