import * as fs from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { linux } from "../sys/linux.ts";
import { must } from "../sys/outcome-testing.ts";
import type { RunReport, Sys } from "../sys/sys.ts";
import { addNamespace, locksOf, removeNamespace, useBed } from "../tools/testbed/bed.ts";
import { call } from "../tools/testbed/call.ts";
import { suite } from "../tools/testbed/executables.ts";
import { linkNames } from "../tools/testbed/kernel-state.ts";
import { hawser } from "../tools/testbed/networks.ts";
import { withOwnPlugins } from "./own-plugins.ts";

/**
 * A delegate that is served in this process must not be told from one that is a process: the same calls, each from the same
 * state of the node, have the same output, exit status and stderr. The process is the compiled executable.
 */

interface Call {
  readonly config: object | string;
  readonly env?: Readonly<Record<string, string>>;
}

/** Calls that follow each other on one node. */
type Story = (root: string) => readonly Call[];

const network = { cniVersion: "1.1.0", name: "n", type: "bridge" };
const ips = [{ address: "10.9.0.5/24" }];
const prevResult = { cniVersion: "1.1.0", interfaces: [{ name: "eth0", sandbox: "/ns" }], ips };
const pod = "IgnoreUnknown=1;K8S_POD_NAMESPACE=default;K8S_POD_NAME=web";
const verbs = ["ADD", "CHECK", "DEL", "GC", "STATUS", "VERSION"];

/** Every verb for two containers, then with an input that is wrong in each of many ways. */
function storyOf(ipam: object): readonly Call[] {
  const config = { ...network, ipam };
  const valid = [{ containerID: "c2", ifname: "eth0" }];
  const life = ["ADD", "ADD", "CHECK", "STATUS", "DEL", "DEL", "ADD"].map((verb): Call => {
    return { config: { ...config, prevResult }, env: { CNI_COMMAND: verb } };
  });
  const second = { CNI_COMMAND: "ADD", CNI_CONTAINERID: "c2" };
  const bad: Call["config"][] = [
    "",
    "[]",
    '{"cniVersion":',
    '{"cniVersion":"\ud800"}',
    network,
    { ...config, cniVersion: "9.9.9" },
    { ...config, cniVersion: "0.4.0" },
    { ...config, cniVersion: 1 },
    { ...config, ipam: 1 },
    { ...config, ipam: { ...ipam, ranges: 1, addresses: 1, routes: [{ dst: "x" }] } },
    { ...config, ipam: { ...ipam, ranges: [[{ subnet: "10.9.0.0/33" }]], addresses: [{ address: "x" }] } },
    { ...config, args: { cni: { ips: ["10.200.0.1"] } } },
    { ...config, runtimeConfig: { ips: ["é", "10.9.0.300"] } },
  ];
  return [
    ...life,
    { config, env: second },
    { config: { ...config, "cni.dev/valid-attachments": valid }, env: { CNI_COMMAND: "GC" } },
    { config: { ...config, "cni.dev/valid-attachments": 7 }, env: { CNI_COMMAND: "GC" } },
    ...verbs.flatMap((verb) => bad.map((each): Call => ({ config: each, env: { CNI_COMMAND: verb } }))),
    ...[{ CNI_COMMAND: "SING" }, { CNI_CONTAINERID: "" }, { CNI_IFNAME: "../x" }, { CNI_ARGS: "IP" }].map(
      (env): Call => ({ config, env: { ...env } }),
    ),
  ];
}

const stories: Readonly<Record<string, Story>> = {
  "hawser-static": () => storyOf({ type: "hawser-static", addresses: ips }),
  "hawser-host-local": (root) =>
    storyOf({ type: "host-local", dataDir: `${root}/data`, ranges: [[{ subnet: "10.9.0.0/29" }]] }),
  "hawser-flat": (root) =>
    storyOf({
      type: "hawser-flat",
      store: { dir: `${root}/flat` },
      node: "n1",
      ranges: [[{ subnet: "10.9.0.0/29" }]],
    }),
  "hawser-tuning": (root) => storyOf({ root }),
  "hawser-sbr": (root) => storyOf({ root }),
  hawser: (root) => [
    { config: { ...network, type: "hawser", stateDir: `${root}/state` } },
    { config: "{}", env: { CNI_COMMAND: "VERSION" } },
    // The one that serves it is at work: it would wait for itself.
    { config: { ...network, type: "hawser" }, env: { HAWSER_OPERATION: linux.processes.operation() } },
  ],
};

suite("a delegate in this process", ["root"], (executable) => {
  const bed = useBed({ node: false });

  async function tell(sys: Sys, path: string, { config, env = {} }: Call): Promise<RunReport> {
    const usual = { CNI_COMMAND: "ADD", CNI_CONTAINERID: "c1", CNI_NETNS: "/ns", CNI_IFNAME: "eth0" };
    const report = await sys.processes.run({
      executable: path,
      args: [],
      env: { ...usual, CNI_ARGS: pod, CNI_PATH: "/nowhere", ...env },
      stdin: typeof config === "string" ? config : JSON.stringify(config),
      timeoutMs: 60_000,
      maxOutputBytes: 1_000_000,
      ...(path === "/proc/self/exe" && { serveAs: served }),
    });
    return must(report);
  }
  let served = "";

  test.each(Object.entries(stories))("says what a process of %s says", async (name, story) => {
    const { root, binDir } = bed();
    const path = join(binDir, name);
    fs.symlinkSync(executable.path, path);
    served = name;
    const place = join(root, "place");
    const told: RunReport[][] = [];
    for (const way of [path, "/proc/self/exe"]) {
      fs.mkdirSync(place);
      const sys = way === path ? linux : withOwnPlugins(linux);
      const reports: RunReport[] = [];
      for (const each of story(place)) reports.push(await tell(sys, way, each));
      told.push(reports);
      fs.rmSync(place, { recursive: true });
      fs.rmSync(locksOf(place), { recursive: true, force: true });
    }
    const [asProcess = [], within = []] = told;
    expect(within.map(plain)).toEqual(asProcess.map(plain));
    const codes = new Set(asProcess.map(({ end }) => (end.kind === "exited" ? end.code : end.kind)));
    expect(codes).toEqual(new Set([0, 1]));
  });

  test("so does the meta-plugin, whether its delegate is this very file or a copy of it", async () => {
    const { binDir, root } = bed();
    const path = join(binDir, "hawser-host-local");
    const config = hawser(bed(), {
      delegate: {
        cniVersion: "1.1.0",
        type: "hawser-host-local",
        ipam: { type: "host-local", dataDir: `${root}/data`, ranges: [[{ subnet: "10.9.0.0/29" }]] },
      },
    });
    const told: unknown[] = [];
    for (const place of [fs.symlinkSync, fs.copyFileSync]) {
      place(executable.path, path);
      for (const verb of ["ADD", "ADD", "CHECK", "DEL", "DEL", "ADD", "STATUS", "GC"] as const) {
        const valid = verb === "GC" ? { "cni.dev/valid-attachments": [] } : { prevResult: undefined };
        const before =
          verb === "CHECK" ? { prevResult: { cniVersion: "1.1.0", ips: [{ address: "10.9.0.2/29" }] } } : {};
        told.push(
          await call(bed(), executable, { verb, config: { ...config, ...valid, ...before }, netns: "/ns" }),
        );
      }
      fs.rmSync(path);
      fs.rmSync(`${root}/data`, { recursive: true });
    }
    expect(told.slice(0, 8)).toEqual(told.slice(8));
    expect(told[0]).toMatchObject({ exitCode: 0 });
  });
});

const addresses = [{ address: "10.9.0.5/24", gateway: "10.9.0.1" }, { address: "fd09::5/64" }];
const ipam = { type: "static", addresses, routes: [{ dst: "10.20.0.0/16" }] };
const onUplink = { master: "uplink0", ipam };
/** Attachments by each plugin that makes or changes interfaces. This kernel may lack a link type: its words are compared, too. */
const attachments: Readonly<Record<string, readonly object[]>> = {
  bridge: [{ type: "hawser-bridge", bridge: "br9", isDefaultGateway: true, ipMasq: true, ipam }],
  "bridge of layer 2": [{ type: "hawser-bridge", bridge: "br9", macspoofchk: true }],
  "bridge with tuning and sbr": [
    { type: "hawser-bridge", bridge: "br9", ipam },
    { type: "hawser-tuning", mtu: 1400, sysctl: { "net.ipv4.conf.IFNAME.arp_filter": "1" } },
    { type: "hawser-sbr" },
  ],
  ptp: [{ type: "hawser-ptp", ipMasq: true, ipam }],
  macvlan: [{ type: "hawser-macvlan", mode: "bridge", ...onUplink }],
  ipvlan: [{ type: "hawser-ipvlan", ...onUplink }],
  vlan: [{ type: "hawser-vlan", vlanId: 9, ...onUplink }],
  dummy: [{ type: "hawser-dummy", ipam }],
  tap: [{ type: "hawser-tap", ipam }],
  loopback: [{ type: "hawser-loopback" }],
  "host-device": [{ type: "hawser-host-device", device: "uplink0", ipam }],
  "a bridge with a wrong field": [{ type: "hawser-bridge", vlan: 5000 }],
};

suite("a main plugin in this process", ["root", "bridge", "macvlan"], (executable) => {
  const bed = useBed({ node: true });

  test.each(Object.entries(attachments))("says and makes what a process does: %s", async (_name, plugins) => {
    const [main, ...chained] = plugins;
    const delegate = {
      ...{ cniVersion: "1.1.0", name: "n" },
      ...(chained.length === 0 ? main : { plugins }),
    };
    const config = hawser(bed(), { delegate });
    const told: unknown[][] = [];
    for (const place of [fs.symlinkSync, fs.copyFileSync]) {
      const types = (plugins as { type: string }[]).map(({ type }) => type);
      // A delegate that is a process runs its IPAM plugin as one, too.
      for (const type of [...types, "static"]) place(executable.path, join(bed().binDir, type));
      const pod = addNamespace(bed());
      const operation = { netns: pod.path, path: bed().binDir };
      const said: unknown[] = [];
      let prevResult: unknown;
      for (const verb of ["ADD", "CHECK", "STATUS", "GC", "DEL", "DEL", "ADD", "DEL", "GC"] as const) {
        const about = verb === "ADD" || verb === "DEL" ? {} : { prevResult };
        const valid = {
          "cni.dev/valid-attachments": said.length < 8 ? [{ containerID: "c1", ifname: "eth0" }] : [],
        };
        const asked = { ...config, ...about, ...(verb === "GC" && valid) };
        const ended = await call(bed(), executable, { verb, config: asked, ...operation });
        if (verb === "ADD" && ended.exitCode === 0) prevResult = JSON.parse(ended.stdout);
        said.push({ verb, ...ended, links: [linkNames(pod.name), linkNames(bed().node ?? "")] });
      }
      told.push(JSON.parse(steadyText(JSON.stringify(said), pod.path)) as unknown[]);
      removeNamespace(bed(), pod);
      for (const type of new Set([...types, "static"])) fs.rmSync(join(bed().binDir, type));
    }
    const [within, asProcess] = told;
    expect(within).toEqual(asProcess);
  });
});

/** Hardware addresses that the kernel makes up, and the namespace. */
function steadyText(text: string, namespace: string): string {
  return text.replaceAll(namespace, "NETNS").replaceAll(/([0-9a-f]{2}:){5}[0-9a-f]{2}/g, "MAC");
}

/** Process IDs differ from one run to the next, and each engine has its own words for what is no JSON. */
function plain({ end, stdout, stderr }: RunReport): RunReport {
  const steady = (text: string): string =>
    text
      .replaceAll(/\d+-\d+-\d+(\.\d+)?/g, "IDENTITY")
      .replace(/(configuration on stdin: )(JSON Parse error|Unexpected|Expected)[^"]*"/, '$1ENGINE"');
  return { end, stdout: steady(stdout), stderr: steady(stderr) };
}
