import { type CniError, cniError, joinErrors } from "../../../cni/errors.ts";
import { foldKey } from "../../../cni/fold.ts";
import {
  allowedNamespacesAnnotation,
  type Definition,
  deniedRequestsAnnotation,
} from "../../../kube/definition.ts";
import type { NetworkRequest } from "../../../kube/request.ts";
import { listed, quote } from "../../../kube/text.ts";
import { type Outcome, ok } from "../../../sys/outcome.ts";
import type { MetaConfig } from "../config/config.ts";
import { permissionsFor, type RequestKind, requestedKinds, requestKinds } from "../config/permissions.ts";
import { ownerOf } from "../trust/owner.ts";
import { allowedFor, deniedTypes, type TypeRules } from "../trust/plugin-types.ts";
import { everyone, wordsOf } from "./isolate.ts";
import type { FoundNetwork, Wanted } from "./wanted.ts";

/** A network that is asked for and was found, while nobody knows whether the pod may have it. */
interface Candidate {
  readonly role: Wanted["role"];
  readonly request: NetworkRequest;
  /** The definition as it is written. */
  readonly written: Definition;
  readonly decoded: FoundNetwork["decoded"];
}

type Policy = Pick<MetaConfig, "crossNamespace" | "requests" | "dialect" | "trustedNamespaces"> & TypeRules;

/** Where the operator lets a pod into other namespaces. */
const namespaceFields = { hawser: "crossNamespace", multus: "globalNamespaces" } as const;

/**
 * What a pod of this namespace may have of the list that `isolate` and `decodeTenants` returned, each definition with the
 * configuration that goes to plugins; or everything that the pod may not have and everything that was not found, at once.
 * Where nothing else is wrong, the first network of the operator's own choice that was not found. Errors:
 * `meta.cross-namespace`, `meta.request-denied`, `meta.type-denied`, and those of the definitions.
 */
export function admit(
  policy: Policy,
  podNamespace: string,
  wanted: readonly Wanted[],
): Outcome<Wanted[], CniError> {
  const candidates = wanted.flatMap(candidatesOf);
  const doing = `select networks of a pod in namespace ${podNamespace}`;
  const errors = [
    ...foreignError(doing, policy, wanted),
    ...uniqueErrors(policy, wanted),
    ...deniedError(
      doing,
      candidates.flatMap((each) => deniedRequests(policy, each)),
    ),
    ...typesError(doing, policy, candidates),
  ];
  const [first = missingChoice(wanted), ...others] = errors;
  if (first !== undefined) return { ok: false, error: joinErrors([first, ...others]) };
  return ok(wanted.map(asHandedOn));
}

function candidatesOf({ role, request, lookup }: Wanted): Candidate[] {
  if (request === undefined || lookup.kind !== "found") return [];
  return [{ role, request, written: lookup.definition, decoded: lookup.decoded }];
}

function missingChoice(wanted: readonly Wanted[]): CniError | undefined {
  const [first] = wanted.flatMap(({ choice, lookup }) =>
    choice !== undefined && lookup.kind === "failed" ? [lookup.error] : [],
  );
  return first;
}

/** A tenant's definition as it was decoded. */
function asHandedOn(wanted: Wanted): Wanted {
  const { lookup } = wanted;
  if (lookup.kind !== "found" || lookup.decoded?.ok !== true) return wanted;
  const { config } = lookup.decoded.value;
  return { ...wanted, lookup: { ...lookup, definition: { ...lookup.definition, config } } };
}

function foreignError(
  doing: string,
  { crossNamespace, dialect }: Policy,
  wanted: readonly Wanted[],
): CniError[] {
  const foreign = wanted.flatMap(({ request, lookup }) => (lookup.kind === "foreign" ? (request ?? []) : []));
  if (foreign.length === 0) return [];
  const names = foreign.map(nameOf).join(", ");
  return [
    cniError(
      "annotation",
      "meta.cross-namespace",
      `${doing}: ${names} may not be used from there`,
      `A pod uses networks of its own namespace, of ${crossNamespace.join(", ") || "no other"} (${namespaceFields[dialect]}), and those that open themselves to it (annotation ${allowedNamespacesAnnotation}).`,
    ),
  ];
}

/** One error for a network that is wanted twice. A definition that runs a denied type gets that error alone. */
function uniqueErrors(policy: Policy, wanted: readonly Wanted[]): CniError[] {
  const errors = new Map<string, CniError>();
  for (const { request, lookup } of wanted) {
    if (request === undefined) continue;
    if (lookup.kind === "failed") errors.set(nameOf(request), lookup.error);
    else if (
      lookup.kind === "found" &&
      lookup.decoded?.ok === false &&
      deniedOf(policy, lookup.definition).length === 0
    )
      errors.set(nameOf(request), lookup.decoded.error);
  }
  return [...errors.values()];
}

/** For each request kind, the keys of `cni-args` that plugins read for it, too. Plugins read keys in any case. */
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
function deniedRequests({ requests }: Policy, candidate: Candidate): string[] {
  const { request, written, decoded } = candidate;
  const asked = askedFor(candidate);
  if (asked.length === 0) return [];
  const permissions = permissionsFor(requests, request);
  const grants = decoded?.ok === true ? decoded.value.grants : [];
  const tightened = wordsOf(written, deniedRequestsAnnotation);
  const known: readonly string[] = [...requestKinds, everyone];
  const unknown = tightened.filter((word) => !known.includes(word));
  if (unknown.length > 0) {
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

function askedFor({ request, role }: Candidate): { kind: RequestKind; shown: string }[] {
  const requested = requestedKinds(request, role);
  const args = Object.keys(request.cniArgs ?? {});
  if (requested.length + args.length === 0) return [];
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

function typesError(doing: string, policy: Policy, candidates: readonly Candidate[]): CniError[] {
  const denied = candidates.flatMap((each) =>
    deniedOf(policy, each.written).map((type) => ({ ...each, ...type })),
  );
  const [first] = denied;
  if (first === undefined) return [];
  const texts = denied.map(
    ({ request, type, part }) =>
      `${nameOf(request)} runs ${quote(type)}${part === "ipam" ? " for its addresses" : ""}`,
  );
  const allowed = allowedFor(policy, first.part, ownerOf(policy, first.written));
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
  return deniedTypes(policy, ownerOf(policy, definition), definition.config);
}

function nameOf({ namespace, name }: NetworkRequest): string {
  return `${namespace}/${name}`;
}
