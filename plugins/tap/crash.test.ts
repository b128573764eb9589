import { sweepSuite } from "../link/sweep-suite-testing.ts";
import { tap } from "./plugin.ts";

const ipam = { type: "honest" };

sweepSuite({
  "with an owner": { plugin: tap, config: { ipam, owner: 7, group: 8, mtu: 1400, mac: "02:00:00:00:00:07" } },
  "without addresses": { plugin: tap, config: { multiQueue: true } },
});
