import * as fs from "node:fs";
import { createServer, type Server } from "node:net";
import { join } from "node:path";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { type Bed, useBed } from "../../../tools/testbed/bed.ts";
import { answerOf, call, errorOf, expectSilence } from "../../../tools/testbed/call.ts";
import { type Executable, suite } from "../../../tools/testbed/executables.ts";
import { type KubeApi, startKubeApi } from "../../../tools/testbed/kube-api.ts";
import { networkDefinition } from "../../../tools/testbed/kube-objects.ts";
import { leftovers, records } from "../../../tools/testbed/leftovers.ts";
import { annotated, hawser } from "../../../tools/testbed/networks.ts";
import { addPlugin, calls, forgetCalls } from "../../../tools/testbed/script-plugin.ts";
import { writeKubeconfig } from "../../../tools/testbed/test-kubeconfig.ts";

/**
 * A tenant writes definitions in a namespace of his own. The compiled executable is in its default configuration: it owns the
 * primary and has a kubeconfig. Each of these definitions once did something to the node, and must do nothing now.
 */

let api: KubeApi;
beforeAll(async () => {
  api = await startKubeApi();
});
afterAll(() => api.stop());

const args = "IgnoreUnknown=1;K8S_POD_NAMESPACE=shop;K8S_POD_NAME=web;K8S_POD_UID=u1";

interface Attempt {
  readonly config: object | string | undefined;
  /** The operator's resources.json. */
  readonly resources?: object;
  readonly more?: object;
  readonly namespace?: string;
}

function configuration(bed: Bed, { resources, more = {} }: Attempt): object {
  const path = join(bed.root, "resources.json");
  if (resources !== undefined) fs.writeFileSync(path, JSON.stringify(resources));
  const kubeconfig = writeKubeconfig(join(bed.root, "kubeconfig"), api);
  const all = { delegate: { type: "main" }, kubeconfig, status: "off", resources: path, ...more };
  return hawser(bed, all);
}

async function add(bed: Bed, executable: Executable, attempt: Attempt) {
  const { namespace = "shop", config } = attempt;
  api.put(networkDefinition(namespace, "evil", config));
  const plain = configuration(bed, attempt);
  const input = annotated(plain, namespace === "shop" ? "evil" : `${namespace}/evil`);
  return { plain, ended: await call(bed, executable, { verb: "ADD", config: input, args }) };
}

/** Every plugin is installed, and only writes down that it was called. The tests ask which plugins a definition can reach. */
const plugins = [
  ...["main", "bridge", "macvlan", "ptp", "tuning", "portmap", "host-device", "vendor", "hawser"],
  ...["host-local", "dhcp", "hawser-flat", "hawser-host-local"],
];

/** Expects that the ADD is refused, that nothing has run, and that nothing is left. Returns the error. */
async function refused(
  bed: Bed,
  executable: Executable,
  attempt: Attempt,
): Promise<{ id: string; text: string }> {
  const { plain, ended } = await add(bed, executable, attempt);
  const told = errorOf(ended);
  expect([calls(bed), leftovers(bed), records(bed)]).toEqual([[], [], []]);
  expectSilence(await call(bed, executable, { verb: "DEL", config: plain, args }));
  // The DEL undoes the primary network, which every pod has.
  forgetCalls(bed);
  return { id: idOf(told), text: told.msg };
}

/** The error's id. It stands at the end of the details. */
function idOf({ details = "" }: { readonly details?: string }): string {
  return /\[([a-z.-]+)\]$/.exec(details)?.[1] ?? "";
}

suite("a tenant's definition", [], (executable) => {
  const bed = useBed({ node: false });
  beforeEach(() => {
    for (const type of plugins) addPlugin(bed(), type);
  });

  describe("S1, S5: files, stores and servers of the node", () => {
    let server: Server;
    let heard: number;
    let port: number;
    beforeEach(async () => {
      heard = 0;
      server = createServer((socket) => {
        heard++;
        socket.destroy();
      });
      await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
      const address = server.address();
      port = typeof address === "object" && address !== null ? address.port : 0;
    });
    afterEach(() => new Promise((resolve) => server.close(resolve)));

    const ranges = [[{ subnet: "10.60.0.0/24" }]];
    const flat = (more: object) => ({
      type: "bridge",
      bridge: "rsx",
      ipam: { type: "hawser-flat", ranges, ...more },
    });

    test.each<[string, (root: string, port: number) => object, string]>([
      [
        "a file as a password, and where to send it",
        (root, at) =>
          flat({
            store: {
              etcd: {
                endpoints: [`http://127.0.0.1:${at}`],
                username: "x",
                passwordFile: join(root, "secret"),
              },
            },
          }),
        "ipam.store",
      ],
      [
        "a certificate of the node's",
        (root, at) =>
          flat({
            store: {
              etcd: {
                endpoints: [`https://127.0.0.1:${at}`],
                certFile: join(root, "secret"),
                keyFile: join(root, "secret"),
              },
            },
          }),
        "ipam.store",
      ],
      [
        "a store in the runtime's folder",
        (root) => flat({ store: { dir: join(root, "net.d") } }),
        "ipam.store",
      ],
      [
        "a journal there",
        (root, at) =>
          flat({
            pool: "net.d",
            journalDir: root,
            store: { etcd: { endpoints: [`http://127.0.0.1:${at}`] } },
          }),
        "ipam.journalDir",
      ],
      [
        "host-local's folder over hawser's records",
        (root) => ({
          type: "bridge",
          name: "pods",
          ipam: { type: "host-local", dataDir: join(root, "state"), ranges },
        }),
        "ipam.dataDir",
      ],
      [
        "the same of ours",
        (root) => ({
          type: "bridge",
          ipam: { type: "hawser-host-local", dataDir: join(root, "net.d"), ranges },
        }),
        "ipam.dataDir",
      ],
      [
        "a file as name servers",
        (root) => ({
          type: "bridge",
          ipam: { type: "host-local", resolvConf: join(root, "secret"), ranges },
        }),
        "ipam.resolvConf",
      ],
      [
        "a socket",
        (root) => ({ type: "macvlan", ipam: { type: "dhcp", daemonSocketPath: join(root, "s") } }),
        "ipam.daemonSocketPath",
      ],
      [
        "a program for iptables",
        (root) => ({
          plugins: [{ type: "bridge" }, { type: "portmap", conditionsV4: [`--modprobe=${root}/x`] }],
        }),
        "plugins[1].conditionsV4",
      ],
      [
        "a setting of the node's",
        () => ({
          plugins: [{ type: "bridge" }, { type: "tuning", sysctl: { "net/../kernel/core_pattern": "|/x" } }],
        }),
        "plugins[1].sysctl",
      ],
    ])("%s", async (_case, config, place) => {
      const { root, confDir } = bed();
      fs.writeFileSync(join(root, "secret"), "s3cret\n", { mode: 0o600 });
      const before = fs.readdirSync(confDir);
      const { id, text } = await refused(bed(), executable, {
        config: { cniVersion: "1.0.0", ...config(root, port) },
      });
      expect(id).toBe("meta.definition-denied");
      expect(text).toContain(place);
      expect(text).not.toContain("s3cret");
      expect([heard, fs.readdirSync(confDir)]).toEqual([0, before]);
    });
  });

  describe("S2, S3: what runs", () => {
    test.each<[string, object, string, string]>([
      [
        "a program by a key in another case",
        { type: "ptp", Ipam: { type: "host-device" }, device: "uplink0" },
        "meta.type-denied",
        "host-device",
      ],
      [
        "by a key that only Go reads so",
        { type: "bridge", ip\u017Fam: {}, "i\u0070Ma\u017Fq": true },
        "meta.definition-denied",
        "is written",
      ],
      [
        "a main plugin for addresses",
        { type: "macvlan", master: "uplink0", ipam: { type: "macvlan" } },
        "meta.type-denied",
        "macvlan",
      ],
      [
        "another main plugin for addresses",
        { type: "macvlan", ipam: { type: "bridge" } },
        "meta.type-denied",
        "bridge",
      ],
      [
        "an IPAM plugin as the network",
        { type: "hawser-flat", name: "pods", ipam: { type: "hawser-flat", node: "node-b", ranges: [] } },
        "meta.type-denied",
        "hawser-flat",
      ],
      [
        "the meta-plugin for addresses",
        { type: "bridge", ipam: { type: "hawser" } },
        "meta.type-denied",
        "hawser",
      ],
    ])("%s", async (_case, config, id, words) => {
      const found = await refused(bed(), executable, { config: { cniVersion: "1.0.0", ...config } });
      expect(found.id).toBe(id);
      expect(found.text).toContain(words);
    });

    test.each<[string, object]>([
      [
        "what the operator's own definition on disk can never mean",
        { type: "macvlan", master: "uplink0", ipam: { type: "macvlan" } },
      ],
      ["nor one of a namespace that he trusts", { type: "vendor", ipam: { type: "vendor" } }],
    ])("%s", async (_case, config) => {
      const attempt = {
        config: { cniVersion: "1.0.0", ...config },
        namespace: "kube-system",
        more: { crossNamespace: ["kube-system"] },
      };
      expect((await refused(bed(), executable, attempt)).id).toBe("meta.endless-ipam");
    });
  });

  test("S6: the state of others by their name", async () => {
    const primary = {
      type: "bridge",
      name: "pods",
      ipam: { type: "host-local", ranges: [[{ subnet: "10.1.0.0/24" }]] },
    };
    // What the plugin is given. Within this process it is the same (trust/fuzz.test.ts).
    const attempt = { config: { cniVersion: "1.0.0", ...primary }, more: { native: "off" } };
    answerOf((await add(bed(), executable, attempt)).ended);
    expect(calls(bed()).map(({ type, config }) => `${type} ${config.name}`)).toEqual([
      "main pods",
      "bridge shop.pods",
    ]);
  });

  describe("S12: the operator's networks of confDir", () => {
    const attempt = (resources?: object): Attempt => ({ config: undefined, ...(resources && { resources }) });
    beforeEach(() => {
      addPlugin(bed(), "operators");
      fs.writeFileSync(
        join(bed().confDir, "50-evil.conf"),
        JSON.stringify({ cniVersion: "1.0.0", name: "evil", type: "operators" }),
      );
    });

    test("are not had by their name", async () => {
      expect((await refused(bed(), executable, attempt())).id).toBe("meta.network-denied");
      const others = { networks: { evil: { namespaces: ["other"] } } };
      expect((await refused(bed(), executable, attempt(others))).id).toBe("meta.network-denied");
    });

    test("but by the operator's word", async () => {
      const { ended } = await add(
        bed(),
        executable,
        attempt({ networks: { evil: { namespaces: ["shop"] } } }),
      );
      answerOf(ended);
      expect(calls(bed()).map(({ type }) => type)).toEqual(["main", "operators"]);
    });
  });

  test("S15: a chain without an end, a definition without an end", async () => {
    const many = { cniVersion: "1.0.0", plugins: Array(3000).fill({ type: "tuning" }) };
    expect((await refused(bed(), executable, { config: many })).id).toBe("meta.definition-denied");
    const large = { cniVersion: "1.0.0", type: "bridge", bridge: "x".repeat(200_000) };
    expect((await refused(bed(), executable, { config: large })).id).toBe("kube.bad-definition");
    const deep = `{"cniVersion":"1.0.0","type":"bridge","dns":${"[".repeat(180)}${"]".repeat(180)}}`;
    expect((await refused(bed(), executable, { config: deep })).id).toBe("meta.definition-denied");
  });

  test("S17: what an operator denies of the annotations", async () => {
    api.put(networkDefinition("shop", "own", { cniVersion: "1.0.0", type: "bridge" }));
    const deny = (kind: string, annotations: object) => {
      const config = configuration(bed(), { config: undefined, more: { requests: { [kind]: "deny" } } });
      const runtimeConfig = { "io.kubernetes.cri.pod-annotations": annotations };
      return call(bed(), executable, { verb: "ADD", config: { ...config, runtimeConfig }, args });
    };
    const networks = "k8s.v1.cni.cncf.io/networks";
    for (const [kind, annotations] of [
      ["defaultNetwork", { "v1.multus-cni.io/default-network": "own" }],
      [
        "portMappings",
        {
          [networks]: JSON.stringify([{ name: "own", portMappings: [{ hostPort: 80, containerPort: 80 }] }]),
        },
      ],
      ["interface", { [networks]: "own@data0" }],
      ["ipamClaim", { [networks]: JSON.stringify([{ name: "own", "ipam-claim-reference": "c" }]) }],
    ] as const) {
      const told = errorOf(await deny(kind, annotations));
      expect([idOf(told), told.msg.includes(kind)]).toEqual(["meta.request-denied", true]);
    }
    expect(calls(bed())).toEqual([]);
  });
});
