import { requirePlugins } from "../../../cni/chain.ts";
import type { CniError } from "../../../cni/errors.ts";
import { fail, type Outcome } from "../../../sys/outcome.ts";
import type { Sys } from "../../../sys/sys.ts";
import { notOurs } from "../plan/native-types.ts";
import type { Step } from "../plan/plan.ts";

/**
 * Fails if a plugin of the step is neither ours nor in the folders. An executable may be missing only because of one field that
 * ours does not understand, so the error names that field. Errors: `delegate.not-found`.
 */
export function requireStep(
  sys: Sys,
  { chain }: Pick<Step, "chain">,
  folders: readonly string[],
  native: "prefer" | "off",
): Outcome<void, CniError> {
  const present = requirePlugins(sys, chain, folders);
  if (present.ok || native === "off") return present;
  const all = notOurs(chain).filter(({ type }) => !requirePlugins(sys, only(chain, type), folders).ok);
  if (all.length === 0) return present;
  const why = all.map(({ type, field }) => `hawser's own ${type} does not understand ${field}`).join(", ");
  return fail({ ...present.error, details: `${present.error.details} Or take a field out: ${why}.` });
}

function only(chain: Step["chain"], type: string): Step["chain"] {
  return { ...chain, plugins: chain.plugins.filter((plugin) => plugin.type === type) };
}
