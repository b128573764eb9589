import type { SpecVersion } from "../versions.ts";
import type { Kind } from "../vocabulary.ts";

/** A way in which the test plugin can be wrong, named by the one requirement that it then fails. */
export interface Mutant {
  readonly id: string;
  readonly kind: Kind;
  /** 1.1.0 unless given. */
  readonly version?: SpecVersion;
  /**
   * Where the mutant can be found, if not in both. Some are about processes that run at once; in memory there are none, or
   * they can only be imitated.
   */
  readonly only?: "live" | "memory";
}

const of = (kind: Kind, ids: string): Mutant[] => ids.split(" ").map((id) => ({ id, kind }));

export const mutants: readonly Mutant[] = [
  ...of("ipam", "P-1a P-1b P-1c P-2a P-2b P-2c P-2d P-2e P-2f P-2g P-3a"),
  ...of("ipam", "P-4a P-4b P-4c P-4d P-4e P-4f P-4g P-4h P-5a P-5b P-5c P-6a P-6b P-7a P-7b P-7c P-8a P-9a"),
  ...of("ipam", "P-10b P-10c P-11a P-11b P-12a P-12b P-13b P-14a P-14b P-15a P-15b"),
  { id: "P-13c", kind: "ipam", version: "0.3.1" },
  { id: "P-16a", kind: "ipam", version: "0.3.1" },
  ...of("ipam", "P-18a P-18b P-24a P-24b P-24d P-25a P-25b P-25c P-25d P-25e P-26a P-27b"),
  ...of("ipam", "P-29a P-29e P-31a P-32a P-33c P-34a P-34b P-34c P-34d P-35a"),
  ...of("ipam", "P-37a P-37b P-37c P-37d P-40a P-40b P-41a P-41b P-46a P-46b"),
  ...of("interface", "P-13a P-17a P-18c P-18d P-18e P-18f P-18g P-18h P-18i P-19a P-19b P-19c"),
  ...of("interface", "P-23a P-24c P-27a P-28a P-28b P-29b P-29c P-29d P-29f P-30a P-33a P-33b"),
  ...of("interface", "P-36a P-36b P-37e P-39a P-39b P-39c P-42a P-42b P-43a P-43b P-43c P-44a P-44b"),
  ...of("interface", "P-45a P-45b P-45c P-45d P-45e P-45f P-45g P-45h P-45i P-45j P-45k"),
  ...of("chained", "P-17b P-20a P-20b P-20c P-21a"),
  ...of("meta", "P-38a D-1a D-2a D-2b D-2c D-3a D-4a D-4b D-5a D-5b D-5c D-5d D-5e D-6a D-6b D-6c"),
  ...of("meta", "D-7a D-7b D-7c D-7d D-8a D-8b D-8c D-9a D-9b D-10a D-11a D-12b D-13a D-13b D-13c"),
  ...of("meta", "D-14a D-14b D-14c D-14d D-15a"),
  // In real namespaces this mutant would write into a folder that is not the suite's.
  { id: "P-10a", kind: "ipam", only: "memory" },
  // In real namespaces two operations meet by chance only.
  { id: "P-22a", kind: "ipam", only: "memory" },
  { id: "P-22b", kind: "ipam", only: "memory" },
  { id: "D-11b", kind: "meta", only: "live" },
  { id: "D-12a", kind: "meta", only: "live" },
];
