import {
  type Chain,
  completeChain,
  declaredCapabilities,
  misplacedCapabilities,
  parseChain,
} from "../../../cni/chain.ts";
import { allOk, type CniError, cniError, failWith, within } from "../../../cni/errors.ts";
import { isObject, type JsonObject } from "../../../cni/json.ts";
import { spellPlugin } from "../../../cni/spelling.ts";
import type { NetworkRequest } from "../../../kube/annotation.ts";
import type { AssignedDevice } from "../../../kube/devices/assign.ts";
import { attachmentInfoPath, deviceInfoCapability } from "../../../kube/devices/info-path.ts";
import { fail, type Outcome, ok } from "../../../sys/outcome.ts";
import type { MetaConfig } from "../config/config.ts";
import { endlessIpam } from "../trust/plugin-types.ts";
import { withNative } from "./native-types.ts";
import { type EarlyClaim, planClaim } from "./plan-claim.ts";
import type { Selection } from "./select.ts";

/** One attachment as it will be made: everything that a delegate is sent, except prevResult. */
export interface Step {
  readonly role: "primary" | "secondary";
  readonly network: string;
  readonly ifname: string;
  readonly chain: Chain;
  /** Added behind the runtime's own CNI_ARGS, on ADD alone. */
  readonly args?: string;
  /** The call that claims the step's addresses before its plugins run. The claim gives the MAC address that comes with them. */
  readonly claim?: EarlyClaim;
  /** The pod's device that this network gets; its ID is in the chain's plugins already. */
  readonly device?: AssignedDevice;
  /**
   * The attachment's device information file. Hawser writes it before the plugins run if the device plugin has told something,
   * else the plugins may write it. It is removed after their DEL.
   */
  readonly deviceInfoFile?: string;
}

/** The steps of an ADD in order. Its DEL is the same steps in reverse. */
export type Plan = readonly Step[];

/**
 * Turns selections into complete steps, or says why each of the others cannot be planned. Without a container (STATUS, GC) the
 * steps are those that any container would get.
 */
export function plan(
  config: MetaConfig,
  selections: readonly Selection[],
  containerId: string | undefined,
): Outcome<Plan, CniError> {
  const steps: Step[] = [];
  const errors: CniError[] = [];
  for (const selection of selections) {
    const { role, network } = selection;
    const step = planStep(config, selection, containerId);
    if (step.ok) steps.push(step.value);
    else errors.push(within(`plan ${role} network ${network}`, step.error));
  }
  const all = allOk(errors);
  return all.ok ? ok(steps) : all;
}

function planStep(
  config: MetaConfig,
  selection: Selection,
  containerId: string | undefined,
): Outcome<Step, CniError> {
  const { role, network, ifname, device } = selection;
  const parsed = readChain(config, selection);
  if (!parsed.ok) return parsed;
  const file = containerId === undefined ? undefined : infoFile(config, selection, parsed.value, containerId);
  const chain = completed(config, selection, parsed.value, {
    ...(device !== undefined && { deviceID: device.id }),
    ...(file !== undefined && { [deviceInfoCapability]: file }),
  });
  if (!chain.ok) return chain;
  return ok({
    ...{ role, network, ifname, ...chain.value },
    ...argsFor(config, selection),
    ...(device !== undefined && { device }),
    ...(file !== undefined && { deviceInfoFile: file }),
  });
}

function readChain(config: MetaConfig, selection: Selection): Outcome<Chain, CniError> {
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
  const endless = chain.plugins.map(endlessIpam).find((type) => type !== undefined);
  return endless === undefined ? ok(chain) : fail(endlessError(endless));
}

/** The chain as it is sent; `ours` are capabilities that nobody has to declare. */
function completed(
  config: MetaConfig,
  { request, role, device, config: definition }: Selection,
  chain: Chain,
  ours: JsonObject,
): Outcome<Pick<Step, "chain" | "claim">, CniError> {
  const requested = request === undefined ? {} : requestedCapabilities(request);
  const unmet = Object.keys(requested).filter(
    (name) =>
      !(name in ours) &&
      !(config.dialect === "multus" && inArgs.includes(name)) &&
      !chain.plugins.some((p) => declaredCapabilities(p).includes(name)),
  );
  if (unmet.length > 0) return unsupported(unmet, chain, misplacedCapabilities(definition));
  // The kubelet asks for ports and bandwidth of the primary alone.
  const kubelets = role === "primary" ? config.runtimeConfig : {};
  const supplied = { ...kubelets, ...requested, ...ours };
  const whole = withDevice(withCniArgs(completeChain(chain, supplied), request?.cniArgs), device);
  const claim = planClaim(config, chain, whole, supplied.mac);
  const spelled = { ...whole, plugins: whole.plugins.map(spellPlugin) };
  return ok({
    chain: config.native === "prefer" ? withNative(spelled) : spelled,
    ...(claim !== undefined && { claim }),
  });
}

/** The file of an attachment whose plugins ask for it, or whose device plugin has told something. */
function infoFile(
  { deviceInfoDir }: MetaConfig,
  { network, ifname, device }: Selection,
  { plugins }: Chain,
  containerId: string,
): string | undefined {
  const isAskedFor = plugins.some((plugin) => declaredCapabilities(plugin).includes(deviceInfoCapability));
  if (!isAskedFor && device?.info === undefined) return undefined;
  return attachmentInfoPath(deviceInfoDir, network, containerId, ifname);
}

/** Multus writes both keys: plugins for SR-IOV read one, host-device the other. */
function withDevice(chain: Chain, device: AssignedDevice | undefined): Chain {
  if (device === undefined) return chain;
  const keys = { deviceID: device.id, pciBusID: device.id };
  return { ...chain, plugins: chain.plugins.map((plugin) => ({ ...plugin, ...keys })) };
}

/** Multus also gives these in CNI_ARGS, so a plugin need not declare them. */
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

function unsupported(
  names: readonly string[],
  chain: Chain,
  misplaced: readonly string[],
): Outcome<never, CniError> {
  const types = chain.plugins.map((plugin) => String(plugin.type)).join(", ");
  const example = `"capabilities": {${names.map((name) => `"${name}": true`).join(", ")}}`;
  return failWith(
    "selection",
    "meta.capability",
    `the pod asks for ${names.join(" and ")}, which no plugin of the network declares (${types})`,
    misplaced.some((name) => names.includes(name))
      ? `The network declares it beside "plugins", where nobody reads it: move ${example} into the plugin that supports it.`
      : `Add ${example} to the plugin that supports it, or take the request out of the annotation.`,
  );
}

function recursion(type: string): CniError {
  const why = `${JSON.stringify(type)} would call itself.`;
  return cniError("invalidConfig", "meta.recursion", "a meta-plugin cannot be its own delegate", why);
}

/** An error in the operator's text, too: such a plugin runs itself until the node has no process left. */
function endlessError(type: string): CniError {
  return cniError(
    "invalidConfig",
    "meta.endless-ipam",
    `ipam.type is ${JSON.stringify(type)}, which is no IPAM plugin: run for addresses, it would run itself without end`,
    "Name an IPAM plugin, such as host-local, static, dhcp or hawser-flat.",
  );
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
