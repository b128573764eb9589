import type { Help } from "../help.ts";

export const gcHelp: Help = {
  usage: "hawser gc [--cri SOCKET | --valid FILE]",
  about: [
    "Deletes what containers that are gone still hold, where no runtime asks for it (containerd never does).",
    "The runtime is asked twice for its sandboxes, and what is younger than five minutes is left: it may be starting.",
    "With --valid a list says what lives: container IDs, a line each or as JSON, or the specification's",
    '[{"containerID": "3f2a...", "ifname": "eth0"}]. What began after that list was written is left. Then every network is',
    "told what is still valid in it, so that it collects the rest itself.",
  ],
  examples: [
    ["what would be deleted", "sudo hawser gc --dry-run"],
    ["by the runtime's own list", "sudo hawser gc"],
    ["by a list", "sudo crictl pods -q | sudo hawser gc --valid -"],
    [
      "k3s",
      "sudo hawser gc --cri /run/k3s/containerd/containerd.sock --conf-dir /var/lib/rancher/k3s/agent/etc/cni/net.d",
    ],
  ],
  exits: "0 done, 1 something could not be deleted or the list was refused, 2 the command was used wrongly",
};
