import { declaredCapabilities } from "../../../cni/chain.ts";
import { parseNetworkConfig } from "../../../cni/config.ts";
import { parseEnvironment } from "../../../cni/environment.ts";
import type { ErrorId } from "../../../cni/error-ids.ts";
import { isObject, type JsonObject, printJson } from "../../../cni/json.ts";
import { isOnLoopback } from "../../../cni/loopback.ts";
import type { SilentVerb } from "../../../cni/plugin.ts";
import { status as flatStatus } from "../../../ipam/flat/status.ts";
import { openStore } from "../../../ipam/flat/teardown-config.ts";
import { status as hostLocalStatus } from "../../../ipam/host-local/inspect.ts";
import { shortages } from "../../../ipam/ipam-config.ts";
import type { Sys } from "../../../sys/sys.ts";
import type { Wanting } from "./check-definitions.ts";
import { type Finding, fine, problemOf, warning } from "./finding.ts";

/** The plugins whose pools doctor can look at. The reference host-local keeps its addresses as ours does. */
const judges: Readonly<Record<string, SilentVerb>> = {
  // These keep nothing on the node, neither a token nor an endpoint.
  "hawser-flat": (sys, invocation) =>
    flatStatus(sys, invocation, (of, places) => openStore(of, { ...places, journalDir: "" })),
  "hawser-host-local": hostLocalStatus,
  "host-local": hostLocalStatus,
};

/**
 * Checks that each pool has an address to give and that its store can be reached. STATUS fails for a full or
 * unreachable pool only if `notReadyWhen` names this; doctor always calls it a problem.
 */
export async function checkPools(sys: Sys, wanting: readonly Wanting[]): Promise<Finding[]> {
  const asked = wanting.flatMap(({ user, plugins }) =>
    plugins.map(async (plugin) => [...(await checkPool(sys, user, plugin)), ...checkTransport(user, plugin)]),
  );
  return (await Promise.all(asked)).flat();
}

/** Hawser never sends a password without TLS. It sends addresses without TLS where the operator has configured that. */
function checkTransport(user: string, { ipam }: JsonObject): Finding[] {
  if (!isObject(ipam) || ipam.type !== "hawser-flat" || !isObject(ipam.store)) return [];
  const endpoints = isObject(ipam.store.etcd) ? ipam.store.etcd.endpoints : undefined;
  if (!Array.isArray(endpoints)) return [];
  const open = endpoints.filter((each) => String(each).startsWith("http:") && !isOnLoopback(String(each)));
  if (open.length === 0) return [];
  const why = "Whoever is on the way, or can answer in etcd's place, may take and free any address.";
  return [
    warning(
      "pools",
      `${user}: etcd is asked without TLS, at ${open.join(", ")}`,
      why,
      "Give https: endpoints and caFile.",
    ),
  ];
}

async function checkPool(sys: Sys, user: string, plugin: JsonObject): Promise<Finding[]> {
  const { ipam } = plugin;
  if (!isObject(ipam) || typeof ipam.type !== "string") return [];
  const judge = judges[ipam.type];
  const text = printJson({ ...plugin, ipam: { ...ipam, notReadyWhen: [...shortages] } });
  const network = parseNetworkConfig(text);
  if (judge === undefined || !network.ok) return [];
  const environment = parseEnvironment({ CNI_COMMAND: "STATUS" });
  if (!environment.ok) return [];
  const outcome = await judge(sys, { environment: environment.value, config: network.value });
  // A store that is a folder of this node has no transport.
  if (outcome.ok && ipam.type !== "hawser-flat") return [];
  if (outcome.ok) return [fine("pools", `${user}: the store answers, and the pool has addresses to give`)];
  const isConfig = outcome.error.id === "ipam.config";
  // The runtime may add the ranges. Fields that only the reference plugin reads are not judged here.
  if (isConfig && (ipam.type === "host-local" || declaredCapabilities(plugin).includes("ipRanges")))
    return [];
  const { msg, id } = outcome.error;
  const named = { ...outcome.error, msg: `${user}: ${ipam.type}: ${msg}` };
  return [problemOf("pools", named, isConfig ? "Correct it." : (remedies[id] ?? later))];
}

const later = "No pod that wants an address of it starts until then. Running pods are not concerned.";
const remedies: Readonly<Partial<Record<ErrorId, string>>> = {
  "ipam.pool-exhausted": `Free addresses (hawser ipam list --state held), or give the pool more ranges. ${later}`,
  "ipam.exhausted": `GC frees what containers that are gone have left; or give the network more ranges. ${later}`,
  "ipam.store-unreachable": `Look after the store. ${later}`,
};
