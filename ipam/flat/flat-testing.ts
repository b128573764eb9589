import { parseNetworkConfig } from "../../cni/config.ts";
import { parseEnvironment } from "../../cni/environment.ts";
import { printJson } from "../../cni/json.ts";
import type { Invocation } from "../../cni/plugin.ts";
import type { Verb } from "../../cni/version.ts";
import { must } from "../../sys/outcome-testing.ts";

/** For tests: how a runtime calls the plugin. */
export interface FlatCall {
  readonly verb: Verb;
  readonly containerId: string;
  readonly ifname?: string;
  /** `namespace/name`. */
  readonly pod?: string;
  readonly network?: string;
  readonly ipam?: Readonly<Record<string, unknown>>;
  /** More of the configuration: `runtimeConfig`, `prevResult`, ... */
  readonly more?: Readonly<Record<string, unknown>>;
  readonly args?: string;
}

export const oneRange = [[{ subnet: "10.60.0.0/24" }]];

export function invocationOf(call: FlatCall): Invocation {
  const [namespace = "", name = ""] = (call.pod ?? "").split("/");
  const pod = call.pod === undefined ? "" : `K8S_POD_NAMESPACE=${namespace};K8S_POD_NAME=${name};`;
  const environment = parseEnvironment({
    CNI_COMMAND: call.verb,
    CNI_CONTAINERID: call.containerId,
    CNI_NETNS: "/ns",
    CNI_IFNAME: call.ifname ?? "eth0",
    CNI_ARGS: `IgnoreUnknown=1;${pod}${call.args ?? ""}`,
    CNI_PATH: "/bin/cni",
  });
  const ipam = { type: "hawser-flat", node: "node1", ranges: oneRange, ...call.ipam };
  const text = printJson({
    cniVersion: "1.1.0",
    name: call.network ?? "net",
    type: "bridge",
    ipam,
    ...call.more,
  });
  const config = parseNetworkConfig(text);
  return { environment: must(environment), config: must(config) };
}
