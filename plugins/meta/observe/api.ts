import type { Environment } from "../../../cni/environment.ts";
import type { CniError } from "../../../cni/errors.ts";
import type { KubeClient } from "../../../kube/client.ts";
import { annotationsFrom, type PodIdentity } from "../../../kube/pod.ts";
import { type Outcome, ok } from "../../../sys/outcome.ts";
import type { Sys } from "../../../sys/sys.ts";
import type { MetaConfig } from "../config/config.ts";

type ApiConfig = Pick<MetaConfig, "kubeconfig">;

/**
 * The way to the Kubernetes API, if the configuration names one. Nothing is asked and no file is read before somebody
 * asks it; without a kubeconfig not even its code is loaded.
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

/** Whether the configured access could be used, as far as this node's files tell; the server is not asked. */
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
 * The pod's annotations: the runtime's word, else the API's. Undefined when only the API knows them and it is not to be
 * asked.
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
