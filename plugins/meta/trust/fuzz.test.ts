import { readdirSync, readFileSync } from "node:fs";
import fc from "fast-check";
import { afterAll, expect, test } from "vitest";
import { parse } from "yaml";
import { isObject, type Json, type JsonObject } from "../../../cni/json.ts";
import { ownPluginOf } from "../../../cni/native.ts";
import { openClient } from "../../../kube/client.ts";
import { networksAnnotation } from "../../../kube/pod.ts";
import type { HttpHandler } from "../../../sys/fake.ts";
import { ok } from "../../../sys/outcome.ts";
import { must } from "../../../sys/outcome-testing.ts";
import { apiServer, kubeconfigOfTests } from "../api-testing.ts";
import { parseMetaConfig } from "../config/parse.ts";
import { createRecordingNode, identityMac, invocationFrom, podArgs } from "../meta-testing.ts";
import { prepare } from "../prepare.ts";

/**
 * Legal definitions and annotations are changed as a hostile author would change them. Then a whole ADD runs with them on a
 * machine in memory (sys/fake.ts), which notes every file that is looked at or written, every request and every child process.
 * The plan of the same ADD must show all of that, and a judge in this file must find the plan harmless. The judge does not use
 * the schemas.
 */

interface Entry {
  readonly name: string;
  readonly namespace: string;
  readonly annotations?: Record<string, string>;
  readonly allowedTypes?: readonly string[];
  readonly config: string;
  readonly handedOn: JsonObject;
}

const corpusFolder = new URL("testdata/corpus/", import.meta.url);
const corpus = readdirSync(corpusFolder)
  .flatMap((file) => parse(readFileSync(new URL(file, corpusFolder), "utf8")) as Entry[])
  // An entry with annotations would need a kubelet for its device, and an entry with allowed types is the operator's choice.
  .filter(({ annotations, allowedTypes }) => annotations === undefined && allowedTypes === undefined);

const mayRun = [
  ...["bridge", "macvlan", "ipvlan", "vlan", "ptp", "dummy", "sriov", "ib-sriov", "ovs", "bond", "rdma"],
  ...[
    "bandwidth",
    "firewall",
    "portmap",
    "route-override",
    "sbr",
    "tuning",
    "vrf",
    "cnv-bridge",
    "cnv-tuning",
  ],
  ...["ipoib", "ovn-k8s-cni-overlay", "kube-ovn", "macvtap"],
];
/** These executables are installed as well, so that a way to run one of them would be found. */
const mustNotRun = [
  "host-device",
  "tap",
  "loopback",
  "multus",
  "dhcp",
  "host-local",
  "static",
  "whereabouts",
];
const mustNot = [...mustNotRun, "hawser-flat", "hawser-host-local", "evil"];
const mayGiveAddresses = [
  "dhcp",
  "host-local",
  "static",
  "whereabouts",
  "hawser-flat",
  "hawser-host-local",
  "hawser-static",
  ...["spiderpool", "kube-ovn", "nv-ipam", "antrea"],
];
/** Places that an ADD looks at and writes whatever a definition says. */
const ours = /^\/(d|c|s|k|bin\/cni|run\/hawser|kubelet|devinfo|resources\.json)(\/|$)/;

const nastyTexts = [
  ...[
    "/etc/shadow",
    "/etc/cni/net.d",
    "../../../etc/passwd",
    "..",
    "-x",
    "--modprobe=/evil",
    "a\nb",
    "\u001b[2J",
    "%s",
  ],
  ...[
    "http://127.0.0.1:9",
    "https://evil:6443",
    "unix:/run/evil.sock",
    "pod-network",
    "kube-system.pods",
    "blue.storage",
  ],
  ...["host-device", "hawser-flat", "macvlan", "evil", "multus", "$(reboot)", "", "x".repeat(5000)],
];
const nastyKeys = [
  ...[
    "store",
    "journalDir",
    "node",
    "dataDir",
    "resolvConf",
    "daemonSocketPath",
    "kubeconfig",
    "runtimeConfig",
    "prevResult",
  ],
  ...[
    "Ipam",
    "IPAM",
    "Type",
    "tYpe",
    "\u017Ftore",
    "\u212Aind",
    "plugins",
    "Plugins",
    "ipam",
    "type",
    "name",
    "args",
    "__proto__",
  ],
  ...[
    "cni.dev/valid-attachments",
    "capabilities",
    "pool",
    "dir",
    "etcd",
    "constructor",
    "kernelpath",
    "deviceID",
    "pciBusID",
  ],
];

const nastyValue: fc.Arbitrary<Json> = fc.oneof(
  { weight: 4, arbitrary: fc.constantFrom<Json>(...nastyTexts) },
  fc.constantFrom<Json>(null, -1, 0, 1e9, 1.5, true, false),
  fc.constantFrom<Json>([], {}, [[]], { type: "host-device" }, { type: "evil", device: "eth0" }),
  fc.constantFrom<Json>(
    { etcd: { endpoints: ["http://127.0.0.1:9"], passwordFile: "/etc/shadow" } },
    { dir: "/etc/cni" },
  ),
  fc.constantFrom<Json>(
    { kubeconfig: "/etc/kubernetes/admin.conf" },
    deep(40),
    Array<Json>(40).fill({ type: "bridge" }),
  ),
);

function deep(levels: number): Json {
  return levels === 0 ? "/etc/shadow" : { a: deep(levels - 1) };
}

/** One change of a document: its place, by number among all places, and its kind. */
const mutation = fc.record({
  at: fc.nat(400),
  how: fc.constantFrom("case", "fold", "value", "add", "drop", "wrap", "repeat"),
  key: fc.constantFrom(...nastyKeys),
  value: nastyValue,
});
type Mutation = typeof mutation extends fc.Arbitrary<infer T> ? T : never;

function mutate(document: Json, { at, how, key, value }: Mutation): Json {
  const places: [JsonObject | Json[], string | number][] = [];
  const collect = (node: Json): void => {
    if (!Array.isArray(node) && !isObject(node)) return;
    for (const [key, each] of Object.entries(node)) {
      places.push([node, Array.isArray(node) ? Number(key) : key]);
      collect(each);
    }
  };
  const copy = structuredClone(document) as Json;
  collect(copy);
  const [holder, place] = places[at % Math.max(1, places.length)] ?? [];
  if (holder === undefined || place === undefined) return copy;
  change(holder as Record<string | number, Json>, place, how, key, value);
  return copy;
}

function change(
  holder: Record<string | number, Json>,
  place: string | number,
  how: Mutation["how"],
  key: string,
  value: Json,
): void {
  const old = holder[place] ?? null;
  const rename = (name: string) => {
    if (Array.isArray(holder)) return;
    delete holder[place];
    set(holder, name, old);
  };
  if (how === "case") rename(String(place).replace(/[a-z]/, (letter) => letter.toUpperCase()));
  else if (how === "fold") rename(String(place).replace("s", "\u017F").replace("k", "\u212A"));
  else if (how === "value") holder[place] = value;
  else if (how === "add") set(isObject(old) ? (old as Record<string, Json>) : holder, key, value);
  else if (how === "drop") delete holder[place];
  else if (how === "wrap") holder[place] = [old];
  else if (Array.isArray(old)) holder[place] = Array<Json>(20).fill(old[0] ?? value);
}

function set(holder: Record<string | number, Json>, key: string, value: Json): void {
  Object.defineProperty(holder, key, { value, enumerable: true, configurable: true, writable: true });
}

/** Paths and addresses of servers that occur in the corpus are the plugins' own defaults. */
const known = new Set(
  corpus.flatMap(({ handedOn }) => leaves(handedOn)).filter((text) => /^(unix:)?\//.test(text)),
);

function leaves(value: Json): string[] {
  if (typeof value === "string") return [value];
  return isObject(value) || Array.isArray(value) ? Object.values(value).flatMap(leaves) : [];
}

function objects(value: Json): JsonObject[] {
  if (!isObject(value) && !Array.isArray(value)) return [];
  return [...(isObject(value) ? [value] : []), ...Object.values(value).flatMap(objects)];
}

const asGo = (key: string) => key.replaceAll("\u017F", "s").replaceAll("\u212A", "k").toLowerCase();
const operatorsKeys = [
  "store",
  "journaldir",
  "node",
  "dir",
  "etcd",
  "passwordfile",
  "endpoints",
  "runtimeconfig",
  "prevresult",
  "kernelpath",
];

/** Reads a configuration as a Go program does, and expects nothing harmful in it. */
function expectHarmless(config: JsonObject, namespace: string): void {
  for (const object of objects(config)) {
    const folded = Object.keys(object).map(asGo);
    expect(new Set(folded).size, "no key is read as another").toBe(folded.length);
    for (const key of folded) expect(operatorsKeys).not.toContain(key);
  }
  const view = Object.fromEntries(Object.entries(config).map(([key, value]) => [asGo(key), value]));
  expect(mayRun).toContain(view.type);
  // The controller of OVN-Kubernetes knows the network by the name in the definition.
  if (view.type !== "ovn-k8s-cni-overlay")
    expect(view.name, "its name").toMatch(new RegExp(`^${namespace}\\.`));
  if (isObject(view.ipam) && Object.keys(view.ipam).length > 0) {
    const ipam = Object.fromEntries(Object.entries(view.ipam).map(([key, value]) => [asGo(key), value]));
    if (ipam.type !== undefined && ipam.type !== "") expect(mayGiveAddresses).toContain(ipam.type);
    if (ipam.pool !== undefined) expect(String(ipam.pool).startsWith(`${namespace}.`)).toBe(true);
  }
  for (const text of leaves(config).filter((each) => !known.has(each))) {
    expect(text, "no path, no server, nothing a terminal obeys").not.toMatch(/^\/|\.\.\/|^[a-z]+:\/|\p{Cc}/u);
    expect(text.length).toBeLessThanOrEqual(1024);
  }
}

const anyDefinition =
  /^GET https:\/\/api:6443\/apis\/k8s\.cni\.cncf\.io\/v1\/namespaces\/[a-z0-9-]+\/network-attachment-definitions\/[a-z0-9.-]+$/;

function scene({ namespace, name }: Entry, text: string) {
  const http: HttpHandler = ({ method, url }) => {
    const path = `/apis/k8s.cni.cncf.io/v1/namespaces/${namespace}/network-attachment-definitions/${name}`;
    expect(`${method} ${url}`).toMatch(anyDefinition);
    // An annotation may name a definition that does not exist.
    if (url !== `${apiServer}${path}`)
      return ok({ status: 404, body: JSON.stringify({ kind: "Status", code: 404, details: { kind: "x" } }) });
    const definition = {
      kind: "NetworkAttachmentDefinition",
      metadata: { namespace, name },
      spec: { config: text },
    };
    return ok({ status: 200, body: JSON.stringify(definition) });
  };
  return createRecordingNode([...mayRun, ...mustNot, "main"], { "/k": kubeconfigOfTests }, { http });
}

const base = {
  ...{
    cniVersion: "1.1.0",
    name: "pods",
    type: "hawser",
    delegate: { type: "main" },
    kubeconfig: "/k",
    status: "off",
  },
  ...{
    definitionsDir: "/d",
    confDir: "/c",
    stateDir: "/s",
    kubeletDir: "/kubelet",
    deviceInfoDir: "/devinfo",
  },
  ...{ resources: "/resources.json", crossNamespace: [] as string[] },
};

/** The name of one executable, and the configuration that it reads. */
interface Run {
  readonly type: string;
  readonly config: JsonObject;
}

/** The runs that the plan of this ADD shows, asked for in a process of its own. */
async function planned(
  node: ReturnType<typeof scene>,
  entry: Entry,
  annotation: string,
): Promise<Run[] | undefined> {
  const { sys } = node.machine.spawn();
  const args = podArgs.replace("=shop", `=${entry.namespace}`);
  const variables = {
    CNI_COMMAND: "ADD",
    CNI_CONTAINERID: "pod1",
    CNI_NETNS: "/run/netns/pod1",
    CNI_IFNAME: "eth0",
    CNI_ARGS: args,
    CNI_PATH: "/bin/cni",
  };
  const runtimeConfig = { "io.kubernetes.cri.pod-annotations": { [networksAnnotation]: annotation } };
  const invocation = invocationFrom(variables, { ...base, runtimeConfig });
  const config = must(await parseMetaConfig(invocation.config));
  const api = openClient(sys, { kubeconfig: "/k", variables: {}, deadlineMs: Number.POSITIVE_INFINITY });
  const prepared = await prepare(sys, config, invocation, api, "required");
  if (!prepared.ok) return undefined;
  return prepared.value.plan.flatMap(({ chain, claim }) => {
    const run = (config: JsonObject): Run => ({ type: String(config.type), config });
    if (claim === undefined) return chain.plugins.map(run);
    const withMore = (plugin: JsonObject, more: JsonObject): JsonObject => ({
      ...plugin,
      runtimeConfig: { ...(plugin.runtimeConfig as JsonObject | undefined), ...more },
    });
    const source = chain.plugins.find(({ ipam }) => isObject(ipam) && ipam.type === "hawser-flat") ?? {};
    const asked = claim.asked === undefined ? {} : { mac: claim.asked };
    return [
      { type: "hawser-flat", config: withMore(source, { ...asked, tellMac: true }) },
      ...chain.plugins.map((plugin, at) =>
        run(claim.to.includes(at) ? withMore(plugin, { mac: identityMac }) : plugin),
      ),
    ];
  });
}

/** The plugins of ours that took the place of an executable, in any ADD or DEL so far. */
const servedInside = new Set<string>();

async function tryIt(entry: Entry, text: string, annotation: string): Promise<boolean> {
  const node = scene(entry, text);
  const plan = await planned(node, entry, annotation);
  const seen: string[] = [];
  const args = podArgs.replace("=shop", `=${entry.namespace}`);
  const about = {
    args,
    annotations: { [networksAnnotation]: annotation },
    onCall: (line: string) => void seen.push(line),
  };
  const added = await node.call("ADD", base, about);
  await node.call("DEL", base, { args, onCall: about.onCall });
  expect(added.ok, "the ADD does what the plan says").toBe(plan !== undefined);
  for (const line of seen) {
    const [verb = "", path = ""] = line.split(" ");
    if (path.startsWith("/") && line !== "syncFolder /") expect(path, line).toMatch(ours);
    if (verb !== "run") continue;
    if (path.startsWith("/")) expect(path, line).toMatch(/^\/bin\/cni\/[a-z0-9-]+$/);
    else servedInside.add(path);
  }
  const bare = node.calls.flatMap(({ verb, type, config: { prevResult: _result, ...config } }) =>
    verb === "ADD" ? { type, config } : [],
  );
  expect(bare).toEqual(plan ?? []);
  for (const { config } of bare.filter(({ type }) => type !== "main")) {
    const { runtimeConfig: _asked, ...own } = config;
    expectHarmless(own, entry.namespace);
  }
  return added.ok;
}

test("the judge takes the whole corpus as it is", async () => {
  expect(corpus.length).toBeGreaterThan(60);
  for (const entry of corpus) await tryIt(entry, entry.config, entry.name);
  expect([...servedInside]).toEqual(
    expect.arrayContaining(["hawser-bridge", "hawser-macvlan", "hawser-sbr"]),
  );
});

test("property: whatever is changed in a legal definition, nothing happens beyond its plan, and that is harmless", async () => {
  const seen = { taken: 0, refused: 0 };
  await fc.assert(
    fc.asyncProperty(
      fc.constantFrom(...corpus),
      fc.array(mutation, { minLength: 1, maxLength: 3 }),
      async (entry, changes) => {
        const text = JSON.stringify(changes.reduce(mutate, JSON.parse(entry.config) as Json));
        seen[(await tryIt(entry, text, entry.name)) ? "taken" : "refused"]++;
      },
    ),
    { numRuns: 2500, includeErrorInReport: true },
  );
  expect(Math.min(seen.taken, seen.refused)).toBeGreaterThan(200);
});

afterAll(() => {
  // By itself, and as one that takes the place of an executable, a plugin of ours is one that a namespace may run.
  expect(mayRun.map(ownPluginOf)).toEqual(expect.arrayContaining([...servedInside]));
});

test("property: nor whatever is changed in a legal annotation", async () => {
  const seen = { taken: 0, refused: 0 };
  const legal = ({ name }: Entry): Json => [
    { name, interface: "data0", ips: ["10.9.0.7/24"], mac: "02:00:00:00:00:07", "cni-args": { x: 1 } },
    { name, bandwidth: { ingressRate: 1000, ingressBurst: 2000 } },
  ];
  await fc.assert(
    fc.asyncProperty(
      fc.constantFrom(...corpus),
      fc.array(mutation, { minLength: 1, maxLength: 6 }),
      async (entry, changes) => {
        const annotation = JSON.stringify(changes.reduce(mutate, legal(entry)));
        seen[(await tryIt(entry, entry.config, annotation)) ? "taken" : "refused"]++;
      },
    ),
    { numRuns: 1500, includeErrorInReport: true },
  );
  expect(seen.refused).toBeGreaterThan(200);
});
