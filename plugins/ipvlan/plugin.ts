import { readKind } from "../../net/link-kinds.ts";
import { ok } from "../../sys/outcome.ts";
import { drifted } from "../link/check-link.ts";
import { containerLinkPlugin } from "../link/container-link.ts";
import { makeInside } from "../link/make-inside.ts";
import { checkMaster, findMaster, masterPlace, mastersReady } from "../link/master.ts";
import { type IpvlanConfig, parseIpvlan } from "./config.ts";

/** The reference plugin `ipvlan`. The container gets an interface that shares the MAC address of a link of the node. */
export const ipvlan = containerLinkPlugin<IpvlanConfig>({
  about: "gives a container an interface that shares the MAC address of a link of the node",
  kind: "ipvlan",
  notifies: ["arp", "ndisc"],
  parse: parseIpvlan,
  make: (site, config, { environment: { containerId, ifname } }) => {
    const place = masterPlace(site, config);
    const master = findMaster(place, config);
    if (!master.ok) return master;
    // The kernel takes an MTU above the master's, and fragments: so does the reference plugin.
    const plan = { containerId, ifname, master: { link: master.value, place }, mtu: config.mtu };
    return makeInside(site, plan, { kind: "ipvlan", mode: config.mode });
  },
  otherAddresses: ({ previous }) => previous,
  check: (site, config, link) => {
    const kind = readKind(link);
    if (kind?.kind !== "ipvlan" || kind.mode !== config.mode)
      return drifted(`${link.name} is an ipvlan of another mode than ${config.mode}`);
    return checkMaster(site, config, link);
  },
  // Without an address plugin it is one of a chain, whose interface is its master.
  ready: (host, config) =>
    config.master === "" && config.ipam === undefined
      ? ok(undefined)
      : mastersReady(host, { ...config, mtu: undefined }),
});
