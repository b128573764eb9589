import { describe, expect, test } from "vitest";
import { type CniError, cniError } from "../../../cni/errors.ts";
import type { JsonObject } from "../../../cni/json.ts";
import { readWhole } from "../../../cni/readers.ts";
import type { NetworkRequest } from "../../../kube/annotation.ts";
import type { Definition } from "../../../kube/definition.ts";
import type { MetaConfig } from "../config/config.ts";
import { completeRules, noRequestRules, readRequests, safe } from "../config/permissions.ts";
import { metaConfig } from "../meta-testing.ts";
import { admit } from "./admit.ts";
import { isolate } from "./isolate.ts";
import type { Wanted } from "./wanted.ts";

const missing = cniError("selection", "kube.unknown-network", "find network: there is none of this name");

interface Case extends Partial<NetworkRequest> {
  readonly network: string;
  readonly annotations?: Record<string, string>;
  readonly config?: JsonObject;
  readonly keptIn?: Definition["keptIn"];
  readonly origin?: Wanted["origin"];
  readonly error?: CniError;
}

function wanted({ network, annotations = {}, config = { type: "macvlan" }, ...rest }: Case): Wanted {
  const { keptIn = "disk", origin = "annotation", error, ...request } = rest;
  const [namespace = "", name = ""] = network.split("/");
  const definition = { namespace, name, source: "", keptIn, annotations, config };
  return {
    role: "secondary",
    origin,
    request: { ...request, namespace, name },
    lookup: error === undefined ? { kind: "found", network, definition } : { kind: "failed", error },
  };
}

function verdict(cases: readonly Case[], policy: Partial<MetaConfig> = {}) {
  const config = metaConfig(policy);
  return admit(config, "shop", isolate(config, "shop", cases.map(wanted)));
}

function refusal(cases: readonly Case[], policy: Partial<MetaConfig> = {}): CniError {
  const judged = verdict(cases, policy);
  if (judged.ok) throw new Error("admitted");
  return judged.error;
}

describe("isolation", () => {
  const opens = (text: string) => ({ "v1.hawser-cni.io/allowed-namespaces": text });

  test.each<[string, Case, Partial<MetaConfig>]>([
    ["its own namespace", { network: "shop/a" }, {}],
    ["a namespace of crossNamespace", { network: "blue/a" }, { crossNamespace: ["blue"] }],
    ["all namespaces by crossNamespace", { network: "blue/a" }, { crossNamespace: ["*"] }],
    ["a definition open to the pod's namespace", { network: "blue/a", annotations: opens("red, shop") }, {}],
    ["a definition open to all", { network: "blue/a", annotations: opens("*") }, {}],
    ["the operator's own choice", { network: "blue/a", origin: "configuration" }, {}],
  ])("lets a pod use %s", (_case, each, policy) => {
    expect(verdict([each], policy).ok).toBe(true);
  });

  test.each<[string, Case]>([
    ["another namespace's", { network: "blue/a" }],
    ["one that is open to others", { network: "blue/a", annotations: opens("red,shop2,hop") }],
    ["one that is open to nobody", { network: "blue/a", annotations: opens("") }],
    ["one whose openness is a pattern", { network: "blue/a", annotations: opens("sh*") }],
    ["one that does not exist", { network: "blue/a", error: missing }],
    [
      "a broken definition",
      { network: "blue/a", error: cniError("invalidConfig", "kube.bad-definition", "it is") },
    ],
    ["one that cannot be read", { network: "blue/a", error: cniError("ioFailure", "kube.read", "EIO") }],
  ])("keeps a pod from %s, in the same words", (_case, each) => {
    expect(refusal([each], { crossNamespace: ["default"] })).toEqual({
      code: 102,
      id: "meta.cross-namespace",
      msg: "select networks of a pod in namespace shop: blue/a may not be used from there",
      details:
        "A pod uses networks of its own namespace, of default (crossNamespace), and those that open themselves to it (annotation v1.hawser-cni.io/allowed-namespaces).",
    });
  });

  test("an API that does not answer is not taken for a refusal", () => {
    const error = cniError("tryAgainLater", "kube.api-unreachable", "ask the API");
    expect(refusal([{ network: "blue/a", error }]).id).toBe("kube.api-unreachable");
  });
});

describe("requests of a network", () => {
  const denies = (text: string) => ({ "v1.hawser-cni.io/denied-requests": text });
  const everything: Partial<NetworkRequest> = {
    ips: ["10.0.0.1"],
    mac: "02:00:00:00:00:01",
    infinibandGuid: "c2:11:22:33:44:55:66:77",
    portMappings: [],
    bandwidth: {},
    deviceId: "d",
    defaultRoute: [],
    cniArgs: {},
  };
  const kinds = "ips, mac, infinibandGUID, portMappings, bandwidth, deviceID, defaultRoute, cniArgs";
  const denyAll = Object.fromEntries(kinds.split(", ").map((kind) => [kind, "deny"]));
  const rules = (value: JsonObject) => ({
    requests: completeRules(readWhole(readRequests, value) ?? noRequestRules, safe),
  });

  test("every denied request of every network is told at once", () => {
    const error = refusal(
      [{ network: "shop/a", ...everything }, { network: "shop/b", mac: "x" }, { network: "shop/c" }],
      rules(denyAll),
    );
    expect(error).toMatchObject({
      code: 102,
      id: "meta.request-denied",
      msg: `select networks of a pod in namespace shop: shop/a does not allow ${kinds}; shop/b does not allow mac`,
    });
  });

  test("the default denies a device and arguments, and nothing else", () => {
    const error = refusal([{ network: "shop/a", ...everything }], rules({}));
    expect(error.msg).toMatch(/shop\/a does not allow deviceID, cniArgs$/);
  });

  test.each<[string, Case, JsonObject, RegExp | undefined]>([
    [
      "a definition denies what the node allows",
      { network: "shop/a", mac: "x", annotations: denies("ips, mac") },
      {},
      /mac$/,
    ],
    ["a definition denies all", { network: "shop/a", mac: "x", annotations: denies("*") }, {}, /mac$/],
    [
      "a definition denies something else",
      { network: "shop/a", mac: "x", annotations: denies("ips") },
      {},
      undefined,
    ],
    [
      "a definition cannot allow",
      { network: "shop/a", mac: "x", annotations: denies("") },
      { mac: "deny" },
      /mac$/,
    ],
    [
      "a definition denies what there is not: nothing can be asked of it",
      { network: "shop/a", mac: "x", annotations: denies("macs") },
      {},
      /denies something unknown \(.*: "macs"\)$/,
    ],
    ["nothing is asked", { network: "shop/a", annotations: denies("macs") }, denyAll, undefined],
  ])("%s", (_case, each, requests, expected) => {
    const judged = verdict([each], rules(requests));
    expect(judged.ok).toBe(expected === undefined);
    if (!judged.ok && expected !== undefined) expect(judged.error.msg).toMatch(expected);
  });

  test.each([
    [{ ips: ["10.0.0.1"] }, { ips: "deny" }, `ips (as "ips" in cni-args)`],
    [{ IP: "10.0.0.1" }, { ips: "deny" }, `ips (as "IP" in cni-args)`],
    [{ MAC: "x" }, { mac: "deny" }, `mac (as "MAC" in cni-args)`],
    [{ guid: "x" }, { infinibandGUID: "deny" }, `infinibandGUID (as "guid" in cni-args)`],
    [{ deviceID: "x" }, {}, `deviceID (as "deviceID" in cni-args)`],
    [{ portMappings: [] }, { portMappings: "deny" }, "portMappings (as"],
  ])("cni-args are no way round: %j with %j", (cniArgs, requests, expected) => {
    const error = refusal([{ network: "shop/a", cniArgs }], rules({ cniArgs: "allow", ...requests }));
    expect(error.msg).toContain(`shop/a does not allow ${expected}`);
    expect(verdict([{ network: "shop/a", cniArgs: { team: "a" } }], rules({ cniArgs: "allow" })).ok).toBe(
      true,
    );
  });
});

describe("the plugins that may run", () => {
  const list = { plugins: [{ type: "bridge", ipam: { type: "static" } }, { type: "evil" }] };

  test.each<[string, Case, readonly string[] | undefined, string | undefined]>([
    [
      "any plugin for a definition on disk",
      { network: "shop/a", config: { type: "host-device" } },
      undefined,
      undefined,
    ],
    [
      "not any plugin for a definition of the API",
      { network: "shop/a", keptIn: "api", config: { type: "host-device" } },
      undefined,
      `"host-device"`,
    ],
    [
      "the reference plugins for a definition of the API",
      { network: "shop/a", keptIn: "api", config: { type: "bridge" } },
      undefined,
      undefined,
    ],
    [
      "every plugin of a list",
      { network: "shop/a", keptIn: "api", config: list },
      undefined,
      `shop/a runs "evil"`,
    ],
    [
      "IPAM plugins are judged, too",
      { network: "shop/a", keptIn: "api", config: { type: "bridge", ipam: { type: "evil" } } },
      undefined,
      `"evil"`,
    ],
    ["those listed", { network: "shop/a", keptIn: "api", config: { type: "evil" } }, ["evil"], undefined],
    ["only those listed, also on disk", { network: "shop/a", config: list }, ["bridge", "evil"], `"static"`],
    ["none", { network: "shop/a", config: { type: "bridge" } }, [], "Allowed are none."],
    ["all, said so", { network: "shop/a", keptIn: "api", config: { type: "evil" } }, ["*"], undefined],
    [
      "the plugins of the networks that every pod gets",
      { network: "shop/a", keptIn: "api", origin: "configuration", config: list },
      undefined,
      `"evil"`,
    ],
  ])("%s", (_case, each, allowedTypes, expected) => {
    const judged = verdict([each], { allowedTypes });
    expect(judged.ok).toBe(expected === undefined);
    if (judged.ok || expected === undefined) return;
    expect(judged.error).toMatchObject({ code: 103, id: "meta.type-denied" });
    expect(`${judged.error.msg} ${judged.error.details}`).toContain(expected);
  });
});

test("all reasons that keep a pod from its networks are told at once", () => {
  const error = refusal(
    [
      { network: "blue/a" },
      { network: "red/b", error: missing },
      { network: "shop/c", error: missing },
      { network: "shop/d", deviceId: "x" },
      { network: "shop/e", keptIn: "api", config: { type: "tap" } },
    ],
    { requests: completeRules(noRequestRules, safe) },
  );
  expect(error).toMatchObject({
    id: "meta.cross-namespace",
    msg: expect.stringContaining("blue/a, red/b may not"),
  });
  expect(error.details).toMatch(
    /there is none of this name.*shop\/d does not allow deviceID.*shop\/e runs "tap"/,
  );
});
