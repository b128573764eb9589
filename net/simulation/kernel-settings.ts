import type { Attempt } from "../../sys/fault.ts";
import { fail, ok } from "../../sys/outcome.ts";
import type { Device, NetSpace } from "./kernel-model.ts";

/** The settings of each link, with their first values. */
const linkSettings: Readonly<Record<"ipv4" | "ipv6", Readonly<Record<string, string>>>> = {
  ipv4: {
    accept_local: "0",
    accept_redirects: "1",
    accept_source_route: "1",
    arp_accept: "0",
    arp_announce: "0",
    arp_filter: "0",
    arp_ignore: "0",
    arp_notify: "0",
    forwarding: "0",
    log_martians: "0",
    promote_secondaries: "0",
    proxy_arp: "0",
    route_localnet: "0",
    rp_filter: "0",
    secure_redirects: "1",
    send_redirects: "1",
    shared_media: "1",
    src_valid_mark: "0",
  },
  ipv6: {
    accept_dad: "1",
    accept_ra: "1",
    accept_ra_defrtr: "1",
    accept_redirects: "1",
    addr_gen_mode: "0",
    autoconf: "1",
    dad_transmits: "1",
    disable_ipv6: "0",
    enhanced_dad: "1",
    forwarding: "0",
    hop_limit: "64",
    keep_addr_on_down: "0",
    mtu: "1280",
    ndisc_notify: "0",
    optimistic_dad: "0",
    proxy_ndp: "0",
    router_solicitations: "-1",
    use_tempaddr: "0",
  },
};

const neighbourSettings = { base_reachable_time_ms: "30000", gc_stale_time: "60", retrans_time_ms: "1000" };

/** Settings of a whole namespace. */
const spaceSettings: Readonly<Record<string, string>> = {
  "ipv4/ip_forward": "0",
  "ipv4/ip_local_port_range": "32768\t60999",
  "ipv4/ip_unprivileged_port_start": "1024",
  "ipv4/ping_group_range": "1\t0",
  "ipv4/tcp_keepalive_time": "7200",
  "ipv4/tcp_syncookies": "1",
  "ipv6/bindv6only": "0",
  "bridge/bridge-nf-call-iptables": "1",
  "bridge/bridge-nf-call-ip6tables": "1",
  "core/somaxconn": "4096",
};

export function firstSettings(): Map<string, string> {
  const settings = new Map(Object.entries(spaceSettings));
  for (const place of ["all", "default"]) addLinkSettings(settings, place, undefined);
  return settings;
}

/** A new link has what `default` says by then. */
export function addLinkSettings(settings: Map<string, string>, name: string, mtu: number | undefined): void {
  for (const version of ["ipv4", "ipv6"] as const) {
    if (version === "ipv6" && mtu !== undefined && mtu < 1280) continue;
    for (const [key, first] of Object.entries(linkSettings[version])) {
      const value = settings.get(`${version}/conf/default/${key}`) ?? first;
      settings.set(`${version}/conf/${name}/${key}`, key === "mtu" && mtu !== undefined ? `${mtu}` : value);
    }
    for (const [key, first] of Object.entries(neighbourSettings)) {
      settings.set(
        `${version}/neigh/${name}/${key}`,
        settings.get(`${version}/neigh/default/${key}`) ?? first,
      );
    }
  }
}

const places = ["ipv4/conf", "ipv6/conf", "ipv4/neigh", "ipv6/neigh"];

export function removeLinkSettings(settings: Map<string, string>, name: string): void {
  for (const key of [...settings.keys()]) {
    if (places.some((place) => key.startsWith(`${place}/${name}/`))) settings.delete(key);
  }
}

export function renameLinkSettings(settings: Map<string, string>, from: string, to: string): void {
  for (const [key, value] of [...settings]) {
    const place = places.find((each) => key.startsWith(`${each}/${from}/`));
    if (place === undefined) continue;
    settings.delete(key);
    settings.set(`${place}/${to}/${key.slice(place.length + from.length + 2)}`, value);
  }
}

export function settingOf(device: Device, key: string): string | undefined {
  return device.space.settings.get(key.replace("*", device.name));
}

export function hasIpv6(device: Device): boolean {
  return device.mtu >= 1280 && settingOf(device, "ipv6/conf/*/disable_ipv6") === "0";
}

export function readSetting({ settings }: NetSpace, name: string): Attempt<string> {
  const value = settings.get(name);
  if (value === undefined) return fail(absent(name));
  return ok(value);
}

/** Writes the value, and those that follow it. Returns the names of what has changed. */
export function writeSetting({ settings }: NetSpace, name: string, value: string): Attempt<string[]> {
  const old = settings.get(name);
  if (old === undefined) return fail(absent(name));
  const said = value.replace(/\n$/, "");
  const fields = said.trim().split(/\s+/);
  const isNumeric = old.split(/\s+/).every((each) => /^-?\d+$/.test(each));
  if (isNumeric && (said.trim() === "" || fields.some((each) => !/^-?\d+$/.test(each)))) {
    return fail({ code: "EINVAL", message: `EINVAL: write /proc/sys/net/${name}` });
  }
  const clean = fields.join("\t");
  const names = [name, ...followers(settings, name)];
  for (const each of names) settings.set(each, clean);
  return ok(names);
}

/** What the kernel writes on because of it. */
function followers(settings: Map<string, string>, name: string): string[] {
  const forwarding = (version: string): string[] =>
    [...settings.keys()].filter((key) => key.startsWith(`${version}/conf/`) && key.endsWith("/forwarding"));
  if (name === "ipv4/ip_forward") return forwarding("ipv4");
  if (name === "ipv4/conf/all/forwarding") return ["ipv4/ip_forward", ...forwarding("ipv4")];
  if (name === "ipv6/conf/all/forwarding") return forwarding("ipv6");
  if (name === "ipv6/conf/all/disable_ipv6") {
    return [...settings.keys()].filter((key) => /^ipv6\/conf\/[^/]+\/disable_ipv6$/.test(key));
  }
  return [];
}

function absent(name: string): { code: string; message: string } {
  return { code: "ENOENT", message: `ENOENT: no such file or directory, open '/proc/sys/net/${name}'` };
}
