import { execFileSync } from "node:child_process";
import { existsSync, mkdirSync, readFileSync, renameSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { build } from "esbuild";

/** `build.ts STEP`: what `make build`, `build-pkg` and `conformance` are made of. Runs at the top of the project. */

const bundle = "build/hawser.cjs";
const conformanceBundle = "build/conformance.cjs";
const commitFile = "build/commit";
const links = ["hawser-static", "hawser-host-local", "hawser-flat"];

/** One CommonJS file: faster under Bun's bytecode than ESM, and what a Node single executable takes. */
async function makeBundle(entry = "cmd/main.ts", outfile = bundle): Promise<void> {
  const { version } = JSON.parse(readFileSync("package.json", "utf8")) as { version: string };
  await build({
    entryPoints: [entry],
    outfile,
    bundle: true,
    platform: "node",
    format: "cjs",
    target: "es2023",
    minifyWhitespace: true,
    minifySyntax: true,
    legalComments: "none",
    logLevel: "warning",
    // yargs is ESM and asks where it lies; in an executable that is nowhere. esbuild's own "use strict" comes behind the
    // banner, where it means nothing.
    banner: { js: '"use strict";const __url="file:///hawser.cjs";' },
    define: {
      "import.meta.url": "__url",
      __HAWSER_VERSION__: JSON.stringify(version),
      __HAWSER_COMMIT__: JSON.stringify(readFileSync(commitFile, "utf8").trim()),
    },
  });
}

/** Writes the commit's file only when it is another commit: what is built depends on it. */
function noteCommit(): void {
  const commit = findCommit();
  if (existsSync(commitFile) && readFileSync(commitFile, "utf8") === commit) return;
  writeFileSync(commitFile, commit);
}

/** Without "-dirty": one commit makes one executable. */
function findCommit(): string {
  try {
    return execFileSync("git", ["rev-parse", "--short=12", "HEAD"], {
      encoding: "utf8",
      stdio: "pipe",
    }).trim();
  } catch {
    return "unknown";
  }
}

/** Bytecode always (10 ms instead of 23); nothing of the folder that a runtime happens to start us in is read. */
function compileWithBun(): void {
  bunBuild("hawser", bundle);
  for (const link of links) {
    rmSync(`dist/${link}`, { force: true });
    symlinkSync("hawser", `dist/${link}`);
  }
}

function bunBuild(name: string, from: string): void {
  const flags = ["--compile", "--bytecode", "--no-compile-autoload-dotenv", "--no-compile-autoload-bunfig"];
  publish(name, (outfile) => run("bun", ["build", ...flags, from, "--outfile", outfile]));
}

/**
 * pkg wants to download a Node archive; it takes one that lies in its cache, made here from the `node` npm package, which
 * is the same binary. It looks for the cache in the home folder.
 */
function compileWithPkg(): void {
  const { version } = JSON.parse(readFileSync("node_modules/node/package.json", "utf8")) as {
    version: string;
  };
  const platform = `linux-${process.arch}`;
  const home = join(process.cwd(), "build", "pkg-home");
  fillCache(home, `node-v${version}-${platform}`);
  const target = ["--sea", "-t", `node${version}-${platform}`];
  publish("hawser-node", (outfile) =>
    run("pkg", [bundle, ...target, "-o", outfile], { ...process.env, HOME: home, TMPDIR: home }),
  );
}

function fillCache(home: string, name: string): void {
  const cache = join(home, ".pkg-cache", "sea");
  const archive = join(cache, `${name}.tar.gz`);
  if (existsSync(`${archive}.ok`)) return;
  const folder = join(home, name);
  mkdirSync(join(folder, "bin"), { recursive: true });
  mkdirSync(cache, { recursive: true });
  run("cp", ["node_modules/node/bin/node", join(folder, "bin", "node")]);
  run("tar", ["-I", "gzip -1", "-cf", archive, "-C", home, name]);
  writeFileSync(`${archive}.ok`, "");
  rmSync(folder, { recursive: true });
}

/** Makes an executable aside and moves it into place: one that is running is replaced, a half-made one is never there. */
function publish(name: string, make: (outfile: string) => void): void {
  mkdirSync("build/new", { recursive: true });
  mkdirSync("dist", { recursive: true });
  const made = `build/new/${name}`;
  rmSync(made, { force: true });
  make(made);
  renameSync(made, `dist/${name}`);
}

/** Says what a program has said only when it fails. */
function run(program: string, args: readonly string[], env: NodeJS.ProcessEnv = process.env): void {
  try {
    execFileSync(program, args, { env, encoding: "utf8", stdio: "pipe" });
  } catch (error) {
    const { stdout = "", stderr = "" } = error as { stdout?: string; stderr?: string };
    process.stderr.write(`${stdout}${stderr}`);
    throw error;
  }
}

const steps: Readonly<Record<string, () => void | Promise<void>>> = {
  commit: noteCommit,
  bundle: () => makeBundle(),
  bun: compileWithBun,
  pkg: compileWithPkg,
  conformance: async () => {
    await makeBundle("conformance/main.ts", conformanceBundle);
    bunBuild("hawser-conformance", conformanceBundle);
  },
};
const step = steps[process.argv[2] ?? ""];
if (step === undefined) throw new Error(`build.ts: one of ${Object.keys(steps).join(", ")}`);
mkdirSync("build", { recursive: true });
await step();
