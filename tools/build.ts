import { execFileSync } from "node:child_process";
import { createHash } from "node:crypto";
import { existsSync, mkdirSync, readFileSync, renameSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { build } from "esbuild";
import { bundleOptions, bunFlags, entry } from "./bundle.ts";
import { pluginLinks } from "./plugin-links.ts";

/** `build.ts STEP`: what `make build`, `build-pkg` and `conformance` are made of. Runs at the top of the project. */

const bundle = "build/hawser.cjs";
const commitFile = "build/commit";
const links = ["multus", ...pluginLinks];

/** Values that the sources do not hold. */
function defines(): Record<string, string> {
  const { version } = JSON.parse(readFileSync("package.json", "utf8")) as { version: string };
  return {
    __HAWSER_VERSION__: JSON.stringify(version),
    __HAWSER_COMMIT__: JSON.stringify(readFileSync(commitFile, "utf8").trim()),
  };
}

async function makeBundle(): Promise<void> {
  await build({ ...bundleOptions, outfile: bundle, define: { ...bundleOptions.define, ...defines() } });
}

/** Writes the commit's file only when it is another commit: what is built depends on it. */
function noteCommit(): void {
  const commit = findCommit();
  if (existsSync(commitFile) && readFileSync(commitFile, "utf8") === commit) return;
  writeFileSync(commitFile, commit);
}

/** The commit, without "-dirty": one commit makes one executable. */
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

function compileWithBun(): void {
  bunBuild("hawser", entry);
  for (const link of links) {
    rmSync(`dist/${link}`, { force: true });
    symlinkSync("hawser", `dist/${link}`);
  }
}

function bunBuild(name: string, from: string, target: readonly string[] = []): void {
  const defined = Object.entries(defines()).flatMap(([key, value]) => ["--define", `${key}=${value}`]);
  publish(name, (outfile) => {
    run("bun", ["build", ...bunFlags, ...defined, ...target, from, "--outfile", outfile]);
    forgetVariables(outfile);
  });
}

/**
 * Of Bun's own variables these two act before any of our code: BUN_OPTIONS (`--preload` runs a file) and BUN_BE_BUN (the
 * executable is another program). There is no flag against them, so their names are taken out of the executable: one that
 * begins with a zero byte is no variable's.
 */
function forgetVariables(executable: string): void {
  const bytes = readFileSync(executable);
  for (const name of ["BUN_OPTIONS", "BUN_BE_BUN"]) {
    const text = Buffer.from(`\0${name}\0`, "latin1");
    const at = bytes.indexOf(text);
    // Another version of Bun may keep the name elsewhere. cmd/environment.live.test.ts tests the effect.
    if (at < 0 || bytes.indexOf(text, at + 1) >= 0)
      throw new Error(`${executable}: ${name} is not there once`);
    bytes[at + 1] = 0;
  }
  writeFileSync(executable, bytes);
}

/** For another machine than this one: Bun's base executable comes from its npm package, at the lockfile's version. */
function compileForArm64(): void {
  const base = fetchPackage("@oven/bun-linux-aarch64");
  bunBuild("hawser-arm64", entry, [
    "--target=bun-linux-arm64",
    `--compile-executable-path=${join(base, "bin", "bun")}`,
  ]);
}

/** The folder of a package that npm has not installed because it is another machine's; checked against the lockfile. */
function fetchPackage(name: string): string {
  const lock = JSON.parse(readFileSync("package-lock.json", "utf8")) as {
    packages: Record<string, { version: string; integrity: string }>;
  };
  const locked = lock.packages[`node_modules/${name}`];
  if (locked === undefined) throw new Error(`package-lock.json has no ${name}`);
  const folder = join("build", "packages", `${name.replaceAll("/", "-")}-${locked.version}`);
  if (existsSync(join(folder, ".ok"))) return join(folder, "package");
  rmSync(folder, { recursive: true, force: true });
  mkdirSync(folder, { recursive: true });
  run("npm", ["pack", "--silent", "--pack-destination", folder, `${name}@${locked.version}`]);
  const archive = join(folder, `${name.slice(1).replaceAll("/", "-")}-${locked.version}.tgz`);
  const digest = createHash("sha512").update(readFileSync(archive)).digest("base64");
  if (locked.integrity !== `sha512-${digest}`) {
    throw new Error(`${archive} is not what package-lock.json names: its SHA-512 is ${digest}`);
  }
  run("tar", ["-xzf", archive, "-C", folder]);
  rmSync(archive);
  writeFileSync(join(folder, ".ok"), "");
  return join(folder, "package");
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
    run("pkg", [bundle, ...target, "-o", outfile], {
      ...process.env,
      HOME: home,
      TMPDIR: home,
      NODE_OPTIONS: `--require ${join(process.cwd(), "tools", "pkg-flags.cjs")}`,
    }),
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
  arm64: compileForArm64,
  conformance: () => bunBuild("hawser-conformance", "conformance/main.ts"),
};
const step = steps[process.argv[2] ?? ""];
if (step === undefined) throw new Error(`build.ts: one of ${Object.keys(steps).join(", ")}`);
mkdirSync("build", { recursive: true });
await step();
