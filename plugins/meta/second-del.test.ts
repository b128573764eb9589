import { describe, expect, test } from "vitest";
import { createRecordingNode, type RecordingNode } from "./meta-testing.ts";

/** At the ordinary end of a pod, containerd sends DEL twice. The second DEL has nothing to do, and does nothing. */

const config = { name: "pods", type: "hawser", cniVersion: "1.1.0", delegate: { type: "prim" } };
const annotations = { "k8s.v1.cni.cncf.io/networks": "data" };
const last = { annotations, netns: "" };

function node(): RecordingNode {
  const file = "/etc/cni/hawser/net.d/shop/data.json";
  return createRecordingNode(["prim", "side"], { [file]: { cniVersion: "1.1.0", type: "side" } });
}

function said({ calls }: RecordingNode): string[] {
  return calls.map(({ verb, type }) => `${verb} ${type}`);
}

async function succeed(made: RecordingNode, verb: "ADD" | "DEL", about: object = last): Promise<void> {
  expect(await made.call(verb, config, about)).toMatchObject({ ok: true });
  expect(made.warnings()).toEqual([]);
}

const deleted = ["DEL side", "DEL prim"];

describe("a second DEL", () => {
  test("calls nobody and says nothing", async () => {
    const made = node();
    await succeed(made, "ADD", { annotations });
    await succeed(made, "DEL", { annotations });
    expect(said(made).slice(2)).toEqual(deleted);
    for (const about of [{ annotations }, last, {}]) await succeed(made, "DEL", about);
    expect(said(made).slice(2)).toEqual(deleted);
  });

  test("of a pod from before hawser was installed calls nobody either", async () => {
    const made = node();
    await succeed(made, "DEL");
    await succeed(made, "DEL");
    expect(said(made)).toEqual(deleted);
  });

  test("looks again if the first did not know all networks", async () => {
    const made = node();
    const about = { annotations: { "k8s.v1.cni.cncf.io/networks": "unknown" }, netns: "" };
    for (const _time of [1, 2]) expect(await made.call("DEL", config, about)).toMatchObject({ ok: true });
    expect(said(made)).toEqual(["DEL prim", "DEL prim"]);
  });

  test("after an ADD that was undone calls nobody either", async () => {
    const made = node();
    const fails = { ...config, delegate: { type: "prim", fails: "ADD" } };
    expect(await made.call("ADD", fails, { annotations })).toMatchObject({ ok: false });
    const count = made.calls.length;
    expect(await made.call("DEL", fails, last)).toMatchObject({ ok: true });
    expect(made.calls).toHaveLength(count);
  });

  test("counts as the first after a new ADD of the container, even if the record is lost", async () => {
    const made = node();
    for (const verb of ["ADD", "DEL", "ADD"] as const) await succeed(made, verb, { annotations });
    made.machine.spawn().sys.files.remove("/var/lib/cni/hawser/pods/pod1@eth0.json");
    made.calls.length = 0;
    await succeed(made, "DEL");
    expect(said(made)).toEqual(deleted);
  });

  test("of a container that GC has collected calls nobody either", async () => {
    const made = node();
    await succeed(made, "ADD", { annotations });
    const collected = await made.call("GC", config, { extra: { "cni.dev/valid-attachments": [] } });
    expect(collected).toMatchObject({ ok: true });
    made.calls.length = 0;
    await succeed(made, "DEL");
    expect(said(made)).toEqual([]);
  });
});
