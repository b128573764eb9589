import { describe, expect, test } from "vitest";
import type { JsonObject } from "../../cni/json.ts";
import type { CniResult } from "../../cni/types.ts";
import { exited, type FakeProcess, type Handler } from "../../sys/fake.ts";
import { must } from "../../sys/outcome-testing.ts";
import { createRecordingNode, type RecordingNode } from "./meta-testing.ts";
import { createPodNetwork } from "./routes/pod-network-testing.ts";

/** Answers to CHECK right after the plugin's own ADD, word for word, from the reference plugins 1.8.0 and others. */

const netns = "/run/netns/pod1";
const mac = "02:00:00:00:00:01";
const net1 = { mac, addresses: ["10.1.0.5/24", "fd00::5/64"] };
const made: CniResult = {
  interfaces: [{ name: "br0" }, { name: "net1", mac, sandbox: netns }],
  ips: [
    { address: "10.1.0.5/24", interface: 1 },
    { address: "FD00:0::5/64", interface: 1 },
  ],
};

interface Case {
  readonly plugins?: readonly JsonObject[];
  readonly said: string;
  readonly code?: number;
  readonly result?: CniResult;
  /** The pod's link net1. Null if there is none, undefined if it is as the plugin has made it. */
  readonly link?: { readonly mac: string; readonly addresses: readonly string[] } | null;
  /** The kernel does not answer. */
  readonly isMute?: boolean;
}

const wrong: [string, Case][] = [
  [
    "a bridge of layer 2 alone",
    { said: "no plugin name provided", result: { interfaces: made.interfaces ?? [] } },
  ],
  ["whereabouts", { said: "CNI CHECK method is not implemented" }],
  ["a plugin that knows no CHECK", { said: "unknown CNI_COMMAND: CHECK", code: 4 }],
  ...["sbr", "vrf", "route-override"].flatMap((type): [string, Case][] => [
    [
      `bridge before ${type}`,
      { plugins: [{ type: "main" }, { type }], said: "Failed to find Gateway 10.1.0.1 for interface net1" },
    ],
    [
      `bridge and its routes before ${type}`,
      {
        plugins: [{ type: "main" }, { type }],
        said: "Expected Route {Dst:{IP:10.9.0.0}} not found in routing table",
      },
    ],
  ]),
  [
    "an address of its own",
    {
      said: "Failed to find Gateway <nil> for interface net1",
      result: { interfaces: [{ name: "net1", sandbox: netns }], ips: [{ address: "10.1.0.5/32" }] },
      link: { ...net1, addresses: ["10.1.0.5/32"] },
    },
  ],
  [
    "a route in another table",
    {
      said: "Expected Route {Dst:{IP:0.0.0.0}} not found in routing table",
      result: { ...made, routes: [{ dst: "0.0.0.0/0", gw: "10.1.0.1", table: 100 }] },
    },
  ],
  [
    "a bridge that other pods have changed",
    { said: "Bridge interface br0 Mac doesn't match: 3a:00:00:00:00:01" },
  ],
  [
    "a bridge that is promiscuous for another network",
    { said: "Bridge interface br0 configured Promisc Mode false doesn't match current state: true " },
  ],
  [
    "tuning, of values with blanks",
    {
      said: "Error: Tuning configured value of /proc/sys/net/ipv4/tcp_rmem is 4096 87380 6291456, current value is 4096\t87380\t6291456",
    },
  ],
  ["a kernel that does not answer", { said: "no plugin name provided", isMute: true }],
];

const right: [string, string, Case][] = [
  ["another failure", "delegate.failed", { said: "CNI veth created for bridge br0 was not found" }],
  [
    "a route that nobody moves",
    "delegate.failed",
    { said: "Failed to find Gateway 10.1.0.1 for interface net1" },
  ],
  [
    "a route of the main table",
    "delegate.failed",
    {
      said: "Expected Route {Dst:{IP:10.9.0.0}} not found in routing table",
      result: { ...made, routes: [{ dst: "10.9.0.0/16" }] },
    },
  ],
  [
    "tuning, of another value",
    "delegate.failed",
    { said: "Error: Tuning configured value of /proc/sys/net/core/somaxconn is 500, current value is 128" },
  ],
  ["an interface that is gone", "check.interface", { said: "no plugin name provided", link: null }],
  [
    "an interface of the same name, but another",
    "check.interface",
    { said: "no plugin name provided", link: { ...net1, mac: "02:00:00:00:00:99" } },
  ],
  [
    "an address that is lost, after a plugin without CHECK",
    "check.address",
    {
      plugins: [{ type: "main" }, { type: "sbr" }],
      said: "Failed to find Gateway 10.1.0.1 for interface net1",
      link: { ...net1, addresses: ["10.1.0.5/24"] },
    },
  ],
];

async function nodeOf({
  plugins = [{ type: "main" }],
  said,
  code = 999,
  result = made,
  link = net1,
  isMute = false,
}: Case): Promise<RecordingNode> {
  const pod = await createPodNetwork(netns);
  if (link !== null) pod.add("net1", link.addresses, link.mac);
  const main: Handler = ({ env }) => {
    if (env.CNI_COMMAND === "CHECK")
      return exited(1, JSON.stringify({ cniVersion: "1.1.0", code, msg: said }));
    return exited(0, env.CNI_COMMAND === "ADD" ? JSON.stringify({ cniVersion: "1.1.0", ...result }) : "");
  };
  const definition = { cniVersion: "1.1.0", name: "data", plugins: [...plugins] };
  const chained: Handler = ({ env, stdin }) => {
    const { prevResult } = JSON.parse(stdin) as { prevResult?: object };
    return exited(0, env.CNI_COMMAND === "ADD" ? JSON.stringify(prevResult) : "");
  };
  return createRecordingNode(
    ["prim"],
    { "/etc/cni/hawser/net.d/shop/data.json": definition },
    {
      ...(!isMute && { network: pod.network }),
      executables: {
        "/bin/cni/main": main,
        "/bin/cni/bridge": main,
        "/bin/cni/sbr": chained,
        "/bin/cni/vrf": chained,
        "/bin/cni/route-override": chained,
      },
    },
  );
}

async function checked(each: Case, prepare: (process: FakeProcess) => void = () => {}) {
  const node = await nodeOf(each);
  prepare(node.machine.spawn());
  const config = { name: "pods", type: "hawser", cniVersion: "1.1.0", delegate: { type: "prim" } };
  const annotations = { "k8s.v1.cni.cncf.io/networks": "data" };
  const added = must(await node.call("ADD", config, { annotations, netns }));
  const prevResult = { cniVersion: "1.1.0", ...(added as JsonObject) };
  const outcome = await node.call("CHECK", { ...config, prevResult }, { annotations, netns });
  return { outcome, warnings: node.warnings() };
}

describe("a CHECK that is wrong keeps no pod from starting, and is told of", () => {
  test.each(wrong)("%s", async (_case, each) => {
    const { outcome, warnings } = await checked(each);
    expect(outcome).toMatchObject({ ok: true });
    expect(warnings.join("\n")).toContain(each.said.replaceAll("\t", "\\t"));
    expect(warnings.join("\n")).toContain("check secondary network shop/data (net1)");
  });
});

test.each([
  ["is a port of its bridge", "../br0", true],
  ["has left its bridge", undefined, false],
  ["is a port of another one", "../br1", false],
])("the host's end of a bridge of layer 2 %s", async (_case, master, isRight) => {
  const interfaces = [{ name: "br0" }, { name: "veth1" }, { name: "net1", mac, sandbox: netns }];
  const plugins = [{ type: "bridge", bridge: "br0" }];
  const { outcome } = await checked(
    { plugins, said: "no plugin name provided", result: { interfaces } },
    ({ sys }) => {
      sys.files.makeFolder("/sys/class/net/veth1", 0o755);
      if (master !== undefined) sys.files.symlink(master, "/sys/class/net/veth1/master");
    },
  );
  expect(outcome).toMatchObject(isRight ? { ok: true } : { error: { id: "check.interface" } });
});

describe("a real fault of the attachment is found all the same", () => {
  test.each(right)("%s", async (_case, id, each) => {
    const { outcome } = await checked(each);
    expect(outcome).toMatchObject({ ok: false, error: { id } });
  });
});
