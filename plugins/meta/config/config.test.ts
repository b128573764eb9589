import { describe, expect, test } from "vitest";
import type { JsonObject } from "../../../cni/json.ts";
import { must } from "../../../sys/outcome-testing.ts";
import { metaTeardown } from "./config.ts";
import { parseMetaConfig } from "./parse.ts";

function network(more: JsonObject) {
  const raw = { cniVersion: "1.1.0", name: "pods", type: "hawser", ...more };
  return { cniVersion: "1.1.0" as const, name: "pods", type: "hawser", raw };
}

async function parsed(more: JsonObject) {
  return must(await parseMetaConfig(network(more)));
}

describe("the meta-plugin's configuration", () => {
  test("has the documented defaults", async () => {
    const { network: _network, ...config } = await parsed({});
    expect(config).toEqual({
      dialect: "hawser",
      defaultNetworks: [],
      systemNamespaces: [],
      auxiliary: undefined,
      readinessFile: "",
      primary: { kind: "chained" },
      networks: [],
      definitionsDir: "/etc/cni/hawser/net.d",
      kubeconfig: "",
      status: "sync",
      crossNamespace: ["default"],
      unknownKeys: "refuse",
      requests: {
        everywhere: {
          ips: "allow",
          mac: "allow",
          infinibandGUID: "allow",
          portMappings: "allow",
          bandwidth: "allow",
          deviceID: "deny",
          defaultRoute: "allow",
          cniArgs: "deny",
          interface: "allow",
          ipamClaim: "allow",
          defaultNetwork: "allow",
        },
        networks: {},
      },
      allowedTypes: undefined,
      allowedIpamTypes: undefined,
      opaqueTypes: [],
      trustedNamespaces: ["kube-system"],
      definitionNames: "namespaced",
      resources: "/etc/cni/hawser/resources.json",
      defaultNetworkNamespace: "",
      kubeletDir: "/var/lib/kubelet",
      deviceInfoDir: "/var/run/k8s.cni.cncf.io/devinfo",
      result: "primary",
      parallel: false,
      native: "prefer",
      runtimeConfig: {},
      prevResult: undefined,
      stateDir: "/var/lib/cni/hawser",
      binDir: "",
      confDir: "/etc/cni/net.d",
      timeoutMs: 210_000,
    });
  });

  test.each<[string, JsonObject, string]>([
    ["an owner reports all", { delegate: { type: "bridge" } }, "merged"],
    ["chained, the plugins before us are checked with what is reported", {}, "primary"],
    ["as asked, chained", { result: "merged" }, "merged"],
    ["as asked, owner", { delegate: { type: "bridge" }, result: "primary" }, "primary"],
  ])("result: %s", async (_case, more, expected) => {
    expect((await parsed(more)).result).toBe(expected);
  });

  test.each<[string, JsonObject, unknown]>([
    ["a plugin", { type: "bridge" }, { kind: "inline", config: { type: "bridge" } }],
    ["a list", { plugins: [] }, { kind: "inline", config: { plugins: [] } }],
    [
      "a plugin with a name",
      { type: "bridge", name: "n" },
      { kind: "inline", config: { type: "bridge", name: "n" } },
    ],
    ["a name", { name: "flannel" }, { kind: "named", name: "flannel" }],
  ])("delegate: %s", async (_case, delegate, expected) => {
    expect((await parsed({ delegate })).primary).toEqual(expected);
  });

  test("takes null and the specification's own keys as they come", async () => {
    const config = await parsed({
      prevResult: null,
      runtimeConfig: null,
      args: { x: 1 },
      "cni.dev/valid-attachments": [],
    });
    expect(config.prevResult).toBeUndefined();
    expect(config.runtimeConfig).toEqual({});
  });

  test.each<[string, JsonObject, string, number, string]>([
    ["an unknown field, with its value", { network: ["x"] }, "config.unknown-field", 2, `network = ["x"]`],
    [
      "an unknown field that holds a secret, and does not print it",
      { etcd_password: "x" },
      "config.unknown-field",
      2,
      'etcd_password = "(secret)"',
    ],
    [
      "an unknown field with a secret in it",
      { a: { token: "x" } },
      "config.unknown-field",
      2,
      'a = {"token":"(secret)"}',
    ],
    ["a wrong type", { networks: "storage" }, "config.field", 7, "networks"],
    ["every problem at once", { networks: 1, parallel: "yes" }, "config.field", 7, "parallel"],
    ["a wrong choice", { result: "all" }, "config.field", 7, `"merged" or "primary"`],
    ["a relative folder", { stateDir: "state" }, "config.field", 7, "absolute"],
    ["a delegate that is no object", { delegate: "bridge" }, "config.field", 7, "delegate"],
    ["an empty delegate", { delegate: {} }, "config.delegate", 7, "delegate"],
    ["a timeout that is none", { timeout: "soon" }, "config.timeout", 7, `"soon"`],
    ["a timeout of nothing", { timeout: "0" }, "config.timeout", 7, `"0"`],
  ])("refuses %s", async (_case, more, id, code, words) => {
    const config = await parseMetaConfig(network(more));
    expect(config).toMatchObject({ ok: false, error: { id, code } });
    if (!config.ok) expect(config.error.msg).toContain(words);
  });

  test("DEL finds its records although another field is wrong", () => {
    expect(metaTeardown(network({ stateDir: "/s", networks: 7, timeout: "soon" }))).toMatchObject({
      stateDir: "/s",
      timeoutMs: 210_000,
    });
  });
});
