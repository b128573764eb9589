import * as fs from "node:fs";
import { describe, expect, test } from "vitest";
import { parseArgs } from "../../cni/environment.ts";
import { type JsonObject, without } from "../../cni/json.ts";
import { networkStatusAnnotation } from "../../kube/pod.ts";
import type { HttpHandler } from "../../sys/fake.ts";
import { ok } from "../../sys/outcome.ts";
import { createRecordingNode, podArgs, type RecordedCall } from "./meta-testing.ts";

/** Multus itself ran each case (tools/multus). Hawser does the same, except for the differences that are named here. */

interface Case {
  readonly name: string;
  readonly config: JsonObject;
  readonly annotations?: Readonly<Record<string, string>>;
  readonly definitions?: Readonly<Record<string, JsonObject>>;
  readonly files?: Readonly<Record<string, JsonObject>>;
}

interface Call {
  readonly verb: string;
  readonly type: string;
  readonly ifname: string;
  readonly args: Readonly<Record<string, string>>;
  readonly config: JsonObject;
}

interface Done {
  readonly calls: readonly Call[];
  readonly result?: JsonObject;
  readonly failed: boolean;
}

interface Golden {
  readonly name: string;
  readonly add: Done;
  /** The pod's network-status after the ADD. */
  readonly status?: readonly JsonObject[] | null;
  readonly del?: Done;
}

const read = (path: string) => JSON.parse(fs.readFileSync(`${import.meta.dirname}/${path}`, "utf8"));
const cases = read("../../tools/multus/cases.json") as Case[];
const goldens = new Map((read("testdata/multus-goldens.json") as Golden[]).map((each) => [each.name, each]));

const kubeconfig = {
  clusters: [{ name: "c", cluster: { server: "https://api:6443" } }],
  users: [{ name: "u", user: { token: "t" } }],
  contexts: [{ name: "x", context: { cluster: "c", user: "u" } }],
  "current-context": "x",
};

/** The API has no definitions. All of them are on the disk. */
const notFound = {
  kind: "Status",
  status: "Failure",
  reason: "NotFound",
  details: { group: "k8s.cni.cncf.io", kind: "network-attachment-definitions", name: "x" },
  code: 404,
};

const types = ["weave", "other", "third", "portmap", "tuning", "passthru"];

/** Runs the case on a node of ours, with the definitions on its disk and the annotations from the runtime. */
async function run({ config, annotations = {}, definitions = {}, files = {} }: Case): Promise<Golden> {
  const resources = Object.entries(definitions).map(([key, content]) => {
    const spec = Object.keys(content).length === 0 ? {} : { config: JSON.stringify(content) };
    return [`/definitions/${key}.json`, { kind: "NetworkAttachmentDefinition", spec }];
  });
  let status: readonly JsonObject[] | undefined;
  const http: HttpHandler = async ({ method, body = "" }) => {
    if (method === "GET") return ok({ status: 404, body: JSON.stringify(notFound) });
    const told = JSON.parse(body) as { metadata: { annotations: Record<string, string> } };
    status = JSON.parse(told.metadata.annotations[networkStatusAnnotation] ?? "");
    return ok({ status: 200, body: JSON.stringify({ kind: "Pod", metadata: { name: "web", uid: "u1" } }) });
  };
  const all = { ...files, ...Object.fromEntries(resources), "/kubeconfig": kubeconfig };
  const node = createRecordingNode(types, all, { http });
  const about = { netns: "/proc/self/ns/net", args: podArgs, annotations };
  const whole = { ...config, definitionsDir: "/definitions", kubeconfig: "/kubeconfig" };
  const add = await node.call("ADD", whole, about);
  const done: Done = { calls: node.calls.splice(0).map(callOf), failed: !add.ok };
  if (!add.ok) return { name: "", add: done };
  const result = {
    cniVersion: config.cniVersion ?? "",
    ...(JSON.parse(JSON.stringify(add.value)) as JsonObject),
  };
  const del = await node.call("DEL", whole, about);
  return {
    name: "",
    add: { ...done, result },
    status: status ?? null,
    del: { calls: node.calls.map(callOf), failed: !del.ok },
  };
}

function callOf({ verb, type, ifname, args, config }: RecordedCall): Call {
  const told = [...parseArgs(args)].filter(([name]) => name !== "IgnoreUnknown");
  return { verb, type, ifname, args: Object.fromEntries(told), config };
}

/** A difference between hawser and Multus: a field of the calls that is not compared, and the reason. */
interface Difference {
  readonly verb: "add" | "del";
  readonly fields: readonly string[];
  readonly why: string;
}

const lossy = "Multus deletes by a copy of the list that has lost what it does not know (#1521)";
const differences: Readonly<Record<string, readonly Difference[]>> = {
  "the kubelet's port mappings": [
    { verb: "add", fields: ["runtimeConfig"], why: "Multus gives them to every delegate (#869)" },
    { verb: "del", fields: ["runtimeConfig"], why: "the same" },
  ],
  "the pod's own port mappings": [
    { verb: "del", fields: ["runtimeConfig"], why: "Multus's cache does not keep them" },
  ],
  "clusterNetwork by path, going on in the folder of its name": [
    { verb: "del", fields: ["own", "ipam"], why: lossy },
  ],
  "an auxiliary chain": [{ verb: "del", fields: ["own", "ipam"], why: lossy }],
};

/**
 * The calls without two things that are never compared. libcni leaves `capabilities` in the configuration of a single plugin,
 * although the specification says that they are for the runtime. Go writes an empty `dns` into a prevResult before 1.0.0.
 */
function compared({ calls }: Done, fields: readonly string[] = []): JsonObject[] {
  return calls.map(({ config, ...call }) => {
    const { prevResult } = config as { prevResult?: JsonObject };
    const known = prevResult === undefined ? {} : { prevResult: withoutEmptyDns(prevResult) };
    const sent = without({ ...config, ...known }, "capabilities", ...fields);
    return without({ ...call, args: { ...call.args }, config: sent }, ...fields);
  });
}

function withoutEmptyDns(result: JsonObject): JsonObject {
  return JSON.stringify(result.dns) === "{}" ? without(result, "dns") : result;
}

function compare(own: Done, golden: Done, different: Difference | undefined): void {
  const { fields = [], why = "" } = different ?? {};
  expect(compared(own, fields)).toEqual(compared(golden, fields));
  if (different !== undefined) expect(compared(own), `no longer: ${why}`).not.toEqual(compared(golden));
  expect(own.failed).toBe(golden.failed);
  expect(withoutEmptyDns(own.result ?? {})).toEqual(withoutEmptyDns(golden.result ?? {}));
}

describe("as Multus 4.2.3", () => {
  test("every case has its golden, every difference its case", () => {
    const names = cases.map(({ name }) => name);
    expect(names).toEqual([...goldens.keys()]);
    expect(names).toEqual(expect.arrayContaining(Object.keys(differences)));
  });

  test.each(cases)("$name", async (each) => {
    const golden = goldens.get(each.name);
    if (golden === undefined) throw new Error("run tools/multus again");
    const own = await run(each);
    const different = (verb: Difference["verb"]) => differences[each.name]?.find((one) => one.verb === verb);
    compare(own.add, golden.add, different("add"));
    expect(own.del === undefined).toBe(golden.del === undefined);
    // The specification wants an entry for a network without an interface, too. Multus leaves it out.
    const entries = own.status?.filter((entry) => entry.interface !== undefined) ?? [];
    expect(entries).toEqual(golden.status ?? []);
    if (own.del !== undefined && golden.del !== undefined) compare(own.del, golden.del, different("del"));
  });
});

test("status for interface-less results", async () => {
  const each = cases.find(({ name }) => name === "a delegate that answers nothing");
  if (each === undefined) throw new Error("the case is gone");
  expect((await run(each)).status).toEqual([{ name: "weave1", default: true, dns: {} }]);
  expect(goldens.get(each.name)?.status ?? null, "Multus leaves it out").toBeNull();
});
