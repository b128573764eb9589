import type { Environment } from "../../../cni/environment.ts";
import type { CniError } from "../../../cni/errors.ts";
import type { KubeClient } from "../../../kube/client.ts";
import { annotationsFrom, type PodIdentity } from "../../../kube/pod.ts";
import { type Outcome, ok } from "../../../sys/outcome.ts";
import type { Sys } from "../../../sys/sys.ts";
import type { MetaConfig } from "../config/config.ts";

type ApiConfig = Pick<MetaConfig, "kubeconfig">;

/**
 * The client of the Kubernetes API, if the configuration names one. It reads files and connects at its first request. Without a
 * kubeconfig its code is not loaded.
 */
export async function openApi(
  sys: Sys,
  { kubeconfig }: ApiConfig,
  { variables }: Pick<Environment, "variables">,
  deadlineMs: number,
): Promise<KubeClient | undefined> {
  if (kubeconfig === "") return undefined;
  const { openClient } = await import("../../../kube/client.ts");
  return openClient(sys, { kubeconfig, variables, deadlineMs });
}

/** Whether this node's files allow the access that is configured. The server is not asked. */
export async function checkAccess(
  sys: Sys,
  { kubeconfig }: ApiConfig,
  { variables }: Pick<Environment, "variables">,
): Promise<Outcome<void, CniError>> {
  if (kubeconfig === "") return ok(undefined);
  const [{ readAccess }, { readToken }] = await Promise.all([
    import("../../../kube/kubeconfig.ts"),
    import("../../../kube/client.ts"),
  ]);
  const access = await readAccess(sys, kubeconfig, variables);
  if (!access.ok) return access;
  const token = readToken(sys, access.value);
  return token.ok ? ok(undefined) : token;
}

/**
 * The pod's annotations, from the runtime, else from the API. Undefined if only the API knows them and it is not to be asked.
 */
export async function readAnnotations(
  { runtimeConfig, kubeconfig, dialect }: Pick<MetaConfig, "runtimeConfig" | "kubeconfig" | "dialect">,
  pod: PodIdentity | undefined,
  api: KubeClient | undefined,
): Promise<Outcome<Readonly<Record<string, string>> | undefined, CniError>> {
  const given = annotationsFrom(runtimeConfig);
  if (!given.ok) return given;
  if (given.value.kind === "given") return ok(given.value.values);
  if (pod === undefined || kubeconfig === "") return ok({});
  if (api === undefined) return ok(undefined);
  const { fetchAnnotations } = await import("../../../kube/api-objects.ts");
  return fetchAnnotations(api, pod, dialect === "multus");
}
