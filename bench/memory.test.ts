import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, test } from "vitest";
import { highWaterKb, peakMemoryKb } from "./memory.ts";

test("reads the high-water mark of a process", () => {
  expect(highWaterKb("Name:\thawser\nVmHWM:\t   30124 kB\nVmRSS:\t   20000 kB\n")).toBe(30124);
});

test("a zombie has none", () => {
  expect(highWaterKb("Name:\thawser\nState:\tZ (zombie)\n")).toBeUndefined();
});

test("sees what a child really used, and not what its parent does", async () => {
  const folder = mkdtempSync(join(tmpdir(), "hawser-bench-"));
  try {
    const inputFile = join(folder, "lines");
    const lines = Array.from({ length: 200_000 }, (_, n) => `${(n * 7919) % 200_000}`);
    writeFileSync(inputFile, lines.join("\n"));
    const parentKb = highWaterKb(readFileSync("/proc/self/status", "utf8")) ?? 0;
    const peakKb = await peakMemoryKb({ executable: "/usr/bin/sort", env: {}, inputFile });
    // It holds at least the lines; a process that was merely forked from us would count as all of us.
    expect(peakKb).toBeGreaterThan(1000);
    expect(peakKb).toBeLessThan(parentKb / 2);
  } finally {
    rmSync(folder, { recursive: true });
  }
});

test("a failing program is an error", async () => {
  const call = { executable: "/bin/false", env: { CNI_COMMAND: "ADD" }, inputFile: "/dev/null" };
  await expect(peakMemoryKb(call)).rejects.toThrow("ADD of /bin/false failed");
});
