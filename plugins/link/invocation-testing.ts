import type { JsonObject } from "../../cni/json.ts";
import type { Invocation } from "../../cni/plugin.ts";
import type { Verb, Version } from "../../cni/version.ts";

export interface CallOptions {
  readonly command?: Verb;
  readonly containerId?: string;
  readonly ifname?: string;
  readonly args?: string;
  readonly netns?: string;
  readonly cniVersion?: Version;
}

/** A call of a main plugin, for tests. */
export function pluginCall(raw: JsonObject, options: CallOptions = {}): Invocation {
  const { command = "ADD", containerId = "c1", ifname = "net1", args = "" } = options;
  const { netns = "/run/netns/c1", cniVersion = "1.1.0" } = options;
  return {
    environment: { command, containerId, netns, ifname, args, path: ["/bin"], variables: {} },
    config: { cniVersion, name: "n", type: "x", raw: { cniVersion, name: "n", type: "x", ...raw } },
  };
}
