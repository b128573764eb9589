import type { CniError } from "../../cni/errors.ts";
import type { Invocation } from "../../cni/plugin.ts";
import { newNotes } from "../../cni/readers.ts";
import type { Outcome } from "../../sys/outcome.ts";
import type { Sys } from "../../sys/sys.ts";
import { collect } from "../link/collect.ts";
import { detach } from "../link/detach.ts";
import { readBridgeConfig } from "./config.ts";

/** The bridge stays, for others. A wrong field of the configuration stops nothing. */
export async function del(sys: Sys, invocation: Invocation): Promise<Outcome<void, CniError>> {
  return detach(sys, invocation, readBridgeConfig(invocation, newNotes()));
}

export async function gc(sys: Sys, invocation: Invocation): Promise<Outcome<void, CniError>> {
  return collect(sys, invocation, readBridgeConfig(invocation, newNotes()));
}
