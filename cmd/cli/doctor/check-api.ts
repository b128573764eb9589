import { type CniError, hasId } from "../../../cni/errors.ts";
import { definitionPath, podPath } from "../../../kube/api-path.ts";
import { type ClientLimits, type KubeClient, openClient } from "../../../kube/client.ts";
import { inCluster, readAccess } from "../../../kube/kubeconfig.ts";
import type { PodIdentity } from "../../../kube/pod.ts";
import type { MetaConfig } from "../../../plugins/meta/config/config.ts";
import type { Outcome } from "../../../sys/outcome.ts";
import type { Sys } from "../../../sys/sys.ts";
import { checkTrusted } from "./check-folders.ts";
import { type Finding, fine, problem, problemOf, warning } from "./finding.ts";

/** Short, because a person waits for the answer. */
const limits: ClientLimits = { tryMs: 5000, callMs: 5000, tries: 1, pauseMs: 0 };
/** No object has these names. Doctor only tries whether it may ask for them. */
const probe = "hawser-doctor-probe";
const openToOthers = 0o077;

/** What the check needs to know of the node. */
export interface Surroundings {
  /** The runtime passes pods' annotations, so an ADD does not ask the API for the pod. */
  readonly annotationsComeAlong: boolean;
  /** Pods of this node. */
  readonly pods: readonly PodIdentity[];
}

/**
 * Checks whether the Kubernetes API answers an ADD: the kubeconfig, the connection and the rights. Tells of rights that
 * go too far, too. Changes nothing.
 */
export async function checkApi(
  sys: Sys,
  { kubeconfig, status }: MetaConfig,
  { annotationsComeAlong, pods }: Surroundings = { annotationsComeAlong: false, pods: [] },
): Promise<Finding[]> {
  if (kubeconfig === "") return [];
  if (kubeconfig === inCluster) return [notInCluster];
  const access = await readAccess(sys, kubeconfig, {});
  if (!access.ok)
    return [problemOf("api", access.error, "Correct it. An ADD that needs the API fails until then.")];
  const { token, server } = access.value;
  const secrets = [kubeconfig, ...(token.kind === "file" ? [token.path] : [])];
  const files = [
    ...checkTrusted(sys, kubeconfig, [kubeconfig]),
    ...secrets.flatMap((path) => checkSecret(sys, path)),
  ];
  const deadlineMs = Number.POSITIVE_INFINITY;
  const api = openClient(sys, { kubeconfig, variables: {}, deadlineMs }, limits);
  const findings = await probeAll(api, server, rightsFor(status, annotationsComeAlong));
  const mayTell = status !== "off" && findings.every(({ level }) => level === "ok");
  return [...files, ...findings, ...(mayTell ? await checkPolicy(api, server, pods) : [])];
}

const notInCluster = warning(
  "api",
  `kubeconfig "${inCluster}" cannot be tried by hand`,
  "It takes the environment of a pod's container, which a runtime on the node does not have.",
  "Unless your runtime has it, give the path of a kubeconfig file.",
);

function checkSecret(sys: Sys, path: string): Finding[] {
  const stat = sys.files.stat(path);
  if (!stat.ok || (stat.value.mode & openToOthers) === 0) return [];
  const why = `Its mode is 0${stat.value.mode.toString(8)}; it holds what the API server knows us by.`;
  return [warning("api", `${path} is open to others`, why, `chmod 0600 ${path}`)];
}

/** A right, and what does not work without it. */
interface Right {
  readonly may: string;
  readonly ask: (api: KubeClient) => Promise<Outcome<unknown, CniError>>;
  readonly report: typeof problem;
  readonly loss: string;
  /** The runtimes that need this right. Given if an operator may have a reason to withdraw it. */
  readonly neededBy?: string;
}

function rightToRead(what: string, path: string): Right {
  return {
    may: `read ${what}`,
    ask: (api) => api.get(path),
    report: problem,
    loss: "An ADD that needs it fails.",
  };
}

const readsPods = rightToRead("pods", podPath("default", probe));
const readsDefinitions = rightToRead(
  "network definitions (network-attachment-definitions.k8s.cni.cncf.io)",
  definitionPath("default", probe),
);

/** Sends an empty patch of a pod that does not exist. */
const askToTell: Right["ask"] = (api) => api.patch(`${podPath("default", probe)}/status`, {});
const tells: Readonly<Record<MetaConfig["status"], readonly Right[]>> = {
  off: [],
  sync: [
    {
      may: "write pods' network status",
      ask: askToTell,
      report: warning,
      loss: "Pods start, but their network status is not written.",
    },
  ],
  required: [
    { may: "write pods' network status", ask: askToTell, report: problem, loss: "Each ADD of a pod fails." },
  ],
};

function rightsFor(status: MetaConfig["status"], annotationsComeAlong: boolean): Right[] {
  const neededBy = "only runtimes that pass no annotations (containerd before 1.5, CRI-O before 1.29)";
  return [annotationsComeAlong ? { ...readsPods, neededBy } : readsPods, readsDefinitions, ...tells[status]];
}

async function probeAll(api: KubeClient, server: string, rights: readonly Right[]): Promise<Finding[]> {
  const findings: Finding[] = [];
  for (const right of rights) {
    const asked = await right.ask(api);
    findings.push(judgeProbe(asked, right, server));
    // Every further request would get the same answer.
    if (!asked.ok && !isAnswer(asked.error)) break;
  }
  return findings;
}

/** Whether the server knew who asks, and decided on this request. */
function isAnswer(error: CniError): boolean {
  return hasId(error, "kube.api-not-found", "kube.api-forbidden", "kube.api-unknown-resource");
}

function judgeProbe(
  asked: Outcome<unknown, CniError>,
  { may, report, loss, neededBy }: Right,
  server: string,
): Finding {
  if (asked.ok || asked.error.id === "kube.api-not-found") return fine("api", `${server}: may ${may}`);
  const { msg, details, id } = asked.error;
  if (neededBy !== undefined && id === "kube.api-forbidden")
    return fine("api", `${server}: may not ${may}, which ${neededBy} need`);
  return report("api", msg, `${loss} [${id}]`, details);
}

/** A patch that an ADD never sends. With dryRun the server does everything, admission included, but stores nothing. */
const unlikeUs = { metadata: { annotations: { [`hawser.example/${probe}`]: "" } } };
const enough = 3;

/**
 * Checks whether an admission policy limits hawser's patches to the network status. Without a pod to try it with there
 * is no finding.
 */
async function checkPolicy(
  api: KubeClient,
  server: string,
  pods: readonly PodIdentity[],
): Promise<Finding[]> {
  for (const { namespace, name } of pods.slice(0, enough)) {
    const tried = await api.patch(`${podPath(namespace, name)}/status?dryRun=All`, unlikeUs);
    if (tried.ok)
      return [
        warning(
          "api",
          `${server}: may write more of pods' status than the network status`,
          "Whoever steals the token of this node writes addresses, conditions and labels of the cluster's pods.",
          "Apply examples/kubernetes/admission-policy.yaml; docs/security.md says what it allows.",
        ),
      ];
    if (tried.error.id === "kube.api-refused")
      return [fine("api", `${server}: may write nothing else of pods' status`)];
  }
  return [];
}
