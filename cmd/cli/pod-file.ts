import { type CniError, failWith } from "../../cni/errors.ts";
import { isObject, type JsonObject } from "../../cni/json.ts";
import { type Outcome, ok } from "../../sys/outcome.ts";
import type { Sys } from "../../sys/sys.ts";
import { type KubernetesManifest, readManifests } from "./manifests.ts";

/** The parts of a pod's manifest that concern networks. */
export interface PodFile {
  readonly namespace: string | undefined;
  readonly name: string | undefined;
  /** The annotations as they are in the file. The plugin judges whether they are strings. */
  readonly annotations: JsonObject;
}

/** The pod that the person means, if a file holds several. */
export interface WhichPod {
  readonly namespace: string | undefined;
  readonly name: string | undefined;
}

/**
 * Reads the Pod of a file that `kubectl apply -f` takes: YAML or JSON, several documents, lists. Where there are
 * several pods, reads the one that the person names. Errors: `cli.file`, `cli.pod`, `cli.which-pod`.
 */
export async function readPodFile(
  sys: Sys,
  path: string,
  which: WhichPod,
): Promise<Outcome<PodFile, CniError>> {
  const objects = await readManifests(sys, path, "pod");
  if (!objects.ok) return objects;
  const pods = objects.value.filter(({ kind }) => kind === "Pod").map(podOf);
  if (pods.length === 0) return noPod(path, objects.value);
  return choose(path, pods, which);
}

function podOf({ metadata: { namespace, name, annotations } }: KubernetesManifest): PodFile {
  return {
    namespace: typeof namespace === "string" ? namespace : undefined,
    name: typeof name === "string" ? name : undefined,
    annotations: isObject(annotations) ? annotations : {},
  };
}

function noPod(path: string, objects: readonly KubernetesManifest[]): Outcome<never, CniError> {
  const found = objects.length === 0 ? "no object" : objects.map(({ kind }) => kind).join(", ");
  return failWith(
    "undecodable",
    "cli.pod",
    `read pod ${path}: it holds ${found}, and no Pod`,
    "Of a Deployment or the like, give the annotations of its template by --annotations.",
  );
}

/** A file with a single pod means that pod, whatever its name. The command line's name then replaces the pod's. */
function choose(path: string, pods: readonly PodFile[], which: WhichPod): Outcome<PodFile, CniError> {
  const [first] = pods;
  if (first !== undefined && pods.length === 1) return ok(first);
  const named = pods.filter(({ name }) => which.name === undefined || name === which.name);
  const meant = named.filter(
    ({ namespace = "default" }) => which.namespace === undefined || namespace === which.namespace,
  );
  const [only] = meant;
  if (only !== undefined && meant.length === 1) return ok(only);
  const candidates = meant.length === 0 ? pods : meant;
  const asked = [
    ...(which.name === undefined ? [] : [`--pod-name ${which.name}`]),
    ...(which.namespace === undefined ? [] : [`--namespace ${which.namespace}`]),
  ].join(" ");
  const fits =
    asked === "" ? "" : `, of which ${meant.length === 0 ? "none" : `${meant.length}`} fit ${asked}`;
  return failWith(
    "invalidConfig",
    "cli.which-pod",
    `read pod ${path}: it holds ${pods.length} pods${fits}: ${listed(candidates)}`,
    "Say which one is meant by --pod-name, and by --namespace where two are called the same.",
  );
}

const mostListed = 10;

function listed(pods: readonly PodFile[]): string {
  const names = pods.map(({ namespace = "default", name = "(without a name)" }) => `${namespace}/${name}`);
  const more = names.length - mostListed;
  return `${names.slice(0, mostListed).join(", ")}${more > 0 ? `, and ${more} more` : ""}`;
}
