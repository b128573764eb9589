import { type CniError, cniError, failWith } from "../../cni/errors.ts";
import { fieldOf } from "../../cni/fields.ts";
import type { Invocation } from "../../cni/plugin.ts";
import { parseResult } from "../../cni/result.ts";
import type { CniResult } from "../../cni/types.ts";
import { fail, type Outcome, ok } from "../../sys/outcome.ts";

/** The result of the plugins before a chained one. Errors: `config.prev-result` if there is none, or it is no result. */
export function chainedResult({ environment, config }: Invocation): Outcome<CniResult, CniError> {
  const doing = `${environment.command} of ${config.type} in network ${JSON.stringify(config.name)}`;
  const given = fieldOf(config.raw, "prevResult");
  if (given === undefined) {
    const msg = `${doing}: required prevResult is missing`;
    const why = "The plugin changes what another has made: put it behind that one into a list of plugins.";
    return failWith("invalidConfig", "config.prev-result", msg, why);
  }
  const parsed = parseResult(given, config.cniVersion);
  if (parsed.ok) return ok(parsed.value.result);
  return fail(cniError("invalidConfig", "config.prev-result", `${doing}: read prevResult: ${parsed.error}`));
}
