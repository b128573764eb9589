import type { MetaConfig } from "../../../plugins/meta/config/config.ts";
import { readResources } from "../../../plugins/meta/trust/resources.ts";
import type { Sys } from "../../../sys/sys.ts";
import { howToList, judgeDefinitions } from "../cluster-definitions.ts";
import { checkTrusted } from "./check-folders.ts";
import { type Finding, fine, problem, problemOf } from "./finding.ts";

/**
 * Checks the operator's `resources.json`, and tells which of a cluster's definitions hawser refuses. kubectl writes the
 * list of definitions, because hawser may read a definition by its name but may not list definitions.
 */
export async function checkTrust(sys: Sys, config: MetaConfig, path: string | undefined): Promise<Finding[]> {
  const resources = readResources(sys, config.resources);
  if (!resources.ok) {
    const todo = "Correct it. Until then no pod gets a network of a namespace's own definition.";
    return [problemOf("definitions", resources.error, todo)];
  }
  const isThere = sys.files.stat(config.resources).ok;
  const found = [
    ...(isThere ? [fine("definitions", `${config.resources}: the operator's resources are understood`)] : []),
    ...(isThere ? checkTrusted(sys, config.resources, [config.resources]) : []),
  ];
  return path === undefined ? found : [...found, ...(await checkCluster(sys, config, path))];
}

async function checkCluster(sys: Sys, config: MetaConfig, path: string): Promise<Finding[]> {
  const judged = await judgeDefinitions(sys, config, path);
  if (!judged.ok) return [problemOf("definitions", judged.error, `Write the file by: ${howToList}`)];
  const { count, refused } = judged.value;
  return [
    ...refused.map(({ error }) =>
      problem(
        "definitions",
        error.msg,
        `${error.details} [${error.id}]`,
        "A pod that asks for it does not start. Write what is said instead, or open what it needs (docs/configuration.md#resources).",
      ),
    ),
    ...(count > 0 && refused.length === count
      ? []
      : [fine("definitions", `${path}: ${count - refused.length} of ${count} definitions are taken`)]),
  ];
}
