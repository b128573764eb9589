import { describe, expect, test } from "vitest";
import type { JsonObject } from "../../../cni/json.ts";
import type { Definition } from "../../../kube/definition.ts";
import { createMachine } from "../../../sys/fake.ts";
import { must } from "../../../sys/outcome-testing.ts";
import type { MetaConfig } from "../config/config.ts";
import { metaConfig } from "../meta-testing.ts";
import { ownerOf } from "./owner.ts";
import { judge, readResources } from "./plan-judge.ts";

const definition: Definition = {
  ...{ namespace: "team-a", name: "storage", source: "Kubernetes API", keptIn: "api" as const },
  ...{ annotations: {}, config: { name: "storage", type: "bridge" } },
};
const borrower: Definition = { ...definition, isOfConfDir: true };

describe("whose text a definition is", () => {
  test.each<[string, Partial<Definition>, string]>([
    ["on the node", { keptIn: "disk" }, "operator"],
    ["without a configuration, on the node", { keptIn: "disk", isOfConfDir: true }, "operator"],
    ["of a namespace that is trusted", { namespace: "kube-system" }, "operator"],
    ["without a configuration, there", { namespace: "kube-system", isOfConfDir: true }, "operator"],
    ["of any other namespace", {}, "tenant"],
    ["of one whose name begins so", { namespace: "kube-system-2" }, "tenant"],
    ["without a configuration", { isOfConfDir: true }, "borrower"],
  ])("%s", (_case, more, owner) => {
    expect(ownerOf(metaConfig(), { ...definition, ...more })).toBe(owner);
  });
});

function judged(subject: Definition, given: JsonObject, config: Partial<MetaConfig> = {}) {
  const { sys, warnings } = createMachine({ files: { "/r.json": JSON.stringify(given) } }).spawn();
  const resources = must(readResources(sys, "/r.json"));
  return { verdict: judge(sys, metaConfig(config), resources, subject), warnings };
}

describe("a definition without a configuration", () => {
  const opened = { networks: { storage: { namespaces: ["team-a"], requests: { ips: "deny" } } } };

  test("means a network of the operator's that is open to its namespace", () => {
    expect(judged(borrower, opened).verdict).toMatchObject({
      ok: true,
      value: { config: borrower.config, grants: [{ requests: { ips: "deny" } }] },
    });
  });

  test.each<[string, JsonObject, Partial<MetaConfig>]>([
    ["no network is open", {}, {}],
    ["it is open to others", { networks: { storage: { namespaces: ["team-b"] } } }, {}],
    ["another one is open", { networks: { other: { namespaces: ["*"] } } }, {}],
    ["in Multus's words, too, once there is a list", { networks: {} }, { dialect: "multus" }],
  ])("is refused where %s", (_case, given, config) => {
    expect(judged(borrower, given, config).verdict).toMatchObject({
      ok: false,
      error: { id: "meta.network-denied", code: 103 },
    });
  });

  test("is taken in Multus's words, where nothing is said", () => {
    expect(judged(borrower, {}, { dialect: "multus" }).verdict.ok).toBe(true);
  });
});

test("what is left out of a tenant's is told", () => {
  const config = { ...definition.config, capabilities: { ips: true }, comment: "mine" };
  const { verdict, warnings } = judged({ ...definition, config }, {}, { unknownKeys: "ignore" });
  expect(verdict.ok).toBe(true);
  expect(warnings).toEqual([
    "hawser: network definition team-a/storage: left out: comment: there is no such field",
  ]);
});
