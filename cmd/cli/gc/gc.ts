import { parseEnvironment } from "../../../cni/environment.ts";
import type { CniError } from "../../../cni/errors.ts";
import type { Invocation } from "../../../cni/plugin.ts";
import type { NetworkConfig, ValidAttachment } from "../../../cni/types.ts";
import { metaPlaces } from "../../../plugins/meta/config/config.ts";
import { gc } from "../../../plugins/meta/gc.ts";
import type { Attempt } from "../../../sys/fault.ts";
import { type Outcome, ok } from "../../../sys/outcome.ts";
import type { Sys } from "../../../sys/sys.ts";
import {
  type Configuration,
  isCurrent,
  networkConfigOf,
  requireConfiguration,
  runtimesConfiguration,
} from "../configuration.ts";
import { printFailure } from "../failure.ts";
import { type HeldRecord, readHeldRecords } from "../held.ts";
import { formatTable } from "../table.ts";
import { paint, plain, printDocument, type Terminal } from "../terminal.ts";
import { type Judged, judge } from "./judge.ts";
import { askRuntime, type Listing, readListing } from "./listing.ts";
import type { GcOptions } from "./options.ts";

/** Of the process: what the command cannot have from `sys`. */
export interface GcProcess {
  readonly readStdin: () => Attempt<string>;
  /** PATH, for the delegates. */
  readonly path: string;
}

/** A sandbox may take so long to start: kubelet gives up then. */
const startMs = 300_000;

/** What is to be collected, and by which call of ours. */
interface Collection {
  readonly configuration: Configuration;
  readonly network: NetworkConfig;
  readonly listing: Listing;
  readonly judged: Judged;
}

/** `hawser gc`: the GC that a runtime of a newer kind would ask for, by its sandboxes or by a list. */
export async function gcCommand(
  sys: Sys,
  terminal: Terminal,
  options: GcOptions,
  process: GcProcess,
): Promise<number> {
  const collection = await prepare(sys, options, process);
  if (!collection.ok) return printFailure(terminal, collection.error, options.json);
  if (!options.json) printPlan(terminal, collection.value, options.dryRun);
  const done = options.dryRun ? ok(undefined) : await collect(sys, collection.value, options, process);
  const left = options.dryRun || !done.ok ? remaining(sys, collection.value) : [];
  if (options.json) printDocument(terminal, documentOf(collection.value, options.dryRun, left, done));
  else if (!done.ok) printFailure(terminal, done.error, false);
  else if (!options.dryRun) terminal.print(`Deleted ${plural(collection.value.judged.gone.length)}.`);
  return done.ok ? 0 : 1;
}

async function prepare(
  sys: Sys,
  options: GcOptions,
  { readStdin }: GcProcess,
): Promise<Outcome<Collection, CniError>> {
  const { config, confDir, valid } = options;
  const found =
    config === undefined ? runtimesConfiguration(sys, confDir) : requireConfiguration(sys, config);
  if (!found.ok) return found;
  const network = networkConfigOf(found.value, {});
  if (!network.ok) return network;
  const { stateDir } = metaPlaces(network.value);
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
  { path }: GcProcess,
): Promise<Outcome<void, CniError>> {
  const invocation = invocationOf(configuration, network, judged.valid, { path, pluginDirs });
  return invocation.ok ? gc(sys, invocation.value) : invocation;
}

/** As a runtime calls it: the configuration, its version one that has GC, and what is valid. */
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

/** Of what was to go, what is still there. */
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
