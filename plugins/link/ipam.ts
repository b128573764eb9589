import { parseCidr } from "../../cni/address.ts";
import { callDelegate, hasRun, type RuntimeConf } from "../../cni/delegate.ts";
import { type CniError, failWith } from "../../cni/errors.ts";
import { parseJson } from "../../cni/json.ts";
import type { Invocation } from "../../cni/plugin.ts";
import { parseResult } from "../../cni/result.ts";
import type { CniResult } from "../../cni/types.ts";
import type { Verb } from "../../cni/version.ts";
import { type Outcome, ok } from "../../sys/outcome.ts";
import type { Sys } from "../../sys/sys.ts";
import type { UndoStep } from "./undo-steps.ts";

/** A DHCP server may take this long, and a store of addresses. The one who called us has a shorter deadline of its own. */
const ipamMs = 180_000;
/** What a DEL that undoes gets, although the time of the ADD may be over. */
const undoMs = 30_000;

/**
 * ADD of the IPAM plugin. Notes the DEL that undoes it, also if the plugin has failed: it may have allocated before it did
 * (CNI 1.1.0, section 4). Errors: those of the plugin, and `delegate.bad-result`.
 */
export async function addAddresses(
  sys: Sys,
  invocation: Invocation,
  type: string,
  note: (step: UndoStep) => void,
): Promise<Outcome<CniResult, CniError>> {
  const said = await call(sys, "ADD", invocation, type);
  if (said.ok || hasRun(said.error)) note(() => delAddresses(sys, invocation, type, { undoing: true }));
  return said.ok ? readAddresses(said.value, invocation, type) : said;
}

export async function delAddresses(
  sys: Sys,
  invocation: Invocation,
  type: string,
  { undoing = false }: { readonly undoing?: boolean } = {},
): Promise<Outcome<void, CniError>> {
  return silently(await call(sys, "DEL", invocation, type, undoing));
}

/** CHECK, GC or STATUS of the IPAM plugin. Without one there is nothing to ask. */
export async function passToIpam(
  sys: Sys,
  verb: "CHECK" | "GC" | "STATUS",
  invocation: Invocation,
  type: string | undefined,
): Promise<Outcome<void, CniError>> {
  return type === undefined ? ok(undefined) : silently(await call(sys, verb, invocation, type));
}

function call(
  sys: Sys,
  verb: Verb,
  { environment, config }: Invocation,
  type: string,
  undoing = false,
): Promise<Outcome<string, CniError>> {
  const { containerId, netns, args, path, variables, ifname } = environment;
  const deadlineMs = sys.clock.monotonicMs() + (undoing ? undoMs : ipamMs);
  const runtimeConf: RuntimeConf = { containerId, netns, args, path, variables, deadlineMs, undoing };
  return callDelegate(sys, verb, config.raw, ifname, runtimeConf, type);
}

function silently(said: Outcome<string, CniError>): Outcome<void, CniError> {
  return said.ok ? ok(undefined) : said;
}

/** Reads what an IPAM plugin has printed. It must have given an address. */
function readAddresses(printed: string, { config }: Invocation, type: string): Outcome<CniResult, CniError> {
  const bad = (why: string): Outcome<never, CniError> =>
    failWith(
      "delegate",
      "delegate.bad-result",
      `ADD of IPAM plugin ${JSON.stringify(type)}: ${why}`,
      "See what the plugin prints, and its configuration.",
    );
  const json = parseJson(printed);
  if (!json.ok) return bad(`its result is no JSON: ${json.error}`);
  const parsed = parseResult(json.value, config.cniVersion);
  if (!parsed.ok) return bad(`its result is wrong: ${parsed.error}`);
  const { ips = [], routes = [], dns } = parsed.value.result;
  if (ips.length === 0) return bad("it gave no address");
  const mapped = [...ips.map(({ address }) => address), ...routes.map(({ dst }) => dst)].find(isMapped);
  if (mapped !== undefined) return bad(`${mapped} is an IPv4 address with a prefix of IPv6`);
  return ok({ ips, routes, ...(dns && { dns }) });
}

/** No interface can have it. */
function isMapped(cidr: string): boolean {
  return parseCidr(cidr) === undefined;
}
