import { fail, type Outcome, ok } from "../sys/outcome.ts";
import { type CniError, cniError, failWith } from "./errors.ts";
import { parseResult } from "./result.ts";
import type { CniResult, NetworkConfig } from "./types.ts";

/** The result of ADD that the runtime has kept, for CHECK to compare with. Errors: `config.prev-result`. */
export function previousResult(network: NetworkConfig): Outcome<CniResult, CniError> {
  const doing = `CHECK in network ${JSON.stringify(network.name)}`;
  const given = network.raw.prevResult ?? undefined;
  if (given === undefined) {
    const msg = `${doing}: required prevResult is missing`;
    return failWith("invalidConfig", "config.prev-result", msg, "A runtime supplies it.");
  }
  const parsed = parseResult(given, network.cniVersion);
  if (parsed.ok) return ok(parsed.value.result);
  return fail(cniError("invalidConfig", "config.prev-result", `${doing}: read prevResult: ${parsed.error}`));
}
