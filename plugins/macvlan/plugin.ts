import { readKind } from "../../net/link-kinds.ts";
import { drifted } from "../link/check-link.ts";
import { containerLinkPlugin } from "../link/container-link.ts";
import { makeInside } from "../link/make-inside.ts";
import { checkMaster, findMaster, masterPlace, mastersReady, mtuFits } from "../link/master.ts";
import { type MacvlanConfig, parseMacvlan } from "./config.ts";

/** The reference plugin `macvlan`. The container gets an interface of its own, with its own MAC address, on a link of the node. */
export const macvlan = containerLinkPlugin<MacvlanConfig>({
  about: "gives a container an interface with its own MAC address on a link of the node",
  kind: "macvlan",
  notifies: ["arp", "ndisc"],
  parse: parseMacvlan,
  make: (site, config, { environment: { containerId, ifname } }) => {
    const place = masterPlace(site, config);
    const master = findMaster(place, config);
    if (!master.ok) return master;
    const { mtu, mac, mode, broadcastQueue } = config;
    const fits = mtuFits(mtu, master.value);
    if (!fits.ok) return fits;
    return makeInside(
      site,
      { containerId, ifname, master: { link: master.value, place }, mtu, mac },
      { kind: "macvlan", mode, ...(broadcastQueue !== undefined && { broadcastQueue }) },
    );
  },
  check: (site, config, link) => {
    const kind = readKind(link);
    if (kind?.kind !== "macvlan" || kind.mode !== config.mode)
      return drifted(`${link.name} is a macvlan of another mode than ${config.mode}`);
    return checkMaster(site, config, link);
  },
  ready: mastersReady,
});
