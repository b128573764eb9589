import * as fs from "node:fs";
import { basename, join, resolve } from "node:path";
import { parseArgs } from "node:util";
import { guestBundle } from "./guest-bundle.ts";
import { project, runScript } from "./virtual-machine.ts";

const usage = `Runs a shell script in a virtual machine, which has the project's executables in /project.
  tools/vm/run [options] SCRIPT [ARGUMENTS]
  --input FILE     a file that the script finds in /inputs (several times for several files)
  --bundle NAME=FILE  a TypeScript file of the project, which the script finds as /inputs/NAME.mjs for Bun
  --results FOLDER where the files go that the script leaves in /results
  --disk IMAGE     an image of ext4, which is mounted at /disk
  --cards NUMBER   virtio network cards without a wire
  --memory MIB     1024 without it
  --timeout SECONDS  600 without it
`;

async function main(): Promise<number> {
  const own = splitArguments(process.argv.slice(2));
  const { values, positionals } = parseArgs({
    args: own.before,
    allowPositionals: true,
    options: {
      input: { type: "string", multiple: true },
      bundle: { type: "string", multiple: true },
      results: { type: "string" },
      disk: { type: "string" },
      cards: { type: "string" },
      memory: { type: "string" },
      timeout: { type: "string" },
    },
  });
  const [script] = positionals;
  if (script === undefined) {
    process.stderr.write(usage);
    return 2;
  }
  const folder = join(project, `build/vm/run.${process.pid}`);
  const { status } = await runScript(
    {
      script: fs.readFileSync(script, "utf8"),
      args: own.after,
      inputs: await readInputs(values.input ?? [], values.bundle ?? []),
      ...(values.disk === undefined ? {} : { disk: resolve(values.disk) }),
      cards: Number(values.cards ?? 0),
      memoryMiB: Number(values.memory ?? 1024),
      folder,
      onOutput: (text) => process.stdout.write(text),
    },
    Number(values.timeout ?? 600) * 1000,
  );
  if (values.results !== undefined) fs.cpSync(join(folder, "results"), values.results, { recursive: true });
  if (status !== undefined) {
    fs.rmSync(folder, { recursive: true });
    return status;
  }
  process.stderr.write(`The machine ended before the script did. See ${folder}/console.log and qemu.log.\n`);
  return 1;
}

async function readInputs(
  files: readonly string[],
  bundles: readonly string[],
): Promise<Record<string, string>> {
  const inputs = Object.fromEntries(files.map((path) => [basename(path), fs.readFileSync(path, "utf8")]));
  for (const bundle of bundles) {
    const [name = "", path = ""] = bundle.split("=");
    inputs[`${name}.mjs`] = await guestBundle(path);
  }
  return inputs;
}

/** Options behind the script are the script's own. */
function splitArguments(args: readonly string[]): { before: string[]; after: string[] } {
  let index = 0;
  while (args[index]?.startsWith("--") === true) index += args[index]?.includes("=") === true ? 1 : 2;
  return { before: args.slice(0, index + 1), after: args.slice(index + 1) };
}

process.exitCode = await main();
