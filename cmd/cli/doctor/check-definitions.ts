import { misplacedCapabilities } from "../../../cni/chain.ts";
import type { CniError } from "../../../cni/errors.ts";
import type { JsonObject } from "../../../cni/json.ts";
import { type ListedDefinition, listDefinitions } from "../../../kube/definition-files.ts";
import type { MetaConfig } from "../../../plugins/meta/config/config.ts";
import { type NotOurs, notOurs } from "../../../plugins/meta/plan/native-types.ts";
import type { Plan } from "../../../plugins/meta/plan/plan.ts";
import { planEveryPods } from "../../../plugins/meta/prepare.ts";
import { fail, type Outcome } from "../../../sys/outcome.ts";
import type { Sys } from "../../../sys/sys.ts";
import { type Finding, fine, problemOf, warning } from "./finding.ts";

/** Plugins, and for people the name of what uses them. */
export interface Wanting {
  readonly user: string;
  readonly plugins: readonly JsonObject[];
  /** The types of these that hawser's own plugins are run for. */
  readonly native?: readonly string[];
  /** The types that executables are run for only because of a field. */
  readonly executables?: readonly NotOurs[];
}

export interface CheckedDefinitions {
  readonly findings: readonly Finding[];
  readonly wanting: readonly Wanting[];
  /** Files and folders that decide what a pod can have. */
  readonly paths: readonly string[];
}

/** Checks the networks that every pod gets, then each definition as if a pod asked for it. */
export async function checkDefinitions(sys: Sys, config: MetaConfig): Promise<CheckedDefinitions> {
  const { definitionsDir } = config;
  const everyPods = planOf(config, await planEveryPods(sys, config), "No ADD succeeds until then.");
  const listed = listDefinitions(sys, definitionsDir);
  if (!listed.ok) {
    const findings = [...everyPods.findings, noDefinitions(sys, definitionsDir, listed.error)];
    return { findings, wanting: everyPods.wanting, paths: [] };
  }
  const each: Planned[] = [];
  for (const definition of listed.value) {
    each.push(
      planOf(config, await planAlone(sys, config, definition), "A pod that asks for it does not start."),
    );
  }
  const misplaced = listed.value.flatMap(misplacedFindings);
  const broken = each.flatMap(({ findings }) => findings);
  const sound = each.length - broken.length;
  const summary = fine(
    "definitions",
    `${definitionsDir}: ${sound} of ${each.length} definitions can be planned`,
  );
  return {
    findings: [
      ...everyPods.findings,
      ...broken,
      ...misplaced,
      ...(sound > 0 || each.length === 0 ? [summary] : []),
    ],
    wanting: [everyPods, ...each].flatMap(({ wanting }) => wanting),
    paths: [definitionsDir, ...listed.value.flatMap((definition) => pathsOf(definitionsDir, definition))],
  };
}

function misplacedFindings({ definition }: ListedDefinition): Finding[] {
  const names = definition.ok ? misplacedCapabilities(definition.value.config ?? {}) : [];
  if (!definition.ok || names.length === 0) return [];
  const entries = names.map((name) => `"${name}": true`).join(", ");
  return [
    warning(
      "definitions",
      `${definition.value.source} declares ${names.join(" and ")} beside "plugins"`,
      "Nobody looks for it there.",
      `Move "capabilities": {${entries}} into the plugin that supports it.`,
    ),
  ];
}

interface Planned {
  readonly findings: readonly Finding[];
  readonly wanting: readonly Wanting[];
}

function planOf({ native }: MetaConfig, plan: Outcome<Plan, CniError>, consequence: string): Planned {
  if (!plan.ok) {
    return { findings: [problemOf("definitions", plan.error, `Correct it. ${consequence}`)], wanting: [] };
  }
  const wanting = plan.value.map(({ role, network, chain }) => ({
    user: `${role} network ${network}`,
    plugins: chain.plugins,
    ...(chain.native !== undefined && { native: chain.native }),
    ...(native === "prefer" && { executables: notOurs(chain) }),
  }));
  return { findings: [], wanting };
}

async function planAlone(
  sys: Sys,
  config: MetaConfig,
  { namespace, name, definition }: ListedDefinition,
): Promise<Outcome<Plan, CniError>> {
  if (!definition.ok) return fail(definition.error);
  const alone: MetaConfig = {
    ...config,
    primary: { kind: "chained" },
    networks: [`${namespace}/${name}`],
  };
  return planEveryPods(sys, alone);
}

function noDefinitions(sys: Sys, definitionsDir: string, { msg }: CniError): Finding {
  const stat = sys.files.stat(definitionsDir);
  if (!stat.ok && stat.error.code === "ENOENT") {
    return warning(
      "definitions",
      `there is no folder ${definitionsDir}`,
      "A pod that asks for a network does not start.",
      `Put definitions into ${definitionsDir}/<namespace>/<name>.json, or name their folder in "definitionsDir".`,
    );
  }
  return warning("definitions", `${definitionsDir} cannot be listed`, msg, "Run doctor as root.");
}

function pathsOf(definitionsDir: string, { namespace, definition }: ListedDefinition): string[] {
  if (namespace === "") return [];
  const folder = `${definitionsDir}/${namespace}`;
  return definition.ok ? [folder, definition.value.source] : [folder];
}
