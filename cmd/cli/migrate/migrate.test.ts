import { describe, expect, test } from "vitest";
import { parseNetworkConfig } from "../../../cni/config.ts";
import type { JsonObject } from "../../../cni/json.ts";
import { parseMetaConfig } from "../../../plugins/meta/config/parse.ts";
import { createRecordingNode, type RecordingNode } from "../../../plugins/meta/meta-testing.ts";
import { Crash, type FakeProcess } from "../../../sys/fake.ts";
import { crashSites } from "../../../sys/fake-crashes.ts";
import { must } from "../../../sys/outcome-testing.ts";
import { listen } from "../command-testing.ts";
import { migrateCommand } from "./migrate.ts";

type MigrateOptions = Parameters<typeof migrateCommand.run>[2];

/** Bytes as Go's encoding/json writes them. */
const bytes = (value: unknown): string => Buffer.from(JSON.stringify(value)).toString("base64");

const cbr0 = {
  cniVersion: "1.0.0",
  name: "cbr0",
  plugins: [
    { type: "flannel", delegate: { isDefaultGateway: true } },
    { type: "portmap", capabilities: { portMappings: true } },
  ],
};
const side = { cniVersion: "1.0.0", name: "macvlan-conf", type: "macvlan", master: "eth1" };

/** `<cniDir>/<containerID>` as Multus 4.2.3 writes it; before 4.2 there is no CNINetworkConfigList. */
const delegates = [
  {
    Conf: { name: "cbr0", ipam: {} },
    ConfList: {},
    CNINetworkConfigList: { Plugins: null },
    Name: "cbr0",
    Bytes: bytes(cbr0),
  },
  {
    Conf: {},
    ConfList: {},
    Name: "shop/storage",
    ifnameRequest: "data",
    macRequest: "02:00:00:00:00:01",
    ipRequest: ["10.2.0.5/24"],
    Bytes: bytes(side),
  },
  { Conf: {}, ConfList: {}, Name: "shop/storage", Bytes: bytes(side) },
];

function cached(
  containerId: string,
  network: string,
  ifName: string,
  config: unknown,
  more: object = {},
): object {
  return {
    kind: "cniCacheV1",
    containerId,
    config: bytes(config),
    ifName,
    networkName: network,
    netns: `/run/netns/${containerId}`,
    cniArgs: [
      ["IgnoreUnknown", "true"],
      ["K8S_POD_NAMESPACE", "shop"],
      ["K8S_POD_NAME", "web"],
      ["K8S_POD_INFRA_CONTAINER_ID", ""],
      ["IgnoreUnknown", "1"],
      ["K8S_POD_UID", "u1"],
      ["MAC", "02:00:00:00:00:01"],
    ],
    result: { cniVersion: "1.0.0", interfaces: [{ name: ifName, sandbox: `/run/netns/${containerId}` }] },
    ...more,
  };
}

const multus = { cniVersion: "1.0.0", name: "multus-cni-network", type: "multus", delegates: [cbr0] };
const cniDir = "/var/lib/cni/multus";
const stateDir = "/var/lib/cni/hawser";
const ports = { portMappings: [{ hostPort: 8080, containerPort: 80, protocol: "tcp" }] };

const files = {
  "/etc/cni/net.d/00-multus.conf": multus,
  [`${cniDir}/web1`]: delegates,
  [`${cniDir}/results/cbr0-web1-eth0`]: cached("web1", "cbr0", "eth0", cbr0, { capabilityArgs: ports }),
  [`${cniDir}/results/macvlan-conf-web1-data`]: cached("web1", "macvlan-conf", "data", side),
  [`${cniDir}/results/macvlan-conf-web1-net2`]: cached("web1", "macvlan-conf", "net2", side),
  "/run/netns/web1": "",
  [`${cniDir}/ended`]: delegates,
  [`${cniDir}/results/cbr0-ended-eth0`]: cached("ended", "cbr0", "eth0", cbr0),
  [`${cniDir}/.keep`]: "",
};

function node(more: Record<string, unknown> = {}): RecordingNode {
  return createRecordingNode(["flannel", "portmap", "macvlan"], { ...files, ...more });
}

interface Ran {
  readonly exitCode: number;
  readonly text: string;
  readonly document: Record<string, unknown>;
}

async function migrate(process: FakeProcess, more: Partial<MigrateOptions> = {}): Promise<Ran> {
  const options: MigrateOptions = {
    ...{
      from: "multus",
      config: undefined,
      confDir: "/etc/cni/net.d",
      daemonConfig: undefined,
      cniDir: undefined,
    },
    ...{
      clusterDefinitions: undefined,
      results: "/var/lib/cni/results",
      stateDir,
      takeOver: false,
      all: false,
      dryRun: false,
      yes: true,
    },
    json: true,
    ...more,
  };
  const { context, printed } = listen();
  const { exitCode, stdout, stderr } = printed(await migrateCommand.run(process.sys, context, options));
  const text = `${stdout}${stderr}`.trimEnd();
  return { exitCode, text, document: options.json ? JSON.parse(text) : {} };
}

function verdicts({ document }: Ran): string[] {
  const list = document.attachments as { containerId: string; verdict: string; why?: string }[];
  return list.map(({ containerId, verdict, why = "" }) => `${containerId} ${verdict} ${why}`.trim());
}

function records({ machine }: RecordingNode): string[] {
  return machine.disk
    .paths()
    .filter((path) => path.startsWith(`${stateDir}/multus-cni-network/`) && path.endsWith(".json"));
}

const takeOver = { takeOver: true };

describe("hawser migrate multus --take-over", () => {
  test("a running pod's DEL works through hawser, with all that Multus knew", async () => {
    const made = node();
    const ran = await migrate(made.machine.spawn(), takeOver);
    expect(ran.exitCode).toBe(0);
    expect(verdicts(ran)).toEqual(["ended gone", "web1 new"]);
    const about = { containerId: "web1", netns: "/run/netns/web1", args: "" };
    expect(await made.call("DEL", multus, about)).toMatchObject({ ok: true });
    expect(made.calls.map(({ verb, type, ifname }) => `${verb} ${type} ${ifname}`)).toEqual([
      "DEL macvlan net2",
      "DEL macvlan data",
      "DEL portmap eth0",
      "DEL flannel eth0",
    ]);
    const [net2, data, portmap, flannel] = made.calls;
    const pod = "IgnoreUnknown=1;K8S_POD_NAMESPACE=shop;K8S_POD_NAME=web;K8S_POD_UID=u1";
    expect(net2?.args).toBe(pod);
    // The address and the MAC address in CNI_ARGS are for the ADD alone.
    expect(data?.args).toBe(pod);
    expect(portmap?.config).toMatchObject({
      runtimeConfig: ports,
      prevResult: { interfaces: [{ name: "eth0" }] },
    });
    expect(flannel?.config).toMatchObject({ name: "cbr0", delegate: { isDefaultGateway: true } });
    expect(records(made)).toEqual([]);
  });

  test("a device information file of Multus's goes with its attachment", async () => {
    const file = "/var/run/k8s.cni.cncf.io/devinfo/cni/shop-storage-web1_data";
    const capabilityArgs = { deviceID: "0000:03:02.1", CNIDeviceInfoFile: file };
    const path = `${cniDir}/results/macvlan-conf-web1-data`;
    const made = node({
      [path]: cached("web1", "macvlan-conf", "data", side, { capabilityArgs }),
      [file]: {},
    });
    await migrate(made.machine.spawn(), takeOver);
    expect(made.machine.disk.stat(file).ok).toBe(true);
    const about = { containerId: "web1", netns: "/run/netns/web1", args: "" };
    expect(await made.call("DEL", multus, about)).toMatchObject({ ok: true });
    expect(made.machine.disk.stat(file).ok).toBe(false);
  });

  test("CHECK, too, and a hawser configuration of the same name finds them", async () => {
    const made = node();
    await migrate(made.machine.spawn(), takeOver);
    const hawser = { cniVersion: "1.0.0", name: "multus-cni-network", type: "hawser", delegate: cbr0 };
    const prevResult = cached("web1", "cbr0", "eth0", cbr0) as { result: object };
    const extra = { prevResult: JSON.parse(JSON.stringify(prevResult.result)) };
    const about = { containerId: "web1", netns: "/run/netns/web1", extra };
    expect(await made.call("CHECK", hawser, about)).toMatchObject({ ok: true });
    expect(made.calls.map(({ verb, ifname }) => `${verb} ${ifname}`)).toEqual([
      "CHECK eth0",
      "CHECK eth0",
      "CHECK data",
      "CHECK net2",
    ]);
  });

  test("run again, it does nothing twice and takes what has come since", async () => {
    const made = node();
    await migrate(made.machine.spawn(), takeOver);
    made.machine.disk.write("/run/netns/ended", "", { mode: 0o444 });
    const before = records(made);
    expect(verdicts(await migrate(made.machine.spawn(), takeOver))).toEqual([
      "ended new",
      "web1 there already",
    ]);
    expect(records(made)).toEqual([`${stateDir}/multus-cni-network/ended@eth0.json`, ...before]);
  });

  test.each<[string, Partial<MigrateOptions>, string]>([
    ["without --take-over", {}, "Nothing was written. --take-over records"],
    ["with --dry-run", { takeOver: true, dryRun: true }, "Would take over 1 container. Nothing was written."],
    ["when nobody can say yes", { takeOver: true, yes: false }, "Take over 1 container? nobody is there"],
  ])("writes nothing %s", async (_case, options, said) => {
    const made = node();
    const process = made.machine.spawn();
    const ran = await migrate(process, { ...options, json: false });
    expect(ran.text).toContain(said);
    expect(ran.text).toContain("shop/web  web1       eth0=cbr0 data=shop/storage net2=shop/storage  new");
    expect(process.effects()).toEqual([]);
  });

  test("stopped at any effect and run again, every record is there and whole", async () => {
    const probe = node();
    const process = probe.machine.spawn();
    await migrate(process, { ...takeOver, all: true });
    const effects = process.effects();
    const whole = records(probe).map((path) => probe.machine.disk.read(path));
    expect(whole).toHaveLength(2);
    for (const { effect, point, where } of crashSites(effects)) {
      const made = node();
      const stopped = made.machine.spawn();
      stopped.crashAt(effect, point);
      await expect(migrate(stopped, { ...takeOver, all: true }), where).rejects.toThrow(Crash);
      made.machine.crash({ lose: "unsynced" });
      const again = await migrate(made.machine.spawn(), { ...takeOver, all: true });
      expect(again.exitCode, where).toBe(0);
      expect(
        records(made).map((path) => made.machine.disk.read(path)),
        where,
      ).toEqual(whole);
    }
  });

  test.each(["EIO", "ENOSPC"])(
    "an effect that fails with %s is told, and nothing is half-done",
    async (code) => {
      const probe = node();
      const process = probe.machine.spawn();
      await migrate(process, takeOver);
      const whole = records(probe).map((path) => probe.machine.disk.read(path));
      for (const [number, effect] of process.effects().entries()) {
        const made = node();
        const failing = made.machine.spawn();
        failing.failAt(number, code);
        const first = await migrate(failing, takeOver);
        if (first.exitCode === 1)
          expect(first.document, effect).toMatchObject({ error: { msg: expect.any(String) } });
        const again = await migrate(made.machine.spawn(), takeOver);
        expect(again.exitCode, effect).toBe(0);
        expect(
          records(made).map((path) => made.machine.disk.read(path)),
          effect,
        ).toEqual(whole);
      }
    },
  );

  test.each<[string, unknown, string]>([
    ["torn", "[{", "it is not JSON"],
    ["empty", "", "it is not JSON"],
    ["no list", {}, "it is no list of networks"],
    ["without a configuration", [{ Name: "x" }], "entry 0 has no configuration"],
    ["with what is no configuration", [{ Name: "x", Bytes: bytes({ name: "x" }) }], "network x: "],
    [
      "with an interface that cannot be",
      [{ Name: "x", ifnameRequest: "../x", Bytes: bytes(side) }],
      "network x: it is to be interface",
    ],
  ])("a cache that is %s is named, the others are taken over", async (_case, content, why) => {
    const made = node({ [`${cniDir}/bad`]: content });
    const ran = await migrate(made.machine.spawn(), takeOver);
    expect(ran.exitCode).toBe(1);
    expect(verdicts(ran)).toEqual([
      expect.stringContaining(`bad unreadable ${why}`),
      "ended gone",
      "web1 new",
    ]);
  });

  test("a list from a file is taken whole: its Bytes have lost what Multus does not know", async () => {
    const whole = { type: "flannel", own: { field: 1 } };
    const entry = {
      Name: "cbr0",
      CNINetworkConfigList: {
        Name: "cbr0",
        CNIVersion: "1.0.0",
        DisableCheck: true,
        Plugins: [{ Network: {}, Bytes: bytes(whole) }],
      },
      Bytes: bytes({ cniVersion: "1.0.0", name: "cbr0", plugins: [{ type: "flannel", ipam: {} }] }),
    };
    const made = node({ [`${cniDir}/web1`]: [entry] });
    await migrate(made.machine.spawn(), takeOver);
    await made.call("DEL", multus, { containerId: "web1" });
    expect(made.calls.map(({ config }) => config.own)).toEqual([{ field: 1 }]);
  });

  test("a container that ends between the look and its turn gets no record", async () => {
    const made = node();
    let isGone = false;
    const process = made.machine.spawn({
      onCall: (line) => {
        if (isGone || !line.startsWith("makeFolder")) return;
        isGone = true;
        made.machine.disk.remove("/run/netns/web1");
      },
    });
    expect(verdicts(await migrate(process, takeOver))).toEqual(["ended gone", "web1 gone"]);
    expect(records(made)).toEqual([]);
  });

  test("a network that is the primary's and a secondary's: the interface that is no secondary's is the primary's", async () => {
    const twice = [delegates[0], { ...delegates[0], ifnameRequest: "data" }];
    const made = node({
      [`${cniDir}/web1`]: twice,
      [`${cniDir}/results/cbr0-web1-data`]: cached("web1", "cbr0", "data", cbr0),
    });
    await migrate(made.machine.spawn(), takeOver);
    expect(records(made)).toEqual([`${stateDir}/multus-cni-network/web1@eth0.json`]);
  });

  test("without libcni's cache the runtime's tells interface and namespace", async () => {
    const own = cached("solo", "multus-cni-network", "uplink", multus);
    const made = node({
      [`${cniDir}/solo`]: delegates,
      "/var/lib/cni/results/multus-cni-network-solo-uplink": own,
      "/run/netns/solo": "",
    });
    expect(verdicts(await migrate(made.machine.spawn(), takeOver))).toContain("solo new");
    expect(records(made)).toContain(`${stateDir}/multus-cni-network/solo@uplink.json`);
  });
});

/** Hawser must accept the printed configuration. Only its primary is unknown here. */
async function expectAccepted(configuration: JsonObject): Promise<void> {
  const [plugin = configuration] = (configuration.plugins ?? []) as JsonObject[];
  const network = must(
    parseNetworkConfig(JSON.stringify({ ...configuration, ...plugin, plugins: undefined })),
  );
  const parsed = await parseMetaConfig(network);
  const isKnown = JSON.stringify(plugin.delegate) !== "{}";
  expect(parsed).toMatchObject(isKnown ? { ok: true } : { ok: false, error: { id: "config.delegate" } });
}

/** Translates a Multus configuration. Answers hawser's configuration and the changes. */
async function translated(
  config: object,
  more: Record<string, unknown> = {},
  options: Partial<MigrateOptions> = {},
) {
  const made = node({
    ...more,
    "/etc/cni/net.d/00-multus.conf": { cniVersion: "1.0.0", name: "m", type: "multus", ...config },
  });
  const { document, text, exitCode } = await migrate(made.machine.spawn(), options);
  await expectAccepted(document.configuration as JsonObject);
  return {
    configuration: document.configuration,
    definitions: document.definitions,
    changes: document.changes,
    text,
    exitCode,
  };
}

describe("a Multus configuration in hawser's words", () => {
  test("delegates: the first is the primary, another becomes a definition", async () => {
    const { configuration, definitions } = await translated({
      capabilities: { portMappings: true },
      kubeconfig: "/etc/cni/net.d/multus.d/multus.kubeconfig",
      delegates: [cbr0, { ...side, name: "Side_1" }],
      namespaceIsolation: true,
      timeout: "90s",
    });
    expect(configuration).toMatchObject({
      name: "m",
      type: "hawser",
      capabilities: { portMappings: true, "io.kubernetes.cri.pod-annotations": true },
      delegate: cbr0,
      networks: ["default/side-1"],
      kubeconfig: "/etc/cni/net.d/multus.d/multus.kubeconfig",
      binDir: "/opt/cni/bin",
      timeout: "90s",
      crossNamespace: ["default"],
    });
    expect(definitions).toEqual([
      { path: "/etc/cni/hawser/net.d/default/side-1.json", content: { ...side, name: "Side_1" } },
    ]);
  });

  test("a default network whose name has a dot: networks are in the short form, so it gets another", async () => {
    const { configuration, definitions, changes } = await translated(
      { clusterNetwork: "cbr0", defaultNetworks: ["lan.blue", "lan_blue", "far.away"], kubeconfig: "/k" },
      {
        "/etc/cni/hawser/net.d/kube-system/lan.blue.json": {
          apiVersion: "k8s.cni.cncf.io/v1",
          kind: "NetworkAttachmentDefinition",
          metadata: {
            name: "lan.blue",
            namespace: "kube-system",
            annotations: { "k8s.v1.cni.cncf.io/resourceName": "x/y" },
          },
          spec: { config: JSON.stringify({ ...side, name: "lan.blue" }) },
        },
        "/etc/cni/multus/net.d/lan.conf": { ...side, name: "lan_blue" },
      },
    );
    expect(configuration).toMatchObject({ networks: ["kube-system/lan-blue", "default/lan-blue"] });
    expect(definitions).toMatchObject([
      {
        path: "/etc/cni/hawser/net.d/kube-system/lan-blue.json",
        content: { kind: "NetworkAttachmentDefinition" },
      },
      { path: "/etc/cni/hawser/net.d/default/lan-blue.json", content: { name: "lan_blue" } },
    ]);
    expect(changes).toContainEqual({
      field: "defaultNetworks[2]",
      what: expect.stringContaining("far.away"),
    });
  });

  test("a clusterNetwork's file is found by its network's name", async () => {
    const path = "/etc/cni/net.d/10-flannel.conflist";
    const { configuration } = await translated({ clusterNetwork: path }, { [path]: cbr0 });
    expect(configuration).toMatchObject({ delegate: { name: "cbr0" }, confDir: "/etc/cni/net.d" });
  });

  test("unless Multus's own file bears that name: by it hawser would find Multus", async () => {
    const path = "/etc/cni/net.d/10-flannel.conflist";
    const own = { name: "cbr0", clusterNetwork: path };
    const { configuration, changes } = await translated(own, { [path]: cbr0 });
    expect(configuration).toMatchObject({ delegate: cbr0 });
    expect(changes).toContainEqual({
      field: "clusterNetwork",
      what: expect.stringContaining("00-multus.conf would be found"),
    });
  });

  test("of a thick one the daemon's view is the node's", async () => {
    const path = "/etc/cni/net.d/10-flannel.conflist";
    const shim = { type: "multus-shim", clusterNetwork: `/host${path}`, socketDir: "/host/run/multus" };
    const daemon = {
      chrootDir: "/hostroot",
      namespaceIsolation: true,
      globalNamespaces: "ops",
      readinessindicatorfile: "/host/run/ready",
    };
    const { configuration, changes } = await translated(
      shim,
      { [path]: cbr0, "/daemon.json": daemon },
      { daemonConfig: "/daemon.json" },
    );
    expect(configuration).toMatchObject({ delegate: { name: "cbr0" }, crossNamespace: ["ops"] });
    expect(changes).toEqual(
      expect.arrayContaining([
        { field: "clusterNetwork", what: `/host${path} is the daemon's view of the node's ${path}` },
        { field: "readinessindicatorfile", what: expect.stringContaining("does not wait for /run/ready") },
        { field: "socketDir", what: expect.stringContaining("daemon") },
      ]),
    );
  });

  test("a path that the node has is taken as it is", async () => {
    const path = "/host/net.d/10-flannel.conflist";
    const { configuration } = await translated(
      { type: "multus-shim", clusterNetwork: path },
      { [path]: cbr0 },
    );
    expect(configuration).toMatchObject({ delegate: { name: "cbr0" }, confDir: "/host/net.d" });
  });

  test("plugins behind Multus stay behind hawser", async () => {
    const list = { type: undefined, plugins: [{ type: "multus", delegates: [cbr0] }, { type: "istio-cni" }] };
    const { configuration } = await translated(list);
    expect(configuration).toMatchObject({
      name: "m",
      plugins: [{ type: "hawser", delegate: cbr0 }, { type: "istio-cni" }],
    });
  });

  test.each<[string, object, string, string]>([
    [
      "networks that are the API's",
      { clusterNetwork: "x", defaultNetworks: ["y"], kubeconfig: "/k" },
      "clusterNetwork",
      "put its configuration into",
    ],
    [
      "networks that are the API's",
      { clusterNetwork: "x", defaultNetworks: ["y"], kubeconfig: "/k" },
      "defaultNetworks[0]",
      "from the API",
    ],
    [
      "system namespaces",
      { clusterNetwork: "x", defaultNetworks: ["y"] },
      "systemNamespaces",
      "pods of kube-system",
    ],
    ["no isolation", { delegates: [cbr0] }, "namespaceIsolation", "as before"],
    ["logs", { delegates: [cbr0], logLevel: "debug" }, "logLevel", "no effect"],
    [
      "whose kubeconfig it is",
      { delegates: [cbr0], kubeconfig: "/k" },
      "kubeconfig",
      "may not patch pods/status",
    ],
    [
      "a meta-plugin behind Multus",
      { delegates: [{ type: "genie", name: "g" }] },
      "delegates[0]",
      "CNI-Genie's",
    ],
    [
      "an auxiliary chain",
      { clusterNetwork: "/x/y.conf", auxiliaryCNIChainName: "aux" },
      "auxiliaryCNIChainName",
      "/x/aux",
    ],
  ])("what would change: %s", async (_case, config, field, what) => {
    const { changes } = await translated(config);
    expect(changes).toContainEqual({ field, what: expect.stringContaining(what) });
  });

  test.each<[string, Record<string, unknown>, string]>([
    ["there is none", { "/etc/cni/net.d/00-multus.conf": cbr0 }, "cli.no-multus"],
    ["it is not JSON", { "/etc/cni/net.d/00-multus.conf": "{" }, "cli.no-multus"],
    ["it is wrong", { "/etc/cni/net.d/00-multus.conf": { ...multus, delegates: 7 } }, "config.field"],
  ])("refused: %s", async (_case, more, id) => {
    const { exitCode, document } = await migrate(node(more).machine.spawn());
    expect(exitCode).toBe(1);
    expect(document).toMatchObject({ error: { id } });
  });
});
