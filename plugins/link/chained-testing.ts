import { parseNetworkConfig } from "../../cni/config.ts";
import { parseEnvironment } from "../../cni/environment.ts";
import type { Invocation } from "../../cni/plugin.ts";
import type { CniResult } from "../../cni/types.ts";

export const netnsOfTests = "/run/netns/c1";

/** A call of a chained plugin for container c1 (eth0), behind a plugin that has made an interface with these addresses. */
export function chainedCall(
  command: string,
  config: object,
  {
    netns = netnsOfTests,
    result = resultOf("10.1.0.5/24"),
  }: { netns?: string; result?: CniResult | null } = {},
): Invocation {
  const environment = parseEnvironment({
    CNI_COMMAND: command,
    CNI_CONTAINERID: "c1",
    CNI_NETNS: netns,
    CNI_IFNAME: "eth0",
    CNI_PATH: "/opt/cni/bin",
  });
  const prevResult = result === null ? {} : { prevResult: { cniVersion: "1.1.0", ...result } };
  const parsed = parseNetworkConfig(
    JSON.stringify({ cniVersion: "1.1.0", name: "n", type: "chained", ...config, ...prevResult }),
  );
  if (!environment.ok || !parsed.ok) throw new Error("the test's own call is wrong");
  return { environment: environment.value, config: parsed.value };
}

/** A result of one interface with these addresses. The gateways are the first hosts of their /24 or /64. */
export function resultOf(...addresses: readonly string[]): CniResult {
  return {
    interfaces: [{ name: "veth0" }, { name: "eth0", mac: "02:00:00:00:00:01", sandbox: netnsOfTests }],
    ips: addresses.map((address) => ({
      address,
      gateway: address.replace(/[0-9a-f]+\/.*$/, "1"),
      interface: 1,
    })),
  };
}
