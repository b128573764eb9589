import { type CniError, cniError, hasId, joinErrors } from "../../../cni/errors.ts";
import { foldKey } from "../../../cni/fold.ts";
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
import type { Decoded } from "../trust/decode.ts";
import { ownerOf } from "../trust/owner.ts";
import type { Grant } from "../trust/resources.ts";
import { allowedFor, deniedTypes, type TypeRules } from "../trust/types.ts";
import type { Asked } from "./requests.ts";

/** One network that is asked for, and what was found of it. */
export interface Sought extends Asked {
  readonly definition: Outcome<Definition, CniError>;
  /** What was made of a definition that is not the operator's. */
  readonly decoded?: Outcome<Decoded, CniError>;
}

/** The same, found and free to be used. */
export interface Admitted extends Asked {
  /** A tenant's as it was decoded. */
  readonly definition: Definition;
}

/** What was found of it, before it is known whether it may be used. */
interface Found extends Admitted {
  /** The definition as it is written. */
  readonly written: Definition;
  readonly grants: readonly Grant[];
}

function foundOf({ role, origin, request, definition, decoded }: Sought): Found[] {
  if (!definition.ok) return [];
  const written = definition.value;
  const { config, grants } = decoded?.ok === true ? decoded.value : { config: written.config, grants: [] };
  return [{ role, origin, request, definition: { ...written, config }, written, grants }];
}

type Policy = Pick<MetaConfig, "crossNamespace" | "requests" | "dialect" | "trustedNamespaces"> & TypeRules;

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
  const found = open.flatMap((each) => foundOf(each));
  const doing = `select networks of a pod in namespace ${podNamespace}`;
  const errors = [
    ...foreignError(
      doing,
      policy,
      sought.filter((each) => !isOpen(each)),
    ),
    ...uniqueErrors(policy, open),
    ...deniedError(
      doing,
      found.flatMap((each) => deniedRequests(policy, each)),
    ),
    ...typesError(doing, policy, found),
  ];
  const [first, ...others] = errors;
  if (first !== undefined) return { ok: false, error: joinErrors([first, ...others]) };
  return ok(found.map(({ role, origin, request, definition }) => ({ role, origin, request, definition })));
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
    !definition.ok && !hasId(definition.error, "kube.unknown-network", "kube.bad-definition", "kube.read")
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

/** A network that is wanted twice is missing once. A definition that runs what it may not is not asked about the rest. */
function uniqueErrors(policy: Policy, sought: readonly Sought[]): CniError[] {
  const errors = new Map<string, CniError>();
  for (const { request, definition, decoded } of sought) {
    if (!definition.ok) errors.set(nameOf(request), definition.error);
    else if (decoded?.ok === false && deniedOf(policy, definition.value).length === 0)
      errors.set(nameOf(request), decoded.error);
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
  interface: [],
  ipamClaim: ["ipam-claim-reference"],
  defaultNetwork: [],
};

/** Everything that is asked of one network and denied, for people. */
function deniedRequests({ requests }: Policy, { role, request, definition, grants }: Found): string[] {
  const permissions = permissionsFor(requests, request);
  const tightened = wordsOf(definition, deniedRequestsAnnotation);
  const known: readonly string[] = [...requestKinds, everyone];
  const unknown = tightened.filter((word) => !known.includes(word));
  const asked = askedFor(request, role === "primary");
  if (asked.length > 0 && unknown.length > 0) {
    const words = listed(unknown.map(quote), 3);
    return [`${nameOf(request)} denies something unknown (${deniedRequestsAnnotation}: ${words})`];
  }
  const isDenied = (kind: RequestKind) =>
    permissions[kind] === "deny" ||
    grants.some((grant) => grant.requests[kind] === "deny") ||
    tightened.includes(kind) ||
    tightened.includes(everyone);
  const denied = asked.filter(({ kind }) => isDenied(kind)).map(({ shown }) => shown);
  return denied.length === 0 ? [] : [`${nameOf(request)} does not allow ${listed(denied, 10)}`];
}

function askedFor(request: NetworkRequest, isPrimary: boolean): { kind: RequestKind; shown: string }[] {
  const requested = requestedKinds(request, isPrimary);
  const args = Object.keys(request.cniArgs ?? {});
  return requestKinds.flatMap((kind) => [
    ...(requested.includes(kind) ? [{ kind, shown: kind }] : []),
    ...args
      .filter((arg) => argNames[kind].includes(foldKey(arg)))
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

function typesError(doing: string, policy: Policy, found: readonly Found[]): CniError[] {
  const denied = found.flatMap((each) =>
    deniedOf(policy, each.written).map((type) => ({ ...each, ...type })),
  );
  const [first] = denied;
  if (first === undefined) return [];
  const texts = denied.map(
    ({ request, type, part }) =>
      `${nameOf(request)} runs ${quote(type)}${part === "ipam" ? " for its addresses" : ""}`,
  );
  const allowed = allowedFor(policy, first.part, ownerOf(policy, first.written) === "tenant");
  const field = first.part === "ipam" ? "allowedIpamTypes" : "allowedTypes";
  return [
    cniError(
      "selection",
      "meta.type-denied",
      `${doing}: ${listed([...new Set(texts)], 5)}, which may not run for a definition`,
      `Allowed are ${allowed.join(", ") || "none"}. The operator decides with "${field}".`,
    ),
  ];
}

function deniedOf(policy: Policy, definition: Definition): ReturnType<typeof deniedTypes> {
  return deniedTypes(policy, ownerOf(policy, definition) === "tenant", definition.config);
}

function nameOf({ namespace, name }: NetworkRequest): string {
  return `${namespace}/${name}`;
}
