import { cidrFamily, type Family } from "../../../cni/address.ts";
import type { CniResult } from "../../../cni/types.ts";

/** One network's result, and whose it is, for people. */
export interface Bearer {
  readonly label: string;
  readonly result: CniResult;
}

const mainTables: readonly (number | undefined)[] = [undefined, 0, 254];

/**
 * One sentence for each family in which several networks of a pod have brought a default route. The kernel takes one of them, and
 * nobody has chosen which.
 */
export function severalDefaultRoutes(bearers: readonly Bearer[]): string[] {
  return (["4", "6"] as const).flatMap((family) => {
    const own = bearers.filter(({ result }) => hasDefaultRoute(result, family));
    if (own.length < 2) return [];
    const labels = own.map(({ label }) => label).join(" and ");
    return `${labels} bring a default route of IPv${family} each, and the pod uses one of them: say which by "default-route", or take the others out of their configurations`;
  });
}

function hasDefaultRoute({ routes = [] }: CniResult, family: Family): boolean {
  return routes.some(({ dst, table }) => {
    return dst.endsWith("/0") && mainTables.includes(table) && cidrFamily(dst) === family;
  });
}
