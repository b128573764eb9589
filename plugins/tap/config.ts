import type { CniError } from "../../cni/errors.ts";
import type { Invocation } from "../../cni/plugin.ts";
import { flag, newNotes, refuse, text } from "../../cni/readers.ts";
import type { Outcome } from "../../sys/outcome.ts";
import {
  judged,
  type MacConfig,
  type MainConfig,
  optional,
  readAskedMac,
  readMainConfig,
  wholeNumber,
} from "../link/main-config.ts";
import { readLinkName } from "../link/master.ts";

export interface TapConfig extends MainConfig, MacConfig {
  readonly multiQueue: boolean;
  /** The user and the group that may open the interface; undefined: everybody who may administer the network. */
  readonly owner: number | undefined;
  readonly group: number | undefined;
  /** A bridge in the container's namespace that the interface becomes a port of; empty: none. */
  readonly bridge: string;
}

/** The kernel takes the highest number for nobody. */
const idField = wholeNumber(0, 0xffff_fffe);

/** Errors: `link.config` with every problem at once. */
export function parseTap(invocation: Invocation): Outcome<TapConfig, CniError> {
  const { raw } = invocation.config;
  const notes = newNotes();
  const main = readMainConfig(invocation, notes);
  const config: TapConfig = {
    ...main,
    mac: readAskedMac(invocation, ["runtimeConfig.mac", "CNI_ARGS MAC", "mac"], notes),
    multiQueue: optional(raw, "multiQueue", flag, notes) ?? false,
    owner: optional(raw, "owner", idField, notes),
    group: optional(raw, "group", idField, notes),
    bridge: readLinkName(raw, "bridge", notes),
  };
  // The kernel labels the device by the program that makes it, and only another program has another label.
  if ((optional(raw, "selinuxContext", text, notes) ?? "") !== "")
    refuse(notes, "selinuxContext", "is not supported: use the reference plugin tap, or leave it out");
  return judged(invocation.config, config, notes);
}
