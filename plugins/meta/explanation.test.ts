import { expect, test } from "vitest";
import type { Chain } from "../../cni/chain.ts";
import type { Version } from "../../cni/version.ts";
import { type Explanation, explain } from "./explanation.ts";
import { metaConfig } from "./meta-testing.ts";
import type { Selection } from "./plan/select.ts";
import type { Prepared } from "./prepare.ts";

function chain(name: string, cniVersion: Version = "1.1.0", off: Partial<Chain> = {}): Chain {
  return { cniVersion, name, disableCheck: false, disableGC: false, plugins: [{ type: "bridge" }], ...off };
}

interface Asked {
  readonly origin: Selection["origin"];
  readonly name: string;
}

/** A primary, a network of the configuration and two networks that the pod asks for. */
function example(parallel: boolean, isChained: boolean): Explanation {
  const secondaries: readonly { each: Asked; chain: Chain }[] = [
    { each: { name: "metrics", origin: "configuration" }, chain: chain("metrics") },
    { each: { name: "old", origin: "annotation" }, chain: chain("old", "0.3.1") },
    {
      each: { name: "mute", origin: "annotation" },
      chain: chain("mute", "1.1.0", { disableCheck: true, disableGC: true }),
    },
  ];
  const steps = secondaries.map(({ each, chain }, index) => ({
    role: "secondary" as const,
    network: `default/${each.name}`,
    ifname: `net${index + 1}`,
    chain,
    origin: each.origin,
    source: `/net.d/default/${each.name}.conf`,
    config: {},
    request: { namespace: "default", name: each.name },
  }));
  const primary = { role: "primary" as const, network: "delegate", ifname: "eth0", chain: chain("pods") };
  const first = {
    ...primary,
    origin: "configuration" as const,
    source: "delegate",
    config: {},
    request: undefined,
  };
  const plan = isChained ? steps : [first, ...steps];
  const prepared: Prepared = {
    pod: undefined,
    base: undefined,
    notAsked: [],
    plan,
    selections: plan,
    routes: undefined,
  };
  const primaryKind = isChained ? { kind: "chained" as const } : { kind: "inline" as const, config: {} };
  return explain(metaConfig({ primary: primaryKind, parallel }), prepared);
}

test.each([
  ["in turn", false, false, ["1 eth0", "2 net1", "3 net2", "4 net3"]],
  ["at once after the primary", true, false, ["1 eth0", "2 net1", "2 net2", "2 net3"]],
  ["chained, in turn", false, true, ["1 net1", "2 net2", "3 net3"]],
  ["chained, at once", true, true, ["1 net1", "1 net2", "1 net3"]],
])("the order of attachments %s", (_case, parallel, isChained, expected) => {
  const { attachments } = example(parallel, isChained);
  expect(attachments.map(({ order, ifname }) => `${order} ${ifname}`)).toEqual(expected);
});

test.each([true, false])("each attachment keeps its own source (chained: %s)", (isChained) => {
  const { attachments, primary } = example(false, isChained);
  const secondaries = ["/net.d/default/metrics.conf", "/net.d/default/old.conf", "/net.d/default/mute.conf"];
  expect(attachments.map(({ source }) => source)).toEqual(
    isChained ? secondaries : ["delegate", ...secondaries],
  );
  expect(primary).toBe(isChained ? "a plugin before hawser" : "hawser");
});

test("each delegate's verbs: by its version, by what it disables, and STATUS only if every pod has the network", () => {
  const { attachments } = example(false, false);
  expect(Object.fromEntries(attachments.map(({ ifname, verbs }) => [ifname, verbs.join(" ")]))).toEqual({
    eth0: "ADD DEL CHECK STATUS GC",
    net1: "ADD DEL CHECK STATUS GC",
    net2: "ADD DEL",
    net3: "ADD DEL",
  });
});
