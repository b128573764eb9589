import type { Mooring } from "./drawing.ts";
import { DemoFailure, inPod, must } from "./programs.ts";

/** An address with what both a CNI result and the kernel say about it. */
export interface PodAddress {
  readonly ifname: string;
  readonly mac: string;
  readonly address: string;
}

interface Result {
  readonly interfaces?: readonly {
    readonly name: string;
    readonly mac?: string;
    readonly sandbox?: string;
  }[];
  readonly ips?: readonly { readonly address: string; readonly interface?: number }[];
}

interface Link {
  readonly ifname: string;
  readonly ifindex: number;
  readonly address?: string;
  readonly link_index?: number;
  readonly master?: string;
  readonly linkinfo?: { readonly info_kind?: string };
  readonly addr_info?: readonly {
    readonly local: string;
    readonly prefixlen: number;
    readonly scope: string;
  }[];
}

/** The pod's addresses in ADD's merged result. Each names its interface by an index into `interfaces`. */
export function heldByResult(resultText: string): PodAddress[] {
  const result: Result = JSON.parse(resultText);
  return (result.ips ?? []).map(({ address, interface: index }): PodAddress => {
    const owner = index === undefined ? undefined : result.interfaces?.[index];
    if (owner === undefined) throw new DemoFailure(`the result says of ${address} no interface`);
    return { ifname: owner.name, mac: owner.mac ?? "", address };
  });
}

/** The pod's addresses as the kernel shows them inside the pod's namespace. */
export function heldByKernel(pod: string): PodAddress[] {
  const links: Link[] = JSON.parse(must(inPod(pod, ["ip", "-j", "addr"])));
  return links.flatMap((link) =>
    (link.addr_info ?? [])
      .filter(({ scope }) => scope === "global")
      .map(({ local, prefixlen }): PodAddress => {
        return { ifname: link.ifname, mac: link.address ?? "", address: `${local}/${prefixlen}` };
      }),
  );
}

/** Whether both lists hold the same addresses, in any order. */
export function sameAddresses(a: readonly PodAddress[], b: readonly PodAddress[]): boolean {
  const lines = (held: readonly PodAddress[]) =>
    held.map(({ ifname, mac, address }) => `${ifname} ${mac} ${address}`).toSorted();
  return lines(a).join() === lines(b).join();
}

export function linkNames(pod?: string): string[] {
  const argv = ["ip", "-j", "link"];
  const links: Link[] = JSON.parse(must(pod === undefined ? argv : inPod(pod, argv)));
  return links.map(({ ifname }) => ifname).toSorted();
}

/** Waits until the node has exactly these links. The kernel needs a moment to clear a deleted namespace. */
export function settleLinks(expected: readonly string[]): string[] {
  for (let tries = 0; tries < 250; tries += 1) {
    if (linkNames().join() === expected.join()) break;
    Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 20);
  }
  return linkNames();
}

/**
 * The pod's interfaces, each with the node's device that it is connected to. The kernel's indexes lead from one to the other.
 */
export function moorings(pod: string, held: readonly PodAddress[]): Mooring[] {
  const node: Link[] = JSON.parse(must(["ip", "-j", "link"]));
  const inside: Link[] = JSON.parse(must(inPod(pod, ["ip", "-j", "-d", "link"])));
  return held.map(({ ifname, address }) => {
    const link = inside.find((each) => each.ifname === ifname);
    const lower = node.find((each) => each.ifindex === link?.link_index);
    if (lower === undefined) throw new DemoFailure(`${ifname} of ${pod} hangs on nothing in the node`);
    const kind = link?.linkinfo?.info_kind ?? "";
    // People know the bridge by its name, and not the veth end that is plugged into it.
    const device = kind === "veth" ? `bridge ${lower.master ?? lower.ifname}` : `${kind} ${lower.ifname}`;
    return { ifname, address, device };
  });
}
