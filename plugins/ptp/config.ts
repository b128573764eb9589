import type { CniError } from "../../cni/errors.ts";
import type { Invocation } from "../../cni/plugin.ts";
import { flag, type Notes, newNotes, oneOf, refuse } from "../../cni/readers.ts";
import type { Outcome } from "../../sys/outcome.ts";
import { judged, type MainConfig, optional, readMainConfig } from "../link/main-config.ts";
import { type MasqueradeBackend, masqueradeBackends } from "../link/masquerade-backend.ts";

/** The configuration of a network of links from the node to each container. */
export interface PtpConfig extends MainConfig {
  readonly ipam: string;
  readonly masquerades: boolean;
  readonly masqueradeBackend: MasqueradeBackend | undefined;
}

/** Errors: `link.config` with every problem at once. */
export function parsePtpConfig(invocation: Invocation): Outcome<PtpConfig, CniError> {
  const notes = newNotes();
  const config = readPtpConfig(invocation, notes);
  if (config.ipam === "") refuse(notes, "ipam.type", "is missing: the link has nothing but addresses");
  return judged(invocation.config, config, notes);
}

/** What can be read of a configuration: a DEL goes by that. Without an IPAM plugin its type is empty. */
export function readPtpConfig(invocation: Invocation, notes: Notes): PtpConfig {
  const { raw } = invocation.config;
  const main = readMainConfig(invocation, notes);
  return {
    ...main,
    ipam: main.ipam ?? "",
    masquerades: optional(raw, "ipMasq", flag, notes) ?? false,
    masqueradeBackend: optional(raw, "ipMasqBackend", backendField, notes),
  };
}

const backendField = oneOf(masqueradeBackends, () => `is none of ${masqueradeBackends.join(", ")}`);
