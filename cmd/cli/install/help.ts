import type { Help } from "../help.ts";

const exits = "0 done, 1 it could not be done, 2 the command was used wrongly";

export const installHelp: Help = {
  usage: "hawser install [--mode owner|chained]",
  about: [
    "Puts hawser on this node: the binary and its links, credentials if asked for, and last the",
    "runtime's configuration. As the owner, hawser stands before the primary network and calls it; the",
    "primary's file stays as it is. Chained, it is appended to the primary's list. To install again is to",
    "upgrade: the binary is replaced, whatever runs goes on, and files that are as they should be are left alone.",
  ],
  examples: [
    ["what would be done", "hawser install --dry-run"],
    ["behind the primary network's plugins", "hawser install --mode chained"],
    ["in a DaemonSet's pod, with the node's root under /host", "hawser install --root /host --api --stay"],
  ],
  exits,
};

export const uninstallHelp: Help = {
  usage: "hawser uninstall [--wait DURATION | --force]",
  about: [
    "Puts the runtime's configuration back as it was, then removes what hawser install has brought; network",
    "definitions stay, and what others have put into the list goes on. Refuses while containers are attached by",
    "hawser: drain the node first; --wait waits for that.",
  ],
  examples: [
    ["what would be done", "hawser uninstall --dry-run"],
    ["as soon as the node is drained", "hawser uninstall --wait 10m"],
    ["from a pod, with the node's root under /host", "hawser uninstall --root /host"],
  ],
  exits,
};
