import { describe, expect, test } from "vitest";
import { parseEnvironment } from "../cni/environment.ts";
import type { Json } from "../cni/json.ts";
import { must } from "../sys/outcome-testing.ts";
import {
  annotationsFrom,
  isMirrorOf,
  isOfNode,
  networksAnnotation,
  type PodIdentity,
  podAnnotationsCapability,
  podOf,
} from "./pod.ts";

function podFrom(args: string): PodIdentity | undefined {
  const environment = must(parseEnvironment({ CNI_COMMAND: "VERSION", CNI_ARGS: args }));
  return podOf(environment);
}

describe("the pod of CNI_ARGS", () => {
  const whole = { namespace: "shop", name: "web-0", uid: "4e1b", infraContainerId: "c0ffee" };
  const pairs = [
    "IgnoreUnknown=1",
    "K8S_POD_NAMESPACE=shop",
    "K8S_POD_NAME=web-0",
    "K8S_POD_INFRA_CONTAINER_ID=c0ffee",
    "K8S_POD_UID=4e1b",
  ];

  test.each<[string, string, PodIdentity | undefined]>([
    ["containerd and CRI-O", pairs.join(";"), whole],
    ["in any order", pairs.toReversed().join(";"), whole],
    ["no UID", "K8S_POD_NAMESPACE=shop;K8S_POD_NAME=web-0", { namespace: "shop", name: "web-0" }],
    [
      "an empty UID",
      "K8S_POD_NAMESPACE=shop;K8S_POD_NAME=web-0;K8S_POD_UID=",
      { namespace: "shop", name: "web-0" },
    ],
    ["podman", "IgnoreUnknown=1;K8S_POD_NAME=web", undefined],
    ["a namespace alone", "K8S_POD_NAMESPACE=shop", undefined],
    ["an empty name", "K8S_POD_NAMESPACE=shop;K8S_POD_NAME=", undefined],
    ["ctr run --cni", "", undefined],
  ])("%s", (_runtime, args, expected) => {
    expect(podFrom(args)).toEqual(expected);
  });
});

describe("the annotations in runtimeConfig", () => {
  const annotations = { [networksAnnotation]: "storage", other: "" };

  test.each<[string, Json | undefined, object]>([
    ["the pod's", { [podAnnotationsCapability]: annotations }, { kind: "given", values: annotations }],
    ["the pod has none (null)", { [podAnnotationsCapability]: null }, { kind: "given", values: {} }],
    ["the pod has none ({})", { [podAnnotationsCapability]: {} }, { kind: "given", values: {} }],
    ["the runtime passes other things only", { portMappings: [] }, { kind: "absent" }],
    ["an empty runtimeConfig", {}, { kind: "absent" }],
    ["no runtimeConfig", undefined, { kind: "absent" }],
    ["a runtimeConfig of null", null, { kind: "absent" }],
  ])("%s", (_what, runtimeConfig, expected) => {
    expect(annotationsFrom(runtimeConfig)).toEqual({ ok: true, value: expected });
  });

  test.each<[Json, string]>([
    [{ [podAnnotationsCapability]: "a" }, "it is a string, not an object"],
    [{ [podAnnotationsCapability]: ["a"] }, "it is an array, not an object"],
    [{ [podAnnotationsCapability]: 0 }, "it is a number, not an object"],
    [{ [podAnnotationsCapability]: { a: 1, b: "x", c: null } }, `"a" is a number, "c" is null, not a string`],
    [[], "runtimeConfig is an array, not an object"],
  ])("%j is refused", (runtimeConfig, why) => {
    expect(annotationsFrom(runtimeConfig)).toMatchObject({
      ok: false,
      error: { code: 7, id: "kube.pod-annotations", msg: expect.stringContaining(why) },
    });
  });

  test("a thousand wrong values have a short answer", () => {
    const values = Object.fromEntries(Array.from({ length: 1000 }, (_, index) => [`key${index}`, index]));
    const refused = annotationsFrom({ [podAnnotationsCapability]: values });
    expect(refused).toMatchObject({ ok: false, error: { msg: expect.stringContaining("and 995 more") } });
  });
});

test.each<[string, Record<string, string>, string | undefined, boolean]>([
  ["it names the sandbox's pod", { "kubernetes.io/config.mirror": "u1" }, "u1", true],
  ["it names another", { "kubernetes.io/config.mirror": "u2" }, "u1", false],
  ["it names none, and there is none", { "kubernetes.io/config.mirror": "" }, undefined, false],
  ["there is none", {}, "u1", false],
])("a mirror: %s", (_what, annotations, uid, expected) => {
  expect(isMirrorOf(annotations, uid)).toBe(expected);
});

test.each([
  [{ "kubernetes.io/config.source": "file" }, true],
  [{ "kubernetes.io/config.source": "api" }, false],
  [{}, false],
])("%j: a pod of the node: %s", (annotations, expected) => {
  expect(isOfNode(annotations)).toBe(expected);
});
