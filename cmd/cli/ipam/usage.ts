import type { Argv } from "yargs";
import { described } from "../help.ts";
import { actionHelps, ipamHelp } from "./help.ts";
import type { IpamAction, TargetOptions } from "./options.ts";

export interface IpamDefaults {
  readonly stateDir: string;
  readonly confDir: string;
}

type Take = (action: IpamAction) => void;
type Name = IpamAction["action"];

const text = { type: "string", requiresArg: true } as const;
const flag = { type: "boolean" } as const;
const states = ["used", "held", "expired", "reserved", "quarantined"] as const;

const definitionsDir = "/etc/cni/hawser/net.d";

/** Which pool: the same for every command. */
function targetOptions({ confDir }: IpamDefaults) {
  return {
    config: { ...text, describe: "configuration or list with hawser-flat in it" },
    pool: { ...text, describe: "the pool, where there are several" },
    etcd: { ...text, describe: "its store: etcd's endpoints, between commas" },
    "etcd-prefix": { ...text, describe: "what its keys in etcd begin with" },
    "ca-file": { ...text, describe: "who signed etcd's certificates" },
    "cert-file": { ...text, describe: "our certificate for etcd" },
    "key-file": { ...text, describe: "its key" },
    username: { ...text, describe: "our user in etcd" },
    "password-file": { ...text, describe: "its password" },
    dir: { ...text, describe: "its store: a folder" },
    "conf-dir": { ...text, default: confDir, describe: "the runtime's configurations" },
    "definitions-dir": { ...text, default: definitionsDir, describe: "hawser's network definitions" },
    json: { ...flag, describe: "print JSON, for machines" },
  } as const;
}

interface TargetArgs {
  readonly [name: string]: unknown;
}

/** yargs has checked the types; a flag that is not there is absent. */
function targetOf(args: TargetArgs): TargetOptions {
  const one = (name: string): string | undefined => {
    const value = args[name];
    return typeof value === "string" ? value : undefined;
  };
  return {
    config: one("config"),
    pool: one("pool"),
    etcd: one("etcd"),
    etcdPrefix: one("etcdPrefix"),
    caFile: one("caFile"),
    certFile: one("certFile"),
    keyFile: one("keyFile"),
    username: one("username"),
    passwordFile: one("passwordFile"),
    dir: one("dir"),
    confDir: one("confDir") ?? "",
    definitionsDir: one("definitionsDir") ?? "",
    json: args.json === true,
  };
}

/** What each command takes beside its options, for who forgets it. */
export const positionals: Readonly<Partial<Record<string, string>>> = {
  why: "address",
  predict: "NAMESPACE/POD/INTERFACE",
  reserve: "address",
  unreserve: "address",
  release: "address",
  import: "source",
};

/** `hawser ipam ...`: adds its commands to the command line; `take` is told which one a person asked for. */
export function addIpam(parser: Argv, defaults: IpamDefaults, take: Take): Argv {
  return parser.command("ipam", "Look after the addresses that hawser-flat gives", (ipam) => {
    const own = described(ipam, ipamHelp).demandCommand(1, "Missing command after ipam").strictCommands();
    return [addLooks, addChanges, addAudit, addTransfers].reduce((all, add) => add(all, defaults, take), own);
  });
}

function start(command: Argv, name: Name, defaults: IpamDefaults) {
  return described(command, actionHelps[name])
    .options(targetOptions(defaults))
    .conflicts({ config: ["etcd", "dir"], etcd: "dir" });
}

const address = { type: "string", demandOption: true, describe: "an IP address" } as const;

function addLooks(ipam: Argv, defaults: IpamDefaults, take: Take): Argv {
  return ipam
    .command(
      "show",
      "Show how full pools are, and of what",
      (command) =>
        start(command, "show", defaults).options({ all: { ...flag, describe: "every node and namespace" } }),
      (args) => take({ action: "show", ...targetOf(args), all: args.all === true }),
    )
    .command(
      "map",
      "Draw a pool, in the terminal or as SVG",
      (command) =>
        start(command, "map", defaults).options({
          svg: { ...text, describe: "draw to this file" },
          within: { ...text, describe: "only this part, as a CIDR" },
        }),
      ({ svg, within, ...args }) => take({ action: "map", ...targetOf(args), svg, within }),
    )
    .command(
      "list",
      "List who has which addresses",
      (command) =>
        start(command, "list", defaults).options({
          state: { ...text, choices: states, describe: "only those in this state" },
          node: { ...text, describe: "only this node's" },
          namespace: { ...text, describe: "only this namespace's" },
        }),
      ({ state, node, namespace, ...args }) =>
        take({ action: "list", ...targetOf(args), state, node, namespace }),
    )
    .command(
      "why <address>",
      "Tell whose an address is, and its history",
      (command) => start(command, "why", defaults).positional("address", address),
      ({ address, ...args }) => take({ action: "why", ...targetOf(args), address }),
    )
    .command(
      "predict <identity>",
      "Tell what a pod's interface has or will get",
      (command) =>
        start(command, "predict", defaults).positional("identity", {
          type: "string",
          demandOption: true,
          describe: "NAMESPACE/POD/INTERFACE",
        }),
      ({ identity, ...args }) => take({ action: "predict", ...targetOf(args), identity }),
    );
}

function addChanges(ipam: Argv, defaults: IpamDefaults, take: Take): Argv {
  return ipam
    .command(
      "reserve <addresses>",
      "Reserve addresses, for a pod or from everybody",
      (command) =>
        start(command, "reserve", defaults)
          .positional("addresses", { ...address, describe: "IP addresses, between commas" })
          .options({ for: { ...text, describe: "NAMESPACE/POD/INTERFACE" } }),
      ({ addresses, for: owner, ...args }) =>
        take({ action: "reserve", ...targetOf(args), addresses: String(addresses).split(","), for: owner }),
    )
    .command(
      "unreserve <address>",
      "Take a reservation back",
      (command) => start(command, "unreserve", defaults).positional("address", address),
      ({ address, ...args }) => take({ action: "unreserve", ...targetOf(args), address }),
    )
    .command(
      "release <address>",
      "Free an address",
      (command) =>
        start(command, "release", defaults)
          .positional("address", address)
          .options({
            yes,
            force: { ...flag, describe: "of one that is used: quarantine; of one in quarantine: free it" },
          }),
      ({ address, ...args }) =>
        take({
          action: "release",
          ...targetOf(args),
          address,
          yes: args.yes === true,
          force: args.force === true,
        }),
    );
}

const yes = { ...flag, describe: "do not ask" } as const;

function addAudit(ipam: Argv, defaults: IpamDefaults, take: Take): Argv {
  return ipam.command(
    "check",
    "Find what is wrong in a pool's store, and repair it",
    (command) =>
      start(command, "check", defaults).options({
        "state-dir": { ...text, default: defaults.stateDir, describe: "hawser's folder of records" },
        valid: { ...text, describe: "file with the runtime's list of containers" },
        node: { ...text, describe: "the name that this node had, if it was renamed" },
        repair: { ...flag, describe: "repair what can be" },
        yes,
      }),
    ({ stateDir, valid, node, ...args }) =>
      take({
        action: "check",
        ...targetOf(args),
        stateDir,
        valid,
        node,
        repair: args.repair === true,
        yes: args.yes === true,
      }),
  );
}

function addTransfers(ipam: Argv, defaults: IpamDefaults, take: Take): Argv {
  return ipam
    .command(
      "export",
      "Write all owners as lines of JSON",
      (command) =>
        start(command, "export", defaults).options({ output: { ...text, describe: "to this file" } }),
      ({ output, ...args }) => take({ action: "export", ...targetOf(args), output }),
    )
    .command(
      "import <source>",
      "Take over an export, whereabouts' or host-local's addresses",
      (command) =>
        start(command, "import", defaults)
          .positional("source", {
            type: "string",
            demandOption: true,
            describe: "a file, or host-local's data folder",
          })
          .options(importOptions),
      ({ source, ifname, hold, results, ...args }) =>
        take({
          action: "import",
          ...targetOf(args),
          source,
          ifname,
          hold,
          results,
          dryRun: args.dryRun === true,
          yes: args.yes === true,
        }),
    );
}

const importOptions = {
  ifname: { ...text, default: "net1", describe: "the interface, where the source does not say" },
  hold: { ...text, default: "forever", describe: "how long another IPAM's addresses wait for their pods" },
  results: { ...text, default: "/var/lib/cni/results", describe: "libcni's results: whose containers are" },
  "dry-run": { ...flag, describe: "only show what would be done" },
  yes,
} as const;
