import { allOk, type CniError, failWith, within } from "../../../cni/errors.ts";
import { parseDefaultNetwork, parseNetworkList, parseNetworks } from "../../../kube/annotation.ts";
import { defaultNetworkAnnotation, networksAnnotation } from "../../../kube/pod.ts";
import type { NetworkRequest } from "../../../kube/request.ts";
import { fail, type Outcome, ok } from "../../../sys/outcome.ts";
import type { Sys } from "../../../sys/sys.ts";
import type { MetaConfig } from "../config/config.ts";

/** All networks that are asked for, by whoever asks. */
export interface Requests {
  /** The primary network that the pod has in place of the node's: none or one. */
  readonly own: readonly NetworkRequest[];
  /** The networks that every pod gets (`networks` of the configuration). */
  readonly configured: readonly NetworkRequest[];
  /** The networks that this pod asks for. */
  readonly chosen: readonly NetworkRequest[];
}

/** The namespace of the configuration's `networks`, and of a sandbox whose pod the runtime does not name. */
export const defaultNamespace = "default";

/** The pod that asks: its annotations, and what they are read by. */
export interface Asker {
  readonly annotations: Readonly<Record<string, string>>;
  readonly namespace: string;
  /** The primary interface's name. */
  readonly ifname: string;
}

/** Reads the pod's annotations and the configuration's `networks`; every mistake in all of them at once. */
export function readRequests(config: MetaConfig, asker: Asker): Outcome<Requests, CniError> {
  const own = ownPrimary(config, asker);
  const configured = readConfigured(config);
  const chosen = readChosen(config, asker);
  const all = allOk([own, configured, chosen].flatMap((part) => (part.ok ? [] : [part.error])));
  if (!all.ok) return all;
  return ok({ own: requestsIn(own), configured: requestsIn(configured), chosen: requestsIn(chosen) });
}

function requestsIn(part: Outcome<NetworkRequest[], CniError>): NetworkRequest[] {
  return part.ok ? part.value : [];
}

/** The networks that every pod gets. */
export function readConfigured({ networks }: MetaConfig): Outcome<NetworkRequest[], CniError> {
  const requests = parseNetworkList(networks, defaultNamespace);
  return requests.ok ? requests : fail(within("read the configuration's networks", requests.error));
}

function readChosen(
  config: MetaConfig,
  { annotations, namespace }: Asker,
): Outcome<NetworkRequest[], CniError> {
  const grammar = { defaultNamespace: namespace, unknownKeys: config.unknownKeys };
  return parseNetworks(annotations[networksAnnotation] ?? "", grammar);
}

function ownPrimary(
  config: MetaConfig,
  { annotations, namespace, ifname }: Asker,
): Outcome<NetworkRequest[], CniError> {
  const text = annotations[defaultNetworkAnnotation] ?? "";
  if (text.trim() === "") return ok([]);
  if (config.primary.kind === "chained") {
    return refused(
      "hawser does not attach this pod's primary network",
      `A plugin before hawser does. Take the annotation out, or let hawser own the primary ("delegate").`,
    );
  }
  const request = parseDefaultNetwork(text, {
    defaultNamespace: config.defaultNetworkNamespace === "" ? namespace : config.defaultNetworkNamespace,
    unknownKeys: config.unknownKeys,
  });
  if (!request.ok) return request;
  const wrong = notForPrimary(request.value, ifname);
  if (wrong.length > 0) {
    const why =
      "The runtime names the primary's interface, and the kubelet says what it takes of ports and bandwidth.";
    return refused(`it asks for ${wrong.join(" and ")}`, why);
  }
  return ok([request.value]);
}

function notForPrimary(request: NetworkRequest, ifname: string): string[] {
  const asksForName = request.interface !== undefined && request.interface !== ifname;
  return [
    ...(asksForName ? [`interface ${request.interface}`] : []),
    ...(request.portMappings === undefined ? [] : ["portMappings"]),
    ...(request.bandwidth === undefined ? [] : ["bandwidth"]),
  ];
}

function refused(why: string, hint: string): Outcome<never, CniError> {
  const doing = `read the pod's annotation ${defaultNetworkAnnotation}`;
  return failWith("annotation", "annotation.default-network", `${doing}: ${why}`, hint);
}

export function warnOfIgnored(sys: Sys, { own, configured, chosen }: Requests): void {
  for (const { namespace, name, ignored = [] } of [...own, ...configured, ...chosen]) {
    for (const key of ignored) {
      sys.warn(`hawser: the request for network ${namespace}/${name}: ignored key ${key}`);
    }
  }
}
