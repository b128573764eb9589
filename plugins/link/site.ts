import { type CniError, failWith } from "../../cni/errors.ts";
import type { Invocation } from "../../cni/plugin.ts";
import { type Request, talk } from "../../net/talk.ts";
import type { Fault } from "../../sys/fault.ts";
import type { NetlinkSocket, NetworkNamespace } from "../../sys/network.ts";
import { type Outcome, ok } from "../../sys/outcome.ts";
import type { Sys } from "../../sys/sys.ts";

/** An open network namespace with a socket for links, addresses and routes. */
export interface OpenNamespace {
  readonly whose: "the node" | "the container";
  readonly namespace: NetworkNamespace;
  readonly route: NetlinkSocket;
}

/** The two namespaces that a call works in. */
export interface Site {
  readonly host: OpenNamespace;
  readonly container: OpenNamespace;
}

/** What is left of a site when an attachment is deleted: the container's namespace may be gone. */
export interface RemainingSite {
  readonly host: OpenNamespace;
  readonly container: OpenNamespace | undefined;
}

/** Opens the namespaces of an ADD or a CHECK, and closes them behind the body. Errors: `link.netns`, and those of the body. */
export async function withSite<T>(
  sys: Sys,
  invocation: Invocation,
  body: (site: Site) => Promise<Outcome<T, CniError>>,
): Promise<Outcome<T, CniError>> {
  return withRemainingSite(sys, invocation, async ({ host, container }, fault) =>
    container === undefined ? noNamespace(invocation, fault) : body({ host, container }),
  );
}

/** Opens the namespaces of a DEL. A namespace that is not named, or that is gone, is no error. */
export async function withRemainingSite<T>(
  sys: Sys,
  invocation: Invocation,
  body: (site: RemainingSite, fault: Fault | undefined) => Promise<Outcome<T, CniError>>,
): Promise<Outcome<T, CniError>> {
  const { netns, variables } = invocation.environment;
  return withNamespace(sys, "the node", undefined, async (host) => {
    if (netns === "") return body({ host, container: undefined }, undefined);
    const namespace = await sys.network.open(netns);
    if (!namespace.ok) {
      if (!isGone(namespace.error)) return noNamespace(invocation, namespace.error);
      return body({ host, container: undefined }, namespace.error);
    }
    return withSocket("the container", namespace.value, async (container) => {
      const isOwn = container.namespace.identity === host.namespace.identity;
      if (isOwn && !mayBeOwn(variables.CNI_NETNS_OVERRIDE)) return ownNamespace(netns);
      return body({ host, container }, undefined);
    });
  });
}

/** Opens the namespace that we run in, for GC and STATUS. */
export async function withHost<T>(
  sys: Sys,
  body: (host: OpenNamespace) => Promise<Outcome<T, CniError>>,
): Promise<Outcome<T, CniError>> {
  return withNamespace(sys, "the node", undefined, body);
}

async function withNamespace<T>(
  sys: Sys,
  whose: OpenNamespace["whose"],
  path: string | undefined,
  body: (space: OpenNamespace) => Promise<Outcome<T, CniError>>,
): Promise<Outcome<T, CniError>> {
  const namespace = await sys.network.open(path);
  if (!namespace.ok) return notOpened(`open the network namespace of ${whose}`, namespace.error);
  return withSocket(whose, namespace.value, body);
}

async function withSocket<T>(
  whose: OpenNamespace["whose"],
  namespace: NetworkNamespace,
  body: (space: OpenNamespace) => Promise<Outcome<T, CniError>>,
): Promise<Outcome<T, CniError>> {
  try {
    const route = namespace.socket("route");
    if (!route.ok) return notOpened(`open a netlink socket in the namespace of ${whose}`, route.error);
    try {
      return await body({ whose, namespace, route: route.value });
    } finally {
      route.value.close();
    }
  } finally {
    namespace.close();
  }
}

/** Asks the kernel, or has it change something. `words` say what for, where the request's own do not. Errors: `link.refused`. */
export function ask<T>(
  space: OpenNamespace,
  request: Request<T>,
  words: string = request.words,
): Outcome<T, CniError> {
  const answer = talk(space.route, request);
  return answer.ok ? answer : refused(space, words, answer.error);
}

/** Asks about something that may not be there: undefined if the kernel answers with one of these codes. */
export function askWhether<T>(
  space: OpenNamespace,
  request: Request<T>,
  absent: readonly string[] = ["ENODEV"],
  words: string = request.words,
): Outcome<T | undefined, CniError> {
  const answer = talk(space.route, request);
  if (answer.ok) return answer;
  return absent.includes(answer.error.code) ? ok(undefined) : refused(space, words, answer.error);
}

export function refused(
  space: Pick<OpenNamespace, "whose">,
  words: string,
  fault: Fault,
): Outcome<never, CniError> {
  const msg = `${words} in the namespace of ${space.whose}: ${fault.message}`;
  return failWith("link", "link.refused", msg, hints[fault.code] ?? defaultHint);
}

const defaultHint = "These are the kernel's own words.";
const hints: Readonly<Record<string, string>> = {
  EPERM: "The plugin must run as root on the node (CAP_NET_ADMIN).",
  EACCES: "The plugin must run as root on the node (CAP_NET_ADMIN).",
  EEXIST: "Something of this name or address is there already. DEL clears what an interrupted ADD has left.",
  ENETDOWN: "The link that it is made on is down: take that one up on the node.",
  ENODEV: "There is no such interface any more.",
  EOPNOTSUPP: "This kernel cannot do it: a module may be missing on the node.",
  ENETUNREACH: "No subnet of the interface has the gateway in it: correct the network's addresses or routes.",
  EHOSTUNREACH:
    "No subnet of the interface has the gateway in it: correct the network's addresses or routes.",
  ENOBUFS: "The node is short of memory for the network.",
  ENOMEM: "The node is out of memory.",
  EADDRNOTAVAIL: "The kernel does not take this address for an interface.",
  EROFS: "/proc/sys is mounted read-only for the plugin.",
};

/** Writes a kernel setting. Errors: `link.refused`. */
export function writeSetting(space: OpenNamespace, name: string, value: string): Outcome<void, CniError> {
  const written = space.namespace.writeSetting(name, value);
  return written.ok ? written : refused(space, `set net/${name} to ${value}`, written.error);
}

/** Writes a kernel setting if it has another value. A kernel without it (as without IPv6) has nothing to be set. */
export function ensureSetting(space: OpenNamespace, name: string, value: string): Outcome<void, CniError> {
  const present = space.namespace.readSetting(name);
  if (!present.ok && present.error.code === "ENOENT") return ok(undefined);
  if (present.ok && present.value === value) return ok(undefined);
  return writeSetting(space, name, value);
}

/** Writes a kernel setting that an attachment can do without: if the kernel refuses it, the log says so. */
export function trySetting(sys: Sys, space: OpenNamespace, name: string, value: string): void {
  const written = space.namespace.writeSetting(name, value);
  if (written.ok || written.error.code === "ENOENT") return;
  sys.warn(
    `hawser: set net/${name} to ${value} in the namespace of ${space.whose}: ${written.error.message}`,
  );
}

/** ENOENT: there is nothing at the path. The others: what is there is no namespace, as after it was unmounted. */
function isGone({ code }: Fault): boolean {
  return code === "ENOENT" || code === "ENOTDIR" || code === "EINVAL" || code === "ENOTTY";
}

function noNamespace(
  { environment: { command, netns } }: Invocation,
  fault: Fault | undefined,
): Outcome<never, CniError> {
  const code = fault === undefined || isGone(fault) ? "unknownContainer" : "ioFailure";
  const msg = `${command}: open the network namespace ${netns} of the container: ${fault?.message ?? "there is none"}`;
  return failWith(code, "link.netns", msg, "The container may have ended. Nothing was changed.");
}

function mayBeOwn(override: string | undefined): boolean {
  return override === "1" || override?.toUpperCase() === "TRUE";
}

function ownNamespace(netns: string): Outcome<never, CniError> {
  const msg = `the network namespace ${netns} of the container is the node's own`;
  const why = "Nothing was changed. CNI_NETNS_OVERRIDE=1 allows it.";
  return failWith("badEnvironment", "link.netns", msg, why);
}

function notOpened(doing: string, fault: Fault): Outcome<never, CniError> {
  const why = "The plugin must run as root on the node, with a kernel that has network namespaces.";
  return failWith("ioFailure", "link.netns", `${doing}: ${fault.message}`, why);
}
