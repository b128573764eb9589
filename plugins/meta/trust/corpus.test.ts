import { readdirSync, readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import { parse } from "yaml";
import { parseChain } from "../../../cni/chain.ts";
import type { JsonObject } from "../../../cni/json.ts";
import { parseResource } from "../../../kube/definition.ts";
import { must } from "../../../sys/outcome-testing.ts";
import { metaConfig } from "../meta-testing.ts";
import { decodeDefinition, type Trust } from "./decode.ts";
import { deniedTypes } from "./plugin-types.ts";
import { noResources } from "./resources.ts";

/** One definition in the style of a tutorial or of a vendor's page. We wrote it anew. */
interface Entry {
  readonly name: string;
  readonly namespace: string;
  /** The tutorial or vendor whose style it has. */
  readonly manner: string;
  readonly annotations?: Readonly<Record<string, string>>;
  /** The types that the operator has to allow for this definition. */
  readonly allowedTypes?: readonly string[];
  /** The text of `spec.config`, as people write it. */
  readonly config: string;
  /** The exact configuration that the plugins are given. */
  readonly handedOn: JsonObject;
  /** The places of the fields that the plugins are not given. */
  readonly leftOut?: readonly string[];
}

const folder = new URL("testdata/corpus/", import.meta.url);
const entries = readdirSync(folder).flatMap(
  (file) => parse(readFileSync(new URL(file, folder), "utf8")) as Entry[],
);

function definitionOf({ name, namespace, annotations = {}, config }: Entry) {
  const resource = {
    apiVersion: "k8s.cni.cncf.io/v1",
    kind: "NetworkAttachmentDefinition",
    metadata: { name, namespace, annotations },
    spec: { config },
  };
  return must(parseResource(resource, { namespace, name, source: "Kubernetes API", keptIn: "api" }));
}

function decoded(entry: Entry, trust: Partial<Trust> = {}) {
  return must(decodeDefinition(metaConfig(trust), noResources, definitionOf(entry)));
}

describe("what tutorials and vendors' pages write is taken", () => {
  test("a hundred of them, each by a name of its own", () => {
    const names = entries.map(({ namespace, name }) => `${namespace}/${name}`);
    expect(entries.length).toBeGreaterThanOrEqual(100);
    expect(names.filter((name, index) => names.indexOf(name) !== index)).toEqual([]);
  });

  test.each(entries)("$namespace/$name: $manner", (entry) => {
    const { config, leftOut } = decoded(entry);
    expect(config).toEqual(entry.handedOn);
    expect(parseChain(config, { name: "", cniVersion: "1.1.0" })).toMatchObject({
      ok: true,
      value: { name: entry.handedOn.name, plugins: entry.handedOn.plugins ?? [entry.handedOn] },
    });
    expect(leftOut.map((each) => each.slice(0, each.indexOf(": ")))).toEqual(entry.leftOut ?? []);
  });

  test.each(entries)("$namespace/$name runs what may run", (entry) => {
    const { config } = definitionOf(entry);
    const rules = { allowedTypes: entry.allowedTypes, allowedIpamTypes: undefined };
    expect(deniedTypes(rules, "tenant", config)).toEqual([]);
    const byDefault = deniedTypes({ ...rules, allowedTypes: undefined }, "tenant", config);
    expect(byDefault.length > 0).toBe(entry.allowedTypes !== undefined);
  });

  test.each(entries)("$namespace/$name keeps its name with the answers of Multus", (entry) => {
    const written = definitionOf(entry).config.name;
    const isOurs = /"hawser-(flat|host-local|static)"/.test(entry.config);
    const { config } = decoded(entry, {
      ...{ definitionNames: "as-written", unknownKeys: "ignore", opaqueTypes: ["*"] },
    });
    expect(config.name).toBe(isOurs ? `${entry.namespace}.${written}` : written);
  });

  test.each(entries)("$namespace/$name says nothing else when it is read again", (entry) => {
    // A definition that has been decoded once is decoded again without any loss.
    const { pool: _pool, ...ipam } = (entry.handedOn.ipam ?? {}) as JsonObject;
    const again = { ...entry.handedOn, ...(entry.handedOn.ipam !== undefined && { ipam }), name: entry.name };
    const { leftOut } = decoded({ ...entry, config: JSON.stringify(again) });
    expect(leftOut).toEqual([]);
  });
});
