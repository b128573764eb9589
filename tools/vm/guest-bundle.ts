import { join } from "node:path";
import { build } from "esbuild";

/** A program of the project as one file, which Bun runs in the virtual machine. There are no packages in the machine. */
export async function guestBundle(entry: string): Promise<string> {
  const { outputFiles } = await build({
    ...{ entryPoints: [entry], bundle: true, write: false, logLevel: "warning" },
    ...{ platform: "node", format: "esm", target: "es2023", conditions: ["bun"] },
    external: ["bun:*"],
    alias: { vitest: join(import.meta.dirname, "guest/vitest.mjs") },
  });
  return outputFiles[0]?.text ?? "";
}
