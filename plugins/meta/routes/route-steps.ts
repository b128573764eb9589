import type { Family } from "../../../cni/address.ts";
import type { RuntimeConf } from "../../../cni/delegate.ts";
import { type CniError, cniError, failWith } from "../../../cni/errors.ts";
import { listLinks } from "../../../net/links.ts";
import { addRoute, appendRoute, listRoutes, removeRoute } from "../../../net/routes.ts";
import { talk } from "../../../net/talk.ts";
import type { Attempt, Fault } from "../../../sys/fault.ts";
import type { NetlinkSocket } from "../../../sys/network.ts";
import { fail, type Outcome, ok } from "../../../sys/outcome.ts";
import type { Sys } from "../../../sys/sys.ts";
import { familyNumber } from "../../link/ip-bytes.ts";
import { changesFor, familiesOf, type RouteChanges, type RoutePlan, takingBack } from "./default-route.ts";
import type { FoundRoute, KernelRoute } from "./ip-route.ts";
import { asAdded, asRemoved, defaultRoutes, routeOf } from "./route-words.ts";

/** Reads the routes, and returns the changes that the plan takes. Errors: `route.run`, `route.read`. */
export async function observeRoutes(
  sys: Sys,
  plan: RoutePlan,
  runtimeConf: RuntimeConf,
): Promise<Outcome<RouteChanges, CniError>> {
  const found = await readRoutes(sys, familiesOf(plan), runtimeConf);
  return found.ok ? ok(changesFor(plan, found.value)) : found;
}

/** The default routes in the container's main tables. Errors: `route.run`, `route.read`. */
export function readRoutes(
  sys: Sys,
  families: readonly Family[],
  runtimeConf: RuntimeConf,
): Promise<Outcome<FoundRoute[], CniError>> {
  const doing = "read the pod's default routes";
  return inContainer(sys, doing, runtimeConf, async (socket) => {
    const links = talk(socket, listLinks());
    if (!links.ok) return unread(doing, links.error);
    const names = new Map(links.value.map(({ index, name }) => [index, name]));
    const found: FoundRoute[] = [];
    for (const family of families) {
      const routes = talk(socket, listRoutes(familyNumber(family)));
      // A kernel without IPv6 has none of its routes.
      if (!routes.ok && (routes.error.code === "EOPNOTSUPP" || routes.error.code === "EAFNOSUPPORT"))
        continue;
      if (!routes.ok) return unread(`${doing} of IPv${family}`, routes.error);
      found.push(...defaultRoutes(family, routes.value, names));
    }
    return ok(found);
  });
}

/** Carries out changes, and stops at the first that the kernel refuses. Errors: `route.run`, `route.read`, `route.refused`. */
export function changeRoutes(
  sys: Sys,
  changes: RouteChanges,
  runtimeConf: RuntimeConf,
): Promise<Outcome<void, CniError>> {
  return inContainer(sys, "change the pod's default routes", runtimeConf, async (socket) => {
    for (const { verb, route } of inOrder(changes, "add")) {
      const changed = changeRoute(socket, verb, route);
      if (!changed.ok) return fail(refused(verb, route, changed.error));
    }
    return ok(undefined);
  });
}

/**
 * Takes back the recorded changes that the kernel still has. Routes by an interface of `going` are left: they go away with it. A
 * change that the kernel refuses is a warning. The pod may have changed its own interfaces, and a DEL that fails would be tried
 * for ever. Errors: `route.run`, which can be tried again.
 */
export async function takeBackRoutes(
  sys: Sys,
  changes: RouteChanges,
  going: ReadonlySet<string>,
  runtimeConf: RuntimeConf,
): Promise<Outcome<void, CniError>> {
  const families = [...new Set([...changes.removed, ...changes.added].map(({ family }) => family))];
  if (families.length === 0 || runtimeConf.netns === "" || !sys.files.stat(runtimeConf.netns).ok)
    return ok(undefined);
  const found = await readRoutes(sys, families, runtimeConf);
  if (!found.ok) return forgiven(sys, found.error);
  const doing = "take back the pod's default routes";
  const done = await inContainer(sys, doing, runtimeConf, async (socket) => {
    for (const { verb, route } of inOrder(takingBack(changes, found.value, going), "append")) {
      const changed = changeRoute(socket, verb, route);
      const error = changed.ok ? undefined : refused(verb, route, changed.error);
      const judged = error === undefined ? ok(undefined) : forgiven(sys, error);
      if (!judged.ok) return judged;
    }
    return ok(undefined);
  });
  return done.ok ? done : forgiven(sys, done.error);
}

function forgiven(sys: Sys, error: CniError): Outcome<void, CniError> {
  if (error.id === "route.run") return fail(error);
  sys.warn(`hawser: take back the pod's default routes: ${error.msg}`);
  return ok(undefined);
}

interface Change {
  /** `append` makes a route beside others of its metric, as it may have stood; `add` does not. */
  readonly verb: "add" | "append" | "del";
  readonly route: KernelRoute;
}

/** The kernel refuses to add a second route of the same metric, so the old ones go first. */
function inOrder({ removed, added }: RouteChanges, adding: "add" | "append"): Change[] {
  return [
    ...removed.map((route) => ({ verb: "del" as const, route })),
    ...added.map((route) => ({ verb: adding, route })),
  ];
}

function changeRoute(socket: NetlinkSocket, verb: Change["verb"], wanted: KernelRoute): Attempt {
  const links = talk(socket, listLinks());
  if (!links.ok) return links;
  const route = routeOf(wanted, new Map(links.value.map(({ index, name }) => [name, index])));
  // Between reading and removing, an interface or an advertisement may have come to its end.
  if (verb === "del") {
    const removed = route === undefined ? ok(undefined) : talk(socket, removeRoute(asRemoved(route)));
    return !removed.ok && removed.error.code === "ESRCH" ? ok(undefined) : removed;
  }
  if (route === undefined) {
    const message = `ENODEV: the pod has no interface ${wanted.devices.join(" or ")}`;
    return fail({ code: "ENODEV", message });
  }
  return talk(socket, verb === "add" ? addRoute(asAdded(route)) : appendRoute(asAdded(route)));
}

/** Opens a socket in the container's namespace. Errors: `route.run`, `route.read`, and those of the body. */
export async function inContainer<T>(
  sys: Sys,
  doing: string,
  { netns, undoing, deadlineMs }: RuntimeConf,
  body: (socket: NetlinkSocket) => Promise<Outcome<T, CniError>>,
): Promise<Outcome<T, CniError>> {
  const stop = undoing === true ? undefined : sys.processes.stopRequested();
  if (stop !== undefined) return notRun(doing, `hawser received ${stop}`);
  if (deadlineMs <= sys.clock.monotonicMs()) return notRun(doing, "there is no time left");
  const namespace = await sys.network.open(netns);
  if (!namespace.ok) return unread(doing, namespace.error);
  try {
    const socket = namespace.value.socket("route");
    if (!socket.ok) return unread(doing, socket.error);
    try {
      return await body(socket.value);
    } finally {
      socket.value.close();
    }
  } finally {
    namespace.value.close();
  }
}

/** Why the kernel refuses something for good. Any other failure may pass. */
const lasting: ReadonlySet<string> = new Set([
  ...["ENOENT", "ENOTDIR", "EINVAL", "EEXIST", "ESRCH", "ENODEV", "EPERM", "EACCES", "EOPNOTSUPP", "ENOTTY"],
  ...["EAFNOSUPPORT", "ENETUNREACH", "EHOSTUNREACH", "ENETDOWN", "EADDRNOTAVAIL", "ENOSYS", "EBADMSG"],
]);

export function unread(doing: string, { code, message }: Fault): Outcome<never, CniError> {
  if (!lasting.has(code)) return notRun(doing, message);
  return failWith("routes", "route.read", `${doing}: ${message}`, "Hawser needs root and CAP_NET_ADMIN.");
}

function notRun(doing: string, why: string): Outcome<never, CniError> {
  return failWith("tryAgainLater", "route.run", `${doing}: ${why}`, "The runtime tries again.");
}

function refused(verb: Change["verb"], { words, devices }: KernelRoute, { code, message }: Fault): CniError {
  const doing = `${verb === "del" ? "remove" : "add"} the pod's route "${words.join(" ")}"`;
  if (!lasting.has(code))
    return cniError("tryAgainLater", "route.run", `${doing}: ${message}`, "The runtime tries again.");
  const hint =
    verb === "del"
      ? ""
      : `A gateway must be reachable on ${devices.join(", ")}: in the subnet of one of its addresses.`;
  return cniError("routes", "route.refused", `${doing}: ${message}`, hint);
}
