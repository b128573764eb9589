import { type CniError, failWith } from "../../cni/errors.ts";
import type { NetworkRequest } from "../../kube/annotation.ts";
import { type Outcome, ok } from "../../sys/outcome.ts";
import type { MetaConfig } from "./config.ts";

/** Where the operator allows others. */
const fields = { hawser: "crossNamespace", multus: "globalNamespaces" } as const;

/** Which definitions a pod's annotation may name: those of its own namespace and of `crossNamespace`. */
export function admit(
  config: MetaConfig,
  podNamespace: string,
  requests: readonly NetworkRequest[],
): Outcome<void, CniError> {
  if (config.crossNamespace === "any") return ok(undefined);
  const allowed = [podNamespace, ...config.crossNamespace];
  const foreign = requests.filter((request) => !allowed.includes(request.namespace));
  if (foreign.length === 0) return ok(undefined);
  const names = foreign.map((request) => `${request.namespace}/${request.name}`).join(", ");
  return failWith(
    "annotation",
    "meta.cross-namespace",
    `select networks of a pod in namespace ${podNamespace}: ${names} may not be used from there`,
    `A pod uses networks of its own namespace and of ${allowed.slice(1).join(", ") || "no other"} (${fields[config.dialect]}).`,
  );
}
