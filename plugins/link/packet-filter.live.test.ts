import { execFileSync, spawnSync } from "node:child_process";
import * as fs from "node:fs";
import { join } from "node:path";
import { beforeEach, describe, expect, test } from "vitest";
import type { Verb } from "../../cni/version.ts";
import { linux } from "../../sys/linux.ts";
import type { NetworkNamespace } from "../../sys/network.ts";
import { must } from "../../sys/outcome-testing.ts";
import type { Sys } from "../../sys/sys.ts";
import { addNamespace, type Bed, type BedNamespace, useBed } from "../../tools/testbed/bed.ts";
import { answerOf, call, enterNode, expectSilence } from "../../tools/testbed/call.ts";
import { pluginDir } from "../../tools/testbed/executables.ts";
import type { PrintedResult } from "../../tools/testbed/kernel-state.ts";
import { subnetOf } from "./ip-bytes.ts";
import { checkMasquerade, collectMasquerades, setUpMasquerade, tearDownMasquerade } from "./masquerade.ts";
import { checkSpoofCheck, setUpSpoofCheck, tearDownSpoofCheck } from "./spoof-check.ts";

/** Ours beside the reference plugins, in one packet filter: both make the same rules, and either removes the other's. */

const key = { network: "n1", containerId: "c1", ifname: "eth0" };
const addresses = ["10.1.2.5/17", "fd00::5/64"];
const gateways = ["10.1.0.1", "fd00::1"];
const subnets = addresses.map(subnetOf);
const bed = useBed({ node: true });
let pod: BedNamespace;
beforeEach(() => {
  pod = addNamespace(bed());
});

function reference(name: "bridge" | "ptp", verb: Verb, fields: object, env = {}) {
  const ipam = {
    type: "static",
    addresses: addresses.map((address, index) => ({ address, gateway: gateways[index] })),
  };
  const config = { cniVersion: "1.0.0", name: "n1", type: name, ...fields, ipam };
  return call(
    bed(),
    { path: join(pluginDir, name), name },
    {
      verb,
      config,
      netns: pod.path,
      path: pluginDir,
      env,
    },
  );
}

function inNode(...argv: string[]): string {
  const [file = "", ...args] = [...enterNode(bed().node), ...argv];
  return execFileSync(file, args, { encoding: "utf8", stdio: ["ignore", "pipe", "ignore"] });
}

/**
 * The rules of nf_tables but those of iptables, without numbers, and with one name for the random one. A DEL of the reference
 * plugins leaves empty tables of iptables.
 */
function nftRuleset(hostEnd = "veth-none"): object[] {
  const text = inNode("nft", "-j", "list", "ruleset").replaceAll(hostEnd, "host-end");
  const unnumbered = (key: string, value: unknown) => (key === "handle" ? undefined : value);
  const { nftables } = JSON.parse(text, unnumbered) as { nftables: Record<string, { family?: string }>[] };
  return nftables.filter((entry) => /^(inet|bridge)$/.test(Object.values(entry)[0]?.family ?? ""));
}

/** The rules in the words of iptables-save, of both families. */
function iptablesRules(variant = ""): string[] {
  return ["iptables", "ip6tables"].flatMap((name) =>
    inNode(`${name}${variant}-save`, "-t", "nat")
      .split("\n")
      .filter((line) => !line.startsWith("#")),
  );
}

function hasOlderIptables(): boolean {
  const argv = [...enterNode(bed().node), "ip6tables-legacy", "-t", "nat", "-S"];
  return spawnSync(argv[0] ?? "", argv.slice(1)).status === 0;
}

/** The machine as a plugin in the node's namespace has it. With `legacy`, its iptables is the older one. */
function nodeSys(of: Bed, legacy: boolean): Sys {
  const read: Sys["files"]["read"] = (path, most) =>
    path.startsWith("/proc/net/") && legacy
      ? { ok: true, value: inNode("cat", path) }
      : linux.files.read(path, most);
  return {
    ...linux,
    files: { ...linux.files, read },
    processes: {
      ...linux.processes,
      run: (request) => {
        const program = request.executable.replace(
          /tables-(save|restore)$/,
          legacy ? "tables-legacy-$1" : "$&",
        );
        const [file = "", ...args] = [...enterNode(of.node), program, ...request.args];
        return linux.processes.run({ ...request, executable: `/usr/bin/${file}`, args });
      },
    },
  };
}

async function withHost<T>(body: (host: NetworkNamespace) => Promise<T> | T): Promise<T> {
  const host = must(await linux.network.open(`/var/run/netns/${bed().node}`));
  try {
    return await body(host);
  } finally {
    host.close();
  }
}

const done = { ok: true, value: undefined };

describe.each(["bridge", "ptp"] as const)("ipMasq, beside the reference plugin %s", (name) => {
  const fields = { ipMasq: true, ...(name === "bridge" ? { bridge: "br0", isGateway: true } : {}) };

  test.each(["nftables", "iptables"] as const)(
    "the same rules of %s, and either removes the other's",
    async (backend) => {
      const sys = nodeSys(bed(), false);
      const withBackend = { ...fields, ipMasqBackend: backend };
      answerOf(await reference(name, "ADD", withBackend));
      const theirs = [nftRuleset(), iptablesRules()];
      await withHost(async (host) => {
        expect(checkMasquerade(sys, host, key, subnets)).toEqual(done);
        expect(await tearDownMasquerade(sys, host, key, subnets)).toEqual(done);
      });
      const without = [nftRuleset(), iptablesRules()];
      expect(JSON.stringify(without)).not.toContain("c1");
      await withHost(async (host) => {
        expect(await setUpMasquerade(sys, host, key, subnets, backend)).toEqual(done);
      });
      expect([nftRuleset(), iptablesRules()]).toEqual(theirs);
      expectSilence(await reference(name, "DEL", withBackend));
      expect([nftRuleset(), iptablesRules()]).toEqual(without);
    },
  );

  test.each(["nftables", "iptables"] as const)(
    "GC removes what the reference plugin made of %s",
    async (backend) => {
      const sys = nodeSys(bed(), false);
      answerOf(await reference(name, "ADD", { ...fields, ipMasqBackend: backend }));
      const theirs = [nftRuleset(), iptablesRules()];
      await withHost((host) => collectMasquerades(sys, host, "n1", [key]));
      await withHost((host) => collectMasquerades(sys, host, "n2", []));
      expect([nftRuleset(), iptablesRules()]).toEqual(theirs);
      await withHost(async (host) => expect(await collectMasquerades(sys, host, "n1", [])).toEqual(done));
      expect(JSON.stringify([nftRuleset(), iptablesRules()])).not.toContain("c1");
    },
  );
});

test("ipMasq by the older iptables: the same rules, and either removes the other's", async (context) => {
  if (!hasOlderIptables()) context.skip("the kernel or the node is without the older iptables");
  const folder = join(bed().root, "older");
  fs.mkdirSync(folder);
  for (const name of ["iptables", "ip6tables"])
    fs.symlinkSync(`/usr/sbin/${name}-legacy`, join(folder, name));
  const env = { PATH: `${folder}:${process.env.PATH}` };
  const fields = { ipMasq: true, bridge: "br0", isGateway: true };
  const sys = nodeSys(bed(), true);
  answerOf(await reference("bridge", "ADD", fields, env));
  const theirs = iptablesRules("-legacy");
  expect(theirs.filter((line) => line.includes("c1"))).toHaveLength(6);
  await withHost(async (host) => expect(await tearDownMasquerade(sys, host, key, subnets)).toEqual(done));
  const without = iptablesRules("-legacy");
  expect(without.join("\n")).not.toContain("CNI-");
  await withHost(async (host) => expect(await setUpMasquerade(sys, host, key, subnets)).toEqual(done));
  expect(iptablesRules("-legacy")).toEqual(theirs);
  expectSilence(await reference("bridge", "DEL", fields, env));
  expect(iptablesRules("-legacy")).toEqual(without);
});

test("macspoofchk: the same rules, and either removes the other's", async () => {
  const fields = { bridge: "br0", macspoofchk: true };
  const { interfaces = [] } = answerOf<PrintedResult>(await reference("bridge", "ADD", fields));
  const [hostEnd = "", mac = ""] = [interfaces[1]?.name, interfaces[2]?.mac];
  const hardware = Uint8Array.from(mac.split(":"), (octet) => Number.parseInt(octet, 16));
  const theirs = nftRuleset(hostEnd);
  expect(JSON.stringify(theirs)).toContain("host-end");
  await withHost((host) => {
    expect(checkSpoofCheck(host, key, hostEnd, hardware)).toEqual(done);
    expect(tearDownSpoofCheck(host, key)).toEqual(done);
  });
  const without = nftRuleset();
  expect(JSON.stringify(without)).not.toContain("c1-eth0");
  await withHost((host) => {
    expect(setUpSpoofCheck(host, key, hostEnd, hardware)).toEqual(done);
    expect(checkSpoofCheck(host, key, hostEnd, hardware)).toEqual(done);
  });
  expect(nftRuleset(hostEnd)).toEqual(theirs);
  expectSilence(await reference("bridge", "DEL", fields));
  expect(nftRuleset()).toEqual(without);
});
