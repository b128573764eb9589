import type { CniError } from "../../cni/errors.ts";
import type { Invocation } from "../../cni/plugin.ts";
import { newNotes } from "../../cni/readers.ts";
import type { Outcome } from "../../sys/outcome.ts";
import type { Sys } from "../../sys/sys.ts";
import { collect } from "../link/collect.ts";
import { detach } from "../link/detach.ts";
import { readPtpConfig } from "./config.ts";

/** A wrong field of the configuration stops nothing. */
export async function del(sys: Sys, invocation: Invocation): Promise<Outcome<void, CniError>> {
  const { ipam, masquerades } = readPtpConfig(invocation, newNotes());
  return detach(sys, invocation, { ipam: ipam === "" ? undefined : ipam, masquerades });
}

export async function gc(sys: Sys, invocation: Invocation): Promise<Outcome<void, CniError>> {
  const { ipam, masquerades } = readPtpConfig(invocation, newNotes());
  return collect(sys, invocation, { ipam: ipam === "" ? undefined : ipam, masquerades });
}
