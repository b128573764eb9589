import type { MachineLink, MachineRoute } from "../machine.ts";

/** What `ip -j` prints, as the suite sees links and routes. */

interface IpAddress {
  readonly ifname: string;
  readonly address?: string;
  readonly mtu: number;
  readonly flags: readonly string[];
  readonly addr_info: readonly { local: string; prefixlen: number; scope: string }[];
}

interface IpRoute {
  readonly dst: string;
  readonly gateway?: string;
  readonly dev?: string;
  readonly protocol?: string;
  readonly metric?: number;
  readonly metrics?: readonly { mtu?: number }[];
  readonly type?: string;
}

/** Devices that some kernels put into every new namespace. */
const fallback = /^(sit\d|tunl\d|gre\d|gretap\d|erspan\d|ip6tnl\d|ip6gre\d|ip_vti\d|ip6_vti\d|ifb\d|teql\d)$/;

export function parseLinks(text: string): MachineLink[] {
  return parse<IpAddress>(text)
    .filter(({ ifname }) => !fallback.test(ifname))
    .map(({ ifname, address = "", mtu, flags, addr_info }) => ({
      name: ifname,
      mac: address,
      mtu,
      up: flags.includes("UP"),
      addresses: addr_info
        .filter(({ scope }) => scope !== "link")
        .map(({ local, prefixlen }) => `${local}/${prefixlen}`),
    }));
}

export function parseRoutes(text: string, family: 4 | 6): MachineRoute[] {
  return parse<IpRoute>(text)
    .filter(({ type = "unicast" }) => type === "unicast")
    .map(({ dst, gateway, dev, protocol, metric, metrics }) => ({
      dst: withPrefix(dst, family),
      ...(gateway !== undefined && { gateway }),
      ...(dev !== undefined && { link: dev }),
      ...(metric !== undefined && { priority: metric }),
      ...(metrics?.[0]?.mtu !== undefined && { mtu: metrics[0].mtu }),
      automatic: protocol === "kernel",
    }));
}

function withPrefix(dst: string, family: 4 | 6): string {
  if (dst === "default") return family === 4 ? "0.0.0.0/0" : "::/0";
  return dst.includes("/") ? dst : `${dst}/${family === 4 ? 32 : 128}`;
}

/** Where there is nothing to say, `ip` prints nothing, or `[]`, or `[{}]`. */
function parse<T>(text: string): T[] {
  const list = JSON.parse(text.trim() === "" ? "[]" : text) as (T & object)[];
  return list.filter((each) => Object.keys(each).length > 0);
}
