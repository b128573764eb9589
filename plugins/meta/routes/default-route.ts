import { addressFamily, cidrFamily, type Family } from "../../../cni/address.ts";
import { allOk, type CniError, cniError, failWith } from "../../../cni/errors.ts";
import { fail, type Outcome, ok } from "../../../sys/outcome.ts";
import type { Attached } from "../execute/execute.ts";
import type { Selection } from "../plan/select.ts";
import { defaultRoute, type FoundRoute, isSameRoute, type KernelRoute } from "./ip-route.ts";

/** The pod's default route of one family, by way of one of its attachments. */
export interface Gateway {
  readonly family: Family;
  readonly address: string;
  readonly ifname: string;
}

/** The plan for the pod's default routes after all of its attachments are made. */
export interface RoutePlan {
  /** At most one of a family: it takes the place of every other default route of the family. */
  readonly gateways: readonly Gateway[];
  /** Interfaces whose own default routes, of both families, are taken away. */
  readonly withdrawn: readonly string[];
}

/** The changes of the kernel's routes that this takes. They are recorded before the first is made. */
export interface RouteChanges {
  readonly removed: readonly KernelRoute[];
  readonly added: readonly KernelRoute[];
}

type Asking = Pick<Selection, "network" | "ifname" | "request">;

/** Undefined when nobody asks for a default route. Errors: `route.several`, of every family that has several gateways. */
export function planRoutes(selections: readonly Asking[]): Outcome<RoutePlan | undefined, CniError> {
  const asking = selections.filter(({ request }) => request?.defaultRoute !== undefined);
  if (asking.length === 0) return ok(undefined);
  const gateways = asking.flatMap(({ ifname, network, request }) =>
    (request?.defaultRoute ?? []).map((address) => ({
      family: addressFamily(address) ?? "4",
      address,
      ifname,
      network,
    })),
  );
  const conflicts = (["4", "6"] as const).flatMap((family) => {
    const rivals = gateways.filter((gateway) => gateway.family === family);
    return rivals.length > 1 ? [severalGateways(family, rivals)] : [];
  });
  const single = allOk(conflicts);
  if (!single.ok) return single;
  const withdrawn = asking.filter(({ request }) => request?.defaultRoute?.length === 0);
  return ok({
    gateways: gateways.map(({ family, address, ifname }) => ({ family, address, ifname })),
    withdrawn: withdrawn.map(({ ifname }) => ifname),
  });
}

function severalGateways(
  family: Family,
  rivals: readonly { readonly address: string; readonly network: string }[],
): CniError {
  const all = rivals.map(({ address, network }) => `${address} of network ${network}`).join(", ");
  return cniError(
    "selection",
    "route.several",
    `plan the pod's default routes: there are several gateways of IPv${family}: ${all}`,
    `Leave "default-route" with one of these networks only; the pod has one default route in each family.`,
  );
}

/** A gateway can be reached only from an address of its family. Errors: `route.family`. */
export function requireFamilies(
  { gateways }: RoutePlan,
  attached: readonly Attached[],
): Outcome<void, CniError> {
  const lacking = gateways.find(({ family, ifname }) => {
    const { ips = [] } = attached.find(({ step }) => step.ifname === ifname)?.result.result ?? {};
    return !ips.some(({ address }) => cidrFamily(address) === family);
  });
  if (lacking === undefined) return ok(undefined);
  const { family, address, ifname } = lacking;
  return failWith(
    "selection",
    "route.family",
    `set the pod's default route by ${address} on ${ifname}: the attachment has no IPv${family} address`,
    `Ask for a gateway of a family that the network gives addresses of, or leave "default-route" out.`,
  );
}

/** The families whose routes must be looked at and may be changed. */
export function familiesOf({ gateways, withdrawn }: RoutePlan): Family[] {
  if (withdrawn.length > 0) return ["4", "6"];
  return [...new Set(gateways.map(({ family }) => family))];
}

/** The changes that lead from the kernel's routes to the planned ones. A route that is right stays as it is. */
export function changesFor(plan: RoutePlan, found: readonly FoundRoute[]): RouteChanges {
  const wanted = plan.gateways.map(({ family, address, ifname }) => defaultRoute(family, address, ifname));
  const isWanted = (route: FoundRoute): boolean => wanted.some((each) => isSameRoute(each, route));
  const removed = found.filter((route) => isInTheWay(plan, route) && !isWanted(route));
  return {
    removed: removed.map(({ family, words, devices }) => ({ family, words, devices })),
    added: wanted.filter((route) => !found.some((each) => isSameRoute(each, route))),
  };
}

function isInTheWay({ gateways, withdrawn }: RoutePlan, route: FoundRoute): boolean {
  if (route.devices.some((device) => withdrawn.includes(device))) return true;
  // An advertised route stays: it is the kernel's own, and ours goes before it by its metric.
  return !route.isAdvertised && gateways.some(({ family }) => family === route.family);
}

/** The recorded changes that must still be taken back. Interfaces that go away anyway get no route back. */
export function takingBack(
  { removed, added }: RouteChanges,
  found: readonly KernelRoute[],
  going: ReadonlySet<string>,
): RouteChanges {
  const isThere = (route: KernelRoute): boolean => found.some((each) => isSameRoute(each, route));
  return {
    removed: added.filter(isThere),
    added: removed.filter((route) => !isThere(route) && !route.devices.some((device) => going.has(device))),
  };
}

/** Whether the pod still has the planned default routes. Errors: `route.drift`. */
export function requireRoutes(plan: RoutePlan, found: readonly FoundRoute[]): Outcome<void, CniError> {
  for (const { family, address, ifname } of plan.gateways) {
    const wanted = defaultRoute(family, address, ifname);
    const [best] = found.filter((each) => each.family === family).sort((a, b) => a.metric - b.metric);
    if (best !== undefined && isSameRoute(best, wanted)) continue;
    const now = best === undefined ? "there is none" : `it is "${best.words.join(" ")}"`;
    return fail(drifted(`the pod's default route of IPv${family} is to go by ${address} on ${ifname}`, now));
  }
  const back = found.find(
    ({ devices, isAdvertised }) => !isAdvertised && devices.some((device) => plan.withdrawn.includes(device)),
  );
  if (back === undefined) return ok(undefined);
  const was = `the default routes by ${back.devices.join(", ")} have been taken away`;
  return fail(drifted(was, `there is "${back.words.join(" ")}"`));
}

function drifted(planned: string, now: string): CniError {
  const hint = "Something in the pod or on the node has changed it since; start the pod anew.";
  return cniError("drift", "route.drift", `${planned}, and ${now}`, hint);
}
