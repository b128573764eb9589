import { describe, expect, test } from "vitest";
import { Crash, type FakeProcess } from "../../../sys/fake.ts";
import { ok } from "../../../sys/outcome.ts";
import { must } from "../../../sys/outcome-testing.ts";
import { createRecordingNode } from "../meta-testing.ts";

/** If a status could not be written because the API was away, the next operation that reaches the API writes it. */

const kubeconfig = {
  clusters: [{ name: "c", cluster: { server: "https://api:6443" } }],
  users: [{ name: "u", user: { token: "t" } }],
  contexts: [{ name: "x", context: { cluster: "c", user: "u" } }],
  "current-context": "x",
};
const config = {
  cniVersion: "1.1.0",
  name: "pods",
  type: "hawser",
  kubeconfig: "/k",
  delegate: { type: "prim" },
};

interface Patch {
  readonly pod: string;
  readonly uid: string | undefined;
  readonly status: string;
}

function scene() {
  const patches: Patch[] = [];
  const api = { status: 200, beforeAnswer: () => {} };
  const http = ({ url, body = "{}" }: { url: string; body?: string }) => {
    const { uid, annotations } = JSON.parse(body).metadata;
    const pod = url.split("/").at(-2) ?? "";
    patches.push({ pod, uid, status: annotations["k8s.v1.cni.cncf.io/network-status"] });
    const reason = api.status === 409 ? "Conflict" : "NotFound";
    const details = { name: pod, kind: "pods" };
    const said = { kind: "Status", status: "Failure", reason, details, code: api.status };
    return Promise.resolve(ok({ status: api.status, headers: {}, body: JSON.stringify(said) }));
  };
  const node = createRecordingNode(["prim"], { "/k": kubeconfig }, { http });
  const args = (pod: string, uid = `uid-${pod}`) =>
    `IgnoreUnknown=1;K8S_POD_NAMESPACE=shop;K8S_POD_NAME=${pod};K8S_POD_UID=${uid}`;
  const of = (pod: string, containerId = `c-${pod}`) => ({ containerId, args: args(pod), annotations: {} });
  const add = async (pod: string, containerId?: string, more: object = {}) => {
    must(await node.call("ADD", config, { ...of(pod, containerId), ...more }));
  };
  const told = () => patches.splice(0).map(({ pod, uid }) => `${pod} ${uid}`);
  const owed = () => node.machine.disk.paths().filter((path) => /\.untold\/./.test(path));
  return { node, api, patches, add, told, owed, of };
}

describe("after an ADD whose status was not written", () => {
  test("the next ADD of any pod writes it, with what that pod has, and only once", async () => {
    const { api, add, told, owed, patches } = scene();
    api.status = 403;
    await add("a");
    expect(told()).toEqual(["a uid-a"]);
    expect(owed()).toHaveLength(1);
    api.status = 200;
    await add("b");
    expect(patches.map(({ pod, status }) => [pod, JSON.parse(status)[0].interface])).toEqual([
      ["b", "eth0"],
      ["a", "eth0"],
    ]);
    expect(told()).toEqual(["b uid-b", "a uid-a"]);
    expect(owed()).toEqual([]);
    await add("c");
    expect(told()).toEqual(["c uid-c"]);
  });

  test("GC writes the status", async () => {
    const { node, api, add, told, owed } = scene();
    api.status = 403;
    await add("a");
    told();
    api.status = 200;
    const valid = { "cni.dev/valid-attachments": [{ containerID: "c-a", ifname: "eth0" }] };
    expect(await node.call("GC", config, { extra: valid })).toMatchObject({ ok: true });
    expect(told()).toEqual(["a uid-a"]);
    expect(owed()).toEqual([]);
  });

  test("an API that is still away is asked once, and nothing is forgotten", async () => {
    const { api, add, told, owed } = scene();
    api.status = 403;
    for (const pod of ["a", "b", "c"]) await add(pod);
    expect(told()).toEqual(["a uid-a", "b uid-b", "c uid-c"]);
    expect(owed()).toHaveLength(3);
  });

  test("many untold statuses are written a few at a time", async () => {
    const { api, add, told, owed } = scene();
    api.status = 403;
    for (let n = 0; n < 10; n++) await add(`p${n}`);
    told();
    api.status = 200;
    await add("x");
    expect(told()).toHaveLength(5);
    expect(owed()).toHaveLength(6);
  });
});

describe("an untold status is not written", () => {
  async function owing() {
    const made = scene();
    made.api.status = 403;
    await made.add("a");
    made.told();
    made.api.status = 200;
    return made;
  }

  test("once the pod is deleted", async () => {
    const { node, add, told, owed, of } = await owing();
    expect(await node.call("DEL", config, of("a"))).toMatchObject({ ok: true });
    await add("b");
    expect(told()).toEqual(["b uid-b"]);
    expect(owed()).toEqual([]);
  });

  test("when a newer sandbox of the pod has written its own", async () => {
    const { node, add, told, owed } = await owing();
    node.machine.clock.advance(1000);
    await add("a", "c-a2");
    await add("b");
    expect(told()).toEqual(["a uid-a", "b uid-b"]);
    expect(owed()).toEqual([]);
  });

  test("to another pod of the name: the API refuses it by the uid, and that is the end of it", async () => {
    const { node, api, add, told, owed } = await owing();
    await add("b", undefined, { processAt: () => (api.status = 409) });
    expect(told()).toEqual(["b uid-b", "a uid-a"]);
    expect(owed()).toEqual([]);
    expect(node.machine.disk.paths().some((path) => path.includes("c-a@eth0.json"))).toBe(true);
  });

  test("while an operation on its container is at work", async () => {
    const { node, add, told, owed } = await owing();
    const lock = "/var/lib/cni/hawser/.locks/c-a";
    const other = node.machine.spawn().sys;
    other.files.makeFolder(lock, 0o700);
    other.files.write(`${lock}/${other.processes.self()}`, "", { mode: 0o600 });
    await add("b");
    expect(told()).toEqual(["b uid-b"]);
    expect(owed()).toHaveLength(1);
  });

  test.each(["", "{", '{"network":"pods","containerId":"c-a","ifname":"eth0"}'])(
    "by a note that says %j",
    async (text) => {
      const { node, add, told, owed } = await owing();
      const [path = ""] = owed();
      node.machine.spawn().sys.files.write(path, text, { mode: 0o600 });
      await add("b");
      expect(told()).toEqual(["b uid-b"]);
      expect(owed()).toEqual([]);
    },
  );

  test("of a pod without a uid, which another of its name would look like", async () => {
    const { api, add, owed } = scene();
    api.status = 403;
    await add("a", undefined, { args: "IgnoreUnknown=1;K8S_POD_NAMESPACE=shop;K8S_POD_NAME=a" });
    expect(owed()).toEqual([]);
  });
});

test("killed at any effect of making it good, the pod's own ADD has succeeded, and the note is there or told", async () => {
  for (let number = 0; ; number++) {
    const made = scene();
    made.api.status = 403;
    await made.add("a");
    made.told();
    made.api.status = 200;
    let ended = false;
    const kill = (process: FakeProcess) => process.crashAt(number, "half");
    await made.add("b", undefined, { processAt: kill }).then(
      () => {
        ended = true;
      },
      (error: unknown) => expect(error).toBeInstanceOf(Crash),
    );
    const isTold = made.told().includes("a uid-a");
    expect(isTold || made.owed().length === 1, `effect ${number}`).toBe(true);
    if (ended) break;
  }
});
