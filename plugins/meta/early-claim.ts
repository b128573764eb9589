import { type Chain, declaredCapabilities } from "../../cni/chain.ts";
import { callDelegate, findPlugin, type Sandbox } from "../../cni/delegate.ts";
import { parseArgs } from "../../cni/environment.ts";
import { type CniError, failWith } from "../../cni/errors.ts";
import { foldKey } from "../../cni/fold.ts";
import { hardwareOctets } from "../../cni/hardware.ts";
import { isObject, type JsonObject, parseJson } from "../../cni/json.ts";
import { spellResult } from "../../cni/spelling.ts";
import { atLeast } from "../../cni/version.ts";
import { type Outcome, ok } from "../../sys/outcome.ts";
import type { Sys } from "../../sys/sys.ts";
import type { Step } from "./plan.ts";
import { sandboxForAdd } from "./sandbox.ts";

/**
 * hawser-flat gives each identity a MAC address, and the main plugin sets it: but the main plugin learns nothing of it, for
 * it asks for addresses only. So they are claimed before it runs, in its name: the claim is the container's and the
 * interface's, and the main plugin's own call gets the same again.
 */
export interface EarlyClaim {
  /** The plugins, by their places in the chain, that are given the identity's MAC address. */
  readonly to: readonly number[];
  /** What is asked for instead. The plugin whose IPAM it is does not declare it, and would not pass it on. */
  readonly asked?: string;
  /** As Multus does, each plugin is told in CNI_ARGS as well. */
  readonly inArgs?: true;
}

/** The only IPAM plugin that has MAC addresses. */
const giver = "hawser-flat";

/**
 * Whether a chain's addresses are to be claimed early. `chain` as its author wrote it, `complete` as it is sent; `asked` is
 * the MAC address that was supplied, if any; `isInArgs`: each plugin finds it in CNI_ARGS.
 */
export function planClaim(
  chain: Chain,
  complete: Chain,
  asked: unknown,
  isInArgs: boolean,
): EarlyClaim | undefined {
  const source = chain.plugins.find(isSource);
  const to = [...chain.plugins.keys()].filter((at) => declaresMac(chain.plugins[at]));
  if (source === undefined || to.length === 0) return undefined;
  if (typeof asked === "string") return declaresMac(source) || isInArgs ? undefined : { to: [], asked };
  const isOff = isObject(source.ipam) && textAt(source.ipam, "mac") === "none";
  // Who names one in the definition has decided.
  return isOff || complete.plugins.some(namesMac) ? undefined : { to, ...(isInArgs && { inArgs: true }) };
}

function declaresMac(plugin: JsonObject | undefined): boolean {
  return plugin !== undefined && declaredCapabilities(plugin).includes("mac");
}

function isSource({ ipam }: JsonObject): boolean {
  return isObject(ipam) && ipam.type === giver;
}

function namesMac(plugin: JsonObject): boolean {
  const cni = isObject(plugin.args) && isObject(plugin.args.cni) ? plugin.args.cni : {};
  return textAt(plugin, "mac") !== "" || textAt(cni, "mac") !== "";
}

/** As Go's plugins find it, in whatever case. */
function textAt(object: JsonObject, key: string): string {
  const found = Object.keys(object).find((each) => foldKey(each) === foldKey(key));
  const value = found === undefined ? "" : object[found];
  return typeof value === "string" ? value : "";
}

/** Whether what claims is there: asked before the first effect. */
export function requireGiver(
  sys: Sys,
  { claim }: Step,
  folders: readonly string[],
): Outcome<unknown, CniError> {
  return claim === undefined ? ok(undefined) : findPlugin(sys, giver, folders);
}

/** Claims what the step's main plugin will be given. Returns the step as its plugins are to be run. */
export async function claimEarly(sys: Sys, step: Step, sandbox: Sandbox): Promise<Outcome<Step, CniError>> {
  const { claim, chain, role } = step;
  const source = chain.plugins.find(isSource);
  if (claim === undefined || source === undefined) return ok(step);
  // The runtime asks for one itself, and the main plugin passes it on. Other networks' plugins are not meant by it.
  if (role === "primary" && parseArgs(sandbox.args).has("MAC")) return ok(step);
  const asked = claim.asked === undefined ? {} : { mac: claim.asked };
  const config = withCapabilities(source, { ...asked, tellMac: true });
  // Older results have no place for a MAC address.
  const speaking = atLeast(chain.cniVersion, "0.3.0") ? config : { ...config, cniVersion: "1.0.0" };
  const own = sandboxForAdd(step, sandbox);
  const asking = { ...own, args: withoutMac(own.args) };
  const output = await callDelegate(sys, "ADD", speaking, step.ifname, asking, giver);
  if (!output.ok) return output;
  const mac = readMac(output.value);
  return mac === undefined ? notTold() : ok(withIdentity(step, claim, mac));
}

/** DEL of the claim. What was freed already is left alone. */
export async function releaseClaim(
  sys: Sys,
  { chain, ifname }: Step,
  sandbox: Sandbox,
): Promise<Outcome<unknown, CniError>> {
  const source = chain.plugins.find(isSource);
  return source === undefined ? ok(undefined) : callDelegate(sys, "DEL", source, ifname, sandbox, giver);
}

/** The plugins of a chain that are owed a DEL because of the claim alone. */
export function throughClaim({ claim, chain }: Step): readonly JsonObject[] {
  return claim === undefined ? [] : chain.plugins.slice(0, chain.plugins.findIndex(isSource) + 1);
}

export function holdsClaim({ plugins }: Chain): boolean {
  return plugins.some(isSource);
}

function withIdentity(step: Step, { to, inArgs }: EarlyClaim, mac: string): Step {
  if (to.length === 0) return step;
  const plugins = step.chain.plugins.map((plugin, at) =>
    to.includes(at) ? withCapabilities(plugin, { mac }) : plugin,
  );
  const chain = { ...step.chain, plugins };
  if (inArgs === undefined) return { ...step, chain };
  const others = step.args === undefined ? [] : [step.args];
  return { ...step, chain, args: [...others, `MAC=${mac}`].join(";") };
}

function withCapabilities(plugin: JsonObject, more: JsonObject): JsonObject {
  const { runtimeConfig } = plugin;
  return { ...plugin, runtimeConfig: { ...(isObject(runtimeConfig) ? runtimeConfig : {}), ...more } };
}

function withoutMac(args: string): string {
  return args
    .split(";")
    .filter((piece) => !piece.startsWith("MAC="))
    .join(";");
}

function readMac(stdout: string): string | undefined {
  const json = parseJson(stdout);
  if (!json.ok || !isObject(json.value)) return undefined;
  const { interfaces } = spellResult(json.value);
  const [first] = Array.isArray(interfaces) ? interfaces : [];
  const mac = isObject(first) ? first.mac : undefined;
  return typeof mac === "string" && hardwareOctets(mac) !== undefined ? mac : undefined;
}

function notTold(): Outcome<never, CniError> {
  return failWith(
    "delegate",
    "meta.no-mac",
    `ADD of plugin "${giver}" told no MAC address of the pod's identity`,
    `It is of another version: install it anew (it is a link to hawser), or say "mac": "none" in ipam.`,
  );
}
