import type { Address } from "../../../../cni/address.ts";
import type { ImportedClaim } from "../../../../ipam/flat/pool/import.ts";

/** What a source of another IPAM says. */
export interface Claims {
  readonly claims: readonly ImportedClaim[];
  /** What in it could not be understood. */
  readonly problems: readonly string[];
  /** Addresses that are taken, and nobody knows by whom. */
  readonly unowned: readonly Address[];
  /** What was left out on purpose. */
  readonly notes: readonly string[];
}
