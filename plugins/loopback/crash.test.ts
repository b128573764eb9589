import { sweepSuite } from "../link/sweep-suite-testing.ts";
import { loopback } from "./plugin.ts";

sweepSuite({
  "the loopback of a container": {
    plugin: loopback,
    config: {},
    // The kernel leaves 127.0.0.1 on it when it goes down.
    afterDel: (left) => ({ ...left, kernel: {} }),
  },
});
