import * as z from "zod/mini";
import { isObject, type JsonObject } from "../../../cni/json.ts";
import { isRequestRules, requestKinds } from "./permissions.ts";

/**
 * The meta-plugin's own fields: the authority on what is valid, and on what to say of what is not. Loading zod costs a verb
 * as much as half a delegate, so `config.ts` comes here only for configurations that `gate.ts` does not pass.
 * Strict, so that `"network"` for `"networks"` is an error and not a pod that misses an interface.
 */
const text = z.string("must be text");
const texts = z.array(text, "must be a list of texts");
const flag = z.boolean("must be true or false");
const folder = z
  .string(`must be an absolute path, as text`)
  .check(z.regex(/^(\/.*)?$/, "must be an absolute path"));
/** Not `z.record`: an exact number is an object to JavaScript. */
const object = z.custom<JsonObject>(isObject, "must be an object");
const flags = z.custom<JsonObject>(
  (value) => isObject(value) && Object.values(value).every((each) => typeof each === "boolean"),
  "must be an object of names, each true or false",
);
const anything = z.optional(z.unknown());

export const metaSchema = z.strictObject({
  cniVersion: z.optional(text),
  name: text,
  type: text,
  capabilities: z.optional(flags),
  args: anything,
  dns: anything,
  ipam: anything,
  ipMasq: anything,
  runtimeConfig: z.optional(z.nullable(object)),
  prevResult: z.optional(z.nullable(object)),
  disableCheck: anything,
  disableGC: anything,
  delegate: z.optional(object),
  networks: z.optional(texts),
  definitionsDir: z.optional(folder),
  kubeconfig: z.optional(
    z
      .string(`must be "in-cluster" or an absolute path, as text`)
      .check(z.regex(/^(in-cluster|\/.*)?$/, `must be "in-cluster" or an absolute path`)),
  ),
  status: z.optional(z.enum(["sync", "required", "off"], `must be "sync", "required" or "off"`)),
  confDir: z.optional(folder),
  stateDir: z.optional(folder),
  binDir: z.optional(folder),
  crossNamespace: z.optional(texts),
  unknownKeys: z.optional(z.enum(["refuse", "ignore"], `must be "refuse" or "ignore"`)),
  requests: z.optional(
    z.custom<JsonObject>(
      isRequestRules,
      `must be an object of ${requestKinds.join(", ")}, each "allow" or "deny", and of "networks", an object of such objects by "namespace/name" or "namespace/*"`,
    ),
  ),
  allowedTypes: z.optional(texts),
  allowedIpamTypes: z.optional(texts),
  opaqueTypes: z.optional(texts),
  trustedNamespaces: z.optional(texts),
  definitionNames: z.optional(z.enum(["namespaced", "as-written"], `must be "namespaced" or "as-written"`)),
  resources: z.optional(folder),
  kubeletDir: z.optional(folder),
  deviceInfoDir: z.optional(folder),
  result: z.optional(z.enum(["merged", "primary"], `must be "merged" or "primary"`)),
  parallel: z.optional(flag),
  timeout: z.optional(z.string(`must be text like "90s"`)),
});

export interface Issue {
  readonly code?: string;
  readonly path: readonly PropertyKey[];
  readonly message: string;
  readonly keys?: readonly string[];
}

/** What is wrong with the fields; nothing, when they are valid. */
export function metaIssues(fields: unknown): readonly Issue[] {
  const parsed = metaSchema.safeParse(fields);
  return parsed.success ? [] : parsed.error.issues;
}
