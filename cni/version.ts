/** Every released version of the specification, oldest first. */
export const versions = ["0.1.0", "0.2.0", "0.3.0", "0.3.1", "0.4.0", "1.0.0", "1.1.0"] as const;
export type Version = (typeof versions)[number];
export const currentVersion: Version = "1.1.0";

/** CNI 1.1.0, section 1: a configuration without `cniVersion` is of the first version. */
export const versionWhenMissing: Version = "0.1.0";

export type Verb = "ADD" | "DEL" | "CHECK" | "STATUS" | "GC" | "VERSION";
export const verbs: readonly Verb[] = ["ADD", "DEL", "CHECK", "STATUS", "GC", "VERSION"];

/** The version that brought each verb; one below it must not be sent. */
export const verbSince: Readonly<Record<Verb, Version>> = {
  ADD: "0.1.0",
  DEL: "0.1.0",
  VERSION: "0.1.0",
  CHECK: "0.4.0",
  STATUS: "1.1.0",
  GC: "1.1.0",
};

export function isVersion(text: unknown): text is Version {
  return (versions as readonly unknown[]).includes(text);
}

export function atLeast(version: Version, minimum: Version): boolean {
  return versions.indexOf(version) >= versions.indexOf(minimum);
}

export function speaks(version: Version, verb: Verb): boolean {
  return atLeast(version, verbSince[verb]);
}

export function highest(candidates: readonly Version[]): Version | undefined {
  return versions.findLast((version) => candidates.includes(version));
}
