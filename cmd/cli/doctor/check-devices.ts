import { listDefinitions } from "../../../kube/definition-files.ts";
import { resourceOf } from "../../../kube/devices/assign.ts";
import { checkpointPath, socketPath } from "../../../kube/devices/kubelet.ts";
import type { MetaConfig } from "../../../plugins/meta/config/config.ts";
import type { Sys } from "../../../sys/sys.ts";
import { type Finding, fine, problem, warning } from "./finding.ts";

/**
 * Checks whether the kubelet can be asked for devices. Without a definition that names a resource there is no finding.
 */
export function checkDevices(sys: Sys, { definitionsDir, kubeletDir }: MetaConfig): Finding[] {
  const listed = listDefinitions(sys, definitionsDir);
  const definitions = listed.ok ? listed.value : [];
  const resources = definitions.flatMap(({ definition }) =>
    definition.ok ? (resourceOf(definition.value.annotations) ?? []) : [],
  );
  if (resources.length === 0) return [];
  const named = [...new Set(resources)].join(", ");
  const [socket, checkpoint] = [socketPath(kubeletDir), checkpointPath(kubeletDir)];
  const isThere = (path: string): boolean => sys.files.stat(path).ok;
  if (isThere(socket)) return [fine("devices", `${named}: the kubelet is asked on ${socket}`)];
  const todo = `Is the kubelet running? Name its folder in "kubeletDir" (${kubeletDir}).`;
  const what = `definitions name ${named}, and there is no socket ${socket}`;
  if (isThere(checkpoint))
    return [warning("devices", what, `Devices are read out of ${checkpoint} alone.`, todo)];
  const why = "Nor is there a checkpoint: a pod that asks for one of these networks does not start.";
  return [problem("devices", what, why, todo)];
}
