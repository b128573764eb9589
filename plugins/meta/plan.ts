import { type Chain, completeChain, declaredCapabilities, parseChain } from "../../cni/chain.ts";
import { allOk, type CniError, cniError, failWith, within } from "../../cni/errors.ts";
import { isObject, type JsonObject } from "../../cni/json.ts";
import type { NetworkRequest } from "../../kube/annotation.ts";
import { fail, type Outcome, ok } from "../../sys/outcome.ts";
import type { MetaConfig } from "./config.ts";
import type { Selection } from "./select.ts";

/** One attachment as it will be made: everything a delegate is sent, but for prevResult. */
export interface Step {
  readonly role: "primary" | "secondary";
  readonly network: string;
  readonly ifname: string;
  readonly chain: Chain;
  /** Goes behind the runtime's own CNI_ARGS. */
  readonly args?: string;
}

/** The steps of an ADD in order. Its DEL is the same steps in reverse. */
export type Plan = readonly Step[];

/** Turns selections into complete steps, or says of each one that cannot be planned why. */
export function plan(config: MetaConfig, selections: readonly Selection[]): Outcome<Plan, CniError> {
  const steps: Step[] = [];
  const errors: CniError[] = [];
  for (const selection of selections) {
    const { role, network, ifname } = selection;
    const chain = planChain(config, selection);
    if (chain.ok) steps.push({ role, network, ifname, chain: chain.value, ...argsFor(config, selection) });
    else errors.push(within(`plan ${role} network ${network}`, chain.error));
  }
  const all = allOk(errors);
  return all.ok ? ok(steps) : all;
}

function planChain(config: MetaConfig, selection: Selection): Outcome<Chain, CniError> {
  const parsed = parseChain(selection.config, {
    name: config.network.name,
    cniVersion: config.network.cniVersion,
  });
  if (!parsed.ok) return parsed;
  const chain = parsed.value;
  const nested = chain.plugins.find(
    (plugin) => plugin.type === config.network.type || plugin.type === "hawser",
  );
  if (nested !== undefined) return fail(recursion(String(nested.type)));
  const { request, role } = selection;
  const requested = request === undefined ? {} : requestedCapabilities(request);
  const unmet = Object.keys(requested).filter(
    (name) =>
      !(config.dialect === "multus" && inArgs.includes(name)) &&
      !chain.plugins.some((p) => declaredCapabilities(p).includes(name)),
  );
  if (unmet.length > 0) return unsupported(unmet, chain);
  // What the kubelet asked of the pod's network (ports, bandwidth) is the primary's business alone.
  const supplied = role === "primary" ? { ...config.runtimeConfig, ...requested } : requested;
  return ok(withCniArgs(completeChain(chain, supplied), request?.cniArgs));
}

/** What Multus also says in CNI_ARGS, so that a plugin needs not declare it. */
const inArgs = ["ips", "mac"];

/** Definitions that were written for Multus rely on `IP` and `MAC` in CNI_ARGS. */
function argsFor(config: MetaConfig, { request }: Selection): Pick<Step, "args"> {
  if (config.dialect !== "multus") return {};
  const mac = request?.mac === undefined ? [] : [`MAC=${request.mac}`];
  const ips = request?.ips === undefined ? [] : [`IP=${request.ips.join(",")}`];
  return mac.length + ips.length === 0 ? {} : { args: [...mac, ...ips].join(";") };
}

function requestedCapabilities(request: NetworkRequest): JsonObject {
  const { ips, mac, infinibandGuid, portMappings, bandwidth, deviceId } = request;
  return {
    ...(ips !== undefined && { ips: [...ips] }),
    ...(mac !== undefined && { mac }),
    ...(infinibandGuid !== undefined && { infinibandGUID: infinibandGuid }),
    ...(portMappings !== undefined && { portMappings: [...portMappings] }),
    ...(bandwidth !== undefined && { bandwidth }),
    ...(deviceId !== undefined && { deviceID: deviceId }),
  };
}

function unsupported(names: readonly string[], chain: Chain): Outcome<never, CniError> {
  const types = chain.plugins.map((plugin) => String(plugin.type)).join(", ");
  const example = `"capabilities": {${names.map((name) => `"${name}": true`).join(", ")}}`;
  return failWith(
    "selection",
    "meta.capability",
    `the pod asks for ${names.join(" and ")}, which no plugin of the network declares (${types})`,
    `Add ${example} to the plugin that supports it, or take the request out of the annotation.`,
  );
}

function recursion(type: string): CniError {
  const why = `${JSON.stringify(type)} would call itself.`;
  return cniError("invalidConfig", "meta.recursion", "a meta-plugin cannot be its own delegate", why);
}

/** `cni-args` of the annotation go over `args.cni` of every plugin of the network. */
function withCniArgs(chain: Chain, cniArgs: JsonObject | undefined): Chain {
  if (cniArgs === undefined) return chain;
  const plugins = chain.plugins.map((plugin) => {
    const args = isObject(plugin.args) ? plugin.args : {};
    const cni = isObject(args.cni) ? args.cni : {};
    return { ...plugin, args: { ...args, cni: { ...cni, ...cniArgs } } };
  });
  return { ...chain, plugins };
}
