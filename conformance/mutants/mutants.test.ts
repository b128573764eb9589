import { describe, expect, test } from "vitest";
import type { RunOutcome } from "../case-outcome.ts";
import { requirements } from "../requirements/all.ts";
import { runSuite } from "../runner.ts";
import type { SpecVersion } from "../versions.ts";
import { type Kind, kinds } from "../vocabulary.ts";
import { mutants } from "./catalogue.ts";
import { makeMemoryMachine } from "./memory-machine.ts";
import { modelProfiles } from "./model-profiles.ts";

function tryModel(
  kind: Kind,
  versions: readonly SpecVersion[] | undefined,
  mutant?: string,
): Promise<RunOutcome> {
  const name = mutant === undefined ? `hwcmodel-${kind}` : `hwcmodel-${kind}-${mutant}`;
  return runSuite({
    subject: { plugin: `/plugins/${name}`, profile: modelProfiles[kind], pluginPath: "/plugins" },
    requirements,
    versions,
    parallel: 1,
    makeMachine: makeMemoryMachine,
    onCase: () => undefined,
  });
}

/** Every case that failed or was blocked. A correct plugin has none. */
function findings(run: RunOutcome): string[] {
  return run.cases
    .filter(({ verdict }) => verdict === "fail" || verdict === "blocked")
    .map((each) => `${each.requirement.id} ${each.version}: ${each.verdict}: ${each.findings.join("; ")}`);
}

function failed(run: RunOutcome): string[] {
  return run.cases.filter(({ verdict }) => verdict === "fail").map(({ requirement }) => requirement.id);
}

describe("the test plugin that is right", () => {
  test.each(kinds)("%s: nothing is found at any version", async (kind) => {
    expect(findings(await tryModel(kind, undefined))).toEqual([]);
  });
});

describe("a plugin that is wrong is found by exactly the requirement meant", () => {
  test.each(mutants.filter(({ only }) => only !== "live").map((mutant) => [mutant.id, mutant] as const))(
    "%s",
    async (id, { kind, version = "1.1.0" }) => {
      const run = await tryModel(kind, [version], id);
      const details = run.cases
        .filter(({ verdict }) => verdict === "fail")
        .map((each) => [each.requirement.id, each.findings]);
      expect(failed(run), JSON.stringify(details)).toEqual([id]);
    },
  );
});

test("each requirement has its mutant: none is unproven", () => {
  const proven = new Set(mutants.map(({ id }) => id));
  expect(requirements.map(({ id }) => id).filter((id) => !proven.has(id))).toEqual([]);
  expect(mutants.map(({ id }) => id).filter((id) => !requirements.some((each) => each.id === id))).toEqual(
    [],
  );
});
