import type { Help } from "../help.ts";
import type { IpamAction } from "./options.ts";

const config = "--config 10-pods.conflist";
const changes = "0 done, 1 refused, 2 the command was used wrongly";
const looks = "0 printed, 1 the pool or its store could not be read, 2 the command was used wrongly";

export const ipamHelp: Help = {
  usage: "hawser ipam <command>",
  about: [
    "Looks after the addresses that hawser-flat gives. A pool is found by the configuration that names it",
    "(--config), by its store (--etcd or --dir, with --pool), or else in the configurations of this node.",
  ],
  examples: [
    ["how full the pools of this node's configurations are", "hawser ipam show"],
    ["whose an address is, and since when", `hawser ipam why 10.60.0.7 ${config}`],
    ["what is wrong, and what would repair it", `hawser ipam check ${config}`],
  ],
  exits: "0 all is well, 1 something is wrong or was refused, 2 the command was used wrongly",
};

/** One for each command; the texts of the command list are their first lines. */
export const actionHelps: Readonly<Record<IpamAction["action"], Help>> = {
  show: {
    usage: "hawser ipam show [--all]",
    about: ["Shows how full pools are, by range set, by node and by namespace. Changes nothing."],
    examples: [
      ["one configuration's pools", `hawser ipam show ${config}`],
      ["every pool of a store, for machines", "hawser ipam show --etcd https://10.0.0.1:2379 --json"],
    ],
    exits: looks,
  },
  map: {
    usage: "hawser ipam map [--within CIDR] [--svg FILE]",
    about: ["Draws a pool: a mark for each address, or for each block of a large one."],
    examples: [
      ["in the terminal", `hawser ipam map ${config}`],
      ["a part of a large pool", `hawser ipam map ${config} --within 10.60.3.0/24`],
      ["as a picture", `hawser ipam map ${config} --svg pool.svg`],
    ],
    exits: looks,
  },
  list: {
    usage: "hawser ipam list [--state STATE] [--node NODE] [--namespace NAMESPACE]",
    about: ["Lists the owners of addresses, in the order of these. Changes nothing."],
    examples: [
      ["all of them", `hawser ipam list ${config}`],
      ["what waits for its pod to come back", `hawser ipam list ${config} --state held --namespace blue`],
    ],
    exits: looks,
  },
  why: {
    usage: "hawser ipam why ADDRESS",
    about: ["Tells whose an address is, since when, on which node, and its history. Changes nothing."],
    examples: [["one address", `hawser ipam why 10.60.0.7 ${config}`]],
    exits: looks,
  },
  predict: {
    usage: "hawser ipam predict NAMESPACE/POD/INTERFACE",
    about: [
      "Tells the addresses and the MAC address that a pod's interface has or prefers,",
      "be there such a pod or not, and whether they are free now. Changes nothing.",
    ],
    examples: [["for a firewall's rules", `hawser ipam predict blue/db-0/net1 ${config}`]],
    exits: looks,
  },
  reserve: {
    usage: "hawser ipam reserve ADDRESS[,ADDRESS] [--for NAMESPACE/POD/INTERFACE]",
    about: [
      "Reserves addresses for a pod's interface, which keeps them beyond every DEL, or from everybody.",
      "For a pod, name one address of each range set.",
    ],
    examples: [
      ["for one pod", `hawser ipam reserve 10.60.0.7 --for blue/db-0/net1 ${config}`],
      ["from everybody", `hawser ipam reserve 10.60.0.8,10.60.0.9 ${config}`],
    ],
    exits: changes,
  },
  unreserve: {
    usage: "hawser ipam unreserve ADDRESS",
    about: ["Takes a reservation back. A pod that uses the address now keeps it until its DEL."],
    examples: [["one address", `hawser ipam unreserve 10.60.0.7 ${config}`]],
    exits: changes,
  },
  release: {
    usage: "hawser ipam release ADDRESS [--yes] [--force]",
    about: [
      "Frees an address, with all that its owner has of the pool. Asks first.",
      "One that a container uses is refused: its pod's deletion frees it. With --force it goes into quarantine:",
      "nobody else is given it until that container's DEL, its node's GC or reboot, or --force a second time.",
    ],
    examples: [
      ["one that waits for its pod", `hawser ipam release 10.60.0.7 ${config}`],
      ["what keeps pods of a lost node from starting", `hawser ipam list --state quarantined ${config}`],
      ["one in quarantine, whose node is gone for good", `hawser ipam release 10.60.0.7 ${config} --force`],
    ],
    exits: changes,
  },
  check: {
    usage: "hawser ipam check [--valid FILE] [--node NAME] [--repair]",
    about: [
      "Audits the store against itself and against this node's attachments, and shows what would repair it.",
      "--repair does so, after asking; what has changed meanwhile is left alone.",
    ],
    examples: [
      ["look only", `hawser ipam check ${config}`],
      [
        "against the runtime's own list, and repair",
        `hawser ipam check ${config} --valid valid.json --repair`,
      ],
      [
        "what containers left under this node's former name",
        `hawser ipam check ${config} --valid valid.json --node old-name`,
      ],
    ],
    exits: "0 no problem is left (there may be warnings), 1 a problem is, 2 the command was used wrongly",
  },
  export: {
    usage: "hawser ipam export [--output FILE]",
    about: ["Writes a line of JSON for each owner, which import reads again. Changes nothing."],
    examples: [["a backup", `hawser ipam export ${config} --output pool.jsonl`]],
    exits: looks,
  },
  import: {
    usage: "hawser ipam import SOURCE [--dry-run] [--yes]",
    about: [
      "Takes over addresses from an export, from IPPool objects of whereabouts, or from a data folder of",
      "host-local. Those of other IPAMs wait for their pods to be created anew (--hold). Shows what it would",
      "do and asks; what conflicts is left out, and reserved from everybody where it is in use.",
    ],
    examples: [
      ["an export", `hawser ipam import pool.jsonl ${config}`],
      ["what kubectl get ippools -A -o yaml printed", `hawser ipam import ippools.yaml ${config} --dry-run`],
      ["host-local's addresses", `hawser ipam import /var/lib/cni/networks/pods ${config} --hold 72h`],
    ],
    exits: "0 nothing is left out, 1 something conflicts, or was refused, 2 the command was used wrongly",
  },
};
