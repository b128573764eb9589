import * as z from "zod/mini";

/**
 * The meta-plugin's own fields: the authority on what is valid, and on what to say of what is not. Loading zod costs a verb
 * as much as half a delegate, so `config.ts` comes here only for configurations that `config-gate.ts` does not pass.
 * Strict, so that `"network"` for `"networks"` is an error and not a pod that misses an interface.
 */
const text = z.string();
const folder = z.string().check(z.regex(/^(\/.*)?$/, "must be an absolute path"));
const object = z.record(z.string(), z.unknown());

export const metaSchema = z.strictObject({
  cniVersion: z.optional(text),
  name: text,
  type: text,
  capabilities: z.optional(z.record(z.string(), z.boolean())),
  args: z.optional(z.unknown()),
  dns: z.optional(z.unknown()),
  ipam: z.optional(z.unknown()),
  ipMasq: z.optional(z.unknown()),
  runtimeConfig: z.optional(z.nullable(object)),
  prevResult: z.optional(z.nullable(object)),
  disableCheck: z.optional(z.unknown()),
  disableGC: z.optional(z.unknown()),
  delegate: z.optional(object),
  networks: z.optional(z.array(text)),
  definitionsDir: z.optional(folder),
  kubeconfig: z.optional(z.literal("", `the Kubernetes API is not supported yet: leave it out`)),
  confDir: z.optional(folder),
  stateDir: z.optional(folder),
  binDir: z.optional(folder),
  crossNamespace: z.optional(z.array(text)),
  result: z.optional(z.enum(["merged", "primary"], `must be "merged" or "primary"`)),
  parallel: z.optional(z.boolean()),
  timeout: z.optional(z.string()),
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
