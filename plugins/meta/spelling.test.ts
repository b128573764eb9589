import { describe, expect, test } from "vitest";
import type { JsonObject } from "../../cni/json.ts";
import { exited, type Handler } from "../../sys/fake.ts";
import { must } from "../../sys/outcome-testing.ts";
import { createRecordingNode } from "./meta-testing.ts";

/** A hardware address can be written in several ways, and come from several places. Plugins are given the kernel's spelling. */

const networks = "k8s.v1.cni.cncf.io/networks";
const defaultNetwork = "v1.multus-cni.io/default-network";
const right = "02:aa:bb:cc:dd:01";
const spellings = [right, "02:AA:BB:CC:DD:01", "02-aa-BB-cc-DD-01", "02aa.bbcc.dd01"];

/** Like tuning, this plugin repeats in its result the address that it was given. */
const tuning: Handler = ({ env, stdin }) => {
  if (env.CNI_COMMAND !== "ADD") return exited(0, "");
  const config = JSON.parse(stdin) as { cniVersion: string; mac?: string; runtimeConfig?: { mac?: string } };
  const mac = config.runtimeConfig?.mac ?? config.mac ?? "";
  const interfaces = [{ name: env.CNI_IFNAME, mac, sandbox: env.CNI_NETNS }];
  return exited(0, JSON.stringify({ cniVersion: config.cniVersion, interfaces }));
};

const declaring = { cniVersion: "1.0.0", type: "tuning", capabilities: { mac: true, ips: true } };
const files = {
  "/etc/cni/hawser/net.d/shop/data.json": declaring,
  "/etc/cni/hawser/net.d/kube-system/own.json": { ...declaring, name: "own" },
};

async function macs(more: JsonObject, annotations: Record<string, string>, fixed: JsonObject = {}) {
  const node = createRecordingNode(
    ["prim"],
    { ...files, "/etc/cni/hawser/net.d/shop/fixed.json": { ...declaring, ...fixed } },
    { executables: { "/bin/cni/tuning": tuning } },
  );
  const config = { name: "pods", type: "hawser", cniVersion: "1.0.0", delegate: { type: "prim" }, ...more };
  const outcome = must(await node.call("ADD", config as JsonObject, { annotations }));
  const { interfaces = [] } = outcome as { interfaces?: { mac?: string }[] };
  return interfaces.flatMap(({ mac }) => mac ?? []);
}

describe.each(spellings)("%s", (mac) => {
  test("in the result of a plugin before hawser", async () => {
    const prevResult = {
      cniVersion: "1.0.0",
      interfaces: [{ name: "eth0", mac, sandbox: "/run/netns/pod1" }],
    };
    const config = { name: "pods", type: "hawser", cniVersion: "1.0.0", result: "merged", prevResult };
    const outcome = await createRecordingNode([], {}).call("ADD", config, {});
    expect(outcome).toMatchObject({ value: { interfaces: [{ name: "eth0", mac: right }] } });
  });

  test("in the pod's annotation", async () => {
    expect(await macs({}, { [networks]: JSON.stringify([{ name: "data", mac }]) })).toEqual([right]);
  });

  test("in the annotation of the default network", async () => {
    const more = { requests: { defaultNetwork: "allow" } };
    const annotations = {
      [defaultNetwork]: JSON.stringify([{ name: "own", namespace: "kube-system", mac }]),
    };
    expect(
      await macs({ type: "multus", delegates: [{ name: "x", type: "prim" }], ...more }, annotations),
    ).toEqual([right]);
  });

  test("in the definition", async () => {
    expect(await macs({}, { [networks]: "fixed" }, { mac })).toEqual([right]);
  });

  test("in the runtime's own request", async () => {
    const delegate = { ...declaring, name: "x" };
    expect(await macs({ delegate, runtimeConfig: { mac } }, {})).toEqual([right]);
  });
});
