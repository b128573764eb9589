import type { CniError } from "../../cni/errors.ts";
import { type Outcome, ok } from "../../sys/outcome.ts";
import type { Subnet } from "./ip-bytes.ts";
import { ensureSetting, type OpenNamespace } from "./site.ts";

/** Has the node forward packets of the families of these addresses. Errors: `link.refused`. */
export function forwardPackets(host: OpenNamespace, subnets: readonly Subnet[]): Outcome<void, CniError> {
  for (const [length, name] of [
    [4, "ipv4/ip_forward"],
    [16, "ipv6/conf/all/forwarding"],
  ] as const) {
    if (!subnets.some(({ bytes }) => bytes.length === length)) continue;
    const set = ensureSetting(host, name, "1");
    if (!set.ok) return set;
  }
  return ok(undefined);
}
