import type { Family } from "../../../cni/address.ts";
import { excerpt, type RuntimeConf } from "../../../cni/delegate.ts";
import { type CniError, cniError, failWith } from "../../../cni/errors.ts";
import { operationEnvironment } from "../../../cni/orphans.ts";
import { fail, type Outcome, ok } from "../../../sys/outcome.ts";
import type { Sys } from "../../../sys/sys.ts";
import { changesFor, familiesOf, type RouteChanges, type RoutePlan, takingBack } from "./default-route.ts";
import { type FoundRoute, type KernelRoute, parseRoutes } from "./ip-route.ts";

/** The programs that change the routes of another network namespace, by their paths. */
export interface RouteTools {
  readonly nsenter: string;
  readonly ip: string;
}

/** The folders of the programs. CNI_PATH and the caller's PATH are not used, because anybody may have put a program there. */
export const toolFolders = ["/usr/sbin", "/usr/bin", "/sbin", "/bin"];
const maxOutputBytes = 1024 * 1024;

/** Errors: `route.tools`. */
export function findTools(sys: Sys): Outcome<RouteTools, CniError> {
  const [nsenter, ip] = ["nsenter", "ip"].map((name) => findTool(sys, name));
  if (nsenter !== undefined && ip !== undefined) return ok({ nsenter, ip });
  const missing = [nsenter === undefined ? "nsenter" : "", ip === undefined ? "ip" : ""].filter(
    (each) => each,
  );
  return failWith(
    "routes",
    "route.tools",
    `set the pod's default route: the node has no ${missing.join(" and no ")} in ${toolFolders.join(", ")}`,
    "Install util-linux (nsenter) and iproute2 (ip) on the node.",
  );
}

function findTool(sys: Sys, name: string): string | undefined {
  return toolFolders
    .map((folder) => `${folder}/${name}`)
    .find((path) => {
      const stat = sys.files.stat(path);
      return stat.ok && stat.value.kind === "file";
    });
}

/** Reads the routes, and returns the changes that the plan takes. Errors: `route.tools`, `route.run`, `route.read`. */
export async function observeRoutes(
  sys: Sys,
  plan: RoutePlan,
  runtimeConf: RuntimeConf,
): Promise<Outcome<RouteChanges, CniError>> {
  const found = await readRoutes(sys, familiesOf(plan), runtimeConf);
  return found.ok ? ok(changesFor(plan, found.value)) : found;
}

/** The default routes in the container's main tables. Errors: `route.tools`, `route.run`, `route.read`. */
export async function readRoutes(
  sys: Sys,
  families: readonly Family[],
  runtimeConf: RuntimeConf,
): Promise<Outcome<FoundRoute[], CniError>> {
  const found: FoundRoute[] = [];
  for (const family of families) {
    const doing = `read the pod's default routes of IPv${family}`;
    const said = await runIp(sys, doing, ["-j", `-${family}`, "route", "show", "default"], runtimeConf);
    if (!said.ok) return said;
    // A kernel without IPv6 has none of its routes.
    if (!said.value.ok && /not supported/i.test(said.value.error)) continue;
    const routes = said.value.ok ? parseRoutes(family, said.value.value) : fail(said.value.error);
    if (!routes.ok) {
      return failWith("routes", "route.read", `${doing}: ${routes.error}`, `"ip" must be that of iproute2.`);
    }
    found.push(...routes.value);
  }
  return ok(found);
}

/** Carries out changes, and stops at the first that the kernel refuses. Errors: `route.tools`, `route.run`, `route.refused`. */
export async function changeRoutes(
  sys: Sys,
  changes: RouteChanges,
  runtimeConf: RuntimeConf,
): Promise<Outcome<void, CniError>> {
  for (const { verb, route } of inOrder(changes, "add")) {
    const changed = await changeRoute(sys, verb, route, runtimeConf);
    if (!changed.ok) return changed;
    if (!changed.value.ok) return fail(refused(verb, route, changed.value.error));
  }
  return ok(undefined);
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
  for (const { verb, route } of inOrder(takingBack(changes, found.value, going), "append")) {
    const changed = await changeRoute(sys, verb, route, runtimeConf);
    if (!changed.ok) return forgiven(sys, changed.error);
    if (!changed.value.ok) {
      const { msg } = refused(verb, route, changed.value.error);
      sys.warn(`hawser: take back the pod's default routes: ${msg}`);
    }
  }
  return ok(undefined);
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

/** The output of a program of the node, or its error message. */
export type ProgramReply = Outcome<string, string>;

async function changeRoute(
  sys: Sys,
  verb: Change["verb"],
  { family, words }: KernelRoute,
  runtimeConf: RuntimeConf,
): Promise<Outcome<ProgramReply, CniError>> {
  const doing = `${verb === "del" ? "remove" : "add"} the pod's route "${words.join(" ")}"`;
  const said = await runIp(sys, doing, [`-${family}`, "route", verb, ...words], runtimeConf);
  if (!said.ok || said.value.ok) return said;
  // Between reading and removing, an interface or an advertisement may have come to its end.
  const isGone = verb === "del" && /No such process|Cannot find device/.test(said.value.error);
  return isGone ? ok(ok("")) : said;
}

/** Runs `ip` in the container's namespace. Errors: `route.tools`, `route.run`. */
export async function runIp(
  sys: Sys,
  doing: string,
  args: readonly string[],
  runtimeConf: RuntimeConf,
): Promise<Outcome<ProgramReply, CniError>> {
  const tools = findTools(sys);
  if (!tools.ok) return tools;
  const stop = runtimeConf.undoing === true ? undefined : sys.processes.stopRequested();
  if (stop !== undefined) return notRun(doing, `hawser received ${stop}`);
  const timeoutMs = runtimeConf.deadlineMs - sys.clock.monotonicMs();
  if (timeoutMs <= 0) return notRun(doing, "there is no time left");
  const report = await sys.processes.run({
    executable: tools.value.nsenter,
    args: [`--net=${runtimeConf.netns}`, "--", tools.value.ip, ...args],
    env: { ...operationEnvironment(sys), PATH: toolFolders.join(":"), LC_ALL: "C" },
    stdin: "",
    timeoutMs,
    maxOutputBytes,
  });
  if (!report.ok) return notRun(doing, report.error.message);
  const { end, stdout, stderr } = report.value;
  if (end.kind !== "exited") return notRun(doing, `${tools.value.ip} did not end by itself (${end.kind})`);
  return ok(end.code === 0 ? ok(stdout) : fail(excerpt(stderr === "" ? `exit status ${end.code}` : stderr)));
}

function notRun(doing: string, why: string): Outcome<never, CniError> {
  return failWith("tryAgainLater", "route.run", `${doing}: ${why}`, "The runtime tries again.");
}

function refused(verb: Change["verb"], { words, devices }: KernelRoute, why: string): CniError {
  const doing = `${verb === "del" ? "remove" : "add"} the pod's route "${words.join(" ")}"`;
  const hint =
    verb === "del"
      ? ""
      : `A gateway must be reachable on ${devices.join(", ")}: in the subnet of one of its addresses.`;
  return cniError("routes", "route.refused", `${doing}: ${why}`, hint);
}
