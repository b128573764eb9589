import type { CniError } from "../../cni/errors.ts";
import { apiSource } from "../../kube/api-objects.ts";
import { parseResource } from "../../kube/definition.ts";
import type { ListedDefinition } from "../../kube/definition-files.ts";
import type { MetaConfig } from "../../plugins/meta/config/config.ts";
import { verdictOn } from "../../plugins/meta/plan/verdict.ts";
import { type Outcome, ok } from "../../sys/outcome.ts";
import type { Sys } from "../../sys/sys.ts";
import { readManifests } from "./manifests.ts";

/** The command that writes the file, for people. */
export const howToList = "kubectl get network-attachment-definitions -A -o json > definitions.json";

/** One definition of a cluster, and why no pod could have it. */
export interface RefusedDefinition {
  /** `namespace/name` */
  readonly name: string;
  readonly error: CniError;
}

export interface JudgedDefinitions {
  readonly count: number;
  readonly refused: readonly RefusedDefinition[];
}

/** Judges all definitions in a file that kubectl wrote, as an ADD would. Errors: `cli.file`, `cli.pod`. */
export async function judgeDefinitions(
  sys: Sys,
  config: MetaConfig,
  path: string,
): Promise<Outcome<JudgedDefinitions, CniError>> {
  const manifests = await readManifests(sys, path, "definitions");
  if (!manifests.ok) return manifests;
  const definitions = manifests.value
    .filter(({ kind }) => kind === "NetworkAttachmentDefinition")
    .map(({ metadata, object }): ListedDefinition => {
      const name = typeof metadata.name === "string" ? metadata.name : "";
      const namespace = typeof metadata.namespace === "string" ? metadata.namespace : "default";
      const place = { namespace, name, source: apiSource, keptIn: "api" as const };
      return { namespace, name, definition: parseResource(object, place) };
    });
  const refused: RefusedDefinition[] = [];
  for (const { namespace, name, definition } of definitions) {
    const verdict = await verdictOn(sys, config, definition);
    if (!verdict.ok) refused.push({ name: `${namespace}/${name}`, error: verdict.error });
  }
  return ok({ count: definitions.length, refused });
}
