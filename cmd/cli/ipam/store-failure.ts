import { type CniError, cniError } from "../../../cni/errors.ts";
import type { Store, StoreFault } from "../../../ipam/flat/store.ts";

/** A store's fault as an error for people. */
export function storeFailure({ label }: Store, doing: string, { kind, msg, details }: StoreFault): CniError {
  const unsure = kind === "unknown" ? " Whether it was done nobody knows: look before you try again." : "";
  return cniError("ioFailure", "cli.store", `${doing} ${label}: ${msg}`, `${details}${unsure}`.trim());
}
