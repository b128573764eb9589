import { parseEnvironment } from "../../../cni/environment.ts";
import type { CniError } from "../../../cni/errors.ts";
import type { Invocation } from "../../../cni/plugin.ts";
import type { NetworkConfig, ValidAttachment } from "../../../cni/types.ts";
import { metaTeardown } from "../../../plugins/meta/config/config.ts";
import { gc } from "../../../plugins/meta/gc.ts";
import { type Outcome, ok } from "../../../sys/outcome.ts";
import type { Sys } from "../../../sys/sys.ts";
import { type Context, defineCommand, type Program } from "../command.ts";
import { confDir, json, pluginDirs } from "../common-options.ts";
import {
  type Configuration,
  isCurrent,
  networkConfigOf,
  requireConfiguration,
  runtimesConfiguration,
} from "../configuration.ts";
import { printFailure } from "../failure.ts";
import { type HeldRecord, readHeldRecords } from "../held.ts";
import { duration, flag, text, type ValuesOf } from "../option.ts";
import { formatTable } from "../table.ts";
import { paint, plain, printDocument, type Terminal } from "../terminal.ts";
import { type Judged, judge } from "./judge.ts";
import { askRuntime, type Listing, readListing } from "./listing.ts";

const options = {
  valid: text("a list of what lives, - for stdin"),
  cri: text("the runtime's socket (default: the one that is there)"),
  minAgeMs: duration("min-age", "leave what is younger (default 5m; 0 with --valid)"),
  noneValid: flag("although the list is empty: everything goes"),
  config: text("only this configuration (default: the runtime's, the first in conf-dir)"),
  confDir,
  pluginDirs,
  dryRun: flag("say what would be deleted, and do nothing"),
  json,
};
type GcOptions = ValuesOf<typeof options>;

export const gcCommand = defineCommand({
  summary: "Delete what containers that are gone still hold",
  takes: "[--cri SOCKET | --valid FILE]",
  about: [
    "Deletes what containers that are gone still hold, where no runtime asks for it (containerd never does).",
    "The runtime is asked twice for its sandboxes, and what is younger than five minutes is left: it may be starting.",
    "With --valid a list says what lives: container IDs, a line each or as JSON, or the specification's",
    '[{"containerID": "3f2a...", "ifname": "eth0"}]. What began after that list was written is left. Then every network is',
    "told what is still valid in it, so that it collects the rest itself.",
  ],
  options,
  conflicts: { valid: ["cri"] },
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
  run,
});

/** A sandbox may take this long to start. Then the kubelet gives up. */
const startMs = 300_000;

/** What GC will delete, and the configuration that it is called with. */
interface Collection {
  readonly configuration: Configuration;
  readonly network: NetworkConfig;
  readonly listing: Listing;
  readonly judged: Judged;
}

async function run(sys: Sys, { terminal, program }: Context, options: GcOptions): Promise<number> {
  const collection = await prepare(sys, options, program);
  if (!collection.ok) return printFailure(terminal, collection.error, options.json);
  if (!options.json) printPlan(terminal, collection.value, options.dryRun);
  const done = options.dryRun ? ok(undefined) : await collect(sys, collection.value, options, program);
  const left = options.dryRun || !done.ok ? remaining(sys, collection.value) : [];
  if (options.json) printDocument(terminal, documentOf(collection.value, options.dryRun, left, done));
  else if (!done.ok) printFailure(terminal, done.error, false);
  else if (!options.dryRun) terminal.print(`Deleted ${plural(collection.value.judged.gone.length)}.`);
  return done.ok ? 0 : 1;
}

async function prepare(
  sys: Sys,
  options: GcOptions,
  { readStdin }: Program,
): Promise<Outcome<Collection, CniError>> {
  const { config, confDir, valid } = options;
  const found =
    config === undefined ? runtimesConfiguration(sys, confDir) : requireConfiguration(sys, config);
  if (!found.ok) return found;
  const network = networkConfigOf(found.value, {});
  if (!network.ok) return network;
  const { stateDir } = metaTeardown(network.value);
  const before = readHeldRecords(sys, stateDir);
  if (!before.ok) return before;
  const known = new Set(before.value.map(({ entry }) => entry.key.containerId));
  const listing =
    valid === undefined ? await askRuntime(sys, options, known) : readListing(sys, valid, readStdin);
  if (!listing.ok) return listing;
  const held = readHeldRecords(sys, stateDir);
  if (!held.ok) return held;
  const judged = judge(held.value, listing.value, {
    network: network.value.name,
    minAgeMs: options.minAgeMs ?? (valid === undefined ? startMs : 0),
    noneValid: options.noneValid,
    writtenMs: ({ entry }) => {
      const stat = sys.files.stat(entry.path);
      return stat.ok ? stat.value.modifiedMs : 0;
    },
  });
  if (!judged.ok) return judged;
  return ok({
    configuration: found.value,
    network: network.value,
    listing: listing.value,
    judged: judged.value,
  });
}

async function collect(
  sys: Sys,
  { configuration, network, judged }: Collection,
  { pluginDirs }: GcOptions,
  { variables }: Program,
): Promise<Outcome<void, CniError>> {
  const invocation = invocationOf(configuration, network, judged.valid, {
    path: variables.PATH ?? "",
    pluginDirs,
  });
  return invocation.ok ? gc(sys, invocation.value) : invocation;
}

/** Makes the call that a runtime would make: the configuration, in a version that has GC, and the valid attachments. */
function invocationOf(
  configuration: Configuration,
  network: NetworkConfig,
  valid: readonly ValidAttachment[],
  { path, pluginDirs }: { readonly path: string; readonly pluginDirs: readonly string[] },
): Outcome<Invocation, CniError> {
  const list = valid.map(({ containerID, ifname }) => ({ containerID, ifname }));
  const config = networkConfigOf(configuration, {
    ...(!isCurrent(network) && { cniVersion: "1.1.0" }),
    "cni.dev/valid-attachments": list,
  });
  if (!config.ok) return config;
  const variables = { PATH: path, CNI_COMMAND: "GC", CNI_PATH: pluginDirs.join(":") };
  const environment = parseEnvironment(variables);
  return environment.ok ? ok({ environment: environment.value, config: config.value }) : environment;
}

/** The records that GC should have deleted and that are still there. */
function remaining(sys: Sys, { judged }: Collection): HeldRecord[] {
  return judged.gone.filter(({ entry }) => sys.files.stat(entry.path).ok);
}

function printPlan(
  terminal: Terminal,
  { configuration, network, listing, judged }: Collection,
  dryRun: boolean,
): void {
  const { gone, spared, others } = judged;
  terminal.print(
    plain(
      `Network ${network.name} of ${configuration.path}; ${listing.lives.length} live, says ${listing.source}.`,
    ),
  );
  const rows = [
    ...gone.map((held) => rowOf(held, dryRun ? "would be deleted" : "to be deleted")),
    ...spared.map(({ held, why }) => rowOf(held, `left: ${why}`)),
  ];
  if (rows.length > 0) {
    const [header = "", ...lines] = formatTable(
      ["POD", "CONTAINER", "INTERFACE", "SINCE", ""],
      rows,
      terminal.columns,
    );
    terminal.print(["", paint(terminal, "bold", header), ...lines, ""].join("\n"));
  }
  if (gone.length === 0) terminal.print("Nothing is left over.");
  if (others > 0) terminal.print(`${plural(others)} of other networks: not looked at.`);
  if (dryRun) terminal.print("Nothing was changed.");
}

const shownIdLength = 12;

function rowOf(held: HeldRecord, what: string): string[] {
  const { containerId, ifname } = held.entry.key;
  const { pod, since } = aboutOf(held);
  return [pod ?? "-", containerId.slice(0, shownIdLength), ifname, since ?? "?", what];
}

function aboutOf({ state }: HeldRecord): { pod?: string; since?: string } {
  if (!("record" in state)) return {};
  const { pod, sinceMs } = state.record;
  return {
    ...(pod && { pod: `${pod.namespace}/${pod.name}` }),
    since: new Date(sinceMs).toISOString().replace("T", " ").replace(/\.\d+/, ""),
  };
}

function documentOf(
  { configuration, network, listing, judged }: Collection,
  dryRun: boolean,
  left: readonly HeldRecord[],
  done: Outcome<void, CniError>,
): Record<string, unknown> {
  const entryOf = (held: HeldRecord) => {
    const { containerId, ifname } = held.entry.key;
    return { containerId, ifname, ...aboutOf(held) };
  };
  return {
    ...{ config: configuration.path, network: network.name, source: listing.source, dryRun },
    listed: listing.lives.length,
    gone: judged.gone.map((held) => ({ ...entryOf(held), deleted: !dryRun && !left.includes(held) })),
    spared: judged.spared.map(({ held, why }) => ({ ...entryOf(held), why })),
    otherNetworks: judged.others,
    ...(!done.ok && { error: errorOf(done.error) }),
  };
}

function errorOf({ code, id, msg, details }: CniError): Record<string, unknown> {
  return { code, id, msg, details };
}

function plural(count: number): string {
  return count === 1 ? "1 attachment" : `${count} attachments`;
}
