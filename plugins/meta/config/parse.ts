import type { CniError } from "../../../cni/errors.ts";
import type { NetworkConfig } from "../../../cni/types.ts";
import { fail, type Outcome, ok } from "../../../sys/outcome.ts";
import { type MetaConfig, multusType, readFields, timeoutProblem } from "./config.ts";
import { judgeFields, unknownFields } from "./config-fields.ts";
import { invalidFields, readPrimary } from "./hawser.ts";

/** Validates the whole configuration; every problem at once, each with the path of its field. */
export async function parseMetaConfig(network: NetworkConfig): Promise<Outcome<MetaConfig, CniError>> {
  if (network.type === multusType) return (await import("./multus.ts")).parseMultusConfig(network);
  const notes = judgeFields(network.raw);
  const unknown = unknownFields(network.raw);
  if (notes.problems.length > 0 || unknown.length > 0) return fail(invalidFields(network, notes, unknown));
  const timeout = timeoutProblem(network);
  if (timeout !== undefined) return fail(timeout);
  const primary = readPrimary(network);
  return primary.ok ? ok(readFields(network, primary.value)) : primary;
}

/**
 * What can be used of a configuration that is wrong somewhere: its primary. A DEL without a record deletes that much, since a
 * runtime that gets an error tries for ever.
 */
export async function salvageMetaConfig(network: NetworkConfig): Promise<MetaConfig | undefined> {
  if (network.type === multusType) return (await import("./multus.ts")).salvageMultusConfig(network);
  const primary = readPrimary(network);
  return primary.ok ? { ...readFields(network, primary.value), networks: [], runtimeConfig: {} } : undefined;
}
