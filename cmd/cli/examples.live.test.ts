import { execFileSync } from "node:child_process";
import * as fs from "node:fs";
import { dirname, join } from "node:path";
import { expect, test } from "vitest";
import { parse } from "yaml";
import { addNamespace, type BedNamespace, install, useBed } from "../../tools/testbed/bed.ts";
import { startProgram } from "../../tools/testbed/call.ts";
import { pluginDir, suite } from "../../tools/testbed/executables.ts";
import { expectKernelState, linkNames, type PrintedResult } from "../../tools/testbed/kernel-state.ts";
import { leftovers } from "../../tools/testbed/leftovers.ts";
import { annotationsCapability } from "../../tools/testbed/networks.ts";

/** Runs the examples unchanged, except for their folders. libcni adds, checks and deletes each example's pod. */

const examples = join(import.meta.dirname, "../../examples");

/** The pod's interfaces, and how many addresses the runtime is told of. */
const expected: Readonly<Record<string, readonly [interfaces: readonly string[], told: number]>> = {
  "bridge-and-macvlan": [["backup0", "eth0", "net1"], 3],
  chained: [["eth0", "net1"], 1],
  "default-route": [["eth0", "net1"], 2],
  "fixed-address": [["eth0", "net1"], 3],
  "named-delegate": [["eth0", "net1"], 2],
  multus: [["eth0", "net1", "net2"], 1],
  "opened-network": [["eth0", "net1"], 2],
  parallel: [["eth0", "metrics0", "net2", "net3"], 4],
  "primary-result": [["eth0", "net1"], 1],
  "requested-address": [["data0", "eth0"], 2],
  "shared-namespace": [["eth0", "net1", "net2"], 3],
};

interface Pod {
  readonly metadata: {
    readonly name: string;
    readonly namespace?: string;
    readonly annotations?: Readonly<Record<string, string>>;
  };
}

suite("examples", ["root", "cnitool", "bridge", "macvlan", "host-local", "static"], (executable) => {
  const bed = useBed({ node: true });

  /** Copies a configuration, and replaces its folders by the test bed's. */
  function copy(from: string, to: string): void {
    const folders = [
      ["/etc/cni/hawser/net.d", bed().definitionsDir],
      ["/etc/cni/net.d", bed().confDir],
      ["/var/lib/cni/hawser", bed().stateDir],
      ["/var/lib/cni/networks", bed().dataDir],
    ] as const;
    const text = fs.readFileSync(from, "utf8");
    fs.mkdirSync(dirname(to), { recursive: true });
    fs.writeFileSync(
      to,
      folders.reduce((sum, [before, after]) => sum.replaceAll(before, after), text),
    );
  }

  function installExample(name: string): Pod {
    install(bed(), executable);
    fs.symlinkSync(executable.path, join(bed().binDir, "hawser-flat"));
    const folder = join(examples, name);
    for (const entry of fs.readdirSync(folder, { recursive: true, encoding: "utf8" })) {
      if (!/\.(json|conf|conflist)$/.test(entry)) continue;
      const isDefinition = entry.startsWith("net.d/");
      const to = isDefinition
        ? join(bed().definitionsDir, entry.slice("net.d/".length))
        : join(bed().confDir, entry);
      copy(join(folder, entry), to);
    }
    return parse(fs.readFileSync(join(folder, "pod.yaml"), "utf8")) as Pod;
  }

  async function cnitool(verb: string, pod: Pod, namespace: BedNamespace): Promise<string> {
    const { name, namespace: podNamespace = "default", annotations = {} } = pod.metadata;
    const cache = join(bed().root, "var-lib");
    fs.mkdirSync(cache, { recursive: true });
    const env = {
      CNI_PATH: bed().path,
      NETCONFPATH: bed().confDir,
      CAP_ARGS: JSON.stringify({ [annotationsCapability]: annotations, portMappings: [] }),
      CNI_ARGS: `IgnoreUnknown=1;K8S_POD_NAMESPACE=${podNamespace};K8S_POD_NAME=${name}`,
    };
    // libcni keeps its cache in /var/lib/cni. A mount namespace puts the bed's folder there.
    const inside = `mount --bind ${cache} /var/lib && exec "$@"`;
    const tool = [join(pluginDir, "cnitool"), verb, "pod-network", namespace.path];
    const argv = ["unshare", "--mount", "sh", "-c", inside, "sh", ...tool];
    const { exitCode, stdout, stderr } = await startProgram(bed(), argv, env, "").ended;
    expect({ verb, exitCode, stderr }).toEqual({ verb, exitCode: 0, stderr: "" });
    return stdout;
  }

  test("every example is tried", () => {
    const folders = fs
      .readdirSync(examples, { withFileTypes: true })
      .filter((entry) => entry.isDirectory() && fs.existsSync(`${examples}/${entry.name}/pod.yaml`));
    expect(folders.map((entry) => entry.name).sort()).toEqual(Object.keys(expected).sort());
  });

  test.each(Object.entries(expected))("%s: add, check, del", async (name, [interfaces, told]) => {
    const pod = installExample(name);
    // macvlan without a master takes the link of the default route.
    execFileSync("ip", ["-n", bed().node ?? "", "route", "replace", "default", "dev", "uplink0"]);
    const namespace = addNamespace(bed());
    const result = JSON.parse(await cnitool("add", pod, namespace)) as PrintedResult;
    expect(linkNames(namespace.name)).toEqual(interfaces);
    expect(result.ips).toHaveLength(told);
    if (told >= interfaces.length) expectKernelState(bed(), namespace, result);
    await cnitool("check", pod, namespace);
    await cnitool("del", pod, namespace);
    expect(linkNames(namespace.name)).toEqual([]);
    expect(leftovers(bed())).toEqual([]);
  });
});
