import { sweepSuite } from "../link/sweep-suite-testing.ts";
import type { SweepCase } from "../link/sweep-testing.ts";
import { vlan } from "./plugin.ts";

const onCard = {
  plugin: vlan,
  prepare: async ({ kernel }) => kernel.ensureCard({ name: "eth1", up: true }),
} as const satisfies Partial<SweepCase>;
const ipam = { type: "honest", families: ["4", "6"], routes: [{ dst: "0.0.0.0/0" }, { dst: "::/0" }] };

sweepSuite({
  "of two families": { ...onCard, config: { master: "eth1", vlanId: 7, ipam }, isLonely: true },
});
