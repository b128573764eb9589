import { sweepSuite } from "../link/sweep-suite-testing.ts";
import { dummy } from "./plugin.ts";

sweepSuite({
  "of two families": { plugin: dummy, config: { ipam: { type: "honest", families: ["4", "6"] } } },
});
