import type { CniError } from "../../../cni/errors.ts";
import { type Outcome, ok } from "../../../sys/outcome.ts";
import type { Sys } from "../../../sys/sys.ts";
import type { MetaConfig } from "../config/config.ts";
import { ownerOf } from "../trust/owner.ts";
import type { Sought } from "./policy.ts";

/**
 * Judges what is not the operator's own text among the definitions that were found. Nothing is loaded and no file read for it
 * where all of them are his. Errors: `config.resources`; those of a definition stand with it.
 */
export async function decodeTenants(
  sys: Sys,
  config: MetaConfig,
  sought: readonly Sought[],
): Promise<Outcome<Sought[], CniError>> {
  const isOperators = ({ definition }: Sought) =>
    !definition.ok || ownerOf(config, definition.value) === "operator";
  if (sought.every(isOperators)) return ok([...sought]);
  const { readResources, judge } = await import("../trust/plan-judge.ts");
  const resources = readResources(sys, config.resources);
  if (!resources.ok) return resources;
  return ok(
    sought.map((each): Sought => {
      if (!each.definition.ok || isOperators(each)) return each;
      return { ...each, decoded: judge(sys, config, resources.value, each.definition.value) };
    }),
  );
}
