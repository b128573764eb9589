import { asUnavailable, type CniError } from "../../cni/errors.ts";
import type { Invocation } from "../../cni/plugin.ts";
import { fail, type Outcome } from "../../sys/outcome.ts";
import type { Sys } from "../../sys/sys.ts";
import { passToIpam } from "../link/ipam.ts";
import { withHost } from "../link/site.ts";
import { parseBridgeConfig } from "./config.ts";
import { findBridge } from "./ensure-bridge.ts";

/** Whether an ADD could succeed: the configuration, the bridge's name, and the IPAM plugin. */
export async function status(sys: Sys, invocation: Invocation): Promise<Outcome<void, CniError>> {
  const config = parseBridgeConfig(invocation);
  if (!config.ok) return fail(asUnavailable(config.error));
  const bridge = await withHost(sys, async (host) => findBridge(host, config.value.bridge));
  if (!bridge.ok) return fail(asUnavailable(bridge.error));
  return passToIpam(sys, "STATUS", invocation, config.value.ipam);
}
