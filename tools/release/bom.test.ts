import { expect, test } from "vitest";
import { type Bom, completeBom } from "./bom.ts";

const bom: Bom = {
  bomFormat: "CycloneDX",
  serialNumber: "urn:uuid:of-chance",
  metadata: {
    timestamp: "now",
    tools: [],
    component: { "bom-ref": "hawser@0.1.0", type: "library", name: "some-folder", version: "0.1.0" },
  },
  components: [
    { "bom-ref": "zod@1.0.0", type: "library", name: "zod", version: "1.0.0" },
    { "bom-ref": "esbuild@4.0.0", type: "library", name: "esbuild", version: "4.0.0" },
  ],
  dependencies: [
    { ref: "hawser@0.1.0", dependsOn: ["zod@1.0.0", "esbuild@4.0.0"] },
    { ref: "zod@1.0.0" },
    { ref: "esbuild@4.0.0", dependsOn: ["zod@1.0.0"] },
  ],
};
const shipped = [{ folder: "node_modules/zod", name: "zod", version: "1.0.0" }];
const bases = [{ name: "@oven/bun-linux-x64", version: "1.2.3", integrity: "sha512-AAH/" }];
const completed = completeBom(
  bom,
  shipped,
  bases,
  "0123456789abcdef0123456789abcdef",
  "2026-01-01T00:00:00Z",
);

test("the document is the commit's: neither its folder nor its moment is in it", () => {
  expect(completed.metadata).toEqual({
    timestamp: "2026-01-01T00:00:00Z",
    tools: [],
    component: { "bom-ref": "hawser@0.1.0", type: "application", name: "hawser", version: "0.1.0" },
  });
  expect(completed.serialNumber).toBe("urn:uuid:01234567-89ab-8def-8123-456789abcdef");
});

test("what the executables are made on is a part of them", () => {
  expect(completed.components.at(-1)).toEqual({
    "bom-ref": "@oven/bun-linux-x64@1.2.3",
    type: "platform",
    name: "@oven/bun-linux-x64",
    version: "1.2.3",
    scope: "required",
    purl: "pkg:npm/%40oven/bun-linux-x64@1.2.3",
    hashes: [{ alg: "SHA-512", content: "0001ff" }],
  });
  expect(completed.dependencies).toEqual([
    { ref: "hawser@0.1.0", dependsOn: ["zod@1.0.0", "@oven/bun-linux-x64@1.2.3"] },
    { ref: "zod@1.0.0", dependsOn: [] },
  ]);
});

test("what is not shipped is not in it, and what npm does not know is no release", () => {
  expect(completed.components.map(({ name }) => name)).toEqual(["zod", "@oven/bun-linux-x64"]);
  const unknown = [...shipped, { folder: "node_modules/yaml", name: "yaml", version: "2.0.0" }];
  expect(() => completeBom(bom, unknown, bases, "", "")).toThrow("npm sbom does not name yaml@2.0.0");
});

test("npm's document stays as it was", () => {
  expect(bom.components).toHaveLength(2);
});
