import { allOk, type CniError, cniError } from "../../../cni/errors.ts";
import type { JsonObject } from "../../../cni/json.ts";
import { type AssignedDevice, resourceOf } from "../../../kube/devices/assign.ts";
import type { NetworkRequest } from "../../../kube/request.ts";
import { type Outcome, ok } from "../../../sys/outcome.ts";
import type { Wanted } from "../observe/wanted.ts";

/** One attachment that is to be made: which network, under which interface name. */
export interface Selection {
  readonly role: "primary" | "secondary";
  /** For people: the primary's name, or `namespace/name`. */
  readonly network: string;
  /** Whether the configuration or an annotation wants this network. */
  readonly origin: "configuration" | "annotation";
  readonly ifname: string;
  /** Where its configuration was found. */
  readonly source: string;
  readonly config: JsonObject;
  readonly request: NetworkRequest | undefined;
  /** The resource of which the definition wants a device. `device` is that device, if it is known. */
  readonly resource?: string;
  readonly device?: AssignedDevice;
}

/** Names that exist before we attach anything, and that no attachment may take. */
export interface TakenNames {
  readonly primary: string;
  /** The interfaces that plugins before us in the runtime's list put into the sandbox. */
  readonly existing: readonly string[];
}

/**
 * The attachments in order, each with its interface name: the requested one, else `net<n>`, n being the secondary's
 * place, so that a requested name does not shift those after it (as in Multus).
 */
export function select(wanted: readonly Wanted[], taken: TakenNames): Outcome<Selection[], CniError> {
  const primaries = wanted.filter(({ role }) => role === "primary").length;
  const selections = wanted.flatMap((each, index) => selectionOf(each, `net${index - primaries + 1}`, taken));
  const collisions = allOk(collisionsOf(selections, taken));
  return collisions.ok ? ok(selections) : collisions;
}

/** One selection; none of a network of which only the API could tell. */
function selectionOf(
  { role, origin, request, lookup, device }: Wanted,
  ownName: string,
  taken: TakenNames,
): Selection[] {
  if (lookup.kind !== "found") return [];
  const { network, definition } = lookup;
  const resource = resourceOf(definition.annotations);
  return [
    {
      role,
      network,
      origin,
      ifname: role === "primary" ? taken.primary : (request?.interface ?? ownName),
      source: definition.source,
      config: definition.config,
      request,
      ...(resource !== undefined && { resource }),
      ...(device !== undefined && { device }),
    },
  ];
}

function collisionsOf(selections: readonly Selection[], taken: TakenNames): CniError[] {
  const owners = new Map<string, string>([
    ["lo", "the loopback interface"],
    ...taken.existing.map((name) => [name, "a plugin before hawser in the list"] as const),
    [taken.primary, "the pod's primary interface"],
  ]);
  const collisions: CniError[] = [];
  for (const { ifname, network } of selections.filter(({ role }) => role === "secondary")) {
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
