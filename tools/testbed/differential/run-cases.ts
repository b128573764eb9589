import { setTimeout } from "node:timers/promises";
import { differencesOf, type FoundDifference, type ReasonJudge, textOf } from "./compare.ts";
import type { BothFolders, CaseDifference, DifferentialCase, PluginCases } from "./differential-case.ts";
import { callPlugin, endWorld, makeWorld, type TrialWorld, type TriedEnd } from "./differential-world.ts";
import { lookAt, type WorldView } from "./kernel-view.ts";
import { labelled } from "./labels.ts";

/** How cases are run. */
export interface TrialOptions {
  readonly sides: BothFolders;
  readonly judge: ReasonJudge;
  readonly atOnce?: number;
  /** Told of each case when it is done, with its differences that have no reason. */
  readonly report?: (each: DifferentialCase, found: readonly CaseDifference[]) => void;
}

/** Runs all cases of a plugin on both sides, a few at once, and returns the differences that have no reason. */
export async function runCases(
  { plugin, cases }: PluginCases,
  options: TrialOptions,
): Promise<CaseDifference[]> {
  const { sides, judge, atOnce = 3, report = () => undefined } = options;
  const differences: CaseDifference[] = [];
  let next = 0;
  const worker = async (): Promise<void> => {
    for (let at = next++; at < cases.length; at = next++) {
      const each = cases[at];
      if (each === undefined) return;
      const { found, bothFail } = await runCase({ plugin, each, isCrossed: at % 2 === 1, judge }, sides);
      const unknown = found
        .filter(({ path }) => !judge.isKnown(plugin, each, { path, bothFail }))
        .map((difference) => ({ plugin, case: each.name, ...difference }));
      report(each, unknown);
      differences.push(...unknown);
    }
  };
  await Promise.all(Array.from({ length: atOnce }, worker));
  return differences;
}

/** One case under way. */
interface Trial {
  readonly plugin: string;
  readonly each: DifferentialCase;
  /** DEL is the other side's. */
  readonly isCrossed: boolean;
  readonly judge: ReasonJudge;
}

/** What is known of a case when it is done. */
interface CaseEnd {
  readonly found: readonly FoundDifference[];
  /** Neither plugin's ADD has succeeded. */
  readonly bothFail: boolean;
}

/** One side of a case: the plugin that made its attachment. */
interface Side {
  readonly world: TrialWorld;
  readonly own: string;
  readonly other: string;
}

async function runCase(trial: Trial, { reference, ours }: BothFolders): Promise<CaseEnd> {
  const worlds = await Promise.all([makeWorld(trial.each), makeWorld(trial.each)]);
  try {
    const sides: readonly [Side, Side] = [
      { world: worlds[0], own: reference, other: ours },
      { world: worlds[1], own: ours, other: reference },
    ];
    return await compareVerbs(trial, sides);
  } finally {
    await Promise.all(worlds.map(endWorld));
  }
}

async function compareVerbs(
  { plugin, each, isCrossed, judge }: Trial,
  sides: readonly [Side, Side],
): Promise<CaseEnd> {
  const config = { cniVersion: "1.1.0", name: "net1", ...each.config, type: plugin };
  const ask = (side: Side, verb: string, folder: string, more: object = {}): Promise<TriedEnd> =>
    callPlugin(side.world, {
      folder,
      plugin,
      verb,
      config: { ...config, ...more },
      ifname: each.ifname,
      args: each.args,
    });
  const added = await both(sides, (side) => ask(side, "ADD", side.own));
  const bothFail = added.every(({ exitCode }) => exitCode !== 0);
  const isKnown = (path: string): boolean => judge.isKnown(plugin, each, { path, bothFail });
  const afterAdd = await settledViews(sides, each, (path) => isKnown(`add.state.${path}`));
  const found = [...answerDifferences(added, afterAdd.views), ...prefixed("add.state", afterAdd.differences)];
  if (added[1].exitCode !== 0) found.push(...(await leftByFailure(each, sides[1], isKnown)));
  const made = added.map(({ exitCode, stdout }) =>
    exitCode === 0 ? { prevResult: JSON.parse(stdout) as unknown } : {},
  );
  const more = (side: Side): object => made[sides.indexOf(side)] ?? {};
  if (added.every(({ exitCode }) => exitCode === 0) && /^(0\.4|1\.)/.test(config.cniVersion)) {
    const checked = await both(sides, (side) => ask(side, "CHECK", side.own, more(side)));
    found.push(...classDifferences(checked[0], checked[1], "check"));
    const crossed = await both(sides, (side) => ask(side, "CHECK", side.other, more(side)));
    // The first world is the reference plugin's, so ours has looked at it.
    found.push(...classDifferences(checked[0], crossed[1], "reference-checks-ours"));
    found.push(...classDifferences(checked[1], crossed[0], "ours-checks-reference"));
  }
  const deleted = await both(sides, (side) =>
    ask(side, "DEL", isCrossed ? side.other : side.own, more(side)),
  );
  found.push(...classDifferences(deleted[0], deleted[1], "del.answer"));
  const afterDel = await settledViews(sides, each, (path) => isKnown(`del.state.${path}`));
  return { found: [...found, ...prefixed("del.state", afterDel.differences)], bothFail };
}

/** What an ADD of ours that has failed leaves: the reference's side is namespaces that no plugin has seen. */
async function leftByFailure(
  each: DifferentialCase,
  ours: Side,
  isKnown: (path: string) => boolean,
): Promise<FoundDifference[]> {
  const world = await makeWorld(each);
  try {
    const path = "failed.state";
    const sides: readonly [Side, Side] = [{ ...ours, world }, ours];
    const left = await settledViews(sides, each, (place) => isKnown(`${path}.${place}`));
    return prefixed(path, left.differences);
  } finally {
    await endWorld(world);
  }
}

async function both<T>(sides: readonly [Side, Side], act: (side: Side) => Promise<T>): Promise<[T, T]> {
  return Promise.all([act(sides[0]), act(sides[1])]);
}

function prefixed(prefix: string, differences: readonly FoundDifference[]): FoundDifference[] {
  return differences.map((each) => ({ ...each, path: `${prefix}.${each.path}` }));
}

/** How often we look again if the views differ: addresses of links, and their carriers, come a moment later. */
const looks = 4;
const pauseMs = 250;

/** Looks at both worlds until all differences have a reason, or long enough. */
async function settledViews(
  sides: readonly [Side, Side],
  each: DifferentialCase,
  isKnown: (path: string) => boolean,
): Promise<{ views: [WorldView, WorldView]; differences: FoundDifference[] }> {
  const fixed = textOf(each);
  for (let left = looks; ; left--) {
    const views = await both(sides, ({ world }) => lookAt(world, fixed));
    const [reference, ours] = views.map(({ host, container }) => ({ host, container }));
    const differences = differencesOf(reference, ours);
    if (left === 0 || differences.every(({ path }) => isKnown(path))) return { views, differences };
    await setTimeout(pauseMs);
  }
}

/** Differences of two answers: of documents if both have succeeded, else of the classes of errors. */
function answerDifferences(
  [reference, ours]: readonly [TriedEnd, TriedEnd],
  views: readonly [WorldView, WorldView],
): FoundDifference[] {
  if (reference.exitCode !== 0 || ours.exitCode !== 0) return classDifferences(reference, ours, "add.answer");
  const documents = [reference, ours].map(({ stdout }, side): unknown =>
    JSON.parse(labelled(stdout, views[side === 0 ? 0 : 1].labels)),
  );
  return differencesOf(documents[0], documents[1], "add.answer");
}

/** Codes below 100 are the specification's. All others mean "some error" to a runtime (the reference plugins' own is 999). */
const firstOwnCode = 100;

function classDifferences(reference: TriedEnd, ours: TriedEnd, path: string): FoundDifference[] {
  const [one, other] = [reference, ours].map(outcomeOf);
  if (one === undefined || other === undefined || one === other) return [];
  const isVague = one !== "success" && other !== "success" && (one === "error" || other === "error");
  return isVague ? [] : [{ path, reference: one, ours: other }];
}

function outcomeOf({ exitCode, stdout, stderr }: TriedEnd): string {
  if (exitCode === 0) return "success";
  const { code } = parsed(stdout);
  if (code === undefined) return `no error document: ${stdout}${stderr}`;
  return code < firstOwnCode ? `error ${code}` : "error";
}

function parsed(text: string): { readonly code?: number } {
  try {
    return JSON.parse(text) as { code?: number };
  } catch {
    return {};
  }
}
