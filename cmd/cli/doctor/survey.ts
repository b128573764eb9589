import { describe } from "../../../cni/errors.ts";
import type { Sys } from "../../../sys/sys.ts";
import type { DoctorOptions } from "../commands.ts";
import { type Configuration, readConfiguration, requireConfiguration } from "../configuration.ts";
import { type Finding, problem, problemOf, warning } from "./finding.ts";

/** The configurations to be checked, and what is to be said of the place where they were looked for. */
export interface Survey {
  readonly configurations: readonly Configuration[];
  readonly findings: readonly Finding[];
}

/** The one configuration that was named, or all of the runtime's folder that have hawser in them. */
export function survey(sys: Sys, { config, confDir }: DoctorOptions): Survey {
  if (config === undefined) return surveyFolder(sys, confDir);
  const found = requireConfiguration(sys, config);
  if (found.ok) return { configurations: [found.value], findings: [] };
  return { configurations: [], findings: [problemOf("configuration", found.error, "Correct the file.")] };
}

function surveyFolder(sys: Sys, confDir: string): Survey {
  const names = sys.files.list(confDir);
  if (!names.ok) {
    const what = `the runtime's configurations in ${confDir} cannot be read`;
    const todo = "Run doctor as root on a node, or name the folder by --conf-dir.";
    return { configurations: [], findings: [problem("configuration", what, names.error.message, todo)] };
  }
  const paths = names.value
    .filter((name) => /\.(conf|conflist|json)$/.test(name))
    .map((name) => `${confDir}/${name}`);
  const configurations: Configuration[] = [];
  const findings: Finding[] = [];
  for (const path of paths) {
    const found = readConfiguration(sys, path);
    if (found.ok && found.value !== undefined) configurations.push(found.value);
    if (!found.ok) findings.push(malformed(path, describe(found.error)));
  }
  return { configurations, findings: [...findings, ...rankOf(confDir, paths, configurations)] };
}

function malformed(path: string, why: string): Finding {
  return problem(
    "configuration",
    `${path} cannot be loaded`,
    `${why}. A runtime that meets it while loading the folder attaches no pod, and detaches none.`,
    "Correct it, or move it out of the folder.",
  );
}

/** Runtimes take the first file by name; hawser in a later one is never called. */
function rankOf(
  confDir: string,
  paths: readonly string[],
  configurations: readonly Configuration[],
): Finding[] {
  const [own] = configurations;
  if (own === undefined) {
    const what = `no configuration in ${confDir} has hawser in it`;
    const why = `There ${paths.length === 0 ? "is none at all" : `are ${paths.join(", ")}`}. Pods get nothing from hawser.`;
    const todo = `Install one, such as those of examples/, under a name that sorts first (00-hawser.conflist).`;
    return [problem("configuration", what, why, todo)];
  }
  const [first] = paths;
  if (first === undefined || first === own.path) return [];
  return [
    warning(
      "configuration",
      `${own.path} is not the first file of ${confDir}`,
      `Runtimes use the first by name, which is ${first}, unless they are told a network's name.`,
      "Give it a name that sorts first, or remove the other.",
    ),
  ];
}
