import { allOk, type CniError, failWith, within } from "../../../cni/errors.ts";
import {
  type NetworkRequest,
  parseDefaultNetwork,
  parseNetworkList,
  parseNetworks,
} from "../../../kube/annotation.ts";
import { defaultNetworkAnnotation, networksAnnotation } from "../../../kube/pod.ts";
import { fail, type Outcome, ok } from "../../../sys/outcome.ts";
import type { Sys } from "../../../sys/sys.ts";
import type { MetaConfig } from "../config/config.ts";

/** One network that is asked for, by whom, and as what. */
export interface Asked {
  readonly role: "primary" | "secondary";
  readonly origin: "configuration" | "annotation";
  readonly request: NetworkRequest;
}

/** The namespace of operators' own networks, and of sandboxes that no pod's name comes with. */
export const defaultNamespace = "default";

/** Whose annotations they are, as far as it matters to them. */
export interface Asker {
  readonly annotations: Readonly<Record<string, string>>;
  readonly namespace: string;
  /** The primary interface's name. */
  readonly ifname: string;
}

/** All that is asked for, the primary (if the pod has one of its own) first; every mistake of all annotations at once. */
export function readRequests(config: MetaConfig, asker: Asker): Outcome<Asked[], CniError> {
  const parts = [ownPrimary(config, asker), configured(config), chosen(config, asker)];
  const all = allOk(parts.flatMap((part) => (part.ok ? [] : [part.error])));
  return all.ok ? ok(parts.flatMap((part) => (part.ok ? part.value : []))) : all;
}

/** What every pod gets. */
export function configured(config: MetaConfig): Outcome<Asked[], CniError> {
  const requests = parseNetworkList(config.networks, defaultNamespace);
  if (!requests.ok) return fail(within("read the configuration's networks", requests.error));
  return ok(requests.value.map((request) => ({ role: "secondary", origin: "configuration", request })));
}

function chosen(config: MetaConfig, { annotations, namespace }: Asker): Outcome<Asked[], CniError> {
  const grammar = { defaultNamespace: namespace, unknownKeys: config.unknownKeys };
  const requests = parseNetworks(annotations[networksAnnotation] ?? "", grammar);
  if (!requests.ok) return requests;
  return ok(requests.value.map((request) => ({ role: "secondary", origin: "annotation", request })));
}

function ownPrimary(
  config: MetaConfig,
  { annotations, namespace, ifname }: Asker,
): Outcome<Asked[], CniError> {
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
  return ok([{ role: "primary", origin: "annotation", request: request.value }]);
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

export function warnOfIgnored(sys: Sys, asked: readonly Asked[]): void {
  for (const { namespace, name, ignored = [] } of asked.map(({ request }) => request)) {
    for (const key of ignored) {
      sys.warn(`hawser: the request for network ${namespace}/${name}: ignored key ${key}`);
    }
  }
}
