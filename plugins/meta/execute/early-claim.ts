import type { Chain } from "../../../cni/chain.ts";
import { callDelegate, findPlugin, type RuntimeConf } from "../../../cni/delegate.ts";
import { parseArgs } from "../../../cni/environment.ts";
import { type CniError, failWith } from "../../../cni/errors.ts";
import { hardwareOctets } from "../../../cni/hardware.ts";
import { isObject, type JsonObject, parseJson } from "../../../cni/json.ts";
import { spellResult } from "../../../cni/spelling.ts";
import { atLeast } from "../../../cni/version.ts";
import { type Outcome, ok } from "../../../sys/outcome.ts";
import type { Sys } from "../../../sys/sys.ts";
import type { Step } from "../plan/plan.ts";
import { type EarlyClaim, giver, isSource } from "../plan/plan-claim.ts";
import { runtimeConfForAdd } from "./runtime-conf.ts";

/** Whether hawser-flat, which claims, is installed. ADD asks before its first effect. */
export function requireGiver(
  sys: Sys,
  { claim }: Step,
  folders: readonly string[],
): Outcome<unknown, CniError> {
  return claim === undefined ? ok(undefined) : findPlugin(sys, giver, folders);
}

/** Claims what the step's main plugin will be given. Returns the step as its plugins are to be run. */
export async function claimEarly(
  sys: Sys,
  step: Step,
  runtimeConf: RuntimeConf,
): Promise<Outcome<Step, CniError>> {
  const { claim, chain, role } = step;
  const source = chain.plugins.find(isSource);
  if (claim === undefined || source === undefined) return ok(step);
  // The runtime asks for a MAC address itself, and the main plugin passes it on.
  if (role === "primary" && parseArgs(runtimeConf.args).has("MAC")) return ok(step);
  const asked = claim.asked === undefined ? {} : { mac: claim.asked };
  const config = withCapabilities(source, { ...asked, tellMac: true });
  // Older results have no place for a MAC address.
  const speaking = atLeast(chain.cniVersion, "0.3.0") ? config : { ...config, cniVersion: "1.0.0" };
  const own = runtimeConfForAdd(step, runtimeConf);
  const asking = { ...own, args: withoutMac(own.args) };
  const output = await callDelegate(sys, "ADD", speaking, step.ifname, asking, giver);
  if (!output.ok) return output;
  const mac = readMac(output.value);
  return mac === undefined ? notTold() : ok(withIdentity(step, claim, mac));
}

/** Sends DEL for the claim. It does nothing if the claim was released already. */
export async function releaseClaim(
  sys: Sys,
  { chain, ifname }: Step,
  runtimeConf: RuntimeConf,
): Promise<Outcome<unknown, CniError>> {
  const source = chain.plugins.find(isSource);
  return source === undefined ? ok(undefined) : callDelegate(sys, "DEL", source, ifname, runtimeConf, giver);
}

/** The plugins of a chain that DEL is owed to because of the claim alone. */
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
