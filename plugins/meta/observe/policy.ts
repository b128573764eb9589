import { type CniError, cniError, joinErrors } from "../../../cni/errors.ts";
import { isObject, type JsonObject } from "../../../cni/json.ts";
import type { NetworkRequest } from "../../../kube/annotation.ts";
import {
  allowedNamespacesAnnotation,
  type Definition,
  deniedRequestsAnnotation,
} from "../../../kube/definition.ts";
import { listed, quote } from "../../../kube/text.ts";
import { type Outcome, ok } from "../../../sys/outcome.ts";
import type { MetaConfig } from "../config/config.ts";
import { permissionsFor, type RequestKind, requestedKinds, requestKinds } from "../config/permissions.ts";
import type { Asked } from "./requests.ts";

/** One network that is asked for, and what was found of it. */
export interface Sought extends Asked {
  readonly definition: Outcome<Definition, CniError>;
}

/** The same, found and free to be used. */
export interface Admitted extends Asked {
  readonly definition: Definition;
}

type Policy = Pick<MetaConfig, "crossNamespace" | "requests" | "allowedTypes" | "dialect">;

/** Where the operator lets a pod into other namespaces. */
const namespaceFields = { hawser: "crossNamespace", multus: "globalNamespaces" } as const;

/** In place of a list of names: all of them. */
const everyone = "*";

/**
 * What a pod of this namespace may have, or everything that it may not have and everything that was not found, at once. Of
 * another namespace's network that is not open to it the error never tells whether there is one. Errors:
 * `meta.cross-namespace`, `meta.request-denied`, `meta.type-denied`, and those of the definitions.
 */
export function admit(
  policy: Policy,
  podNamespace: string,
  sought: readonly Sought[],
): Outcome<Admitted[], CniError> {
  const isOpen = (each: Sought) =>
    each.origin === "configuration" || mayUse(policy, podNamespace, each) || isOutage(each);
  const open = sought.filter(isOpen);
  const found = open.flatMap(({ definition, ...rest }) =>
    definition.ok ? [{ ...rest, definition: definition.value }] : [],
  );
  const doing = `select networks of a pod in namespace ${podNamespace}`;
  const errors = [
    ...foreignError(
      doing,
      policy,
      sought.filter((each) => !isOpen(each)),
    ),
    ...uniqueErrors(open),
    ...deniedError(
      doing,
      found.flatMap((each) => deniedRequests(policy, each)),
    ),
    ...typesError(doing, policy, found),
  ];
  const [first, ...others] = errors;
  return first === undefined ? ok(found) : { ok: false, error: joinErrors([first, ...others]) };
}

function mayUse({ crossNamespace }: Policy, podNamespace: string, { request, definition }: Sought): boolean {
  if (request.namespace === podNamespace) return true;
  if (crossNamespace.includes(request.namespace) || crossNamespace.includes(everyone)) return true;
  if (!definition.ok) return false;
  const opened = wordsOf(definition.value, allowedNamespacesAnnotation);
  return opened.includes(podNamespace) || opened.includes(everyone);
}

/** Of the network such an error tells nothing: the API did not answer, or refused us. */
function isOutage({ definition }: Sought): boolean {
  return (
    !definition.ok &&
    !["kube.unknown-network", "kube.bad-definition", "kube.read"].includes(definition.error.id)
  );
}

function wordsOf({ annotations }: Definition, annotation: string): string[] {
  const text = Object.hasOwn(annotations, annotation) ? (annotations[annotation] ?? "") : "";
  return text.split(",").flatMap((word) => (word.trim() === "" ? [] : [word.trim()]));
}

function foreignError(
  doing: string,
  { crossNamespace, dialect }: Policy,
  foreign: readonly Sought[],
): CniError[] {
  if (foreign.length === 0) return [];
  const names = foreign.map(({ request }) => nameOf(request)).join(", ");
  return [
    cniError(
      "annotation",
      "meta.cross-namespace",
      `${doing}: ${names} may not be used from there`,
      `A pod uses networks of its own namespace, of ${crossNamespace.join(", ") || "no other"} (${namespaceFields[dialect]}), and those that open themselves to it (annotation ${allowedNamespacesAnnotation}).`,
    ),
  ];
}

/** A network that is wanted twice is missing once. */
function uniqueErrors(sought: readonly Sought[]): CniError[] {
  const errors = new Map<string, CniError>();
  for (const { request, definition } of sought) {
    if (!definition.ok) errors.set(nameOf(request), definition.error);
  }
  return [...errors.values()];
}

/** What each kind of request is called in `cni-args`, by which plugins take it too; they read keys in any case. */
const argNames: Readonly<Record<RequestKind, readonly string[]>> = {
  ips: ["ips", "ip"],
  mac: ["mac"],
  infinibandGUID: ["guid", "infinibandguid", "infiniband-guid"],
  portMappings: ["portmappings"],
  bandwidth: ["bandwidth"],
  deviceID: ["deviceid", "pcibusid"],
  defaultRoute: ["default-route", "gateway"],
  cniArgs: [],
};

/** Everything that is asked of one network and denied, for people. */
function deniedRequests({ requests }: Policy, { request, definition }: Admitted): string[] {
  const permissions = permissionsFor(requests, request);
  const tightened = wordsOf(definition, deniedRequestsAnnotation);
  const known: readonly string[] = [...requestKinds, everyone];
  const unknown = tightened.filter((word) => !known.includes(word));
  const asked = askedFor(request);
  if (asked.length > 0 && unknown.length > 0) {
    const words = listed(unknown.map(quote), 3);
    return [`${nameOf(request)} denies something unknown (${deniedRequestsAnnotation}: ${words})`];
  }
  const isDenied = (kind: RequestKind) =>
    permissions[kind] === "deny" || tightened.includes(kind) || tightened.includes(everyone);
  const denied = asked.filter(({ kind }) => isDenied(kind)).map(({ shown }) => shown);
  return denied.length === 0 ? [] : [`${nameOf(request)} does not allow ${listed(denied, 10)}`];
}

function askedFor(request: NetworkRequest): { kind: RequestKind; shown: string }[] {
  const requested = requestedKinds(request);
  const args = Object.keys(request.cniArgs ?? {});
  return requestKinds.flatMap((kind) => [
    ...(requested.includes(kind) ? [{ kind, shown: kind }] : []),
    ...args
      .filter((arg) => argNames[kind].includes(arg.toLowerCase()))
      .map((arg) => ({ kind, shown: `${kind} (as ${quote(arg)} in cni-args)` })),
  ]);
}

function deniedError(doing: string, denied: readonly string[]): CniError[] {
  if (denied.length === 0) return [];
  return [
    cniError(
      "annotation",
      "meta.request-denied",
      `${doing}: ${denied.join("; ")}`,
      `Take it out of the annotation; the operator allows it with "requests", a definition's author denies it with the annotation ${deniedRequestsAnnotation}.`,
    ),
  ];
}

/**
 * What may run for a definition out of the Kubernetes API unless the operator says otherwise: the reference plugins that
 * make an interface of their own or work within the pod, and IPAM. Not what takes a device away from the node
 * (host-device), makes one for others (tap), or runs what it is told to.
 */
const apiTypes = [
  ...["bridge", "macvlan", "ipvlan", "vlan", "ptp", "dummy", "sriov", "ib-sriov"],
  ...["bandwidth", "firewall", "portmap", "sbr", "tuning", "vrf"],
  ...["dhcp", "host-local", "static", "whereabouts"],
  ...["hawser-flat", "hawser-host-local", "hawser-static"],
];

/** Undefined: any. */
function allowedTypesFor({ allowedTypes }: Policy, { keptIn }: Definition): readonly string[] | undefined {
  const allowed = allowedTypes ?? (keptIn === "api" ? apiTypes : [everyone]);
  return allowed.includes(everyone) ? undefined : allowed;
}

function typesError(doing: string, policy: Policy, admitted: readonly Admitted[]): CniError[] {
  const texts = admitted.flatMap(({ request, definition }) => {
    const allowed = allowedTypesFor(policy, definition);
    const denied = typesOf(definition.config).filter((type) => allowed?.includes(type) === false);
    return denied.length === 0
      ? []
      : [`${nameOf(request)} runs ${listed([...new Set(denied)].map(quote), 5)}`];
  });
  if (texts.length === 0) return [];
  const allowed = policy.allowedTypes ?? apiTypes;
  return [
    cniError(
      "selection",
      "meta.type-denied",
      `${doing}: ${[...new Set(texts)].join("; ")}, which may not run for a definition`,
      `Allowed are ${allowed.join(", ") || "none"}. The operator decides with "allowedTypes".`,
    ),
  ];
}

/** Every executable that a configuration makes run: its plugins' and their IPAM's. What is no text `plan` refuses. */
function typesOf(config: JsonObject): string[] {
  const plugins = Array.isArray(config.plugins) ? config.plugins : [config];
  return plugins.filter(isObject).flatMap(({ type, ipam }) => {
    const types = [type, isObject(ipam) ? ipam.type : undefined];
    return types.filter((each) => typeof each === "string" && each !== "") as string[];
  });
}

function nameOf({ namespace, name }: NetworkRequest): string {
  return `${namespace}/${name}`;
}
