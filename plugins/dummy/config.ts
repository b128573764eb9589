import type { CniError } from "../../cni/errors.ts";
import type { Invocation } from "../../cni/plugin.ts";
import { newNotes, refuse } from "../../cni/readers.ts";
import type { Outcome } from "../../sys/outcome.ts";
import { type IpamConfig, judged, readIpamConfig } from "../link/main-config.ts";

/** Errors: `link.config` with every problem at once. */
export function parseDummy(invocation: Invocation): Outcome<IpamConfig, CniError> {
  const notes = newNotes();
  const config = readIpamConfig(invocation, notes);
  // The link leads nowhere, so an address is all that it is good for.
  if (config.ipam === undefined) refuse(notes, "ipam.type", "dummy interface requires an IPAM configuration");
  return judged(invocation.config, config, notes);
}
