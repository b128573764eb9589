import { modelProfiles } from "./mutants/model-profiles.ts";
import bandwidth from "./profiles/bandwidth.json" with { type: "json" };
import bridge from "./profiles/bridge.json" with { type: "json" };
import bridgeL2 from "./profiles/bridge-l2.json" with { type: "json" };
import dhcp from "./profiles/dhcp.json" with { type: "json" };
import dummy from "./profiles/dummy.json" with { type: "json" };
import firewall from "./profiles/firewall.json" with { type: "json" };
import hawser from "./profiles/hawser.json" with { type: "json" };
import hawserBridge from "./profiles/hawser-bridge.json" with { type: "json" };
import hawserBridgeL2 from "./profiles/hawser-bridge-l2.json" with { type: "json" };
import hawserChained from "./profiles/hawser-chained.json" with { type: "json" };
import hawserDummy from "./profiles/hawser-dummy.json" with { type: "json" };
import hawserFlat from "./profiles/hawser-flat.json" with { type: "json" };
import hawserHostDevice from "./profiles/hawser-host-device.json" with { type: "json" };
import hawserHostLocal from "./profiles/hawser-host-local.json" with { type: "json" };
import hawserIpvlan from "./profiles/hawser-ipvlan.json" with { type: "json" };
import hawserLoopback from "./profiles/hawser-loopback.json" with { type: "json" };
import hawserMacvlan from "./profiles/hawser-macvlan.json" with { type: "json" };
import hawserPtp from "./profiles/hawser-ptp.json" with { type: "json" };
import hawserSbr from "./profiles/hawser-sbr.json" with { type: "json" };
import hawserStatic from "./profiles/hawser-static.json" with { type: "json" };
import hawserTap from "./profiles/hawser-tap.json" with { type: "json" };
import hawserTuning from "./profiles/hawser-tuning.json" with { type: "json" };
import hawserTwo from "./profiles/hawser-two.json" with { type: "json" };
import hawserVlan from "./profiles/hawser-vlan.json" with { type: "json" };
import hostDevice from "./profiles/host-device.json" with { type: "json" };
import hostLocal from "./profiles/host-local.json" with { type: "json" };
import ipvlan from "./profiles/ipvlan.json" with { type: "json" };
import loopback from "./profiles/loopback.json" with { type: "json" };
import macvlan from "./profiles/macvlan.json" with { type: "json" };
import portmap from "./profiles/portmap.json" with { type: "json" };
import ptp from "./profiles/ptp.json" with { type: "json" };
import sbr from "./profiles/sbr.json" with { type: "json" };
import staticIpam from "./profiles/static.json" with { type: "json" };
import tap from "./profiles/tap.json" with { type: "json" };
import tuning from "./profiles/tuning.json" with { type: "json" };
import vlan from "./profiles/vlan.json" with { type: "json" };
import vrf from "./profiles/vrf.json" with { type: "json" };

/** The profiles that the suite knows by name; they are in the executable. */
const builtIn: readonly { readonly name: string }[] = [
  bandwidth,
  bridge,
  bridgeL2,
  dhcp,
  dummy,
  firewall,
  hawser,
  hawserBridge,
  hawserBridgeL2,
  hawserChained,
  hawserFlat,
  hawserHostLocal,
  hawserLoopback,
  hawserPtp,
  hawserSbr,
  hawserStatic,
  hawserMacvlan,
  hawserIpvlan,
  hawserVlan,
  hawserDummy,
  hawserTap,
  hawserHostDevice,
  hawserTuning,
  hawserTwo,
  hostDevice,
  hostLocal,
  ipvlan,
  loopback,
  macvlan,
  portmap,
  ptp,
  sbr,
  staticIpam,
  tap,
  tuning,
  vlan,
  vrf,
];

export const profileNames: readonly string[] = builtIn.map(({ name }) => name);

/** The text of a profile, as if it were read from its file. */
export function builtInProfile(name: string): string | undefined {
  const all = [...builtIn, ...Object.values(modelProfiles)];
  const found = all.find((profile) => profile.name === name);
  return found === undefined ? undefined : JSON.stringify(found);
}
