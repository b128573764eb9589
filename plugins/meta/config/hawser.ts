import { type CniError, failWith } from "../../../cni/errors.ts";
import { isObject, type JsonObject } from "../../../cni/json.ts";
import { maskField } from "../../../cni/secrets.ts";
import type { NetworkConfig } from "../../../cni/types.ts";
import { type Outcome, ok } from "../../../sys/outcome.ts";
import type { Primary } from "./config.ts";
import type { Issue } from "./schema.ts";

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

export function invalid(network: NetworkConfig, issues: readonly Issue[]): Outcome<never, CniError> {
  const problems = issues.map((issue) => problemOf(network.raw, issue)).join("; ");
  const onlyUnknown = issues.every((issue) => issue.code === "unrecognized_keys");
  return failWith(
    onlyUnknown ? "unsupportedField" : "invalidConfig",
    onlyUnknown ? "config.unknown-field" : "config.field",
    `configuration of network ${JSON.stringify(network.name)}: ${problems}`,
    "docs/configuration.md lists every field.",
  );
}

export function problemOf(raw: JsonObject, issue: Issue): string {
  const place = issue.path.map(String).join(".");
  if (issue.code !== "unrecognized_keys") return `${place}: ${issue.message}`;
  const fields = (issue.keys ?? []).map(
    (key) => `${key} = ${clip(JSON.stringify(maskField(key, raw[key] ?? null)))}`,
  );
  return `unknown field ${fields.join(", ")}`;
}

export function clip(text: string): string {
  return text.length > 60 ? `${text.slice(0, 60)}...` : text;
}
