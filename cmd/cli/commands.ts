import type { Root } from "./command.ts";

/** The program's commands, as `hawser --help` lists them. A command's own file holds everything else about it. */
export const hawser: Root = {
  takes: "<command>",
  about: [
    "A CNI meta-plugin: moors a pod to several networks at once.",
    "Container runtimes call it with CNI_COMMAND set; these commands are for people.",
  ],
  examples: [
    [
      "what a pod that asks for the network storage would get",
      "hawser explain --config 10-hawser.conflist --annotations storage",
    ],
    ["what this node holds", "hawser attachments"],
    ["what is wrong on this node, and what to do about it", "hawser doctor"],
  ],
  exits: "0 all is well, 1 something is wrong, 2 the command was used wrongly",
  commands: {
    explain: async () => (await import("./explain.ts")).explainCommand,
    attachments: async () => (await import("./attachments.ts")).attachmentsCommand,
    doctor: async () => (await import("./doctor/doctor.ts")).doctorCommand,
    migrate: async () => (await import("./migrate/migrate.ts")).migrateCommand,
    gc: async () => (await import("./gc/gc.ts")).gcCommand,
    ipam: async () => (await import("./ipam/ipam.ts")).ipamGroup,
    install: async () => (await import("./install/install.ts")).installCommand,
    uninstall: async () => (await import("./install/uninstall.ts")).uninstallCommand,
  },
};
