import { describe, expect, test } from "vitest";
import { createFake } from "../../../sys/fake.ts";
import { must } from "../../../sys/outcome-testing.ts";
import type { MetaConfig } from "../config/config.ts";
import { metaConfig } from "../meta-testing.ts";
import { type Requests, readRequests, warnOfIgnored } from "./requests.ts";

const networks = "k8s.v1.cni.cncf.io/networks";
const own = "v1.multus-cni.io/default-network";
const owner: Partial<MetaConfig> = { primary: { kind: "inline", config: { type: "bridge" } } };

function read(annotations: Record<string, string>, more: Partial<MetaConfig> = owner) {
  return readRequests(metaConfig(more), { annotations, namespace: "shop", ifname: "eth0" });
}

function names({ own, configured, chosen }: Requests): string[] {
  return [
    ...own.map(({ namespace, name }) => `primary annotation ${namespace}/${name}`),
    ...configured.map(({ namespace, name }) => `secondary configuration ${namespace}/${name}`),
    ...chosen.map(({ namespace, name }) => `secondary annotation ${namespace}/${name}`),
  ];
}

describe("the networks that are asked for", () => {
  test.each<[string, Record<string, string>, Partial<MetaConfig>, string[]]>([
    ["nothing", {}, {}, []],
    ["empty annotations", { [networks]: " ", [own]: " \n" }, {}, []],
    [
      "the configuration's networks, then the pod's",
      { [networks]: "a" },
      { networks: ["b"] },
      ["secondary configuration default/b", "secondary annotation shop/a"],
    ],
    [
      "a primary of the pod's own, in its namespace",
      { [own]: "flat", [networks]: "a" },
      owner,
      ["primary annotation shop/flat", "secondary annotation shop/a"],
    ],
    ["one of another namespace", { [own]: "blue/flat" }, owner, ["primary annotation blue/flat"]],
    [
      "a primary in the namespace that the configuration names",
      { [own]: `[{"name":"flat","interface":"eth0"}]` },
      { ...owner, defaultNetworkNamespace: "kube-system" },
      ["primary annotation kube-system/flat"],
    ],
  ])("%s", (_case, annotations, more, expected) => {
    const asked = read(annotations, more);
    expect(asked.ok ? names(asked.value) : asked.error).toEqual(expected);
  });

  test.each<[string, string, Partial<MetaConfig>, string]>([
    ["where hawser is chained", "flat", {}, "hawser does not attach this pod's primary network"],
    ["that names two networks", "a,b", owner, "it names 2 networks, not one"],
    ["under another interface name", "flat@net7", owner, "it asks for interface net7"],
    [
      "that asks for things that only the kubelet may ask for",
      `[{"name":"flat","portMappings":[{"hostPort":1,"containerPort":1}],"bandwidth":{"ingressRate":1,"ingressBurst":1}}]`,
      owner,
      "it asks for portMappings and bandwidth",
    ],
  ])("refuses a primary of the pod's own %s", (_case, text, more, expected) => {
    expect(read({ [own]: text }, more)).toMatchObject({
      ok: false,
      error: { code: 102, id: "annotation.default-network", msg: expect.stringContaining(expected) },
    });
  });

  test("mistakes of both annotations and of the configuration are told at once", () => {
    const asked = read({ [own]: "a/b/c", [networks]: "A" }, { ...owner, networks: ["B"] });
    if (asked.ok) throw new Error("read");
    expect(asked.error).toMatchObject({ id: "annotation.syntax", msg: expect.stringContaining(own) });
    expect(asked.error.details).toContain("read the configuration's networks");
    expect(asked.error.details).toContain(`read the pod's annotation ${networks}`);
  });
});

test("a key that is passed over is told once", () => {
  const { sys, warnings } = createFake();
  const asked = must(read({ [networks]: `[{"name":"a","colour":1,"size":2}]` }, { unknownKeys: "ignore" }));
  warnOfIgnored(sys, asked);
  expect(warnings).toEqual([
    `hawser: the request for network shop/a: ignored key "colour"`,
    `hawser: the request for network shop/a: ignored key "size"`,
  ]);
});
