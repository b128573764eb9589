import { mkdirSync, readdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { must } from "./programs.ts";

/** The folders of the demonstration's node. They lie on a file system in memory that only this process tree sees. */
export const places = {
  confDir: "/run/hawser-demo/net.d",
  confFile: "/run/hawser-demo/net.d/10-pods.conflist",
  definitionsDir: "/run/hawser-demo/definitions",
  stateDir: "/var/lib/cni/hawser",
  addressesDir: "/var/lib/cni/networks",
} as const;

export const network = "pods";
export const annotationsCapability = "io.kubernetes.cri.pod-annotations";
const networksAnnotation = "k8s.v1.cni.cncf.io/networks";

export interface Pod {
  readonly name: string;
  readonly netns: string;
  /** The annotations as the pod's owner wrote them. */
  readonly annotations: Readonly<Record<string, string>>;
}

function pod(name: string, storageAddress: string): Pod {
  const networks = [{ name: "lan" }, { name: "storage", interface: "data0", ips: [storageAddress] }];
  return {
    name,
    netns: `/var/run/netns/${name}`,
    annotations: { [networksAnnotation]: JSON.stringify(networks) },
  };
}

export const pods = { web: pod("web", "10.60.30.11/24"), db: pod("db", "10.60.30.12/24") } as const;

export function networksOf({ annotations }: Pod): string {
  return annotations[networksAnnotation] ?? "";
}

/**
 * Hides the folders where runtimes mount namespaces and where plugins keep state. The demonstration's are empty, and end with
 * it.
 */
export function hideMachine(): void {
  for (const folder of ["/run", "/var/lib"]) must(["mount", "-t", "tmpfs", "hawser-demo", folder]);
}

/** Makes the node's one network card: one end of a veth pair. The other end stands for the switch. */
export function plugIn(): void {
  must(["ip", "link", "set", "lo", "up"]);
  must(["ip", "link", "add", "uplink0", "type", "veth", "peer", "name", "switch0"]);
  for (const link of ["uplink0", "switch0"]) must(["ip", "link", "set", link, "up"]);
}

export function startPod({ name }: Pod): void {
  must(["ip", "netns", "add", name]);
  must(["ip", "-n", name, "link", "set", "lo", "up"]);
}

/**
 * Writes the files that an administrator would write. `delegateVersion` is the highest version that the installed plugins
 * speak.
 */
export function writeConfiguration(delegateVersion: string): void {
  const { confDir, confFile, definitionsDir } = places;
  writeJson(confDir, confFile, {
    cniVersion: "1.1.0",
    name: network,
    plugins: [
      {
        type: "hawser",
        capabilities: { [annotationsCapability]: true },
        definitionsDir,
        delegate: {
          cniVersion: delegateVersion,
          type: "bridge",
          bridge: "cni0",
          isGateway: true,
          ipam: {
            type: "host-local",
            ranges: [[{ subnet: "10.244.0.0/24" }]],
            routes: [{ dst: "0.0.0.0/0" }],
          },
        },
      },
    ],
  });
  const folder = join(definitionsDir, "default");
  writeJson(folder, join(folder, "lan.json"), {
    cniVersion: delegateVersion,
    name: "lan",
    type: "macvlan",
    master: "uplink0",
    mode: "bridge",
    ipam: { type: "host-local", ranges: [[{ subnet: "192.168.50.0/24", rangeStart: "192.168.50.100" }]] },
  });
  writeJson(folder, join(folder, "storage.json"), {
    cniVersion: delegateVersion,
    name: "storage",
    type: "bridge",
    bridge: "storage0",
    // A bridge without an address of its own changes its MAC address with its ports. The plugin's CHECK would then fail.
    isGateway: true,
    capabilities: { ips: true },
    ipam: { type: "static" },
  });
}

function writeJson(folder: string, path: string, content: unknown): void {
  mkdirSync(folder, { recursive: true });
  writeFileSync(path, `${JSON.stringify(content, null, 2)}\n`);
}

/** The addresses that host-local has given and not yet freed, as `network/address`. */
export function addressFiles(): string[] {
  return filesBelow(places.addressesDir).filter((file) => /\/\d+\.\d+\.\d+\.\d+$/.test(file));
}

/** Hawser's own records of attachments. */
export function records(): string[] {
  return filesBelow(places.stateDir).filter((file) => file.endsWith(".json"));
}

function filesBelow(folder: string): string[] {
  try {
    return readdirSync(folder, { recursive: true, encoding: "utf8" }).toSorted();
  } catch {
    // The folder is missing if nothing was ever kept there.
    return [];
  }
}
