import type { Help } from "../help.ts";

export const migrateHelp: Help = {
  usage: "hawser migrate multus [--take-over]",
  about: [
    "Reads this node's Multus: its configuration and what it has attached. Prints the configuration in",
    "hawser's words, what would change, and the containers. With --take-over their attachments are recorded,",
    "after a question, so that hawser checks and deletes them; Multus's own files stay. May be run again.",
  ],
  examples: [
    ["what it would come to", "sudo hawser migrate multus"],
    [
      "a thick Multus, with its daemon's configuration",
      "hawser migrate multus --daemon-config daemon-config.json",
    ],
    ["running pods, without a question", "sudo hawser migrate multus --take-over --yes"],
    ["what that would do, for machines", "hawser migrate multus --take-over --dry-run --json"],
  ],
  exits: "0 done, 1 something cannot be read or was refused, 2 the command was used wrongly",
};
