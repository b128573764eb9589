import { defineCommand } from "../command.ts";
import { defaultStateDir } from "../common-options.ts";
import { argument, flag, mapped, text } from "../option.ts";
import { changes, exampleConfig, targetConflicts, targetOptions } from "./target-options.ts";

const address = argument("address", "an IP address");
const yes = flag("do not ask");

export const reserveCommand = defineCommand({
  summary: "Reserve addresses, for a pod or from everybody",
  takes: "ADDRESS[,ADDRESS] [--for NAMESPACE/POD/INTERFACE]",
  about: [
    "Reserves addresses for a pod's interface, which keeps them beyond every DEL, or from everybody.",
    "For a pod, name one address of each range set.",
  ],
  options: {
    addresses: mapped(argument("address", "IP addresses, between commas"), (addresses) =>
      addresses.split(","),
    ),
    ...targetOptions,
    for: text("NAMESPACE/POD/INTERFACE"),
  },
  conflicts: targetConflicts,
  examples: [
    ["for one pod", `hawser ipam reserve 10.60.0.7 --for blue/db-0/net1 ${exampleConfig}`],
    ["from everybody", `hawser ipam reserve 10.60.0.8,10.60.0.9 ${exampleConfig}`],
  ],
  exits: changes,
  run: async (sys, { terminal }, options) =>
    (await import("./reserve.ts")).reserveAddresses(sys, terminal, options),
});

export const unreserveCommand = defineCommand({
  summary: "Take a reservation back",
  takes: "ADDRESS",
  about: ["Takes a reservation back. A pod that uses the address now keeps it until its DEL."],
  options: { address, ...targetOptions },
  conflicts: targetConflicts,
  examples: [["one address", `hawser ipam unreserve 10.60.0.7 ${exampleConfig}`]],
  exits: changes,
  run: async (sys, { terminal }, options) =>
    (await import("./release.ts")).unreserveAddress(sys, terminal, options),
});

export const releaseCommand = defineCommand({
  summary: "Free an address",
  takes: "ADDRESS [--yes] [--force]",
  about: [
    "Frees an address, with all that its owner has of the pool. Asks first.",
    "One that a container uses is refused: its pod's deletion frees it. With --force it goes into quarantine:",
    "nobody else is given it until that container's DEL, its node's GC or reboot, or --force a second time.",
  ],
  options: {
    address,
    ...targetOptions,
    yes,
    force: flag("of one that is used: quarantine; of one in quarantine: free it"),
  },
  conflicts: targetConflicts,
  examples: [
    ["one that waits for its pod", `hawser ipam release 10.60.0.7 ${exampleConfig}`],
    ["what keeps pods of a lost node from starting", `hawser ipam list --state quarantined ${exampleConfig}`],
    [
      "one in quarantine, whose node is gone for good",
      `hawser ipam release 10.60.0.7 ${exampleConfig} --force`,
    ],
  ],
  exits: changes,
  run: async (sys, { terminal, person }, options) =>
    (await import("./release.ts")).releaseAddress(sys, terminal, options, person),
});

export const checkCommand = defineCommand({
  summary: "Find what is wrong in a pool's store, and repair it",
  takes: "[--valid FILE] [--node NAME] [--repair]",
  about: [
    "Audits the store against itself and against this node's attachments, and shows what would repair it.",
    "--repair does so, after asking; what has changed meanwhile is left alone.",
  ],
  options: {
    ...targetOptions,
    stateDir: text("hawser's folder of records", { default: defaultStateDir }),
    valid: text("file with the runtime's list of containers"),
    node: text("the name that this node had, if it was renamed"),
    repair: flag("repair what can be"),
    yes,
  },
  conflicts: targetConflicts,
  examples: [
    ["look only", `hawser ipam check ${exampleConfig}`],
    [
      "against the runtime's own list, and repair",
      `hawser ipam check ${exampleConfig} --valid valid.json --repair`,
    ],
    [
      "what containers left under this node's former name",
      `hawser ipam check ${exampleConfig} --valid valid.json --node old-name`,
    ],
  ],
  exits: "0 no problem is left (there may be warnings), 1 a problem is, 2 the command was used wrongly",
  run: async (sys, { terminal, person }, options) =>
    (await import("./check.ts")).checkPool(sys, terminal, options, person),
});

export const importCommand = defineCommand({
  summary: "Take over an export, whereabouts' or host-local's addresses",
  takes: "SOURCE [--dry-run] [--yes]",
  about: [
    "Takes over addresses from an export, from IPPool objects of whereabouts, or from a data folder of",
    "host-local. Those of other IPAMs wait for their pods to be created anew (--hold). Shows what it would",
    "do and asks; what conflicts is left out, and reserved from everybody where it is in use.",
  ],
  options: {
    source: argument("source", "a file, or host-local's data folder"),
    ...targetOptions,
    ifname: text("the interface, where the source does not say", { default: "net1" }),
    hold: text("how long another IPAM's addresses wait for their pods", { default: "forever" }),
    results: text("libcni's results: whose containers are", { default: "/var/lib/cni/results" }),
    dryRun: flag("only show what would be done"),
    yes,
  },
  conflicts: targetConflicts,
  examples: [
    ["an export", `hawser ipam import pool.jsonl ${exampleConfig}`],
    [
      "what kubectl get ippools -A -o yaml printed",
      `hawser ipam import ippools.yaml ${exampleConfig} --dry-run`,
    ],
    ["host-local's addresses", `hawser ipam import /var/lib/cni/networks/pods ${exampleConfig} --hold 72h`],
  ],
  exits: "0 nothing is left out, 1 something conflicts, or was refused, 2 the command was used wrongly",
  run: async (sys, { terminal, person }, options) =>
    (await import("./transfer/import.ts")).importHoldings(sys, terminal, options, person),
});
