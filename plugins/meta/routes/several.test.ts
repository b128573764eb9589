import { expect, test } from "vitest";
import type { JsonObject } from "../../../cni/json.ts";
import type { Route } from "../../../cni/types.ts";
import { createRecordingNode } from "../meta-testing.ts";
import { createPodNetwork } from "./pod-network-testing.ts";
import { severalDefaultRoutes } from "./several.ts";

const bearer = (label: string, ...routes: Route[]) => ({ label, result: { routes } });
const v4 = { dst: "0.0.0.0/0", gw: "10.1.0.1" };
const v6 = { dst: "::/0" };

test.each<[string, Parameters<typeof severalDefaultRoutes>[0], RegExp[]]>([
  ["none", [bearer("a"), bearer("b", { dst: "10.0.0.0/8" })], []],
  ["one in each family", [bearer("a", v4), bearer("b", v6)], []],
  ["one network's two", [bearer("a", v4, v4)], []],
  [
    "two of a family",
    [bearer("a", v4), bearer("b", { dst: "0.0.0.0/0" }), bearer("c", v6)],
    [/^a and b bring .*IPv4/],
  ],
  [
    "three of both, however they are spelt",
    [bearer("a", v4, v6), bearer("b", v4, { dst: "0::/0" }), bearer("c", { ...v4, table: 254 })],
    [/^a and b and c bring .*IPv4/, /^a and b bring .*IPv6/],
  ],
  ["another table's", [bearer("a", v4), bearer("b", { ...v4, table: 100 })], []],
])("%s", (_case, bearers, expected) => {
  expect(severalDefaultRoutes(bearers)).toEqual(expected.map((each) => expect.stringMatching(each)));
});

const answers = { routes: [v4] };
const config: JsonObject = {
  cniVersion: "1.1.0",
  name: "pods",
  type: "hawser",
  delegate: {
    type: "prim",
    answers: { ...answers, interfaces: [{ name: "eth0", sandbox: "/run/netns/pod1" }] },
  },
};

test.each<[string, JsonObject, object[], boolean]>([
  ["two networks with one", config, [{ name: "data" }], true],
  ["the pod says which", config, [{ name: "data", "default-route": [] }], false],
  [
    "a plugin before hawser has one",
    {
      ...{ cniVersion: "1.1.0", name: "pods", type: "hawser" },
      prevResult: {
        cniVersion: "1.1.0",
        interfaces: [{ name: "eth0", sandbox: "/run/netns/pod1" }],
        routes: [v4],
      },
    },
    [{ name: "data" }],
    true,
  ],
])("an ADD warns of it: %s", async (_case, given, asked, warns) => {
  const { network } = await createPodNetwork("/run/netns/pod1");
  const node = createRecordingNode(
    ["prim", "side"],
    { "/etc/cni/hawser/net.d/shop/data.json": { cniVersion: "1.1.0", type: "side", answers } },
    { network },
  );
  const annotations = { "k8s.v1.cni.cncf.io/networks": JSON.stringify(asked) };
  expect(await node.call("ADD", given, { annotations })).toMatchObject({ ok: true });
  const about = expect.stringMatching(
    /^hawser: container pod1: .*\(?eth0.* and .*shop\/data \(net1\) bring a default route/,
  );
  expect(node.warnings()).toEqual(warns ? [about] : []);
});
