import { sweepSuite } from "../link/sweep-suite-testing.ts";
import type { SweepCase } from "../link/sweep-testing.ts";
import { macvlan } from "./plugin.ts";

const onCard = {
  plugin: macvlan,
  prepare: async ({ kernel }) => kernel.ensureCard({ name: "eth1" }),
} as const satisfies Partial<SweepCase>;
const ipam = { type: "honest", families: ["4", "6"], routes: [{ dst: "0.0.0.0/0" }, { dst: "::/0" }] };

sweepSuite({
  "of two families": { ...onCard, config: { master: "eth1", ipam, mtu: 1400 } },
  "without addresses": { ...onCard, config: { master: "eth1", mac: "02:00:00:00:00:07" }, isLonely: true },
  "on an older kernel, named as a link of the node": {
    ...onCard,
    config: { master: "eth1", ipam },
    options: { isOld: true },
    prepare: async ({ kernel }) => {
      kernel.ensureCard({ name: "eth1" });
      kernel.ensureCard({ name: "eth0" });
    },
  },
});
