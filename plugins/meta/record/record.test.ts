import { describe, expect, test } from "vitest";
import type { Chain } from "../../../cni/chain.ts";
import { isObject, type JsonObject, parseJson, printJson } from "../../../cni/json.ts";
import { type AttachmentRecord, begun, fromDocument, toDocument } from "./record.ts";

const plugin = parse(`{"type":"bridge","name":"n","cniVersion":"1.0.0","big":12345678901234567890}`);
const chain: Chain = {
  cniVersion: "1.0.0",
  name: "n",
  disableCheck: true,
  disableGC: false,
  plugins: [plugin],
};
const step = { role: "primary" as const, network: "n", ifname: "eth0", chain };
const about = {
  network: "pods",
  containerId: "c",
  ifname: "eth0",
  netns: "/ns",
  args: "K8S_POD_NAME=web",
  path: ["/opt/cni/bin"],
  pod: { namespace: "default", name: "web", uid: "u" },
  parallel: true,
  reported: "primary" as const,
  sinceMs: 5,
};

function parse(text: string): JsonObject {
  const json = parseJson(text);
  if (!json.ok || !isObject(json.value)) throw new Error(text);
  return json.value;
}

/** The record after it was written to the disk and read again. */
function reread(record: AttachmentRecord): AttachmentRecord | undefined {
  return fromDocument(parse(printJson(toDocument(record))));
}

describe("an attachment record", () => {
  test("survives the disk without losing a field or a digit", () => {
    const record = begun(about, [step]);
    expect(reread(record)).toEqual(record);
    expect(printJson(reread(record)?.carried[0]?.step.chain.plugins)).toContain("12345678901234567890");
  });

  test("keeps each delegate's own result", () => {
    const document = { cniVersion: "1.0.0", ips: [{ address: "10.0.0.2/8" }], vendor: 1 };
    const result = { document, result: { ips: [{ address: "10.0.0.2/8" }] } };
    const record = { ...begun(about, [step]), phase: "committed" as const, carried: [{ step, result }] };
    const back = reread(record)?.carried[0]?.result;
    expect(back?.document).toEqual(document);
    expect(back?.result.ips).toEqual([{ address: "10.0.0.2/8" }]);
  });

  test("keeps the values that a step adds to CNI_ARGS", () => {
    const args = "MAC=02:00:00:00:00:01;IP=10.0.0.2";
    expect(reread(begun(about, [{ ...step, args }]))?.carried[0]?.step.args).toBe(args);
    expect(reread(begun(about, [step]))?.carried[0]?.step).not.toHaveProperty("args");
  });

  test("keeps what DEL needs of a device, and records from before there were devices have none", () => {
    const device = { resource: "v/nic", id: "0000:01:00.1", info: { type: "pci", version: "1.1.0" } };
    const record = begun(about, [{ ...step, device, deviceInfoFile: "/devinfo/cni/n-c_eth0" }]);
    expect(reread(record)).toEqual(record);
    expect(reread(begun(about, [step]))?.carried[0]?.step).toEqual(step);
  });

  test("keeps which plugins of ours have attached, and records from before there were any have none", () => {
    const own = { ...step, chain: { ...chain, native: ["bridge", "host-local"] } };
    expect(reread(begun(about, [own]))?.carried[0]?.step).toEqual(own);
    expect(reread(begun(about, [step]))?.carried[0]?.step.chain).not.toHaveProperty("native");
  });

  test("keeps all that is known of its pod", () => {
    const pod = { namespace: "shop", name: "web-0", uid: "u", infraContainerId: "c1" };
    expect(reread(begun({ ...about, pod }, [step]))?.pod).toEqual(pod);
  });

  test("is written although a field that DEL can do without reads back as absent", () => {
    const record = begun(about, [{ ...step, deviceInfoFile: "not/absolute" }]);
    expect(reread(record)?.carried[0]?.step).toEqual(step);
  });

  test("can be without a pod", () => {
    expect(reread(begun({ ...about, pod: undefined }, []))?.pod).toBeUndefined();
  });

  test.each<[string, (document: JsonObject) => JsonObject]>([
    ["another format", (document) => ({ ...document, format: 2 })],
    ["another phase", (document) => ({ ...document, phase: "done" })],
    ["no steps", (document) => ({ ...document, steps: {} })],
    [
      "a step without a chain",
      (document) => ({ ...document, steps: [{ role: "primary", network: "n", ifname: "e" }] }),
    ],
    [
      "a chain without plugins",
      (document) => ({ ...document, steps: [{ ...step, chain: { ...chain, plugins: [] } }] }),
    ],
    ["no container", (document) => ({ ...document, containerId: 7 })],
  ])("is not understood: %s", (_case, change) => {
    expect(fromDocument(change(toDocument(begun(about, [step]))))).toBeUndefined();
  });
});

describe("a record that DEL could not use is a bug, and is thrown", () => {
  const secondary = { ...step, role: "secondary" as const, ifname: "net1" };

  test("a primary that comes after a secondary", () => {
    expect(() => begun(about, [secondary, step])).toThrow("the primary is not the first step");
    expect(begun(about, [step, secondary]).carried).toHaveLength(2);
  });

  test("two steps with one interface", () => {
    expect(() => begun(about, [step, secondary, secondary])).toThrow(
      "two steps make one interface (eth0, net1, net1)",
    );
  });

  test.each<[string, Partial<AttachmentRecord>]>([
    [
      "nothing reads",
      { carried: [{ step: { ...step, chain: { ...chain, plugins: [] } }, result: undefined }] },
    ],
  ])("a record that %s", (_case, change) => {
    expect(() => toDocument({ ...begun(about, [step]), ...change })).toThrow("would not read back");
  });
});
