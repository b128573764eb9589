import { sweepSuite } from "../link/sweep-suite-testing.ts";
import type { SweepCase } from "../link/sweep-testing.ts";
import { hostDevice } from "./plugin.ts";

const hardware = Uint8Array.of(2, 0, 0, 0, 0, 9);
const onCard = {
  plugin: hostDevice,
  isLonely: true,
  prepare: async ({ kernel }) => kernel.ensureCard({ name: "ens4", hardware }),
} as const satisfies Partial<SweepCase>;
const ipam = { type: "honest", families: ["4", "6"] };

sweepSuite({
  "by its name": { ...onCard, config: { device: "ens4", ipam } },
  // By the address alone, GC cannot tell whether the operator has renamed the device.
  "by its hardware address": { ...onCard, config: { hwaddr: "02:00:00:00:00:09" }, needsDel: true },
  "on an older kernel": { ...onCard, config: { device: "ens4", ipam }, options: { isOld: true } },
});
