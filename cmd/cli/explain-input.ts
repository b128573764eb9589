import { kindOf } from "../../cni/config.ts";
import { parseEnvironment } from "../../cni/environment.ts";
import { type CniError, failWith } from "../../cni/errors.ts";
import { isObject, type JsonObject, parseJson } from "../../cni/json.ts";
import type { Invocation } from "../../cni/plugin.ts";
import { defaultNetworkAnnotation, networksAnnotation, podAnnotationsCapability } from "../../kube/pod.ts";
import { fail, type Outcome, ok } from "../../sys/outcome.ts";
import type { Sys } from "../../sys/sys.ts";
import {
  type Configuration,
  networkConfigOf,
  readJsonFile,
  requireConfiguration,
  standInResult,
} from "./configuration.ts";
import { type PodFile, readPodFile } from "./pod-file.ts";

/** The call that a runtime would make for the pod that the person describes. */
export interface ExplainInput {
  readonly configuration: Configuration;
  readonly invocation: Invocation;
  /** Notes for the person: what explain made up, and why a runtime might do otherwise. */
  readonly notes: readonly string[];
}

/** What a person says about the call. */
export interface InputOptions {
  readonly config: string;
  /** A JSON object of annotations, or the text of the networks annotation. */
  readonly annotations: string | undefined;
  readonly pod: string | undefined;
  readonly namespace: string | undefined;
  readonly podName: string | undefined;
  readonly ifname: string;
  readonly prevResult: string | undefined;
}

const netns = "/var/run/netns/explained";
const podName = "explained";
const podNamespace = "default";

export async function readExplainInput(
  sys: Sys,
  options: InputOptions,
): Promise<Outcome<ExplainInput, CniError>> {
  const configuration = requireConfiguration(sys, options.config);
  if (!configuration.ok) return configuration;
  const pod = await readPod(sys, options);
  if (!pod.ok) return pod;
  const given = options.prevResult === undefined ? ok(undefined) : readJsonFile(sys, options.prevResult);
  if (!given.ok) return given;
  const prevResult = given.value ?? standInResult(configuration.value, options.ifname, netns);
  const environment = parseEnvironment({
    CNI_COMMAND: "ADD",
    CNI_CONTAINERID: "explained",
    CNI_NETNS: netns,
    CNI_IFNAME: options.ifname,
    CNI_ARGS: argsOf(pod.value),
  });
  if (!environment.ok) return environment;
  const config = networkConfigOf(configuration.value, {
    runtimeConfig: { [podAnnotationsCapability]: pod.value.annotations },
    ...(prevResult === undefined ? {} : { prevResult }),
  });
  if (!config.ok) return fail(config.error);
  return ok({
    configuration: configuration.value,
    invocation: { environment: environment.value, config: config.value },
    notes: notesOn(configuration.value, options, pod.value, given.value),
  });
}

async function readPod(sys: Sys, options: InputOptions): Promise<Outcome<PodFile, CniError>> {
  const { pod, annotations, namespace, podName } = options;
  const file =
    pod === undefined
      ? readAnnotations(annotations)
      : await readPodFile(sys, pod, { namespace, name: podName });
  if (!file.ok) return file;
  return ok({
    ...file.value,
    namespace: namespace ?? file.value.namespace,
    name: podName ?? file.value.name,
  });
}

/**
 * Reads `--annotations`. A JSON object holds all of a pod's annotations. Any other text is the value of the networks
 * annotation.
 */
function readAnnotations(text: string | undefined): Outcome<PodFile, CniError> {
  const unnamed = { namespace: undefined, name: undefined };
  if (text === undefined) return ok({ ...unnamed, annotations: {} });
  if (!text.trimStart().startsWith("{")) {
    return ok({ ...unnamed, annotations: { [networksAnnotation]: text } });
  }
  const json = parseJson(text);
  if (json.ok && isObject(json.value)) return ok({ ...unnamed, annotations: json.value });
  const why = json.ok ? `it is ${kindOf(json.value)}` : json.error;
  return failWith(
    "undecodable",
    "cli.annotations",
    `read --annotations: it begins like a JSON object and is none: ${why}`,
    `Write {"${networksAnnotation}": "storage"}, or only: storage`,
  );
}

function argsOf({ namespace = podNamespace, name = podName }: PodFile): string {
  return `IgnoreUnknown=1;K8S_POD_NAMESPACE=${namespace};K8S_POD_NAME=${name}`;
}

function notesOn(
  { before, capabilities, misplaced, plugin }: Configuration,
  options: InputOptions,
  { annotations }: PodFile,
  prevResult: JsonObject | undefined,
): string[] {
  const notes: string[] = [];
  const asks = [networksAnnotation, defaultNetworkAnnotation].some((key) => annotations[key] !== undefined);
  if (asks && !capabilities.includes(podAnnotationsCapability)) {
    const consequence =
      (plugin.kubeconfig ?? "") === ""
        ? "and the pod will get none of the networks that they name"
        : "and each ADD will ask the Kubernetes API for them";
    notes.push(
      `The configuration does not declare "capabilities": {"${podAnnotationsCapability}": true}: no runtime will pass the annotations, ${consequence}.${misplaced.includes(podAnnotationsCapability) ? ' It stands beside "plugins": move it into the hawser plugin.' : ""}`,
    );
  }
  if (before.length > 0 && prevResult === undefined) {
    notes.push(
      "What the plugins before hawser make is not known here (--prev-result): an interface name of theirs could still collide.",
    );
  }
  const given = options.pod !== undefined || options.annotations !== undefined;
  if (given && !asks) {
    notes.push(`The pod has no annotation ${networksAnnotation}: it asks for nothing.`);
  }
  return notes;
}
