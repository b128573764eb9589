import type { CniError } from "../../cni/errors.ts";
import type { Invocation } from "../../cni/plugin.ts";
import { isNot, newNotes, oneOf } from "../../cni/readers.ts";
import { type MacvlanMode, macvlanModes } from "../../net/link-kinds.ts";
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
import { type MasterChoice, readMaster } from "../link/master.ts";

export interface MacvlanConfig extends MainConfig, MacConfig, MasterChoice {
  readonly mode: MacvlanMode;
  /** How many broadcasts wait for the interfaces of a master (`IFLA_MACVLAN_BC_QUEUE_LEN`); undefined: the kernel's own number. */
  readonly broadcastQueue: number | undefined;
}

const modes = Object.keys(macvlanModes) as MacvlanMode[];
const modeField = oneOf([...modes, ""], isNot(`one of ${modes.join(", ")}`));
const queueField = wholeNumber(0, 0xffff_ffff);

/** Errors: `link.config` with every problem at once. */
export function parseMacvlan(invocation: Invocation): Outcome<MacvlanConfig, CniError> {
  const { raw } = invocation.config;
  const notes = newNotes();
  const main = readMainConfig(invocation, notes);
  const mode = optional(raw, "mode", modeField, notes) ?? "";
  const queue = optional(raw, "bcqueuelen", queueField, notes);
  const config: MacvlanConfig = {
    ...main,
    ...readMaster(raw, notes),
    mac: readAskedMac(invocation, ["runtimeConfig.mac", "CNI_ARGS MAC", "mac"], notes),
    mode: mode === "" ? "bridge" : mode,
    broadcastQueue: queue === 0 ? undefined : queue,
  };
  return judged(invocation.config, config, notes);
}
