import type { SpecVerb } from "./vocabulary.ts";

/** Released versions of the specification, oldest first. */
export const specVersions = ["0.1.0", "0.2.0", "0.3.0", "0.3.1", "0.4.0", "1.0.0", "1.1.0"] as const;
export type SpecVersion = (typeof specVersions)[number];

export function isSpecVersion(text: unknown): text is SpecVersion {
  return (specVersions as readonly unknown[]).includes(text);
}

export function isSince(version: SpecVersion, since: SpecVersion): boolean {
  return specVersions.indexOf(version) >= specVersions.indexOf(since);
}

/** The version that brought a verb; ADD, DEL and VERSION can be asked at any. */
export const verbSince: Partial<Record<SpecVerb, SpecVersion>> = {
  CHECK: "0.4.0",
  STATUS: "1.1.0",
  GC: "1.1.0",
};

export function hasVerb(version: SpecVersion, verb: SpecVerb): boolean {
  return isSince(version, verbSince[verb] ?? "0.1.0");
}
