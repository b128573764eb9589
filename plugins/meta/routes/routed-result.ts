import { cidrFamily, type Family } from "../../../cni/address.ts";
import { isObject, type Json, type JsonObject } from "../../../cni/json.ts";
import { parseResult } from "../../../cni/result.ts";
import type { CniResult } from "../../../cni/types.ts";
import type { Attached } from "../execute/execute.ts";
import type { Gateway, RoutePlan } from "./default-route.ts";

const destinations = { "4": "0.0.0.0/0", "6": "::/0" } as const satisfies Record<Family, string>;
const mainTable = 254;

/**
 * The attachments' results after the default routes were changed: of each family only the chosen attachment has a default route.
 * The delegates' later operations get these results, because their CHECK looks for every route of their result.
 */
export function withPlannedRoutes(plan: RoutePlan, attached: readonly Attached[]): Attached[] {
  return attached.map((each) => {
    const { ifname, chain } = each.step;
    const own = plan.gateways.filter((gateway) => gateway.ifname === ifname);
    const isDropped = droppedFrom(plan, ifname);
    const document = editDocument(each.result.document, isDropped, own);
    const parsed = parseResult(document, chain.cniVersion);
    return parsed.ok ? { ...each, result: { document, result: parsed.value.result } } : each;
  });
}

/** The same of a result that plugins before us have made. */
export function withoutReplaced(plan: RoutePlan, result: CniResult): CniResult {
  if (result.routes === undefined) return result;
  const isDropped = droppedFrom(plan, undefined);
  return { ...result, routes: result.routes.filter((route) => !isDropped(route.dst, route.table)) };
}

type IsDropped = (dst: Json | undefined, table: Json | undefined) => boolean;

function droppedFrom({ gateways, withdrawn }: RoutePlan, ifname: string | undefined): IsDropped {
  const isWithdrawn = ifname !== undefined && withdrawn.includes(ifname);
  const families = new Set(gateways.map(({ family }) => family));
  return (dst, table) => {
    const family = typeof dst === "string" ? familyOfDefault(dst) : undefined;
    return family !== undefined && isMain(table) && (isWithdrawn || families.has(family));
  };
}

function familyOfDefault(dst: string): Family | undefined {
  return /\/0$/.test(dst) ? cidrFamily(dst) : undefined;
}

function isMain(table: unknown): boolean {
  return table === undefined || table === null || table === 0 || table === mainTable;
}

/** Up to 0.2.0 a result keeps its routes beside the one address of each family. */
function editDocument(document: JsonObject, isDropped: IsDropped, own: readonly Gateway[]): JsonObject {
  const { ip4, ip6 } = document;
  if (isObject(ip4) || isObject(ip6)) {
    const of = (family: Family): Gateway[] => own.filter((gateway) => gateway.family === family);
    return {
      ...document,
      ...(isObject(ip4) && { ip4: editRoutes(ip4, isDropped, of("4")) }),
      ...(isObject(ip6) && { ip6: editRoutes(ip6, isDropped, of("6")) }),
    };
  }
  return editRoutes(document, isDropped, own);
}

function editRoutes(holder: JsonObject, isDropped: IsDropped, own: readonly Gateway[]): JsonObject {
  const routes = Array.isArray(holder.routes) ? holder.routes : [];
  if (routes.length + own.length === 0) return holder;
  const kept = routes.filter((route) => !isObject(route) || !isDropped(route.dst, route.table));
  const added = own.map(({ family, address }) => ({ dst: destinations[family], gw: address }));
  return { ...holder, routes: [...kept, ...added] };
}
