import { defineGroup } from "../command.ts";
import { exampleConfig } from "./target-options.ts";

/** `hawser ipam ...` with all its commands. A command's own file holds everything else about it. */
export const ipamGroup = defineGroup({
  summary: "Look after the addresses that hawser-flat gives",
  takes: "<command>",
  about: [
    "Looks after the addresses that hawser-flat gives. A pool is found by the configuration that names it",
    "(--config), by its store (--etcd or --dir, with --pool), or else in the configurations of this node.",
  ],
  examples: [
    ["how full the pools of this node's configurations are", "hawser ipam show"],
    ["whose an address is, and since when", `hawser ipam why 10.60.0.7 ${exampleConfig}`],
    ["what is wrong, and what would repair it", `hawser ipam check ${exampleConfig}`],
  ],
  exits: "0 all is well, 1 something is wrong or was refused, 2 the command was used wrongly",
  commands: {
    show: async () => (await import("./show.ts")).showPoolsCommand,
    map: async () => (await import("./map/map.ts")).mapCommand,
    list: async () => (await import("./list.ts")).listCommand,
    why: async () => (await import("./why.ts")).whyCommand,
    predict: async () => (await import("./predict.ts")).predictCommand,
    reserve: async () => (await import("./reserve.ts")).reserveCommand,
    unreserve: async () => (await import("./unreserve.ts")).unreserveCommand,
    release: async () => (await import("./release.ts")).releaseCommand,
    check: async () => (await import("./check.ts")).checkCommand,
    export: async () => (await import("./transfer/export.ts")).exportCommand,
    import: async () => (await import("./transfer/import.ts")).importCommand,
  },
});
