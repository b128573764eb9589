import { execFileSync } from "node:child_process";
import { expect, test } from "vitest";
import { childrenCpuMs } from "./children-cpu.ts";

test("grandchildren count, and who only waits does not", () => {
  const before = childrenCpuMs();
  execFileSync("/bin/sh", ["-c", "i=0; while [ $i -lt 20000 ]; do i=$((i+1)); done & wait; sleep 0.05"]);
  const busy = childrenCpuMs() - before;
  execFileSync("/bin/sleep", ["0.05"]);
  const idle = childrenCpuMs() - before - busy;
  expect(busy).toBeGreaterThan(idle);
  expect(idle).toBeGreaterThan(0);
});
