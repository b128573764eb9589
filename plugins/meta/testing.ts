import type { MetaConfig } from "./config.ts";
import { allAllowed } from "./permissions.ts";

/** A chained configuration with nothing in it but what a test gives. */
export function metaConfig(more: Partial<MetaConfig> = {}): MetaConfig {
  return {
    network: { cniVersion: "1.1.0", name: "pods", type: "hawser", raw: {} },
    primary: { kind: "chained" },
    networks: [],
    definitionsDir: "/d",
    kubeconfig: "",
    crossNamespace: [],
    unknownKeys: "refuse",
    requests: { everywhere: allAllowed, networks: {} },
    allowedTypes: undefined,
    defaultNetworkNamespace: "",
    result: "merged",
    parallel: false,
    runtimeConfig: {},
    prevResult: undefined,
    stateDir: "/s",
    binDir: "",
    confDir: "/c",
    timeoutMs: 1000,
    ...more,
  };
}
