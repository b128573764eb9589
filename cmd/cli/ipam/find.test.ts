import { expect, test } from "vitest";
import type { JsonObject } from "../../../cni/json.ts";
import { flatNetworksIn } from "./find.ts";

const ipam = { type: "hawser-flat", ranges: [[{ subnet: "10.60.0.0/16" }]] };
const bridge = { type: "bridge", ipam };

test.each<[string, JsonObject, string[]]>([
  ["a configuration", { name: "pods", ...bridge }, ["pods"]],
  ["a list", { name: "pods", plugins: [bridge, { type: "portmap" }] }, ["pods"]],
  ["another IPAM", { name: "pods", type: "bridge", ipam: { type: "host-local" } }, []],
  ["hawser's delegate", { name: "pods", type: "hawser", delegate: bridge }, ["pods"]],
  [
    "a delegate with a name of its own",
    { name: "pods", type: "hawser", delegate: { ...bridge, name: "lan" } },
    ["lan"],
  ],
  [
    "a delegate list in a list",
    { name: "pods", plugins: [{ type: "hawser", delegate: { plugins: [bridge] } }] },
    ["pods"],
  ],
  [
    "Multus' delegates",
    { name: "pods", type: "multus", delegates: [bridge, { ...bridge, name: "b" }] },
    ["pods", "b"],
  ],
  [
    "a NetworkAttachmentDefinition",
    { metadata: { name: "storage" }, spec: { config: JSON.stringify(bridge) } },
    ["storage"],
  ],
  [
    "a NetworkAttachmentDefinition without JSON",
    { metadata: { name: "storage" }, spec: { config: "{" } },
    [],
  ],
])("%s", (_what, document, names) => {
  expect(flatNetworksIn("/f", document).map(({ config }) => config.name)).toEqual(names);
});

test("what is found is what the plugin would be sent", () => {
  const [network] = flatNetworksIn("/f", { cniVersion: "1.1.0", name: "pods", plugins: [bridge] });
  expect(network).toEqual({ path: "/f", config: { cniVersion: "1.1.0", name: "pods", ...bridge } });
});
