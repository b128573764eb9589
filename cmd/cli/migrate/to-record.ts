import type { AttachmentKey } from "../../../cni/attachments.ts";
import { type Chain, completeChain, type DelegateResult, parseChain } from "../../../cni/chain.ts";
import { printResult } from "../../../cni/convert.ts";
import { interfaceNameProblem } from "../../../cni/environment.ts";
import { describe } from "../../../cni/errors.ts";
import type { JsonObject } from "../../../cni/json.ts";
import { parseResult } from "../../../cni/result.ts";
import type { NetworkConfig } from "../../../cni/types.ts";
import { deviceInfoCapability } from "../../../kube/devices/info-path.ts";
import type { StepResult } from "../../../plugins/meta/execute/execute.ts";
import type { AttachmentRecord } from "../../../plugins/meta/record/record.ts";
import { fail, type Outcome, ok } from "../../../sys/outcome.ts";
import type { CachedResult } from "../libcni-cache.ts";
import type { CachedContainer, CachedDelegate } from "./cache.ts";

export interface Caches {
  /** The network for which the runtime calls Multus. The runtime's DEL will name the same. */
  readonly network: NetworkConfig;
  /** Multus's own libcni cache. */
  readonly delegates: readonly CachedResult[];
  /** The runtime's libcni cache. */
  readonly runtime: readonly CachedResult[];
  /** The folders in which DEL looks for plugins. */
  readonly path: readonly string[];
}

/** The interface's name that containerd and CRI-O use. */
const usualIfname = "eth0";

/**
 * Makes the record that hawser's ADD would have left for what Multus has attached. Fails with the reason where there
 * can be none.
 */
export function toRecord(container: CachedContainer, caches: Caches): Outcome<AttachmentRecord, string> {
  if (!container.delegates.ok) return container.delegates;
  const mine = caches.delegates.filter(({ containerId }) => containerId === container.containerId);
  const told = caches.runtime.find(
    ({ containerId, network }) => containerId === container.containerId && network === caches.network.name,
  );
  const ifname = told?.ifname ?? primaryIfname(container.delegates.value, mine, caches);
  const carried: StepResult[] = [];
  for (const [index, delegate] of container.delegates.value.entries()) {
    const one = carriedOf(delegate, index, ifname, mine, caches.network);
    if (!one.ok) return fail(`network ${delegate.name}: ${one.error}`);
    carried.push(one.value);
  }
  const known = told ?? mine.find(({ ifname: each }) => each === ifname) ?? mine[0];
  const args = argsOf(known);
  return ok({
    phase: "committed",
    ...keyOf(container.containerId, ifname, caches.network),
    netns: known?.netns ?? "",
    args: [...args].map(([name, value]) => `${name}=${value}`).join(";"),
    path: caches.path,
    pod: podOf(args),
    parallel: false,
    reported: "primary",
    sinceMs: container.sinceMs,
    carried,
  });
}

function keyOf(containerId: string, ifname: string, { name }: NetworkConfig): AttachmentKey {
  return { network: name, containerId, ifname };
}

/** Finds the primary's entry in the runtime's cache: the one that belongs to no secondary. */
function primaryIfname(
  [primary, ...others]: readonly CachedDelegate[],
  mine: readonly CachedResult[],
  { network }: Caches,
): string {
  const taken = others.map(({ ifname }, index) => ifname ?? `net${index + 1}`);
  const name = primary?.config.name ?? network.name;
  const own = mine.find((each) => each.network === name && !taken.includes(each.ifname));
  return own?.ifname ?? usualIfname;
}

function carriedOf(
  delegate: CachedDelegate,
  index: number,
  primary: string,
  mine: readonly CachedResult[],
  network: NetworkConfig,
): Outcome<StepResult, string> {
  const chain = parseChain(delegate.config, { name: network.name, cniVersion: network.cniVersion });
  if (!chain.ok) return fail(describe(chain.error));
  const ifname = delegate.ifname ?? (index === 0 ? primary : `net${index}`);
  const why = interfaceNameProblem(ifname);
  if (why !== undefined) return fail(`it is to be interface ${JSON.stringify(ifname)}. ${why}`);
  const cached = mine.find((each) => each.network === chain.value.name && each.ifname === ifname);
  const args = [
    ...(delegate.mac === undefined ? [] : [`MAC=${delegate.mac}`]),
    ...(delegate.ips.length === 0 ? [] : [`IP=${delegate.ips.join(",")}`]),
  ].join(";");
  return ok({
    step: {
      role: index === 0 ? "primary" : "secondary",
      network: delegate.name === "" ? chain.value.name : delegate.name,
      ifname,
      chain: completeChain(chain.value, cached?.capabilities ?? requestedOf(delegate)),
      ...(args !== "" && { args }),
      ...informationFile(cached),
    },
    result: resultOf(cached, chain.value),
  });
}

/** The file that Multus has made for the attachment's device. The attachment's DEL removes it. */
function informationFile(cached: CachedResult | undefined): { deviceInfoFile?: string } {
  const file = cached?.capabilities[deviceInfoCapability];
  return typeof file === "string" && file.startsWith("/") ? { deviceInfoFile: file } : {};
}

/** The capability arguments that Multus's own cache keeps. It lacks ports and bandwidth, which libcni's cache has. */
function requestedOf({ mac, ips, guid, deviceId }: CachedDelegate): JsonObject {
  return {
    ...(ips.length > 0 && { ips: [...ips] }),
    ...(mac !== undefined && { mac }),
    ...(guid !== undefined && { infinibandGUID: guid }),
    ...(deviceId !== undefined && { deviceID: deviceId }),
  };
}

/**
 * The attachment's result. Without one a plugin's DEL uses only its configuration, as the specification demands without
 * a prevResult.
 */
function resultOf(cached: CachedResult | undefined, chain: Chain): DelegateResult | undefined {
  if (cached?.result === undefined) return undefined;
  const parsed = parseResult(cached.result, chain.cniVersion);
  if (!parsed.ok) return undefined;
  const { result } = parsed.value;
  const document = printResult(result, chain.cniVersion);
  return document.ok ? { document: document.value, result } : undefined;
}

/** The runtime's CNI_ARGS. Multus writes empty pairs before them. The pairs `IP` and `MAC` belong to one network. */
function argsOf(cached: CachedResult | undefined): ReadonlyMap<string, string> {
  const pairs = (cached?.args ?? []).filter(
    ([name, value]) => name !== "" && value !== "" && name !== "IP" && name !== "MAC",
  );
  return new Map(pairs);
}

function podOf(args: ReadonlyMap<string, string>): AttachmentRecord["pod"] {
  const namespace = args.get("K8S_POD_NAMESPACE");
  const name = args.get("K8S_POD_NAME");
  const uid = args.get("K8S_POD_UID");
  if (namespace === undefined || name === undefined) return undefined;
  return { namespace, name, ...(uid !== undefined && { uid }) };
}
