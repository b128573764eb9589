import { type CniError, failWith } from "../../cni/errors.ts";
import type { Invocation } from "../../cni/plugin.ts";
import type { CniResult, IpConfig } from "../../cni/types.ts";
import { printHardware } from "../../net/bytes.ts";
import { getLink, type Link, setLink } from "../../net/links.ts";
import { type Outcome, ok } from "../../sys/outcome.ts";
import type { Sys } from "../../sys/sys.ts";
import { announce, notifySettings } from "../link/announce.ts";
import { configureLink } from "../link/configure.ts";
import { subnetOf } from "../link/ip-bytes.ts";
import { addAddresses } from "../link/ipam.ts";
import { loadSpoofCheck } from "../link/late-filter.ts";
import { settleAddresses } from "../link/settle.ts";
import { ask, type Site, trySetting, withSite } from "../link/site.ts";
import { type UndoStep, withUndo } from "../link/undo-steps.ts";
import { makeVeth, type VethPair } from "../link/veth.ts";
import { masqueradeAttachment } from "../link/veth-masquerade.ts";
import { type BridgeConfig, parseBridgeConfig } from "./config.ts";
import { ensureBridge } from "./ensure-bridge.ts";
import { ensureGatewayLink, ensureGateways, gatewaysOf, withGateways } from "./gateway.ts";
import { configurePort } from "./ports.ts";

/** One ADD, and how it is taken back. */
interface Adding {
  readonly sys: Sys;
  readonly invocation: Invocation;
  readonly config: BridgeConfig;
  readonly site: Site;
  readonly bridge: Link;
  readonly pair: VethPair;
  readonly note: (step: UndoStep) => void;
}

/** Connects the container to the bridge by a veth pair, and gives it what the IPAM plugin gives. */
export async function add(sys: Sys, invocation: Invocation): Promise<Outcome<CniResult, CniError>> {
  const config = parseBridgeConfig(invocation);
  if (!config.ok) return config;
  return withSite(sys, invocation, (site) =>
    withUndo(async (note) => {
      const bridge = ensureBridge(sys, site.host, config.value);
      if (!bridge.ok) return bridge;
      const { containerId, ifname } = invocation.environment;
      const { mtu, mac } = config.value;
      const pair = makeVeth(site, { containerId, ifname, mtu, mac, master: bridge.value.index }, note);
      if (!pair.ok) return pair;
      return attach({
        sys,
        invocation,
        config: config.value,
        site,
        bridge: bridge.value,
        pair: pair.value,
        note,
      });
    }),
  );
}

async function attach(adding: Adding): Promise<Outcome<CniResult, CniError>> {
  const { sys, invocation, config, site, bridge, pair, note } = adding;
  trySetting(sys, site.host, `ipv6/conf/${pair.host.name}/accept_ra`, "0");
  const port = configurePort(site.host, bridge, pair.host, config);
  if (!port.ok) return port;
  if (config.checksSpoofing) {
    const restricted = await restrict(adding);
    if (!restricted.ok) return restricted;
  }
  const given = await giveAddresses(adding);
  if (!given.ok) return given;
  const gatewayLink = await becomeGateway(adding, given.value.ips ?? []);
  if (!gatewayLink.ok) return gatewayLink;
  const subnets = (given.value.ips ?? []).map(({ address }) => subnetOf(address));
  const masqueraded = await masqueradeAttachment(sys, invocation, site.host, config, subnets, note);
  if (!masqueraded.ok) return masqueraded;
  return report(adding, given.value, gatewayLink.value);
}

async function restrict({
  invocation,
  site: { host },
  pair,
  note,
}: Adding): Promise<Outcome<void, CniError>> {
  const { setUpSpoofCheck, tearDownSpoofCheck } = await loadSpoofCheck();
  const owner = invocation.environment;
  note(() => tearDownSpoofCheck(host.namespace, owner));
  return setUpSpoofCheck(host.namespace, owner, pair.host.name, pair.container.hardware);
}

/** Runs the IPAM plugin and configures the container's end. Without an IPAM plugin it is only taken up. */
async function giveAddresses(adding: Adding): Promise<Outcome<CniResult, CniError>> {
  const { sys, invocation, config, site, pair, note } = adding;
  const { container } = site;
  const { name, index } = pair.container;
  if (config.ipam === undefined) {
    if (config.leavesDown) return ok({});
    const risen = ask(container, setLink(index, { up: true }), `take ${name} up`);
    return risen.ok ? ok({}) : risen;
  }
  const allocated = await addAddresses(sys, invocation, config.ipam, note);
  if (!allocated.ok) return allocated;
  const given = { ...allocated.value, ...withGateways(allocated.value, config) };
  if (config.detectsDuplicates) trySetting(sys, container, `ipv6/conf/${name}/enhanced_dad`, "1");
  trySetting(sys, container, `ipv6/conf/${name}/accept_dad`, config.detectsDuplicates ? "1" : "0");
  trySetting(sys, container, notifySettings.arp(name), "1");
  const configured = await configureLink(sys, container, { name, index }, given);
  return configured.ok ? ok(given) : configured;
}

/** Gives the gateways' addresses to the bridge. Returns the link that has them, if that is not the bridge. */
async function becomeGateway(
  { sys, config, site: { host }, bridge }: Adding,
  ips: readonly IpConfig[],
): Promise<Outcome<Link | undefined, CniError>> {
  const gateways = config.isGateway ? gatewaysOf(ips) : [];
  if (gateways.length === 0) return ok(undefined);
  const link = ensureGatewayLink(host, bridge, config);
  if (!link.ok) return link;
  const given = ensureGateways(host, link.value, gateways, config);
  if (!given.ok) return given;
  if (given.value && gateways.some(({ bytes }) => bytes.length === 16)) {
    const settled = await settleAddresses(sys, host, link.value);
    if (!settled.ok) return settled;
  }
  return ok(config.vlan === 0 ? undefined : link.value);
}

async function report(
  adding: Adding,
  given: CniResult,
  gatewayLink: Link | undefined,
): Promise<Outcome<CniResult, CniError>> {
  const { invocation, config, site, pair } = adding;
  const host = await awaitPort(adding);
  if (!host.ok) return host;
  const { ips = [], routes = [] } = given;
  // What the kernel sends when the container's end comes up is lost: the port does not forward yet.
  announce(adding.sys, site.container, pair.container, ips);
  // The first port may have changed the address of a bridge that others have made.
  const bridge = ask(site.host, getLink(adding.bridge.index), `look at bridge ${config.bridge}`);
  if (!bridge.ok) return bridge;
  const outside = [bridge.value, host.value].map(interfaceOf);
  const inside = { ...interfaceOf(pair.container), sandbox: invocation.environment.netns };
  const dns = config.dns ?? given.dns;
  return ok({
    interfaces: [...outside, inside, ...(gatewayLink === undefined ? [] : [interfaceOf(gatewayLink)])],
    ...(ips.length > 0 && { ips }),
    ...(routes.length > 0 && { routes }),
    ...(dns && { dns }),
  });
}

function interfaceOf({ name, hardware }: Link): { name: string; mac: string } {
  return { name, mac: printHardware(hardware) };
}

const operUp = 6;
/** Almost always the port is up by now. The reference plugins wait as long for a slow one. */
const pausesMs = [0, 1, 2, 5, 10, 30, 500, 1000, 1000];

/** Waits until the host's end is up as a port of the bridge: before, frames are lost. Returns it as it is then. */
async function awaitPort({ sys, config, site: { host }, pair }: Adding): Promise<Outcome<Link, CniError>> {
  const { index, name } = pair.host;
  for (const pauseMs of pausesMs) {
    if (pauseMs > 0) await sys.clock.sleep(pauseMs);
    const link = ask(host, getLink(index), `look at ${name}`);
    if (!link.ok || config.leavesDown || link.value.operState === operUp) return link;
  }
  const msg = `port ${name} of bridge ${config.bridge} does not come up`;
  return failWith("link", "link.port-down", msg, "See the state of the bridge, and the node's log.");
}
