import { type CniError, cniError, cut, failWith } from "../../../cni/errors.ts";
import { isObject } from "../../../cni/json.ts";
import { type Notes, problemTexts } from "../../../cni/readers.ts";
import { maskField } from "../../../cni/secrets.ts";
import type { NetworkConfig } from "../../../cni/types.ts";
import { type Outcome, ok } from "../../../sys/outcome.ts";
import type { Primary } from "./config.ts";

export function readPrimary(network: NetworkConfig): Outcome<Primary, CniError> {
  const { delegate } = network.raw;
  if (delegate === undefined) return ok({ kind: "chained" });
  if (!isObject(delegate)) return noDelegate(network, "is no object");
  if (delegate.type !== undefined || delegate.plugins !== undefined)
    return ok({ kind: "inline", config: delegate });
  if (typeof delegate.name === "string" && delegate.name !== "")
    return ok({ kind: "named", name: delegate.name });
  return noDelegate(network, `has neither "type" nor "plugins" nor "name"`);
}

export function noDelegate({ name }: NetworkConfig, why: string): Outcome<never, CniError> {
  return failWith(
    "invalidConfig",
    "config.delegate",
    `configuration of network ${JSON.stringify(name)}: delegate ${why}`,
    `Give a plugin's configuration, a list ("plugins"), or the name of a network in confDir.`,
  );
}

/** Every problem of the fields at once. Errors: `config.unknown-field` when nothing else is wrong, `config.field`. */
export function invalidFields(
  { name, raw }: NetworkConfig,
  notes: Notes,
  unknown: readonly string[],
): CniError {
  const shown = unknown.map((key) => `${key} = ${cut(JSON.stringify(maskField(key, raw[key] ?? null)))}`);
  const texts = problemTexts(notes);
  if (shown.length > 0) texts.push(`unknown field ${shown.join(", ")}`);
  const onlyUnknown = notes.problems.length === 0;
  return cniError(
    onlyUnknown ? "unsupportedField" : "invalidConfig",
    onlyUnknown ? "config.unknown-field" : "config.field",
    `configuration of network ${JSON.stringify(name)}: ${texts.join("; ")}`,
    "docs/configuration.md lists every field.",
  );
}
