import { describe, expect, test } from "vitest";
import type { JsonObject } from "../../../cni/json.ts";
import { must } from "../../../sys/outcome-testing.ts";
import { type MetaConfig, metaTeardown } from "./config.ts";
import { fieldProblems, idleFields } from "./multus-fields.ts";
import { parseMetaConfig, salvageMetaConfig } from "./parse.ts";

const flannel = { type: "flannel", name: "cbr0" };
const macvlan = { type: "macvlan", name: "m" };

function network(more: JsonObject) {
  const raw = { cniVersion: "1.0.0", name: "multus-cni-network", type: "multus", ...more };
  return { cniVersion: "1.0.0" as const, name: "multus-cni-network", type: "multus", raw };
}

async function parsed(more: JsonObject): Promise<MetaConfig> {
  return must(await parseMetaConfig(network(more)));
}

describe("a configuration in Multus's words", () => {
  test("has Multus's defaults", async () => {
    expect(await parsed({ delegates: [flannel] })).toMatchObject({
      dialect: "multus",
      primary: { kind: "inline", config: flannel },
      defaultNetworks: [],
      systemNamespaces: [],
      networks: [],
      auxiliary: undefined,
      readinessFile: "",
      kubeconfig: "",
      status: "sync",
      crossNamespace: ["*"],
      unknownKeys: "ignore",
      requests: { everywhere: { ips: "allow", deviceID: "allow", cniArgs: "allow" }, networks: {} },
      allowedTypes: ["*"],
      defaultNetworkNamespace: "kube-system",
      result: "primary",
      binDir: "/opt/cni/bin",
      confDir: "/etc/cni/multus/net.d",
      stateDir: "/var/lib/cni/hawser",
      definitionsDir: "/etc/cni/hawser/net.d",
    });
  });

  test.each<[string, JsonObject, Partial<MetaConfig>]>([
    ["kubeconfig", { kubeconfig: "/etc/cni/net.d/multus.d/k" }, { kubeconfig: "/etc/cni/net.d/multus.d/k" }],
    [
      "delegates: the first is the primary, the others are everyone's, system namespaces' too",
      { delegates: [flannel, macvlan], systemNamespaces: ["kube-system"] },
      {
        primary: { kind: "inline", config: flannel },
        defaultNetworks: [{ kind: "inline", config: macvlan }],
        systemNamespaces: [],
      },
    ],
    [
      "clusterNetwork and defaultNetworks by name, in kube-system",
      { clusterNetwork: "flannel", defaultNetworks: ["a", "b"] },
      {
        primary: { kind: "defined", namespace: "kube-system", name: "flannel" },
        defaultNetworks: [
          { kind: "defined", namespace: "kube-system", name: "a" },
          { kind: "defined", namespace: "kube-system", name: "b" },
        ],
        systemNamespaces: ["kube-system"],
      },
    ],
    [
      "multusNamespace",
      { clusterNetwork: "flannel", multusNamespace: "net" },
      { primary: { kind: "defined", namespace: "net", name: "flannel" }, systemNamespaces: ["kube-system"] },
    ],
    [
      "clusterNetwork by path: delegates are not looked at",
      { clusterNetwork: "/etc/cni/net.d/10-flannel.conflist", delegates: [macvlan] },
      { primary: { kind: "path", path: "/etc/cni/net.d/10-flannel.conflist" }, defaultNetworks: [] },
    ],
    ["systemNamespaces", { clusterNetwork: "f", systemNamespaces: ["ops"] }, { systemNamespaces: ["ops"] }],
    ["no system namespaces", { clusterNetwork: "f", systemNamespaces: [] }, { systemNamespaces: [] }],
    ["confDir, binDir", { confDir: "/c", binDir: "/b" }, { confDir: "/c", binDir: "/b" }],
    ["readinessindicatorfile", { readinessindicatorfile: "/run/ready" }, { readinessFile: "/run/ready" }],
    [
      "Go's JSON does not care about case, so users do not either",
      { readinessIndicatorFile: "/run/ready", NamespaceIsolation: true },
      { readinessFile: "/run/ready", crossNamespace: ["default"] },
    ],
    [
      "the right spelling wins",
      { readinessindicatorfile: "/right", ReadinessIndicatorFile: "/wrong" },
      { readinessFile: "/right" },
    ],
    ["namespaceIsolation", { namespaceIsolation: true }, { crossNamespace: ["default"] }],
    [
      "globalNamespaces replace default",
      { namespaceIsolation: true, globalNamespaces: "shared, ops " },
      { crossNamespace: ["shared", "ops"] },
    ],
    ["globalNamespaces without isolation", { globalNamespaces: "shared" }, { crossNamespace: ["*"] }],
    [
      "an auxiliary chain beside the clusterNetwork",
      { clusterNetwork: "/etc/cni/net.d/10-a.conflist", auxiliaryCNIChainName: "vendor" },
      {
        auxiliary: {
          config: {
            cniVersion: "1.0.0",
            name: "vendor",
            plugins: [{ type: "passthru", name: "passthru-cni" }],
          },
          folder: "/etc/cni/net.d/vendor",
        },
      },
    ],
    ["null is as good as nothing", { kubeconfig: null, readinessindicatorfile: null }, { kubeconfig: "" }],
    [
      "hawser's own fields",
      { timeout: "90s", stateDir: "/s", definitionsDir: "/d" },
      { timeoutMs: 90_000, stateDir: "/s" },
    ],
  ])("%s", async (_case, more, expected) => {
    expect(await parsed({ delegates: [flannel], ...more })).toMatchObject(expected);
  });

  test.each<[string, JsonObject, string, string]>([
    [
      "neither delegates nor clusterNetwork",
      {},
      "config.delegates",
      "neither a delegate nor a clusterNetwork",
    ],
    ["no delegates", { delegates: [] }, "config.delegates", "neither"],
    ["a delegate that is none", { delegates: ["flannel"] }, "config.field", "delegates: must be a list"],
    [
      "every mistake at once",
      { delegates: {}, namespaceIsolation: "yes", confDir: "net.d", logOptions: 3 },
      "config.field",
      "delegates: must be a list of plugins' configurations; namespaceIsolation: must be true or false; confDir: must be an absolute path; logOptions: must be an object",
    ],
    ["a field of ours", { delegates: [flannel], stateDir: "s" }, "config.field", "stateDir"],
    ["a timeout", { delegates: [flannel], timeout: "soon" }, "config.timeout", `"soon"`],
    [
      "an auxiliary chain beside nothing",
      { delegates: [flannel], auxiliaryCNIChainName: "vendor" },
      "config.auxiliary",
      "is no path",
    ],
  ])("refused: %s", async (_case, more, id, text) => {
    const config = await parseMetaConfig(network(more));
    expect(config).toMatchObject({ ok: false, error: { id, msg: expect.stringContaining(text) } });
  });

  test("a broken configuration keeps its primary, for a DEL without a record", async () => {
    const broken = network({ delegates: [flannel, macvlan], namespaceIsolation: 7 });
    expect(await parseMetaConfig(broken)).toMatchObject({ ok: false });
    const salvaged = await salvageMetaConfig(broken);
    expect(salvaged).toMatchObject({ primary: { kind: "inline", config: flannel }, defaultNetworks: [] });
    expect(await salvageMetaConfig(network({ clusterNetwork: 7 }))).toBeUndefined();
  });

  test("DEL finds plugins and configurations where Multus looks for them", () => {
    expect(metaTeardown(network({}))).toMatchObject({
      binDir: "/opt/cni/bin",
      confDir: "/etc/cni/multus/net.d",
    });
  });
});

test.each<[string, JsonObject, string[]]>([
  ["all that Multus obeys", { delegates: [], kubeconfig: "", namespaceIsolation: true, timeout: "1s" }, []],
  [
    "logs",
    { logFile: "/l", logLevel: "debug", logToStderr: true, logOptions: {} },
    ["stderr", "stderr", "stderr", "stderr"],
  ],
  ["the cache", { cniDir: "/var/lib/cni/multus", retryDeleteOnError: true }, ["migrate", "stays"]],
  ["the daemon's", { socketDir: "/run/multus", MetricsPort: 9091 }, ["daemon", "daemon"]],
  ["nobody's", { readinesIndicatorFile: "/r" }, ["neither"]],
  ["another owner's", { "cni.dev/valid-attachments": [] }, []],
  ["written otherwise", { ReadinessIndicatorFile: "/r", LogLevel: "debug" }, ["stderr"]],
])("fields without an effect: %s", (_case, raw, expected) => {
  const found = idleFields(raw);
  expect(found.map(({ why }) => why)).toEqual(expected.map((text) => expect.stringContaining(text)));
  expect(fieldProblems(raw)).toEqual([]);
});
