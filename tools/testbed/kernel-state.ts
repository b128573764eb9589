import { execFileSync } from "node:child_process";
import { expect } from "vitest";
import type { Bed, BedNamespace } from "./bed.ts";

/** A link as the kernel shows it. */
export interface ShownLink {
  readonly name: string;
  readonly mac: string;
  readonly mtu: number;
  /** Addresses with their prefix lengths, without link-local ones. */
  readonly addresses: readonly string[];
}

export interface ShownRoute {
  readonly dst: string;
  readonly gateway?: string;
}

interface IpAddr {
  readonly ifname: string;
  readonly address: string;
  readonly mtu: number;
  readonly link_type: string;
  readonly addr_info: readonly { local: string; prefixlen: number; scope: string }[];
}

/** Devices that some kernels put into every new namespace. */
const fallback =
  /^(lo|sit\d|tunl\d|gre\d|gretap\d|erspan\d|ip6tnl\d|ip6gre\d|ip_vti\d|ip6_vti\d|ifb\d|teql\d)$/;

export function links(namespace: string): ShownLink[] {
  const list = ipJson<IpAddr[]>(namespace, ["addr"]);
  return list
    .filter(({ ifname }) => !fallback.test(ifname))
    .map(({ ifname, address, mtu, addr_info }) => ({
      name: ifname,
      mac: address,
      mtu,
      addresses: addr_info
        .filter(({ scope }) => scope !== "link")
        .map(({ local, prefixlen }) => `${local}/${prefixlen}`),
    }));
}

export function linkNames(namespace: string): string[] {
  return links(namespace)
    .map(({ name }) => name)
    .sort();
}

/** The IPv4 routes, except those that the kernel adds with an address. */
export function routes(namespace: string): ShownRoute[] {
  const list = ipJson<{ dst: string; gateway?: string; protocol?: string }[]>(namespace, ["route"]);
  return list
    .filter(({ protocol }) => protocol !== "kernel")
    .map(({ dst, gateway }) => ({
      dst: dst === "default" ? "0.0.0.0/0" : dst,
      ...(gateway === undefined ? {} : { gateway }),
    }));
}

export function deleteAddress(namespace: string, link: string, address: string): void {
  execFileSync("ip", ["-n", namespace, "addr", "del", address, "dev", link]);
}

/** The `ip` command for a namespace, given by its name or its path. */
function ip(namespace: string): string[] {
  return namespace.startsWith("/") ? ["nsenter", `--net=${namespace}`, "ip"] : ["ip", "-n", namespace];
}

/** Runs an `ip` command. One without an answer, such as `addr` in a namespace without links, prints nothing or `[]`. */
function ipJson<T>(namespace: string, args: readonly string[]): T {
  const [file = "", ...before] = ip(namespace);
  const text = execFileSync(file, [...before, "-j", ...args], { encoding: "utf8" });
  return JSON.parse(text.trim() === "" ? "[]" : text) as T;
}

export interface PrintedResult {
  readonly cniVersion: string;
  readonly interfaces?: readonly { name: string; mac?: string; mtu?: number; sandbox?: string }[];
  readonly ips?: readonly { address: string; gateway?: string; interface?: number }[];
  readonly routes?: readonly { dst: string; gw?: string }[];
}

/** Expects that the result says the same of the sandbox as the kernel does, and names only links that exist. */
export function expectKernelState(bed: Bed, pod: BedNamespace, result: PrintedResult): void {
  const interfaces = result.interfaces ?? [];
  const told = interfaces.map(({ name, mac, sandbox = "" }, index) => ({
    sandbox,
    name,
    mac,
    addresses: (result.ips ?? []).filter((ip) => ip.interface === index).map((ip) => ip.address),
  }));
  const inside = links(pod.name).map(({ name, mac, addresses }) => ({
    sandbox: pod.path,
    name,
    mac,
    addresses,
  }));
  const byName = <T extends { name: string }>(list: T[]): T[] =>
    list.sort((one, other) => one.name.localeCompare(other.name));
  // Networks that are attached in parallel make their links in any order.
  expect(byName(told.filter(({ sandbox }) => sandbox !== ""))).toEqual(byName(inside));
  const outside = links(bed.node ?? "").map(({ name, mac }) => ({ name, mac }));
  for (const { name, mac } of told.filter(({ sandbox }) => sandbox === "")) {
    expect(outside, "links of the node").toContainEqual({ name, mac });
  }
  for (const { name, mtu, sandbox } of interfaces.filter((each) => each.mtu !== undefined)) {
    const place = sandbox === undefined || sandbox === "" ? (bed.node ?? "") : pod.name;
    expect(links(place).find((link) => link.name === name)?.mtu, `mtu of ${name}`).toBe(mtu);
  }
  expectRoutes(pod, result);
}

function expectRoutes(pod: BedNamespace, { routes: told = [] }: PrintedResult): void {
  const given = told.map(({ dst, gw }) => ({ dst, ...(gw === undefined ? {} : { gateway: gw }) }));
  const byTarget = (list: readonly ShownRoute[]): ShownRoute[] =>
    list.toSorted((one, other) => one.dst.localeCompare(other.dst));
  expect(byTarget(routes(pod.name)), "routes of the sandbox").toEqual(byTarget(given));
}
