import { describe, expect, test } from "vitest";
import type { JsonObject } from "../../../cni/json.ts";
import type { NetworkRequest } from "../../../kube/annotation.ts";
import { must } from "../../../sys/outcome-testing.ts";
import type { MetaConfig } from "../config/config.ts";
import { metaConfig } from "../meta-testing.ts";
import { plan } from "./plan.ts";
import type { Selection } from "./select.ts";

function meta(runtimeConfig: JsonObject = {}): MetaConfig {
  return metaConfig({ runtimeConfig });
}

function primary(config: JsonObject): Selection {
  const network = "pods";
  return {
    role: "primary",
    network,
    origin: "configuration",
    ifname: "eth0",
    source: "delegate",
    config,
    request: undefined,
  };
}

function secondary(config: JsonObject, more: Partial<NetworkRequest> = {}): Selection {
  const request: NetworkRequest = { namespace: "blue", name: "data", ...more };
  return {
    role: "secondary",
    network: "blue/data",
    origin: "annotation",
    ifname: "net1",
    source: "/d/blue/data.json",
    config,
    request,
  };
}

function plugins(config: MetaConfig, selection: Selection): readonly JsonObject[] {
  const planned = must(plan(config, [selection], "c1"));
  return planned[0]?.chain.plugins ?? [];
}

describe("plan in Multus's dialect", () => {
  const config = metaConfig({ dialect: "multus" });
  const step = (request: Partial<NetworkRequest>, delegate: JsonObject = { type: "macvlan" }) => {
    const planned = must(plan(config, [secondary(delegate, request)], "c1"));
    return planned[0];
  };

  test.each<[string, Partial<NetworkRequest>, string | undefined]>([
    ["nothing asked", {}, undefined],
    ["addresses", { ips: ["10.1.0.5/16", "fd00::5"] }, "IP=10.1.0.5/16,fd00::5"],
    ["a MAC address", { mac: "02:00:00:00:00:01" }, "MAC=02:00:00:00:00:01"],
    ["both", { ips: ["10.1.0.5"], mac: "02:00:00:00:00:01" }, "MAC=02:00:00:00:00:01;IP=10.1.0.5"],
  ])("CNI_ARGS tell what a plugin has not declared: %s", (_case, request, expected) => {
    expect(step(request)?.args).toBe(expected);
    expect(step(request)?.chain.plugins).toEqual([{ type: "macvlan", name: "pods", cniVersion: "1.1.0" }]);
  });

  test("a plugin that declares ips is told by its capability, too", () => {
    const made = step({ ips: ["10.1.0.5"] }, { type: "macvlan", capabilities: { ips: true } });
    expect(made?.args).toBe("IP=10.1.0.5");
    expect(made?.chain.plugins[0]?.runtimeConfig).toEqual({ ips: ["10.1.0.5"] });
  });

  test("a capability that CNI_ARGS do not have must still be declared", () => {
    const planned = plan(config, [secondary({ type: "macvlan" }, { bandwidth: { ingressRate: 1 } })], "c1");
    expect(planned).toMatchObject({ ok: false, error: { id: "meta.capability" } });
  });

  test("Multus and hawser are refused as delegates", () => {
    for (const type of ["multus", "hawser"]) {
      const multus = metaConfig({ network: { ...config.network, type: "multus" } });
      expect(plan(multus, [primary({ type })], "c1")).toMatchObject({ error: { id: "meta.recursion" } });
    }
  });
});

describe("plan", () => {
  test("a delegate inherits name and version where it has none, and loses no field", () => {
    expect(plugins(meta(), primary({ type: "bridge", custom: { deep: [1] } }))).toEqual([
      { type: "bridge", custom: { deep: [1] }, cniVersion: "1.1.0", name: "pods" },
    ]);
  });

  test("a delegate keeps its own name and version: IPAM state is keyed by the name", () => {
    expect(plugins(meta(), primary({ type: "bridge", name: "old", cniVersion: "0.4.0" }))).toEqual([
      { type: "bridge", name: "old", cniVersion: "0.4.0" },
    ]);
  });

  test("a list's plugins get the list's name and the highest of its versions", () => {
    const config = {
      name: "l",
      cniVersion: "0.4.0",
      cniVersions: ["1.0.0", "9.0.0"],
      plugins: [{ type: "a" }, { type: "b" }],
    };
    expect(plugins(meta(), primary(config))).toEqual([
      { type: "a", name: "l", cniVersion: "1.0.0" },
      { type: "b", name: "l", cniVersion: "1.0.0" },
    ]);
  });

  test("the kubelet's runtimeConfig reaches the primary only, each plugin what it declares", () => {
    const config = meta({ portMappings: [{ HostPort: 80 }], bandwidth: { IngressRate: 1 } });
    const list = { plugins: [{ type: "bridge" }, { type: "portmap", capabilities: { portMappings: true } }] };
    expect(plugins(config, primary(list))).toEqual([
      { type: "bridge", name: "pods", cniVersion: "1.1.0" },
      {
        type: "portmap",
        name: "pods",
        cniVersion: "1.1.0",
        runtimeConfig: { portMappings: [{ HostPort: 80 }] },
      },
    ]);
    const second = { type: "x", name: "d", cniVersion: "1.0.0", capabilities: { portMappings: true } };
    expect(plugins(config, secondary(second))).toEqual([{ type: "x", name: "d", cniVersion: "1.0.0" }]);
  });

  test("capabilities beside the plugins: the error says where they belong", () => {
    const list = { plugins: [{ type: "bridge" }], capabilities: { ips: true } };
    const planned = plan(meta(), [secondary(list, { ips: ["10.0.0.9/24"] })], "c1");
    expect(planned).toMatchObject({
      ok: false,
      error: {
        id: "meta.capability",
        details: expect.stringContaining('move "capabilities": {"ips": true} into'),
      },
    });
  });

  test("requested ips and mac become runtimeConfig of the plugins that declare them", () => {
    const config = {
      type: "macvlan",
      name: "d",
      cniVersion: "1.0.0",
      capabilities: { ips: true, mac: true, other: true },
    };
    const requested = secondary(config, { ips: ["10.0.0.9/24"], mac: "02:00:00:00:00:09" });
    expect(plugins(meta(), requested)).toEqual([
      {
        type: "macvlan",
        name: "d",
        cniVersion: "1.0.0",
        runtimeConfig: { ips: ["10.0.0.9/24"], mac: "02:00:00:00:00:09" },
      },
    ]);
  });

  test.each<[string, Partial<NetworkRequest>, unknown]>([
    ["ips", { ips: ["10.0.0.9/24"] }, ["10.0.0.9/24"]],
    ["mac", { mac: "02:00:00:00:00:09" }, "02:00:00:00:00:09"],
    ["infinibandGUID", { infinibandGuid: "c2:11:22:33:44:55:66:77" }, "c2:11:22:33:44:55:66:77"],
    [
      "portMappings",
      { portMappings: [{ hostPort: 80, containerPort: 8080, protocol: "tcp" }] },
      [{ hostPort: 80, containerPort: 8080, protocol: "tcp" }],
    ],
    ["bandwidth", { bandwidth: { ingressRate: 1, ingressBurst: 2 } }, { ingressRate: 1, ingressBurst: 2 }],
    ["deviceID", { deviceId: "0000:3b:02.1" }, "0000:3b:02.1"],
  ])(
    "capability %s reaches the plugin that declares it, and none beside; undeclared it is refused",
    (name, request, value) => {
      const list = {
        name: "d",
        plugins: [{ type: "x" }, { type: "y", capabilities: { [name]: true, other: true } }],
      };
      // The kubelet's request under the same name is for the primary, and not for this secondary.
      const kubelets = meta({ [name]: "the kubelet's", other: "the kubelet's" });
      expect(plugins(kubelets, secondary(list, request))).toEqual([
        { type: "x", name: "d", cniVersion: "1.1.0" },
        { type: "y", name: "d", cniVersion: "1.1.0", runtimeConfig: { [name]: value } },
      ]);
      expect(plan(kubelets, [secondary({ type: "x" }, request)], "c1")).toMatchObject({
        ok: false,
        error: { id: "meta.capability", msg: expect.stringContaining(name) },
      });
    },
  );

  test("a primary of the pod's own gets what the kubelet asks for, and what the pod asks for goes before", () => {
    const kubelets = meta({ portMappings: [{ HostPort: 80 }], mac: "the kubelet's" });
    const request = { namespace: "blue", name: "flat", mac: "02:00:00:00:00:09" };
    const declaring = { type: "x", name: "flat", capabilities: { portMappings: true, mac: true } };
    expect(plugins(kubelets, { ...primary(declaring), request })).toMatchObject([
      { runtimeConfig: { portMappings: [{ HostPort: 80 }], mac: "02:00:00:00:00:09" } },
    ]);
    const undeclared = { ...primary({ type: "x" }), request };
    expect(plan(kubelets, [undeclared], "c1")).toMatchObject({ ok: false, error: { id: "meta.capability" } });
  });

  test("the capabilities that no plugin declares are told for all networks at once", () => {
    const one = secondary(
      { type: "x", capabilities: { ips: true } },
      { ips: ["10.0.0.1"], mac: "02:00:00:00:00:09" },
    );
    const two = { ...secondary({ type: "y" }, { deviceId: "d", bandwidth: {} }), network: "blue/other" };
    const outcome = plan(meta(), [one, two], "c1");
    if (outcome.ok) throw new Error("planned");
    expect(outcome.error.msg).toMatch(/blue\/data: the pod asks for mac, which no plugin .* \(x\)$/);
    expect(outcome.error.details).toContain("blue/other: the pod asks for bandwidth and deviceID, which");
  });

  test("cni-args go over args.cni of every plugin and leave the rest of args", () => {
    const args = { cni: { a: 1, b: 2 }, vendor: true };
    const list = { name: "d", plugins: [{ type: "x", args }, { type: "y" }] };
    expect(plugins(meta(), secondary(list, { cniArgs: { b: 3 } })).map((each) => each.args)).toEqual([
      { cni: { a: 1, b: 3 }, vendor: true },
      { cni: { b: 3 } },
    ]);
  });

  test.each<[string, Selection, string, number]>([
    [
      "a capability that no plugin declares",
      secondary({ type: "x" }, { ips: ["10.0.0.1"] }),
      "meta.capability",
      103,
    ],
    [
      "a capability declared false",
      secondary({ type: "x", capabilities: { mac: false } }, { mac: "02:00:00:00:00:09" }),
      "meta.capability",
      103,
    ],
    ["itself as a delegate", primary({ type: "hawser" }), "meta.recursion", 7],
    [
      "hawser itself within a list",
      secondary({ plugins: [{ type: "x" }, { type: "hawser" }] }),
      "meta.recursion",
      7,
    ],
    ["a type with a path", secondary({ type: "../../bin/sh" }), "config.plugins", 7],
    [
      "an IPAM type with a path",
      secondary({ type: "x", ipam: { type: "../host-local" } }),
      "config.plugins",
      7,
    ],
    ["a name that leads out of its folder", secondary({ type: "x", name: "../x" }), "config.name", 7],
    ["an empty list", secondary({ plugins: [] }), "config.plugins", 7],
    ["plugins that is no list", secondary({ plugins: { type: "x" } }), "config.plugins", 7],
    ["a plugin that is no object", secondary({ plugins: ["x"] }), "config.plugins", 7],
    ["a type that is no string", secondary({ plugins: [{ type: 7 }] }), "config.plugins", 7],
    ["an unknown version", secondary({ type: "x", cniVersion: "9.9.9" }), "config.version", 1],
  ])("refuses %s", (_case, selection, id, code) => {
    expect(plan(meta(), [selection], "c1")).toMatchObject({ ok: false, error: { id, code } });
  });

  test("the error of a step names its network", () => {
    const outcome = plan(meta(), [secondary({ type: "x" }, { ips: ["10.0.0.1"] })], "c1");
    expect(outcome.ok ? "" : outcome.error.msg).toContain("blue/data");
  });
});
