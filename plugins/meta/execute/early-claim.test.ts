import { describe, expect, test } from "vitest";
import type { JsonObject } from "../../../cni/json.ts";
import type { NetworkRequest } from "../../../kube/annotation.ts";
import { exited, type Handler } from "../../../sys/fake.ts";
import { must } from "../../../sys/outcome-testing.ts";
import { explain } from "../explanation.ts";
import { createRecordingNode, identityMac, metaConfig, type RecordedCall } from "../meta-testing.ts";
import { plan } from "../plan/plan.ts";
import { fromDocument } from "../record/record.ts";

const mac = { mac: true };
const ipam = { type: "hawser-flat", ranges: [[{ subnet: "10.60.0.0/24" }]] };
const macvlan = { type: "macvlan", capabilities: mac, ipam };
const tuned = {
  plugins: [
    { type: "bridge", ipam },
    { type: "tuning", capabilities: mac },
  ],
};
const asking = { mac: "02:00:00:00:00:09" };

describe("the addresses that are claimed early", () => {
  function claimOf(config: JsonObject, request: Partial<NetworkRequest> = {}, more: object = {}) {
    const planned = must(
      plan(
        metaConfig(more),
        [
          {
            role: "secondary",
            network: "blue/data",
            origin: "annotation",
            ifname: "net1",
            source: "/d",
            config: { name: "data", ...config },
            request: { namespace: "blue", name: "data", ...request },
          },
        ],
        "c1",
      ),
    );
    const [step] = planned;
    const shown = explain(metaConfig(more), {
      ...{
        pod: undefined,
        base: undefined,
        selections: [],
        plan: planned,
        routes: undefined,
        notAsked: [],
      },
    });
    expect(shown.attachments[0]?.mac).toBe(step?.claim?.to.length ? "identity" : undefined);
    return step?.claim;
  }

  test.each<[string, JsonObject, object | undefined]>([
    ["the main plugin declares mac", macvlan, { to: [0] }],
    ["one behind it does", tuned, { to: [1] }],
    ["ipam.mac says so", { ...macvlan, ipam: { ...ipam, mac: "identity" } }, { to: [0] }],
    ["nobody declares it", { ...macvlan, capabilities: {} }, undefined],
    ["it is declared as not had", { ...macvlan, capabilities: { mac: false } }, undefined],
    ["another IPAM", { ...macvlan, ipam: { type: "host-local" } }, undefined],
    ["no IPAM", { type: "macvlan", capabilities: mac }, undefined],
    [`ipam.mac is "none"`, { ...macvlan, ipam: { ...ipam, mac: "none" } }, undefined],
    ["the same in another case", { ...macvlan, ipam: { ...ipam, Mac: "none" } }, undefined],
    ["the definition names one", { ...macvlan, mac: "02:00:00:00:00:01" }, undefined],
    ["its args do", { ...macvlan, args: { cni: { mac: "02:00:00:00:00:01" } } }, undefined],
    ["an empty one is none", { ...macvlan, mac: "" }, { to: [0] }],
  ])("%s", (_case, config, expected) => {
    expect(claimOf(config)).toEqual(expected);
  });

  test("the pod itself asks for a MAC address: only if the IPAM plugin would not get it", () => {
    expect(claimOf(macvlan, asking)).toBeUndefined();
    expect(claimOf(tuned, asking)).toEqual({ to: [], asked: asking.mac });
    expect(claimOf(tuned, asking, { dialect: "multus" })).toBeUndefined();
    expect(claimOf(macvlan, { cniArgs: { mac: asking.mac } })).toBeUndefined();
  });

  test("in Multus's dialect CNI_ARGS have the MAC address, too", () => {
    expect(claimOf(macvlan, {}, { dialect: "multus" })).toEqual({ to: [0], inArgs: true });
  });
});

const files = { "/d/default/data.json": { cniVersion: "1.0.0", name: "data", ...macvlan } };
const config = {
  ...{ cniVersion: "1.1.0", name: "pods", type: "hawser", definitionsDir: "/d", stateDir: "/s" },
  ...{ delegate: { type: "main" }, networks: ["data"], confDir: "/c" },
};
const types = ["main", "macvlan", "bridge", "tuning", "hawser-flat"];
const brief = (calls: readonly RecordedCall[]): string[] =>
  calls.map(({ verb, type, ifname, config: { runtimeConfig } }) =>
    [verb, type, ifname, (runtimeConfig as JsonObject | undefined)?.mac].filter(Boolean).join(" "),
  );

describe("an ADD", () => {
  test("hands on what hawser-flat tells; CHECK and DEL say the same, and DEL does not free it twice", async () => {
    const node = createRecordingNode(types, files);
    const added = await node.call("ADD", config);
    expect(added).toMatchObject({ ok: true });
    const prevResult = { cniVersion: "1.1.0", ...(added.ok ? (added.value as object) : {}) };
    expect(await node.call("CHECK", config, { extra: { prevResult } })).toMatchObject({ ok: true });
    expect(await node.call("DEL", config)).toMatchObject({ ok: true });
    expect(brief(node.calls)).toEqual([
      "ADD main eth0",
      "ADD hawser-flat net1",
      `ADD macvlan net1 ${identityMac}`,
      "CHECK main eth0",
      `CHECK macvlan net1 ${identityMac}`,
      `DEL macvlan net1 ${identityMac}`,
      "DEL main eth0",
    ]);
    const [, flat, main] = node.calls;
    expect(flat).toEqual({
      ...main,
      type: "hawser-flat",
      config: { ...main?.config, runtimeConfig: { tellMac: true } },
    });
  });

  test("whose pod asks for one tells hawser-flat of it first where the main plugin does not pass it on", async () => {
    const node = createRecordingNode(types, { "/d/default/data.json": { cniVersion: "1.0.0", ...tuned } });
    const annotations = {
      "k8s.v1.cni.cncf.io/networks": JSON.stringify([{ name: "data", namespace: "default", ...asking }]),
    };
    const added = await node.call(
      "ADD",
      { ...config, networks: [], crossNamespace: ["default"] },
      { annotations },
    );
    expect(added).toMatchObject({ ok: true });
    expect(brief(node.calls).slice(1)).toEqual([
      `ADD hawser-flat net1 ${asking.mac}`,
      "ADD bridge net1",
      `ADD tuning net1 ${asking.mac}`,
    ]);
  });

  test("of a chain of an old version asks in a newer one, whose results have interfaces", async () => {
    const old = { "/d/default/data.json": { cniVersion: "0.2.0", name: "data", ...macvlan } };
    const node = createRecordingNode(types, old);
    await node.call("ADD", config);
    expect(node.calls.map(({ type, config: { cniVersion } }) => `${type} ${cniVersion}`).slice(1, 3)).toEqual(
      ["hawser-flat 1.0.0", "macvlan 0.2.0"],
    );
  });

  test("whose runtime asks for a MAC address means the first network, and no other", async () => {
    const node = createRecordingNode(types, files);
    const own = { ...config, delegate: { name: "pods", ...macvlan } };
    const args = "IgnoreUnknown=1;K8S_POD_NAMESPACE=shop;K8S_POD_NAME=web;MAC=02:00:00:00:00:01";
    await node.call("ADD", own, { args });
    expect(brief(node.calls)).toEqual([
      "ADD macvlan eth0",
      "ADD hawser-flat net1",
      `ADD macvlan net1 ${identityMac}`,
    ]);
    expect(node.calls[1]?.args).not.toContain("MAC=");
  });

  test("under type multus gives the MAC address in CNI_ARGS", async () => {
    const node = createRecordingNode(types, {
      "/c/10-net.conf": { cniVersion: "1.0.0", name: "net", type: "macvlan", capabilities: mac, ipam },
    });
    const multus = {
      ...{
        cniVersion: "1.0.0",
        name: "m",
        type: "multus",
        confDir: "/c",
        cniDir: "/s",
        clusterNetwork: "net",
      },
    };
    expect(await node.call("ADD", multus)).toMatchObject({ ok: true });
    expect(brief(node.calls)).toEqual(["ADD hawser-flat eth0", `ADD macvlan eth0 ${identityMac}`]);
    expect(node.calls[1]?.args).toMatch(new RegExp(`;MAC=${identityMac}$`));
  });

  test.each<[string, Handler, string, readonly string[]]>([
    [
      "refuses",
      () => exited(1, JSON.stringify({ cniVersion: "1.0.0", code: 106, msg: "it is full" })),
      "delegate.failed",
      [],
    ],
    [
      "tells none",
      () => exited(0, JSON.stringify({ cniVersion: "1.0.0" })),
      "meta.no-mac",
      ["DEL macvlan net1"],
    ],
    ["prints nonsense", () => exited(0, "?"), "meta.no-mac", ["DEL macvlan net1"]],
  ])("ends when hawser-flat %s", async (_what, flat, id, undone) => {
    const executables = { "/bin/cni/hawser-flat": flat };
    const node = createRecordingNode(["main", "macvlan"], files, { executables });
    expect(await node.call("ADD", config)).toMatchObject({ ok: false, error: { id } });
    expect(brief(node.calls)).toEqual(["ADD main eth0", ...undone, "DEL main eth0"]);
  });

  test("is refused before anything is done where hawser-flat is not there", async () => {
    const node = createRecordingNode(["main", "macvlan"], files);
    expect(await node.call("ADD", config)).toMatchObject({ ok: false, error: { id: "delegate.not-found" } });
    expect(node.calls).toEqual([]);
  });

  test("whose main plugin refuses frees the claim, even if that plugin's DEL fails as well", async () => {
    const says =
      (mayDelete: boolean): Handler =>
      ({ env }) =>
        env.CNI_COMMAND === "ADD" || !mayDelete
          ? exited(1, JSON.stringify({ cniVersion: "1.0.0", code: 999, msg: "no VF is free" }))
          : exited(0, "");
    for (const mayDelete of [true, false]) {
      const executables = { "/bin/cni/macvlan": says(mayDelete) };
      const node = createRecordingNode(["main", "hawser-flat"], files, { executables });
      expect(await node.call("ADD", config)).toMatchObject({ ok: false, error: { id: "delegate.failed" } });
      expect(brief(node.calls)).toContain(`DEL hawser-flat net1 ${identityMac}`);
    }
  });

  test("hawser-flat alone hears that it is to tell", async () => {
    const seen: string[] = [];
    const note: Handler = ({ env, executable, stdin }) => {
      if (stdin.includes("tellMac")) seen.push(`${env.CNI_COMMAND} ${executable}`);
      return exited(
        0,
        JSON.stringify({ cniVersion: "1.0.0", interfaces: [{ name: "net1", mac: identityMac }] }),
      );
    };
    const executables = { "/bin/cni/hawser-flat": note, "/bin/cni/macvlan": note, "/bin/cni/main": note };
    const node = createRecordingNode([], files, { executables });
    await node.call("ADD", config);
    await node.call("DEL", config);
    expect(seen).toEqual(["ADD /bin/cni/hawser-flat"]);
  });
});

test("a record says that its addresses were claimed early, and an older record does not", () => {
  const claim = { to: [0], inArgs: true };
  const step = { role: "secondary", network: "data", ifname: "net1" };
  const chain = { name: "data", cniVersion: "1.0.0", plugins: [macvlan] };
  const document = (more: object): JsonObject => ({
    ...{ format: 1, phase: "begun", network: "pods", containerId: "c1", ifname: "eth0" },
    steps: [{ ...step, chain, ...more }],
  });
  expect(fromDocument(document({ claim }))?.carried[0]?.step.claim).toEqual(claim);
  expect(fromDocument(document({}))?.carried[0]?.step).not.toHaveProperty("claim");
});
