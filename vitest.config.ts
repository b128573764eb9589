import { defineConfig } from "vitest/config";

const nowhere = ["node_modules/**", "dist/**", "build/**"];

/** Two projects: `unit` needs nothing, `live` needs root, network namespaces and the compiled executables. */
export default defineConfig({
  test: {
    reporters: ["./tools/reporter.ts"],
    projects: [
      {
        test: {
          name: "unit",
          include: ["**/*.test.ts"],
          exclude: [...nowhere, "**/*.live.test.ts"],
          sequence: { groupOrder: 1 },
          testTimeout: 60_000,
        },
      },
      {
        test: {
          name: "live",
          include: ["**/*.live.test.ts"],
          exclude: nowhere,
          // The live tests share the machine. They run after the unit tests, one file at a time.
          sequence: { groupOrder: 2 },
          fileParallelism: false,
          testTimeout: 120_000,
          hookTimeout: 120_000,
        },
      },
    ],
  },
});
