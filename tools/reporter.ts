import type { Reporter, SerializedError, TestCase, TestModule } from "vitest/node";

/** Progress a file at a time, failures and skips in full, and a last line that a reader can count. */
export default class CountingReporter implements Reporter {
  private passed = 0;
  private readonly failures: string[] = [];
  private readonly skips: string[] = [];

  onTestModuleEnd(module: TestModule): void {
    const cases = [...module.children.allTests()];
    const failed = cases.filter((each) => each.result().state === "failed");
    const skipped = cases.filter((each) => each.result().state === "skipped");
    this.passed += cases.length - failed.length - skipped.length;
    for (const each of failed) this.failures.push(describeFailure(module, each));
    for (const each of skipped)
      this.skips.push(`${module.relativeModuleId}: ${each.fullName}${noteOf(each)}`);
    for (const error of module.errors()) this.failures.push(`${module.relativeModuleId}: ${textOf(error)}`);
    const bad = failed.length + module.errors().length;
    const mark = bad > 0 ? "FAIL" : "ok";
    const tally = `${cases.length} tests${skipped.length > 0 ? `, ${skipped.length} skipped` : ""}`;
    process.stdout.write(`${mark.padEnd(5)}${module.relativeModuleId} (${tally})\n`);
  }

  onTestRunEnd(_modules: readonly TestModule[], errors: readonly SerializedError[]): void {
    for (const error of errors) this.failures.push(`outside of any test: ${textOf(error)}`);
    const forbidden = process.env.CI === "true" ? this.skips.filter((skip) => /\broot\b/i.test(skip)) : [];
    for (const skip of forbidden) this.failures.push(`skipped for want of root, which CI has: ${skip}`);
    for (const failure of this.failures) process.stdout.write(`\nFAILED ${failure}\n`);
    if (this.skips.length > 0)
      process.stdout.write(`\nskipped:\n${this.skips.map((skip) => `  ${skip}\n`).join("")}`);
    const skipped = this.skips.length > 0 ? `, ${this.skips.length} skipped` : "";
    process.stdout.write(`\n${this.passed} passed, ${this.failures.length} failed${skipped}\n`);
    if (this.failures.length > 0) process.exitCode = 1;
  }
}

function describeFailure(module: TestModule, test: TestCase): string {
  const errors = (test.result().errors ?? []).map(textOf).join("\n");
  return `${module.relativeModuleId}: ${test.fullName}\n${errors}`;
}

function textOf(error: SerializedError): string {
  const where = (error.stacks ?? []).slice(0, 3).map(({ file, line }) => `    at ${file}:${line}`);
  return [error.message, error.diff ?? "", ...where].filter((part) => part !== "").join("\n");
}

function noteOf(test: TestCase): string {
  const result = test.result();
  const note = result.state === "skipped" ? result.note : undefined;
  return note === undefined ? "" : ` (${note})`;
}
