import { readFileSync } from "node:fs";
import { join, relative } from "node:path";
import { stripVTControlCharacters } from "node:util";
import type { Reporter, SerializedError, TestCase, TestModule, TestSuite } from "vitest/node";
import { type Excuse, parseExcuses } from "./skips.ts";
import { type Ending, tally } from "./test-tally.ts";

/** Progress a file at a time; at the end failures, skips, and a last line that a reader can count. */
export default class CountingReporter implements Reporter {
  private readonly endings: Ending[] = [];
  private readonly allowed = process.env.CI === "true" ? readExcuses() : undefined;

  onTestModuleEnd(module: TestModule): void {
    const tests = [...module.children.allTests()].map(endingOfTest);
    // A hook that fails after the last test belongs to no test.
    const around = [module, ...module.children.allSuites()].flatMap(endingOfHooks);
    this.endings.push(...tests, ...around);
    const failed = [...tests, ...around].some(({ state }) => state === "failed");
    const skipped = tests.filter(({ state }) => state === "skipped").length;
    const counts = `${tests.length} tests${skipped > 0 ? `, ${skipped} skipped` : ""}`;
    print(`${failed ? "FAIL" : "ok  "} ${module.relativeModuleId} (${counts})`);
  }

  onTestRunEnd(_modules: readonly TestModule[], errors: readonly SerializedError[]): void {
    const outside = errors.map((error) => failure("(no file)", "outside of any test", [error]));
    const { lines, failed } = tally([...this.endings, ...outside], this.allowed);
    for (const line of lines) print(line);
    if (failed > 0) process.exitCode = 1;
  }
}

function readExcuses(): Excuse[] {
  return parseExcuses(readFileSync(join(import.meta.dirname, "skips.json"), "utf8"));
}

function endingOfTest(test: TestCase): Ending {
  const file = test.module.relativeModuleId;
  const result = test.result();
  if (result.state === "passed")
    return { file, name: test.fullName, state: "passed", errors: [], note: undefined };
  if (result.state === "skipped")
    return { file, name: test.fullName, state: "skipped", errors: [], note: result.note };
  if (result.state === "failed") return failure(file, test.fullName, result.errors);
  return failure(file, test.fullName, [{ message: "did not end" }]);
}

function endingOfHooks(around: TestModule | TestSuite): Ending[] {
  const errors = around.errors();
  if (errors.length === 0) return [];
  return around.type === "module"
    ? [failure(around.relativeModuleId, "the file itself", errors)]
    : [failure(around.module.relativeModuleId, `${around.fullName}: before or after its tests`, errors)];
}

function failure(file: string, name: string, errors: readonly SerializedError[]): Ending {
  return { file, name, state: "failed", errors: errors.map(describeError), note: undefined };
}

function describeError({ message, diff, stacks, stack }: SerializedError): string {
  const frames = (stacks ?? []).map(
    ({ file, line, column }) => `    at ${relative("", file)}:${line}:${column}`,
  );
  const where = frames.length > 0 ? frames : [stack ?? ""];
  return [message, diff ?? "", ...where.slice(0, 5)].filter((part) => part !== "").join("\n");
}

function print(line: string): void {
  process.stdout.write(`${process.stdout.isTTY === true ? line : stripVTControlCharacters(line)}\n`);
}
