import { runIn, type TrialWorld } from "./differential-world.ts";
import { type ChanceLabels, fixedTexts, labelled, labelsOf } from "./labels.ts";

/** The state of a namespace's network as other programs than ours tell it. Lists are objects whose keys are what is there. */
export interface ShownSpace {
  readonly links: unknown;
  readonly routes: unknown;
  readonly rules: unknown;
  readonly vlans: unknown;
  readonly forwarding: unknown;
  readonly firewall: unknown;
  readonly settings: unknown;
}

const end = "%%";
const folders = "/proc/sys/net/ipv4/conf /proc/sys/net/ipv6/conf /proc/sys/net/ipv4/ip_forward";
/** Commands in the order in which `viewOf` reads what they print. */
const script = [
  "ip -j -d addr",
  "ip -j -d route show table all",
  "ip -j rule",
  "ip -6 -j rule",
  "bridge -j vlan",
  "bridge -j fdb",
  "nft -j list ruleset",
  `grep -rs . ${folders}`,
]
  .map((command) => `${command} 2>/dev/null; echo '${end}'`)
  .join("\n");

export interface WorldView {
  readonly host: ShownSpace;
  readonly container: ShownSpace;
  readonly labels: ChanceLabels;
}

/** Looks at both namespaces. `fixed` is the text of the case: what it names keeps its name. */
export async function lookAt(world: TrialWorld, fixed: string): Promise<WorldView> {
  const [host = "", container = ""] = await Promise.all(
    [world.host, world.container].map((namespace) => runIn(namespace, script)),
  );
  const labels = labelsOf(
    [
      ["host", linksIn(host)],
      ["container", linksIn(container)],
    ],
    { world, fixed: fixedTexts(fixed) },
  );
  return { host: viewOf(host, labels), container: viewOf(container, labels), labels };
}

type Shown = Readonly<Record<string, unknown>>;

function linksIn(text: string): { ifname: string; address: string }[] {
  return parse(text.split(end)[0]) as { ifname: string; address: string }[];
}

function viewOf(printed: string, labels: ChanceLabels): ShownSpace {
  const parts = labelled(printed, labels).split(end);
  const [links, routes, rules, rules6, vlans, forwarding] = parts.slice(0, 6).map(parse);
  return {
    links: byName(links as Shown[]),
    routes: asKeys((routes as Shown[]).map(cleanRoute)),
    rules: asKeys([...(rules as Shown[]), ...(rules6 as Shown[])]),
    vlans: byName(vlans as Shown[]),
    // What a bridge has learnt goes with time.
    forwarding: asKeys((forwarding as Shown[]).filter(({ state }) => state === "permanent")),
    firewall: asKeys(rulesetOf(parts[6])),
    settings: settingsOf(parts[7]),
  };
}

function parse(text: string | undefined): unknown {
  const trimmed = (text ?? "").trim();
  return trimmed === "" ? [] : JSON.parse(trimmed);
}

/** Devices that some kernels put into every new namespace. */
const fallback = /^(sit|tunl|gre|gretap|erspan|ip6tnl|ip6gre|ip_vti|ip6_vti|ifb|teql)\d+$/;

function byName(list: readonly Shown[]): Record<string, unknown> {
  const named = list.filter(({ ifname }) => !fallback.test(String(ifname)));
  return Object.fromEntries(named.map((each) => [String(each.ifname), cleanLink(each)]));
}

/** Keys whose values are numbers of the moment. */
const passing =
  /^(ifindex|link_index|link_netnsid|operstate|tentative|optimistic|.*_timer|bridge_id|root_id|designated_.*|ifr_index)$/;

/** A link without what changes from run to run. The state of its carrier lags behind. */
function cleanLink(value: unknown): unknown {
  if (Array.isArray(value)) {
    const list = value.map(cleanLink).filter((each) => each !== "NO-CARRIER" && each !== "LOWER_UP");
    return list;
  }
  if (typeof value !== "object" || value === null) return value;
  const kept = Object.entries(value).filter(
    ([key, each]) => !passing.test(key) && !(key === "link" && /^if\d+$/.test(String(each))),
  );
  return Object.fromEntries(kept.map(([key, each]) => [key, cleanLink(each)]));
}

function cleanRoute(route: Shown): Shown {
  const { flags, expires: _, ...rest } = route;
  const lasting = (flags as string[]).filter((flag) => flag !== "linkdown" && flag !== "dead");
  return { ...rest, flags: lasting };
}

function asKeys(list: readonly unknown[]): Record<string, number> {
  const keys: Record<string, number> = {};
  for (const each of list) {
    const key = JSON.stringify(each);
    keys[key] = (keys[key] ?? 0) + 1;
  }
  return keys;
}

function rulesetOf(text: string | undefined): unknown[] {
  const { nftables = [] } = parse(text) as { nftables?: Shown[] };
  return nftables.filter((each) => !("metainfo" in each)).map(withoutHandles);
}

function withoutHandles(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(withoutHandles);
  if (typeof value !== "object" || value === null) return value;
  const kept = Object.entries(value).filter(([key]) => !["handle", "packets", "bytes"].includes(key));
  return Object.fromEntries(kept.map(([key, each]) => [key, withoutHandles(each)]));
}

/** Lines of `grep`: the path of a setting, a colon, its value. */
function settingsOf(text = ""): Record<string, string> {
  const settings: Record<string, string> = {};
  for (const line of text.split("\n")) {
    const [, name = "", value = ""] = /^\/proc\/sys\/net\/([^:]*):(.*)$/.exec(line.trim()) ?? [];
    if (name !== "" && !name.endsWith("/stable_secret")) settings[name] = value;
  }
  return settings;
}
