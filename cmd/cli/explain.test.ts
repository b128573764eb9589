import * as os from "node:os";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { startKubelet } from "../../tools/testbed/fake-kubelet.ts";
import { runCli, snapshot, temporaryFolder, writeFile } from "./command-testing.ts";

const annotation = "k8s.v1.cni.cncf.io/networks";
const withAnnotations = { "io.kubernetes.cri.pod-annotations": true };
const bridge = {
  type: "bridge",
  bridge: "br0",
  ipam: { type: "host-local", ranges: [[{ subnet: "10.1.0.0/16" }]] },
};

let folder: ReturnType<typeof temporaryFolder>;
let at: string;

beforeEach(() => {
  folder = temporaryFolder(os.tmpdir());
  at = folder.path;
  define("default/storage.conf", { cniVersion: "1.1.0", type: "macvlan", master: "eth0" });
  define("blue/data.conf", { cniVersion: "0.3.1", name: "blue-data", type: "ipvlan", big: "BIG" });
});
afterEach(() => folder.remove());

function define(file: string, config: unknown): void {
  // 12345678901234567890 is more than a JavaScript number can hold.
  writeFile(`${at}/net.d/${file}`, JSON.stringify(config).replace('"BIG"', "12345678901234567890"));
}

function hawser(changes: Record<string, unknown> = {}): Record<string, unknown> {
  const places = { definitionsDir: `${at}/net.d`, stateDir: `${at}/state`, confDir: `${at}/conf.d` };
  return {
    type: "hawser",
    capabilities: withAnnotations,
    delegate: bridge,
    crossNamespace: ["blue"],
    native: "prefer",
    ...places,
    ...changes,
  };
}

/** A single configuration, or a list of what is given. */
function configure(...plugins: readonly unknown[]): string {
  const path = `${at}/10-pods.conflist`;
  writeFile(path, { cniVersion: "1.1.0", name: "pods", plugins });
  return path;
}

function explain(config: string, ...more: string[]) {
  return runCli(["explain", "--config", config, ...more]);
}

async function explained(config: string, ...more: string[]) {
  const { exitCode, stdout } = await explain(config, "--json", ...more);
  return { exitCode, ...JSON.parse(stdout) };
}

describe("the plan", () => {
  test("of the pod's default routes, after the attachments", async () => {
    const asks = [
      { name: "storage", "default-route": ["10.2.0.1", "fd02::1"] },
      { name: "data", namespace: "blue", "default-route": [] },
    ];
    const path = configure(hawser());
    const { stdout } = await explain(path, "--annotations", JSON.stringify(asks));
    expect(stdout).toContain(`
Then the pod's default routes:
  IPv4 goes by 10.2.0.1 on net1; no other default route of IPv4 stays
  IPv6 goes by fd02::1 on net1; no other default route of IPv6 stays
  net2 loses its own
`);
    expect(await explained(path, "--annotations", JSON.stringify(asks))).toMatchObject({
      defaultRoutes: { gateways: [{ family: "4" }, { family: "6" }], withdrawn: ["net2"] },
    });
    expect(await explained(path, "--annotations", "storage")).not.toHaveProperty("defaultRoutes");
  });

  test("as a table, then what each delegate reads", async () => {
    const path = configure(hawser());
    const before = snapshot(at);
    const { exitCode, stdout, stderr } = await explain(path, "--annotations", "storage, blue/data@net7");
    expect({ exitCode, stderr }).toEqual({ exitCode: 0, stderr: "" });
    expect(stdout.replaceAll(at, "/t")).toBe(`\
What pod default/explained gets of network pods
  configuration  /t/10-pods.conflist
  primary        attached by hawser
  order          one after the other; DEL the other way round
  result         the interfaces and addresses of all

#  ROLE       INTERFACE  NETWORK          PLUGINS         WANTED BY      VERBS                    DEFINED IN
1  primary    eth0       pods             hawser-bridge   configuration  ADD DEL CHECK STATUS GC  delegate
2  secondary  net1       default/storage  hawser-macvlan  annotation     ADD DEL CHECK GC         /t/net.d/default/storage.conf
3  secondary  net7       blue/data        ipvlan          annotation     ADD DEL                  /t/net.d/blue/data.conf

net7: the executable ipvlan is run, as hawser's own does not understand big

eth0: bridge of network pods reads
{
  "type": "bridge",
  "bridge": "br0",
  "ipam": {
    "type": "host-local",
    "ranges": [
      [
        {
          "subnet": "10.1.0.0/16"
        }
      ]
    ]
  },
  "cniVersion": "1.1.0",
  "name": "pods"
}

net1: macvlan of network storage reads
{
  "cniVersion": "1.1.0",
  "type": "macvlan",
  "master": "eth0",
  "name": "storage"
}

net7: ipvlan of network blue-data reads
{
  "cniVersion": "0.3.1",
  "name": "blue-data",
  "type": "ipvlan",
  "big": 12345678901234567890
}
`);
    expect(snapshot(at), "nothing is written").toEqual(before);
  });

  test("a network's device is told, where the kubelet knows the pod; else that there is one", async () => {
    const metadata = { annotations: { "k8s.v1.cni.cncf.io/resourceName": "vendor.com/nic" } };
    const spec = { config: JSON.stringify({ cniVersion: "1.1.0", type: "sriov" }) };
    define("default/fast.json", { kind: "NetworkAttachmentDefinition", metadata, spec });
    const path = configure(hawser({ kubeletDir: `${at}/kubelet` }));
    const devices = [{ resource_name: "vendor.com/nic", device_ids: ["0000:03:02.1"] }];
    const kubelet = await startKubelet(`${at}/kubelet`, [
      { namespace: "default", name: "web", containers: [{ devices }] },
    ]);
    try {
      const known = await explain(path, "--annotations", "fast", "--pod-name", "web");
      expect(known.stdout).toContain("\nnet1: takes a device of vendor.com/nic: 0000:03:02.1\n");
      expect(known.stdout).toContain('"pciBusID": "0000:03:02.1"');
      const unknown = await explain(path, "--annotations", "fast");
      expect(unknown.exitCode).toBe(0);
      expect(unknown.stdout).toContain(
        "net1: takes a device of vendor.com/nic: the one that the kubelet assigns",
      );
    } finally {
      kubelet.stop();
    }
  });

  test("without the secrets that plugins are given, for people and machines", async () => {
    const kubernetes = { k8s_auth_token: "hunter22", kubeconfig: "/etc/cni/kubeconfig" };
    const secret = { etcd_password: "hunter22", etcd_endpoints: "https://me:hunter22@etcd:2379", kubernetes };
    const path = configure(hawser({ delegate: { ...bridge, ...secret } }), {
      type: "side",
      apiKey: "hunter22",
    });
    for (const more of [[], ["--json"]]) {
      const { stdout } = await explain(path, ...more);
      expect(stdout).not.toContain("hunter22");
      expect(stdout).toContain('"etcd_password": "(secret)"');
      expect(stdout).toContain('"https://me:(secret)@etcd:2379"');
      expect(stdout).toContain('"kubeconfig": "/etc/cni/kubeconfig"');
    }
  });

  test("for machines", async () => {
    const path = configure(hawser({ networks: ["storage@store0"], parallel: true, result: "primary" }));
    const plan = await explained(path, "--annotations", "storage", "--ifname", "net0", "--pod-name", "web");
    expect(plan).toMatchObject({
      exitCode: 0,
      config: path,
      network: "pods",
      primary: "hawser",
      pod: { namespace: "default", name: "web" },
      parallel: true,
      result: "primary",
      notes: [],
      attachments: [
        { order: 1, role: "primary", ifname: "net0", origin: "configuration", source: "delegate" },
        {
          order: 2,
          role: "secondary",
          ifname: "store0",
          origin: "configuration",
          network: "default/storage",
        },
        { order: 2, role: "secondary", ifname: "net2", origin: "annotation", plugins: [{ type: "macvlan" }] },
      ],
    });
  });

  test("fits into a terminal", async () => {
    const path = configure(hawser());
    const { stdout } = await runCli(["explain", "--config", path, "--annotations", "storage"], {
      columns: 90,
    });
    const table = stdout.split("\n").filter((line) => /^(#|\d) {2}/.test(line));
    expect(table).toHaveLength(3);
    for (const line of table) expect(line.length).toBeLessThanOrEqual(90);
  });

  test("a delegate by name shows the file that it was found in", async () => {
    writeFile(`${at}/conf.d/20-net.conflist`, {
      cniVersion: "1.1.0",
      name: "net",
      plugins: [bridge, { type: "portmap" }],
    });
    const { attachments } = await explained(configure(hawser({ delegate: { name: "net" } })));
    expect(attachments).toMatchObject([
      {
        network: "net",
        source: `${at}/conf.d/20-net.conflist`,
        plugins: [{ type: "bridge" }, { type: "portmap" }],
      },
    ]);
  });

  test("a single configuration works like a list", async () => {
    const path = `${at}/10-pods.conf`;
    writeFile(path, { cniVersion: "0.4.0", name: "pods", ...hawser() });
    expect(await explained(path, "--annotations", "")).toMatchObject({
      exitCode: 0,
      network: "pods",
      attachments: [{ cniVersion: "0.4.0", verbs: ["ADD", "DEL", "CHECK"] }],
    });
  });
});

describe("whose networks", () => {
  test.each([
    ["the short form", "storage", ["net1"]],
    ["the JSON form", '[{"name":"storage","interface":"st0"}]', ["st0"]],
    ["a JSON object of annotations", `{"${annotation}":"storage","other":"x"}`, ["net1"]],
    ["an empty annotation", "", []],
  ])("%s", async (_case, annotations, expected) => {
    const { attachments } = await explained(configure(hawser()), "--annotations", annotations);
    expect(attachments.slice(1).map((each: { ifname: string }) => each.ifname)).toEqual(expected);
  });

  test.each([
    [
      "YAML",
      `kind: Service\n---\nkind: Pod\nmetadata:\n  name: db\n  namespace: blue\n  annotations: {${annotation}: data}\n`,
    ],
    [
      "JSON",
      `{"kind":"Pod","metadata":{"name":"db","namespace":"blue","annotations":{"${annotation}":"data"}}}`,
    ],
  ])("a pod in %s, with its namespace and name", async (_case, manifest) => {
    writeFile(`${at}/pod.yaml`, manifest);
    expect(await explained(configure(hawser()), "--pod", `${at}/pod.yaml`)).toMatchObject({
      exitCode: 0,
      pod: { namespace: "blue", name: "db" },
      attachments: [{ role: "primary" }, { network: "blue/data" }],
    });
    // The command line overrides the file.
    const moved = await explained(configure(hawser()), "--pod", `${at}/pod.yaml`, "--namespace", "default");
    expect(moved).toMatchObject({ exitCode: 1, error: { id: "kube.unknown-network" } });
  });

  const manifestOf = (name: string, namespace: string | undefined, networks: string) => ({
    apiVersion: "v1",
    kind: "Pod",
    metadata: { name, namespace, annotations: { [annotation]: networks } },
  });
  const several = [
    { kind: "Service", metadata: { name: "db" } },
    manifestOf("db", "blue", "data"),
    manifestOf("db", undefined, "storage"),
    manifestOf("web", "blue", "data@data0"),
  ];
  const files: Record<string, string> = {
    documents: several.map((each) => JSON.stringify(each)).join("\n---\n"),
    "JSON objects": several.map((each) => JSON.stringify(each, null, 2)).join("\n"),
    "a List": JSON.stringify({ apiVersion: "v1", kind: "List", items: several }),
    "a PodList": JSON.stringify({
      kind: "PodList",
      items: several.slice(1).map(({ metadata }) => ({ metadata })),
    }),
    "a List within a List": JSON.stringify({
      kind: "List",
      items: [...several.slice(0, 2), { kind: "List", items: several.slice(2) }],
    }),
  };

  describe.each(Object.entries(files))("of several pods in %s", (_case, text) => {
    test.each([
      ["the one that is named", ["--pod-name", "web"], { namespace: "blue", name: "web" }],
      ["that of the namespace", ["--namespace", "default"], { namespace: "default", name: "db" }],
      ["that of both", ["--pod-name", "db", "--namespace", "blue"], { namespace: "blue", name: "db" }],
    ])("%s", async (_name, args, pod) => {
      writeFile(`${at}/pods.yaml`, text);
      const found = await explained(configure(hawser()), "--pod", `${at}/pods.yaml`, ...args);
      expect(found).toMatchObject({ exitCode: 0, pod });
    });

    test.each([
      ["none is named", [], "3 pods: blue/db, default/db, blue/web"],
      ["two are", ["--pod-name", "db"], "3 pods, of which 2 fit --pod-name db: blue/db, default/db"],
      ["nobody's name is", ["--pod-name", "x"], "none fit --pod-name x: blue/db, default/db, blue/web"],
    ])("%s: refused", async (_name, args, why) => {
      writeFile(`${at}/pods.yaml`, text);
      const { error, exitCode } = await explained(configure(hawser()), "--pod", `${at}/pods.yaml`, ...args);
      expect({ exitCode, error }).toMatchObject({ exitCode: 1, error: { id: "cli.which-pod", code: 7 } });
      expect(error.msg).toContain(why);
    });
  });

  test("an annotation in quotes whose lines are not deeper than its key, and a byte order mark", async () => {
    const text = `\ufeffkind: Pod\nmetadata:\n  name: db\n  annotations:\n    ${annotation}: '[\n{"name":\n\t"storage"}\n]'\n`;
    writeFile(`${at}/pod.yaml`, text);
    expect(await explained(configure(hawser()), "--pod", `${at}/pod.yaml`)).toMatchObject({
      exitCode: 0,
      attachments: [{ role: "primary" }, { network: "default/storage" }],
    });
  });

  test.each([
    ["a list", "- kind: Pod\n", "it holds an array, and no Pod"],
    ["an empty List", '{"kind":"List","items":[]}', "it holds no object, and no Pod"],
    ["of another kind", "kind: Deployment", "it holds Deployment, and no Pod"],
    ["empty", "", "it holds no object, and no Pod"],
    ["not YAML", "a: [", "it is not YAML: "],
    [
      "with aliases without end",
      `a: &a [x,x]\nb: &b [${"*a,".repeat(99)}]\nc: &c [${"*b,".repeat(99)}]\nd: [${"*c,".repeat(99)}]`,
      "it is not YAML: ",
    ],
  ])("a pod file %s", async (_case, manifest, why) => {
    writeFile(`${at}/pod.yaml`, manifest);
    const { exitCode, stdout, stderr } = await explain(configure(hawser()), "--pod", `${at}/pod.yaml`);
    expect({ exitCode, stdout }).toEqual({ exitCode: 1, stdout: "" });
    expect(stderr).toContain(`read pod ${at}/pod.yaml: ${why}`);
    expect(stderr).toContain("cli.pod)");
  });
});

describe("chained", () => {
  const chained = { delegate: undefined };

  test("takes name and version from the list, and says so", async () => {
    const path = configure(bridge, { type: "portmap" }, hawser(chained));
    const { exitCode, stdout } = await explain(path, "--annotations", "storage");
    expect(exitCode).toBe(0);
    expect(stdout).toContain("primary        not hawser's: it is chained behind bridge, portmap\n");
    expect(stdout).toContain("1  secondary  net1 ");
    expect(stdout).toContain("Note: What the plugins before hawser make is not known here (--prev-result)");
  });

  test.each(["0.2.0", "0.3.1", "1.0.0"])("has a stand-in for prevResult in CNI %s", async (cniVersion) => {
    const path = `${at}/old.conflist`;
    writeFile(path, { cniVersion, name: "pods", plugins: [bridge, hawser(chained)] });
    expect(await explained(path, "--annotations", "storage")).toMatchObject({
      exitCode: 0,
      primary: "a plugin before hawser",
      attachments: [{ network: "default/storage" }],
    });
  });

  test("an interface of prevResult's cannot be taken again", async () => {
    const interfaces = ["eth0", "net1"].map((name) => ({ name, sandbox: "/var/run/netns/explained" }));
    writeFile(`${at}/prev.json`, { cniVersion: "1.1.0", interfaces });
    const path = configure(bridge, hawser(chained));
    const plan = await explained(path, "--annotations", "storage", "--prev-result", `${at}/prev.json`);
    expect(plan).toMatchObject({ exitCode: 1, error: { id: "meta.name-collision" } });
  });

  test.each([
    ["neither a delegate nor a plugin before it", () => [hawser(chained)], "config.no-primary"],
    ["a delegate and a plugin before it", () => [bridge, hawser()], "config.two-primaries"],
  ])("%s: refused as an ADD would be", async (_case, plugins, id) => {
    expect(await explained(configure(...plugins()))).toMatchObject({ exitCode: 1, error: { id, code: 7 } });
  });
});

describe("what a pod asks for", () => {
  const lan = { cniVersion: "1.1.0", type: "macvlan", capabilities: { ips: true, bandwidth: true } };
  const asks = { name: "lan", ips: ["10.3.0.9/24"], bandwidth: { ingressRate: 8, ingressBurst: 8 } };

  test("stands beside the plan, and in what the plugins read", async () => {
    define("default/lan.conf", lan);
    const path = configure(hawser());
    expect((await explain(path, "--annotations", JSON.stringify([asks]))).stdout).toContain(
      "\nnet1: the pod asks for ips, bandwidth\n",
    );
    expect((await explained(path, "--annotations", JSON.stringify([asks]))).attachments).toMatchObject([
      { asked: [], origin: "configuration" },
      {
        asked: ["ips", "bandwidth"],
        plugins: [{ runtimeConfig: { ips: asks.ips, bandwidth: asks.bandwidth } }],
      },
    ]);
  });

  test("a primary of its own takes the delegate's place", async () => {
    define("default/lan.conf", lan);
    const own = JSON.stringify({ "v1.multus-cni.io/default-network": "lan" });
    const plan = await explained(configure(hawser()), "--annotations", own);
    expect(plan).toMatchObject({
      exitCode: 0,
      attachments: [
        { role: "primary", ifname: "eth0", network: "default/lan", origin: "annotation", name: "lan" },
      ],
      notes: [],
    });
    expect((await explain(configure(hawser()), "--annotations", own)).stdout).toMatch(
      /1 {2}primary {2}eth0 {7}default\/lan {2}hawser-macvlan {2}annotation/,
    );
  });
});

describe("what an ADD would refuse", () => {
  test("is told with message, details, code and id", async () => {
    const { exitCode, stdout, stderr } = await explain(configure(hawser()), "--annotations", "nowhere");
    expect({ exitCode, stdout }).toEqual({ exitCode: 1, stdout: "" });
    expect(stderr.replaceAll(at, "/t")).toBe(`\
hawser: find network default/nowhere: there is none of this name
        /t/net.d/default defines storage. Ask for one that exists, or define it in /t/net.d/default/nowhere.json.
        (code 103, kube.unknown-network)
`);
  });

  test.each([
    ["another namespace's network", ["--annotations", "red/x"], "meta.cross-namespace"],
    ["a name that cannot be", ["--annotations", "a@b@c"], "annotation.syntax"],
    [
      "a request that is denied",
      ["--annotations", `[{"name":"storage","deviceID":"0000:3b:02.1"}]`],
      "meta.request-denied",
    ],
    ["a key that there is not", ["--annotations", `[{"name":"storage","colour":1}]`], "annotation.key"],
    [
      "what no plugin declares",
      ["--annotations", `[{"name":"storage","ips":["10.1.0.1"]}]`],
      "meta.capability",
    ],
    ["a name that is taken", ["--annotations", "storage@eth0"], "meta.name-collision"],
    ["an interface name that cannot be", ["--ifname", "a/b"], "env.ifname"],
    [
      "annotations that are no strings",
      ["--annotations", `{"${annotation}":[]}`],
      expect.stringContaining("annotation"),
    ],
    ["annotations that are no JSON", ["--annotations", "{x"], "cli.annotations"],
    ["a result that is not there", ["--prev-result", "/nowhere/prev.json"], "cli.file"],
    ["a pod that is not there", ["--pod", "/nowhere/pod.yaml"], "cli.file"],
  ])("%s", async (_case, args, id) => {
    expect(await explained(configure(hawser()), ...args)).toMatchObject({ exitCode: 1, error: { id } });
  });

  test.each([
    ["that is not there", undefined, "cli.file"],
    ["that is not JSON", "{", "cli.json"],
    ["that is no object", "[]", "cli.json"],
    ["without hawser", { cniVersion: "1.1.0", name: "n", type: "bridge" }, "cli.no-hawser"],
    ["without a name", { cniVersion: "1.1.0", plugins: [{ type: "hawser" }] }, "config.name"],
    [
      "with an unknown field",
      { cniVersion: "1.1.0", name: "n", type: "hawser", network: [] },
      "config.unknown-field",
    ],
    ["in an unknown version", { cniVersion: "9.0.0", name: "n", type: "hawser" }, "config.version"],
  ])("a configuration %s", async (_case, content, id) => {
    const path = `${at}/bad.conf`;
    if (content !== undefined) writeFile(path, content);
    expect(await explained(path)).toMatchObject({ exitCode: 1, error: { id } });
  });
});

describe("notes", () => {
  test("a runtime that is not asked for annotations passes none", async () => {
    const path = configure(hawser({ capabilities: {} }));
    expect((await explain(path, "--annotations", "storage")).stdout).toContain(
      `Note: The configuration does not declare "capabilities": {"io.kubernetes.cri.pod-annotations": true}: no runtime`,
    );
    expect((await explained(path)).notes, "without annotations it does not matter").toEqual([]);
  });

  test("a pod that asks for nothing", async () => {
    const { notes } = await explained(configure(hawser()), "--annotations", '{"name":"storage"}');
    expect(notes).toEqual([`The pod has no annotation ${annotation}: it asks for nothing.`]);
  });
});
