import { declaredCapabilities, misplacedCapabilities, parseChain } from "../../../cni/chain.ts";
import { podAnnotationsCapability } from "../../../kube/pod.ts";
import type { MetaConfig } from "../../../plugins/meta/config/config.ts";
import { observePrimary } from "../../../plugins/meta/observe/observe.ts";
import { acceptConfig } from "../../../plugins/meta/plan-add.ts";
import type { Sys } from "../../../sys/sys.ts";
import { type Configuration, isCurrent, networkConfigOf, standInResult } from "../configuration.ts";
import { type Finding, fine, problem, problemOf, warning } from "./finding.ts";

export interface CheckedConfig {
  /** Undefined when the configuration cannot be used. */
  readonly config: MetaConfig | undefined;
  readonly findings: readonly Finding[];
}

/** Checks the configuration by itself: its fields, its place in the list, and the capabilities that it declares. */
export async function checkConfig(configuration: Configuration): Promise<CheckedConfig> {
  const { path } = configuration;
  const prevResult = standInResult(configuration, "eth0", "/var/run/netns/doctor");
  const network = networkConfigOf(configuration, prevResult === undefined ? {} : { prevResult });
  if (!network.ok) return unusable(problemOf("configuration", network.error, `Correct ${path}.`));
  const config = await acceptConfig(network.value);
  if (!config.ok) return unusable(problemOf("configuration", config.error, `Correct ${path}.`));
  const findings = [
    fine("configuration", `${path}: network ${network.value.name}, ${roleOf(configuration)}`),
    ...checkVersion(path, config.value),
    ...(await checkDialect(path, config.value)),
    ...checkMisplaced(path, configuration.misplaced),
    checkAnnotations(configuration, config.value),
  ];
  return { config: config.value, findings };
}

function unusable(finding: Finding): CheckedConfig {
  return { config: undefined, findings: [finding] };
}

function roleOf({ before }: Configuration): string {
  if (before.length === 0) return "hawser attaches the primary";
  return `hawser is chained behind ${before.map(({ type }) => String(type)).join(", ")}`;
}

/** Tells of unknown fields in a configuration in Multus's words. Multus ignores them, and so does an ADD. */
async function checkDialect(path: string, { dialect, network }: MetaConfig): Promise<Finding[]> {
  if (dialect !== "multus") return [];
  const { idleFields } = await import("../../../plugins/meta/config/multus-fields.ts");
  return idleFields(network.raw).map(({ field, why }) =>
    warning("configuration", `${path}: ${field} has no effect`, why, "Take it out."),
  );
}

function checkVersion(path: string, { network }: MetaConfig): Finding[] {
  if (isCurrent(network)) return [];
  return [
    warning(
      "configuration",
      `${path} is written in CNI ${network.cniVersion}`,
      "Below 1.1.0 a runtime sends neither GC nor STATUS, below 0.4.0 no CHECK: what a lost DEL leaves is never collected.",
      `In a list add "cniVersions": ["${network.cniVersion}", "1.1.0"]: a runtime takes the newest that it knows.`,
    ),
  ];
}

/**
 * Tells of capabilities that stand beside a list's plugins instead of in one. `checkAnnotations` tells of the one for
 * annotations.
 */
function checkMisplaced(where: string, misplaced: readonly string[]): Finding[] {
  const names = misplaced.filter((name) => name !== podAnnotationsCapability);
  if (names.length === 0) return [];
  const entries = names.map((name) => `"${name}": true`).join(", ");
  return [
    warning(
      "capabilities",
      `${where} declares ${names.join(" and ")} beside "plugins"`,
      "Nobody looks for it there.",
      `Move "capabilities": {${entries}} into the plugin that supports it.`,
    ),
  ];
}

/**
 * Checks that hawser gets the pods' annotations. Without them pods start without an error, but without their networks.
 */
function checkAnnotations(
  { path, capabilities, misplaced }: Configuration,
  { kubeconfig }: MetaConfig,
): Finding {
  if (capabilities.includes(podAnnotationsCapability)) {
    return fine("annotations", `${path}: the runtime is asked for pods' annotations`);
  }
  const [report, why] =
    kubeconfig === ""
      ? [problem, "Without them pods start and silently get none of the networks that they ask for."]
      : [warning, "So each ADD asks the Kubernetes API for its pod, and fails while that cannot be reached."];
  return report(
    "annotations",
    `${path} does not ask the runtime for pods' annotations`,
    why,
    misplaced.includes(podAnnotationsCapability)
      ? `It stands beside "plugins", where no runtime looks: move "capabilities": {"${podAnnotationsCapability}": true} into the hawser plugin.`
      : `Add "capabilities": {"${podAnnotationsCapability}": true} to the hawser plugin. It takes containerd 1.5, CRI-O 1.29 or later.`,
  );
}

/** Tells of capabilities that the primary's plugins use but hawser does not declare. */
export async function checkCapabilities(
  sys: Sys,
  { path, capabilities }: Configuration,
  config: MetaConfig,
): Promise<Finding[]> {
  const observed = await observePrimary(sys, config);
  const [primary] = observed.ok ? observed.value : [];
  if (primary?.lookup.kind !== "found") return [];
  const { definition } = primary.lookup;
  const chain = parseChain(definition.config, config.network);
  if (!chain.ok) return [];
  const misplaced = checkMisplaced(`${path}: the primary`, misplacedCapabilities(definition.config));
  const withheldFindings = chain.value.plugins.flatMap((plugin) => {
    const withheld = declaredCapabilities(plugin).filter((name) => !capabilities.includes(name));
    return withheld.length === 0 ? [] : [withheldFinding(path, String(plugin.type), withheld)];
  });
  return [...misplaced, ...withheldFindings];
}

function withheldFinding(path: string, type: string, names: readonly string[]): Finding {
  const entries = names.map((name) => `"${name}": true`).join(", ");
  return warning(
    "capabilities",
    `${path}: plugin ${type} declares ${names.join(" and ")}, hawser does not`,
    "A runtime passes only what the plugin that it calls declares, so this never arrives.",
    `Add ${entries} to "capabilities" of the hawser plugin.`,
  );
}
