import type { CniError } from "../../cni/errors.ts";
import type { Invocation } from "../../cni/plugin.ts";
import { newNotes, refuse } from "../../cni/readers.ts";
import type { Outcome } from "../../sys/outcome.ts";
import { judged, type MainConfig, optional, readMainConfig, wholeNumber } from "../link/main-config.ts";
import { type MasterChoice, readMaster } from "../link/master.ts";

export interface VlanConfig extends MainConfig, MasterChoice {
  readonly vlanId: number;
}

/** 4095 is reserved (IEEE 802.1Q). */
const vlanIdField = wholeNumber(0, 4094);

/** Errors: `link.config` with every problem at once. */
export function parseVlan(invocation: Invocation): Outcome<VlanConfig, CniError> {
  const { raw } = invocation.config;
  const notes = newNotes();
  const choice = readMaster(raw, notes);
  if (choice.master === "" && notes.problems.length === 0)
    refuse(notes, "master", "is missing: it names the link that carries the VLAN");
  const main = readMainConfig(invocation, notes);
  if (main.ipam === undefined) refuse(notes, "ipam.type", "is missing: a VLAN needs addresses");
  const vlanId = optional(raw, "vlanId", vlanIdField, notes) ?? 0;
  return judged(invocation.config, { ...main, ...choice, vlanId }, notes);
}
