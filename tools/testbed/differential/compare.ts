import type { DifferentialCase, KnownDifference } from "./differential-case.ts";

export interface FoundDifference {
  readonly path: string;
  readonly reference: unknown;
  readonly ours: unknown;
}

/** Every place in which two documents differ. What one has and the other has not is undefined there. */
export function differencesOf(reference: unknown, ours: unknown, path = ""): FoundDifference[] {
  if (Object.is(reference, ours)) return [];
  if (!isBranch(reference) || !isBranch(ours) || Array.isArray(reference) !== Array.isArray(ours))
    return [{ path, reference, ours }];
  const keys = new Set([...Object.keys(reference), ...Object.keys(ours)]);
  return [...keys].flatMap((key) =>
    differencesOf(reference[key], ours[key], path === "" ? key : `${path}.${key}`),
  );
}

function isBranch(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null;
}

/** The text of a case, by which known differences recognize it. */
export function textOf({
  name,
  config,
  args = "",
  ifname = "",
  host = [],
  container = [],
}: DifferentialCase): string {
  return [name, JSON.stringify(config), args, ifname, ...host, ...container].join(" ");
}

/** Tells which differences have a reason, and remembers the reasons that were needed. */
export interface ReasonJudge {
  isKnown(
    plugin: string,
    each: DifferentialCase,
    found: { readonly path: string; readonly bothFail: boolean },
  ): boolean;
  /** The reasons for these plugins that no difference has needed. */
  unused(plugin: string): KnownDifference[];
}

export function createJudge(known: readonly KnownDifference[]): ReasonJudge {
  const used = new Set<KnownDifference>();
  return {
    isKnown: (plugin, each, { path, bothFail }) => {
      const reasons = known.filter(
        (row) =>
          row.plugins.includes(plugin) &&
          row.path.test(path) &&
          (bothFail || row.bothFail !== true) &&
          (row.when === undefined || row.when.test(textOf(each))),
      );
      for (const reason of reasons) used.add(reason);
      return reasons.length > 0;
    },
    unused: (plugin) => known.filter((each) => each.plugins[0] === plugin && !used.has(each)),
  };
}
