import { describe, expect, test } from "vitest";
import { printJson } from "../../../cni/json.ts";
import type { Invocation } from "../../../cni/plugin.ts";
import {
  Crash,
  createMachine,
  exited,
  type FakeMachine,
  type Handler,
  type HttpHandler,
} from "../../../sys/fake.ts";
import { crashSites } from "../../../sys/fake-crashes.ts";
import { ok } from "../../../sys/outcome.ts";
import { invocationFrom } from "../meta-testing.ts";
import { meta } from "../plugin.ts";

/** ADD with a kubeconfig: the one request that it makes, and what becomes of the pod if that fails. */

const kubeconfig = {
  clusters: [{ name: "c", cluster: { server: "https://api:6443" } }],
  users: [{ name: "u", user: { token: "token-of-hawser" } }],
  contexts: [{ name: "x", context: { cluster: "c", user: "u" } }],
  "current-context": "x",
};

/** An API server's answer for a pod that it does not have. */
const absence = {
  kind: "Status",
  status: "Failure",
  reason: "NotFound",
  details: { name: "web", kind: "pods" },
  code: 404,
};

type Answer = { readonly status: number } | "silent";

interface Asked {
  readonly method: string;
  readonly url: string;
  readonly body: {
    readonly metadata: { readonly uid?: string; readonly annotations: Record<string, string> };
  };
}

/** A node with two plugins, and with an API server that gives this answer. */
function node(answer: Answer) {
  const asked: Asked[] = [];
  const made = new Set<string>();
  const plugin: Handler = ({ env }) => {
    const { CNI_COMMAND: verb, CNI_IFNAME: ifname = "" } = env;
    if (verb === "DEL") made.delete(ifname);
    if (verb !== "ADD") return exited(0, "");
    made.add(ifname);
    const result = {
      interfaces: [{ name: ifname, sandbox: "/ns" }],
      ips: [{ address: "10.1.0.5/24", interface: 0 }],
    };
    return exited(0, printJson({ cniVersion: "1.1.0", ...result }));
  };
  const http: HttpHandler = ({ method, url, body = "{}" }) => {
    asked.push({ method, url, body: JSON.parse(body) });
    if (answer === "silent") return new Promise(() => {});
    return ok({ status: answer.status, headers: {}, body: printJson(absence) });
  };
  const machine = createMachine({
    executables: { "/bin/cni/main": plugin, "/bin/cni/side": plugin },
    files: {
      "/k": printJson(kubeconfig),
      "/d/shop/a.json": printJson({ cniVersion: "1.1.0", type: "side" }),
    },
    http,
  });
  return { machine, made, asked };
}

/** The runtime's invocation for its pod. */
function invocation(verb: "ADD" | "DEL", more: object, annotations: object, args: string): Invocation {
  const runtimeConfig = {
    "io.kubernetes.cri.pod-annotations": { "k8s.v1.cni.cncf.io/networks": "a", ...annotations },
  };
  const config = {
    cniVersion: "1.1.0",
    name: "pods",
    type: "hawser",
    definitionsDir: "/d",
    kubeconfig: "/k",
    delegate: { type: "main" },
  };
  const variables = {
    CNI_COMMAND: verb,
    CNI_CONTAINERID: "c1",
    CNI_NETNS: "/ns",
    CNI_IFNAME: "eth0",
    CNI_PATH: "/bin/cni",
    CNI_ARGS: args,
  };
  return invocationFrom(variables, { ...config, ...more, runtimeConfig });
}

function recordsOf({ disk }: FakeMachine): string[] {
  const records = disk.list("/var/lib/cni/hawser/pods");
  return records.ok ? records.value.filter((name) => name.startsWith("c1@")) : [];
}

async function add(more: object, answer: Answer = { status: 200 }, annotations: object = {}, args = podArgs) {
  const { machine, made, asked } = node(answer);
  const process = machine.spawn();
  const startMs = machine.clock.monotonicMs();
  const outcome = await meta.add(process.sys, invocation("ADD", more, annotations, args));
  const tookMs = machine.clock.monotonicMs() - startMs;
  return { outcome, asked, made, records: recordsOf(machine), warnings: process.warnings, tookMs };
}

const podArgs = "IgnoreUnknown=1;K8S_POD_NAMESPACE=shop;K8S_POD_NAME=web;K8S_POD_UID=u1";

test("one request: a patch of the pod's status, with its uid and every network", async () => {
  const { outcome, asked, warnings } = await add({});
  expect(outcome.ok).toBe(true);
  expect(warnings).toEqual([]);
  expect(asked.map(({ method, url }) => `${method} ${url}`)).toEqual([
    "PATCH https://api:6443/api/v1/namespaces/shop/pods/web/status",
  ]);
  const { uid, annotations } = asked[0]?.body.metadata ?? { annotations: {} };
  expect(uid).toBe("u1");
  expect(JSON.parse(annotations["k8s.v1.cni.cncf.io/network-status"] ?? "")).toEqual([
    { name: "pods", interface: "eth0", ips: ["10.1.0.5"], default: true, dns: {} },
    { name: "shop/a", interface: "net1", ips: ["10.1.0.5"], dns: {} },
  ]);
});

test("a static pod's patch has no uid, because the API has another one", async () => {
  const { asked } = await add({}, { status: 200 }, { "kubernetes.io/config.source": "file" });
  expect(asked[0]?.body.metadata).not.toHaveProperty("uid");
});

test.each([
  ["it is switched off", { status: "off" }, podArgs],
  ["there is no kubeconfig", { kubeconfig: "", status: "required" }, podArgs],
  ["the sandbox is no pod's", { status: "required" }, "IgnoreUnknown=1"],
])("none where %s", async (_case, more, args) => {
  const here = args === podArgs ? {} : { networks: [] };
  const { outcome, asked } = await add(
    { ...more, ...here, crossNamespace: ["shop"] },
    { status: 200 },
    args === podArgs ? {} : { "k8s.v1.cni.cncf.io/networks": "" },
    args,
  );
  expect(outcome.ok).toBe(true);
  expect(asked).toEqual([]);
});

describe.each<[string, Answer, RegExp]>([
  ["is refused", { status: 403 }, /kube\.api-forbidden/],
  ["is for a pod that is gone", { status: 404 }, /kube\.api-not-found/],
  ["is for another pod of this name", { status: 409 }, /kube\.api-conflict/],
  ["is never answered", "silent", /kube\.api-unreachable/],
])("a status that %s", (_case, answer, id) => {
  test("is a warning, after two seconds at the latest", async () => {
    const { outcome, made, records, warnings, tookMs } = await add({}, answer);
    expect(outcome.ok).toBe(true);
    expect([...made]).toEqual(["eth0", "net1"]);
    expect(records).toEqual(["c1@eth0.json"]);
    expect(warnings).toEqual([expect.stringMatching(id)]);
    expect(warnings[0]).toContain("write the network status of pod shop/web");
    expect(tookMs).toBeLessThan(2_100);
  });

  test("fails the ADD and undoes it where it is required", async () => {
    const { outcome, made, records } = await add({ status: "required" }, answer);
    expect(outcome).toMatchObject({ ok: false, error: { id: expect.stringMatching(id) } });
    expect([...made]).toEqual([]);
    expect(records).toEqual([]);
  });
});

test.each(["sync", "required"])(
  "killed at any effect of an ADD (%s): DEL leaves nothing, and asks nothing",
  async (status) => {
    const whole = node({ status: 200 });
    const counted = whole.machine.spawn();
    await meta.add(counted.sys, invocation("ADD", { status }, {}, podArgs));
    const effects = counted.effects();
    expect(effects.filter((effect) => effect.startsWith("http PATCH"))).toHaveLength(1);
    for (const { effect, point, where } of crashSites(effects)) {
      const { machine, made, asked } = node({ status: 200 });
      const process = machine.spawn();
      process.crashAt(effect, point);
      await expect(meta.add(process.sys, invocation("ADD", { status }, {}, podArgs)), where).rejects.toThrow(
        Crash,
      );
      const before = asked.length;
      const deleted = await meta.del(machine.spawn().sys, invocation("DEL", { status }, {}, podArgs));
      expect(deleted, where).toMatchObject({ ok: true });
      expect([[...made], recordsOf(machine), asked.length - before], where).toEqual([[], [], 0]);
    }
  },
);
