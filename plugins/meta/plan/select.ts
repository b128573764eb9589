import { allOk, type CniError, cniError } from "../../../cni/errors.ts";
import type { JsonObject } from "../../../cni/json.ts";
import type { NetworkRequest } from "../../../kube/annotation.ts";
import type { Definition } from "../../../kube/definition-files.ts";
import { type AssignedDevice, resourceOf } from "../../../kube/devices/assign.ts";
import { type Outcome, ok } from "../../../sys/outcome.ts";
import { interfaceNameOf, type Observed } from "../observe/observed.ts";

/** One attachment that is to be: which network, under which interface name. */
export interface Selection {
  readonly role: "primary" | "secondary";
  /** For people: the primary's name, or `namespace/name`. */
  readonly network: string;
  /** Who wants it. */
  readonly origin: "configuration" | "annotation";
  readonly ifname: string;
  /** Where its configuration was found. */
  readonly source: string;
  readonly config: JsonObject;
  readonly request: NetworkRequest | undefined;
  /** Of which its definition wants a device; `device` is that one, where it is known. */
  readonly resource?: string;
  readonly device?: AssignedDevice;
}

/** Names that exist before we attach anything, and that no attachment may take. */
export interface TakenNames {
  readonly primary: string;
  /** What plugins before us in the runtime's list put into the sandbox. */
  readonly existing: readonly string[];
}

/**
 * The attachments in order, each with its interface name: the requested one, else `net<n>`, n being the secondary's
 * place, so that a requested name does not shift those after it (as in Multus).
 */
export function select(observed: Observed, taken: TakenNames): Outcome<Selection[], CniError> {
  const secondaries = observed.wanted.map(
    ({ label, origin, request, definition, device }, index): Selection => ({
      role: "secondary",
      network: label ?? `${request.namespace}/${request.name}`,
      origin,
      ifname: interfaceNameOf(request, index),
      source: definition.source,
      config: definition.config,
      request,
      ...deviceOf(definition.annotations, device),
    }),
  );
  const collisions = allOk(collisionsOf(secondaries, taken));
  if (!collisions.ok) return collisions;
  if (observed.primary === undefined) return ok(secondaries);
  const { annotations, device } = observed.primary;
  const primary: Selection = {
    role: "primary",
    network: observed.primary.name,
    origin: observed.primary.request === undefined ? "configuration" : "annotation",
    ifname: taken.primary,
    source: observed.primary.source,
    config: observed.primary.config,
    request: observed.primary.request,
    ...deviceOf(annotations, device),
  };
  return ok([primary, ...secondaries]);
}

function deviceOf(
  annotations: Definition["annotations"],
  device: AssignedDevice | undefined,
): Pick<Selection, "resource" | "device"> {
  const resource = resourceOf(annotations);
  return { ...(resource !== undefined && { resource }), ...(device !== undefined && { device }) };
}

function collisionsOf(secondaries: readonly Selection[], taken: TakenNames): CniError[] {
  const owners = new Map<string, string>([
    ["lo", "the loopback interface"],
    ...taken.existing.map((name) => [name, "a plugin before hawser in the list"] as const),
    [taken.primary, "the pod's primary interface"],
  ]);
  const collisions: CniError[] = [];
  for (const { ifname, network } of secondaries) {
    const owner = owners.get(ifname);
    if (owner === undefined) owners.set(ifname, `that of network ${network}`);
    else collisions.push(collision(network, ifname, owner));
  }
  return collisions;
}

function collision(network: string, ifname: string, owner: string): CniError {
  return cniError(
    "selection",
    "meta.name-collision",
    `select networks: network ${network} is to be interface ${ifname}, which is ${owner}`,
    `Ask for another name ("${network}@<interface>").`,
  );
}
