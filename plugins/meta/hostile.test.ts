import fc from "fast-check";
import { expect, test } from "vitest";
import { parseNetworkConfig } from "../../cni/config.ts";
import { parseEnvironment } from "../../cni/environment.ts";
import { type JsonObject, printJson, without } from "../../cni/json.ts";
import type { Invocation } from "../../cni/plugin.ts";
import type { Verb } from "../../cni/version.ts";
import { anyAnnotation, keyedJson, nastyText, nearly, soundAnnotation } from "../../kube/kube-testing.ts";
import { createMachine, exited, type Handler } from "../../sys/fake.ts";
import { must } from "../../sys/outcome-testing.ts";
import type { RunRequest } from "../../sys/sys.ts";
import { meta } from "./plugin.ts";

/**
 * A whole ADD and its DEL with annotations and definitions of any kind. Their author must not decide which executable runs as
 * root or in what environment, and nothing outside of our folders may be written.
 */

const binDir = "/opt/cni/bin";
const stateDir = "/state";
const capabilities = { ips: true, mac: true, portMappings: true, bandwidth: true, infinibandGUID: true };
const ipam = { type: "static" };
/** The operator's definitions by `namespace/name`. */
const definitions: Readonly<Record<string, JsonObject>> = {
  "shop/storage": { cniVersion: "1.1.0", name: "storage", type: "macvlan", capabilities, ipam },
  "shop/lan": {
    cniVersion: "0.4.0",
    name: "lan",
    type: "bridge",
    capabilities,
    args: { cni: { own: 1 }, vendor: true },
  },
  "default/data": {
    cniVersion: "1.0.0",
    name: "data",
    plugins: [{ type: "bridge" }, { type: "tuning", capabilities: { ...capabilities, deviceID: true } }],
  },
};
const allOfThem = Object.keys(definitions);
/** The runtime's variables. Of a pod they hold only its name and namespace. */
const variables = {
  CNI_CONTAINERID: "c1",
  CNI_NETNS: "/var/run/netns/c1",
  CNI_IFNAME: "eth0",
  CNI_ARGS: "IgnoreUnknown=1;K8S_POD_NAMESPACE=shop;K8S_POD_NAME=web",
  CNI_PATH: binDir,
  PATH: "/usr/sbin:/usr/bin",
};

interface Scene {
  readonly machine: ReturnType<typeof createMachine>;
  readonly runs: RunRequest[];
}

function scene(files: Readonly<Record<string, string>>): Scene {
  const runs: RunRequest[] = [];
  const plugin: Handler = (request) => {
    runs.push(request);
    return exited(0, request.env.CNI_COMMAND === "ADD" ? printJson({ cniVersion: versionOf(request) }) : "");
  };
  const real = ["bridge", "macvlan", "tuning", "static"].map((type) => `${binDir}/${type}`);
  const decoys = ["/bin/sh", "/evil", `${binDir}/../evil`, "/opt/cni/evil", "/net.d/shop/evil"];
  const executables = Object.fromEntries([...real, ...decoys].map((path) => [path, plugin]));
  return { machine: createMachine({ executables, files }), runs };
}

function versionOf({ stdin }: RunRequest): unknown {
  return (JSON.parse(stdin) as JsonObject).cniVersion;
}

const delegate = {
  type: "bridge",
  name: "pods",
  cniVersion: "1.1.0",
  capabilities: { ips: true, portMappings: true },
};

function configuration(annotations: Readonly<Record<string, string>>, more: JsonObject): JsonObject {
  return {
    cniVersion: "1.1.0",
    name: "pods",
    type: "hawser",
    ...(more.type === "multus" ? { delegates: [delegate] } : { delegate }),
    definitionsDir: "/net.d",
    stateDir,
    // It is about executables.
    native: "off",
    runtimeConfig: { "io.kubernetes.cri.pod-annotations": annotations, portMappings: [{ HostPort: 80 }] },
    ...more,
  };
}

function invocation(command: Verb, config: JsonObject): Invocation {
  const environment = parseEnvironment({ ...variables, CNI_COMMAND: command });
  const network = parseNetworkConfig(printJson(config));
  return { environment: must(environment), config: must(network) };
}

/** Runs ADD, then DEL. Returns whether the pod would have started. */
async function live({ machine, runs }: Scene, config: JsonObject): Promise<boolean> {
  const adding = machine.spawn();
  const added = await meta.add(adding.sys, invocation("ADD", config));
  machine.kill(adding.pid);
  if (!added.ok) {
    expect(added.error.code).toBeGreaterThan(0);
    expect(added.error.id).toMatch(/^[a-z]+\.[a-z-]+$/);
    // Only the pod's routes are looked at behind the delegates. What they have attached is undone.
    if (String(added.error.id).startsWith("route.")) expectUndone(runs);
    else expect(runs, "what is refused has not begun").toEqual([]);
  }
  const deleting = machine.spawn();
  expect(await meta.del(deleting.sys, invocation("DEL", config))).toEqual({ ok: true, value: undefined });
  for (const effect of [...adding.effects(), ...deleting.effects()]) expectHarmless(effect);
  const left = machine.disk.list(`${stateDir}/pods`);
  expect(left.ok ? left.value : []).toEqual([]);
  return added.ok;
}

function expectUndone(runs: readonly RunRequest[]): void {
  const of = (verb: Verb): string[] =>
    runs
      .filter(({ env }) => env.CNI_COMMAND === verb)
      .map(({ executable, env }) => `${executable} ${env.CNI_IFNAME}`);
  expect(of("DEL").toSorted()).toEqual(of("ADD").toSorted());
}

/** Files are touched only in the state folder and its locks. Programs run only from the plugins' folder. */
function expectHarmless(effect: string): void {
  const [what, ...paths] = effect.split(" ");
  if (what === "run") expect(effect).toMatch(/^run \/opt\/cni\/bin\/[^/ ]+ (ADD|DEL)$/);
  else
    for (const path of paths) expect(path).toMatch(/^\/((run\/hawser\/)?state(\/(?!\.\.?(\/|$))[^/]*)*)?$/);
}

/** A delegate's environment is the runtime's. The pod's author chooses only the name of an interface. */
function expectCleanEnvironment({ env }: RunRequest): void {
  const { CNI_COMMAND, CNI_IFNAME, CNI_ARGS = "", CNI_PATH = "", HAWSER_OPERATION, ...rest } = env;
  const { CNI_IFNAME: _ifname, CNI_ARGS: args, CNI_PATH: _path, ...given } = variables;
  expect(rest).toEqual(given);
  expect(new Set(CNI_PATH.split(":"))).toEqual(new Set([binDir]));
  expect(CNI_ARGS.slice(0, args.length)).toBe(args);
  // Definitions that were written for Multus expect these at the end of CNI_ARGS.
  expect(CNI_ARGS.slice(args.length)).toMatch(/^(;MAC=[0-9a-fA-F:.-]+)?(;IP=[0-9a-fA-F:.,/]+)?$/);
  expect(CNI_COMMAND).toMatch(/^(ADD|DEL)$/);
  expect(CNI_IFNAME).toMatch(/^(?!\.{1,2}$)[^\s/:%\p{Cc}\p{Cs}]{1,15}$/u);
  expect(HAWSER_OPERATION).toMatch(/^[ -~]+$/);
}

const everything = {
  requests: Object.fromEntries(
    [...Object.keys(capabilities), "deviceID", "cniArgs"].map((kind) => [kind, "allow"]),
  ),
};

/** The plugins' configurations as the operator has written them. Every delegate gets one of them. */
const written = [
  ...Object.values(definitions).flatMap((each) =>
    Array.isArray(each.plugins)
      ? each.plugins.map((plugin) => ({ ...(plugin as JsonObject), ...head(each) }))
      : [each],
  ),
  { type: "bridge", ...head({ name: "pods", cniVersion: "1.1.0" }) },
].map((each) => without(each, "capabilities"));

function head({ name, cniVersion }: JsonObject): JsonObject {
  return { name: name ?? null, cniVersion: cniVersion ?? null };
}

/** The only parts that a pod may change: the capabilities that it asks for, and `args.cni` if that is allowed. */
function expectOperatorsConfig({ executable, stdin }: RunRequest): void {
  const config = JSON.parse(stdin) as JsonObject;
  expect(executable).toBe(`${binDir}/${String(config.type)}`);
  const rest = without(config, "runtimeConfig", "args", "prevResult");
  expect(written.map((each) => without(each, "args"))).toContainEqual(rest);
  const granted = Object.keys((config.runtimeConfig ?? {}) as JsonObject);
  expect([...Object.keys(capabilities), "deviceID"]).toEqual(expect.arrayContaining(granted));
  expect(
    Object.keys((config.args ?? {}) as JsonObject).filter((key) => !["cni", "vendor"].includes(key)),
  ).toEqual([]);
}

test("property: whatever a pod asks for, only the operator's plugins run, as the operator has written them", async () => {
  const files = Object.fromEntries(
    Object.entries(definitions).map(([name, config]) => [`/net.d/${name}.conf`, printJson(config)]),
  );
  const annotations = fc.record(
    {
      "k8s.v1.cni.cncf.io/networks": fc.oneof(soundAnnotation(allOfThem), anyAnnotation(allOfThem)),
      "v1.multus-cni.io/default-network": fc.oneof(fc.constantFrom(...allOfThem), anyAnnotation(allOfThem)),
      CNI_ARGS: nastyText,
    },
    { requiredKeys: ["k8s.v1.cni.cncf.io/networks"] },
  );
  const policy = fc.constantFrom<JsonObject>(
    {},
    everything,
    { type: "multus" },
    {
      ...everything,
      unknownKeys: "ignore",
      crossNamespace: ["*"],
    },
  );
  const seen = { started: 0, refused: 0 };
  await fc.assert(
    fc.asyncProperty(annotations, policy, async (values, more) => {
      const here = scene(files);
      const started = await live(here, configuration(values, more));
      seen[started ? "started" : "refused"]++;
      for (const run of here.runs) {
        expectCleanEnvironment(run);
        expectOperatorsConfig(run);
      }
    }),
    { numRuns: 2000, includeErrorInReport: true },
  );
  expect(Math.min(seen.started, seen.refused)).toBeGreaterThan(200);
});

test("property: whatever a definition says, only plugins of the plugins' folder run", async () => {
  const type = fc.oneof(
    { weight: 4, arbitrary: fc.constantFrom("bridge", "macvlan", "tuning") },
    {
      weight: 2,
      arbitrary: fc.constantFrom("../evil", "/evil", "evil", "..", "bridge/../../evil", "hawser", "sh"),
    },
    nastyText,
  );
  const keys = [
    "type",
    "plugins",
    "ipam",
    "name",
    "args",
    "cni",
    "runtimeConfig",
    "capabilities",
    "prevResult",
    "__proto__",
  ];
  const plugin = fc.record(
    {
      type,
      ipam: fc.record(
        { type: fc.oneof(type, fc.constantFrom("host-local", "static")) },
        { requiredKeys: [] },
      ),
      args: keyedJson(keys),
      runtimeConfig: keyedJson(keys),
      env: keyedJson(keys),
    },
    { requiredKeys: ["type"] },
  );
  const list = fc.record(
    { name: nastyText, plugins: fc.array(plugin, { maxLength: 3 }), cniVersion: fc.constant("1.0.0") },
    { requiredKeys: ["plugins"] },
  );
  const config = fc.oneof(plugin, list, keyedJson(keys)).map((json) => printJson(json) ?? "");
  const seen = { started: 0, refused: 0 };
  await fc.assert(
    fc.asyncProperty(fc.oneof({ weight: 3, arbitrary: config }, nearly(config)), async (text) => {
      const here = scene({ "/net.d/shop/any.json": text });
      const started = await live(here, configuration({ "k8s.v1.cni.cncf.io/networks": "any" }, {}));
      seen[started ? "started" : "refused"]++;
      for (const run of here.runs) {
        expectCleanEnvironment(run);
        expect(run.executable).toBe(`${binDir}/${String((JSON.parse(run.stdin) as JsonObject).type)}`);
      }
    }),
    { numRuns: 1500, includeErrorInReport: true },
  );
  expect(Math.min(seen.started, seen.refused)).toBeGreaterThan(150);
});
