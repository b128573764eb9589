import { failWith } from "../../cni/errors.ts";
import { readKind } from "../../net/link-kinds.ts";
import { drifted } from "../link/check-link.ts";
import { containerLinkPlugin } from "../link/container-link.ts";
import { makeInside } from "../link/make-inside.ts";
import { checkMaster, findMaster, masterPlace, mastersReady, mtuFits } from "../link/master.ts";
import { parseVlan, type VlanConfig } from "./config.ts";

/** The reference plugin `vlan`. The container gets one VLAN of a link of the node. */
export const vlan = containerLinkPlugin<VlanConfig>({
  about: "gives a container one VLAN of a link of the node",
  kind: "vlan",
  notifies: [],
  parse: parseVlan,
  make: (site, config, { environment: { containerId, ifname } }) => {
    const place = masterPlace(site, config);
    const master = findMaster(place, config);
    if (!master.ok) return master;
    const { mtu, vlanId } = config;
    const fits = mtuFits(mtu, master.value);
    if (!fits.ok) return fits;
    const plan = { containerId, ifname, master: { link: master.value, place }, mtu };
    return makeInside(site, plan, { kind: "vlan", id: vlanId });
  },
  check: (site, config, link) => {
    const kind = readKind(link);
    if (kind?.kind !== "vlan" || kind.id !== config.vlanId)
      return drifted(`${link.name} is not VLAN ${config.vlanId}`);
    return checkMaster(site, config, link);
  },
  ready: (host, config) => {
    const found = mastersReady(host, config);
    if (!found.ok || config.linkInContainer) return found;
    const master = findMaster(host, config);
    if (!master.ok || master.value.isUp) return found;
    return failWith(
      "link",
      "link.no-master",
      `master ${config.master} is down, and no VLAN of it can come up`,
      "Take it up on the node.",
    );
  },
});
