import { execFileSync } from "node:child_process";
import * as fs from "node:fs";
import { dirname, join } from "node:path";
import type { Bed } from "./bed.ts";
import { type Executable, pluginDir } from "./executables.ts";

export const annotationsCapability = "io.kubernetes.cri.pod-annotations";
export const networksAnnotation = "k8s.v1.cni.cncf.io/networks";

/** CNI_ARGS of a pod as containerd gives them. */
export const podArgs = "IgnoreUnknown=1;K8S_POD_NAMESPACE=default;K8S_POD_NAME=web;K8S_POD_UID=u-1";

/** A configuration of the meta-plugin that names all of the bed's folders. */
export function hawser(bed: Bed, more: object = {}): Record<string, unknown> {
  const { definitionsDir, stateDir, confDir } = bed;
  const capabilities = { [annotationsCapability]: true };
  return {
    cniVersion: "1.1.0",
    name: "pods",
    type: "hawser",
    capabilities,
    definitionsDir,
    stateDir,
    confDir,
    ...more,
  };
}

/** The configuration as a runtime sends it for a pod with this annotation. */
export function annotated(config: object, networks: unknown): Record<string, unknown> {
  return { ...config, runtimeConfig: { [annotationsCapability]: { [networksAnnotation]: networks } } };
}

export function define(bed: Bed, name: string, config: object, namespace = "default"): void {
  const suffix = "plugins" in config ? "conflist" : "conf";
  const path = join(bed.definitionsDir, namespace, `${name}.${suffix}`);
  fs.mkdirSync(dirname(path), { recursive: true });
  fs.writeFileSync(path, JSON.stringify(config));
}

/** A bridge of its own with host-local addresses in 10.<net>.0.0/24. */
export function bridge(bed: Bed, net: number, more: object = {}): Record<string, unknown> {
  const ranges = [[{ subnet: `10.${net}.0.0/24` }]];
  const ipam = { type: "host-local", dataDir: bed.dataDir, ranges, ...more };
  // CHECK of the reference bridge fails if the bridge is no gateway.
  return { cniVersion: referenceVersion(), type: "bridge", bridge: `br${net}`, isGateway: true, ipam };
}

/**
 * Such a bridge with addresses that stay. They come from hawser-flat, by the executable that is tested, with a folder as its
 * store.
 */
export function flatBridge(bed: Bed, { path }: Executable, net: number): Record<string, unknown> {
  const link = join(bed.binDir, "hawser-flat");
  if (!fs.existsSync(link)) fs.symlinkSync(path, link);
  const ranges = [[{ subnet: `10.${net}.0.0/24` }]];
  const ipam = { type: "hawser-flat", ranges, store: { dir: join(bed.root, "flat") }, node: "node1" };
  return { ...bridge(bed, net), ipam };
}

export function macvlan(address: string, more: object = {}): Record<string, unknown> {
  const ipam = { type: "static", addresses: [{ address }] };
  return {
    cniVersion: referenceVersion(),
    type: "macvlan",
    master: "uplink0",
    mode: "bridge",
    ipam,
    ...more,
  };
}

let spoken: string | undefined;

/** The highest version that the reference plugins here speak. Debian's plugins are older than those that Go builds. */
export function referenceVersion(): string {
  if (spoken === undefined) {
    const env = { CNI_COMMAND: "VERSION" };
    const text = execFileSync(join(pluginDir, "bridge"), { env, input: "{}", encoding: "utf8" });
    const { supportedVersions } = JSON.parse(text) as { supportedVersions: string[] };
    spoken = supportedVersions.at(-1) ?? "1.0.0";
  }
  return spoken;
}
