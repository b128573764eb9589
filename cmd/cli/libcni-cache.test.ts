import { expect, test } from "vitest";
import { parseCachedResult } from "./libcni-cache.ts";

const least = { kind: "cniCacheV1", containerId: "c1", networkName: "pods", ifName: "eth0" };
const nothing = { containerId: "c1", network: "pods", ifname: "eth0", netns: "", args: [], capabilities: {} };

test.each([
  ["no more than names", {}, {}],
  ["everything", { netns: "/n", cniArgs: [["A", "1"]], capabilityArgs: { mac: "m" }, result: { dns: {} } }],
  ["null", { netns: null, cniArgs: null, capabilityArgs: null, result: null }, {}],
  ["values of other types", { netns: 1, cniArgs: {}, capabilityArgs: [], result: "" }, {}],
  [
    "an argument that is no pair of texts",
    { cniArgs: [["A", 1], "B", ["C", "", "D"]] },
    { args: [["C", ""]] },
  ],
])("%s is read", (_case, more, expected?: object) => {
  const {
    netns,
    cniArgs: args,
    capabilityArgs: capabilities,
    result,
  } = { ...more } as Record<string, unknown>;
  const meant = expected ?? { netns, args, capabilities, result };
  expect(parseCachedResult(JSON.stringify({ ...least, ...more }))).toEqual({ ...nothing, ...meant });
});

test.each([
  ["no JSON", "{"],
  ["no object", "[]"],
  ["another format", JSON.stringify({ ...least, kind: "cniCacheV2" })],
  ["a container that is no text", JSON.stringify({ ...least, containerId: 1 })],
  ["no interface", JSON.stringify({ ...least, ifName: undefined })],
])("%s is left out", (_case, text) => {
  expect(parseCachedResult(text)).toBeUndefined();
});
