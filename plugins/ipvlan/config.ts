import type { CniError } from "../../cni/errors.ts";
import type { Invocation } from "../../cni/plugin.ts";
import { isNot, type Notes, newNotes, oneOf, refuse } from "../../cni/readers.ts";
import { parseResult } from "../../cni/result.ts";
import type { CniResult, NetworkConfig } from "../../cni/types.ts";
import { type IpvlanMode, ipvlanModes } from "../../net/link-kinds.ts";
import type { Outcome } from "../../sys/outcome.ts";
import { judged, type MainConfig, optional, readMainConfig } from "../link/main-config.ts";
import { type MasterChoice, readMaster } from "../link/master.ts";

export interface IpvlanConfig extends MainConfig, MasterChoice {
  readonly mode: IpvlanMode;
  /** What the plugin before this one has made, on an ADD in a chain. Without an IPAM plugin its addresses are taken. */
  readonly previous: CniResult | undefined;
}

const modes = Object.keys(ipvlanModes) as IpvlanMode[];
const modeField = oneOf([...modes, ""], isNot(`one of ${modes.join(", ")}`));

/** Errors: `link.config` with every problem at once. */
export function parseIpvlan(invocation: Invocation): Outcome<IpvlanConfig, CniError> {
  const { config, environment } = invocation;
  const notes = newNotes();
  const main = readMainConfig(invocation, notes);
  const choice = readMaster(config.raw, notes);
  const mode = optional(config.raw, "mode", modeField, notes) ?? "";
  // A CHECK has the result of the whole chain, this plugin's own interface in it.
  const previous = environment.command === "ADD" ? readPrevious(config, notes) : undefined;
  const hasAddresses = main.ipam !== undefined || (previous?.ips ?? []).length > 0;
  if (environment.command === "ADD" && !hasAddresses)
    refuse(notes, "ipam.type", "is missing, and no plugin before this one gives addresses");
  const read: IpvlanConfig = {
    ...main,
    ...choice,
    ...(choice.master === "" && previous !== undefined && { master: chainedMaster(previous, notes) }),
    mode: mode === "" ? "l2" : mode,
    previous,
  };
  return judged(config, read, notes);
}

function readPrevious({ raw, cniVersion }: NetworkConfig, notes: Notes): CniResult | undefined {
  const given = raw.prevResult ?? undefined;
  if (given === undefined) return undefined;
  const parsed = parseResult(given, cniVersion);
  return parsed.ok ? parsed.value.result : refuse(notes, "prevResult", parsed.error);
}

/** In a chain, the one interface that the plugins before have made is the master. */
function chainedMaster({ interfaces = [] }: CniResult, notes: Notes): string {
  const [only, ...others] = interfaces;
  if (only !== undefined && others.length === 0) return only.name;
  refuse(notes, "master", "chained master failure. PrevResult lacks a single named interface");
  return "";
}
