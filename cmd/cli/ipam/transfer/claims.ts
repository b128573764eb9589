import type { Address } from "../../../../cni/address.ts";
import type { ImportedClaim } from "../../../../ipam/flat/pool/import.ts";

/** The addresses that another IPAM has given. */
export interface Claims {
  readonly claims: readonly ImportedClaim[];
  /** Parts of the source that could not be understood. */
  readonly problems: readonly string[];
  /** Addresses that are taken by an unknown owner. */
  readonly unowned: readonly Address[];
  /** Parts of the source that were left out on purpose. */
  readonly notes: readonly string[];
}
