import type { CniError } from "../../../cni/errors.ts";
import { type Outcome, ok } from "../../../sys/outcome.ts";
import type { Sys } from "../../../sys/sys.ts";
import type { MetaConfig } from "../config/config.ts";
import { ownerOf } from "../trust/owner.ts";
import type { FoundNetwork, Wanted } from "./wanted.ts";

/**
 * Decodes the definitions that are not the operator's own text. The operator's resources are read, and the decoder is loaded,
 * only where there is such a definition. It comes after `isolate`, so that a pod learns nothing from definitions that it may
 * not use: neither from a line on stderr nor from a broken resources file. Errors: `config.resources`; what is wrong with a
 * definition stays with it.
 */
export async function decodeTenants(
  sys: Sys,
  config: MetaConfig,
  wanted: readonly Wanted[],
): Promise<Outcome<Wanted[], CniError>> {
  const foreign = wanted.map((each) => foreignText(config, each));
  if (foreign.every((each) => each === undefined)) return ok([...wanted]);
  const { readResources, judge } = await import("../trust/plan-judge.ts");
  const resources = readResources(sys, config.resources);
  if (!resources.ok) return resources;
  return ok(
    wanted.map((each, index): Wanted => {
      const found = foreign[index];
      if (found === undefined) return each;
      const decoded = judge(sys, config, resources.value, found.definition);
      return { ...each, lookup: { ...found, decoded } };
    }),
  );
}

/**
 * The network's definition, if a tenant has written it. A network that the operator's configuration chooses is the operator's.
 */
function foreignText(config: MetaConfig, { choice, lookup }: Wanted): FoundNetwork | undefined {
  if (choice !== undefined || lookup.kind !== "found") return undefined;
  return ownerOf(config, lookup.definition) === "operator" ? undefined : lookup;
}
