import { sweepSuite } from "../link/sweep-suite-testing.ts";
import { ptp } from "./plugin.ts";

const ipam = { type: "honest", families: ["4", "6"] };

sweepSuite({
  "both families": { plugin: ptp, config: { mtu: 1400, ipam } },
  "masquerading by nftables": { plugin: ptp, config: { ipMasq: true, ipMasqBackend: "nftables", ipam } },
});
