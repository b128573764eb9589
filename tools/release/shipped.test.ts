import { execFileSync } from "node:child_process";
import * as fs from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { build } from "esbuild";
import { expect, test } from "vitest";
import { bundleOptions, bunFlags, entry } from "../bundle.ts";
import { type PackageLock, shippedPackages } from "./shipped.ts";

const root = join(import.meta.dirname, "..", "..");
const lock = JSON.parse(fs.readFileSync(join(root, "package-lock.json"), "utf8")) as PackageLock;
const folders = shippedPackages(lock).map(({ folder }) => folder);

/** The part of a bundler's metafile that says how many bytes of an output come from which file. */
interface Metafile {
  readonly outputs: Readonly<
    Record<string, { readonly inputs: Readonly<Record<string, { readonly bytesInOutput: number }>> }>
  >;
}

/** The folders of the packages whose code a bundle holds. */
function packagesIn({ outputs }: Metafile): string[] {
  const files = Object.values(outputs).flatMap(({ inputs }) =>
    Object.entries(inputs).flatMap(([file, { bytesInOutput }]) => (bytesInOutput > 0 ? file : [])),
  );
  const found = files.flatMap((file) => /^.*node_modules\/(@[^/]+\/)?[^/]+/.exec(file)?.[0] ?? []);
  return [...new Set(found)].toSorted();
}

test("dependencies bring exactly what the bundle for Node holds", async () => {
  const { metafile } = await build({ ...bundleOptions, absWorkingDir: root, write: false, metafile: true });
  expect(packagesIn(metafile)).toEqual(folders.toSorted());
});

test("dependencies bring exactly what Bun's bundle holds", () => {
  const folder = fs.mkdtempSync(join(tmpdir(), "hawser-bundle-"));
  const metafile = join(folder, "meta.json");
  const flags = bunFlags.filter((flag) => !flag.includes("compile") && flag !== "--bytecode");
  const target = ["--target=bun", `--metafile=${metafile}`, `--outdir=${folder}`];
  try {
    execFileSync("bun", ["build", ...flags, ...target, entry], { cwd: root, stdio: "pipe" });
    const read = JSON.parse(fs.readFileSync(metafile, "utf8")) as Metafile;
    expect(packagesIn(read)).toEqual(folders.toSorted());
  } finally {
    fs.rmSync(folder, { recursive: true });
  }
});

test("what is for development is not shipped", () => {
  const packages = {
    "": { version: "0.1.0", integrity: "" },
    "node_modules/zod": { version: "1.0.0", integrity: "" },
    "node_modules/@grpc/grpc-js": { version: "2.0.0", integrity: "", dev: true },
    "node_modules/a/node_modules/@b/c": { version: "3.0.0", integrity: "" },
  };
  expect(shippedPackages({ packages })).toEqual([
    { folder: "node_modules/zod", name: "zod", version: "1.0.0" },
    { folder: "node_modules/a/node_modules/@b/c", name: "@b/c", version: "3.0.0" },
  ]);
});
