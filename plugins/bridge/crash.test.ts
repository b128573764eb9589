import { sweepSuite } from "../link/sweep-suite-testing.ts";
import { bridge } from "./plugin.ts";

const ipam = { type: "honest", families: ["4", "6"], routes: [{ dst: "10.0.0.0/8" }] };
const only4 = { type: "honest" };
const stays = /^(cni0|br7)/;

sweepSuite({
  "a gateway of both families": {
    plugin: bridge,
    config: { bridge: "cni0", isDefaultGateway: true, hairpinMode: true, ipam },
  },
  "the first pod of its bridge": {
    plugin: bridge,
    config: { bridge: "br7", isGateway: true, promiscMode: true, mtu: 1400, ipam },
    isLonely: true,
    stays,
  },
  "masquerading by nftables": {
    plugin: bridge,
    config: { bridge: "cni0", isGateway: true, ipMasq: true, ipMasqBackend: "nftables", ipam },
  },
  "a check of MAC addresses": {
    plugin: bridge,
    config: { bridge: "cni0", macspoofchk: true, portIsolation: true, ipam: only4 },
  },
  "without addresses": { plugin: bridge, config: { bridge: "cni0" } },
  VLANs: { plugin: bridge, config: { bridge: "cni0", vlan: 100, isGateway: true, ipam: only4 } },
});
