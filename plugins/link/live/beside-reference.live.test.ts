import { mkdtempSync, rmSync, symlinkSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { allCases } from "../../../tools/testbed/differential/cases/all-cases.ts";
import { createJudge } from "../../../tools/testbed/differential/compare.ts";
import { knownDifferences } from "../../../tools/testbed/differential/known-differences.ts";
import { runCases } from "../../../tools/testbed/differential/run-cases.ts";
import { pluginDir, suiteOfOne } from "../../../tools/testbed/executables.ts";

/**
 * Ours and the reference plugin get the same configurations, and must leave the same state of the kernel, the same result and the
 * same class of error. The differences that are meant are a table with their reasons.
 */
suiteOfOne("main and chained plugins beside the reference's", ["root", "bridge"], ({ path }) => {
  const folder = mkdtempSync(join(tmpdir(), `hwt-${process.pid}-`));
  beforeAll(() => {
    const names = [...allCases.map(({ plugin }) => plugin), "static", "host-local"];
    for (const name of names) symlinkSync(path, join(folder, name));
  });
  afterAll(() => rmSync(folder, { recursive: true }));

  const judged = ["bridge", "ptp", "loopback", "macvlan", "tap", "host-device", "tuning", "sbr"];
  const tried = allCases.filter(({ plugin }) => judged.includes(plugin));
  test.each(tried.map((each) => [each.plugin, each] as const))(
    "%s does the same with at least 150 configurations",
    async (plugin, each) => {
      expect(each.cases.length).toBeGreaterThanOrEqual(150);
      expect(new Set(each.cases.map(({ name }) => name)).size).toBe(each.cases.length);
      const judge = createJudge(knownDifferences);
      const differences = await runCases(each, { sides: { reference: pluginDir, ours: folder }, judge });
      expect(differences).toEqual([]);
      expect(judge.unused(plugin), "reasons that no difference needs any more").toEqual([]);
    },
    900_000,
  );
});
