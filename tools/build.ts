import { execFileSync } from "node:child_process";
import { existsSync, mkdirSync, readFileSync, rmSync, symlinkSync } from "node:fs";
import { build } from "esbuild";

/** `build.ts bundle | bun | pkg`: what `make build` and `make build-pkg` are made of. */

const bundle = "build/hawser.cjs";
const links = ["hawser-static", "hawser-host-local", "hawser-flat"];

/** One CommonJS file: faster under Bun's bytecode than ESM, and what a Node single executable takes. */
async function makeBundle(): Promise<void> {
  const { version } = JSON.parse(readFileSync("package.json", "utf8")) as { version: string };
  await build({
    entryPoints: ["cmd/main.ts"],
    outfile: bundle,
    bundle: true,
    platform: "node",
    format: "cjs",
    target: "es2023",
    minifyWhitespace: true,
    minifySyntax: true,
    legalComments: "none",
    logLevel: "warning",
    // yargs is ESM and asks where it lies; in an executable that is nowhere.
    banner: { js: 'const __url="file:///hawser.cjs";' },
    define: {
      "import.meta.url": "__url",
      __HAWSER_VERSION__: JSON.stringify(version),
      __HAWSER_COMMIT__: JSON.stringify(commit()),
    },
  });
}

function commit(): string {
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
  const flags = ["--compile", "--bytecode", "--no-compile-autoload-dotenv", "--no-compile-autoload-bunfig"];
  execFileSync("bun", ["build", ...flags, bundle, "--outfile", "dist/hawser"], { stdio: "pipe" });
  for (const link of links) {
    rmSync(`dist/${link}`, { force: true });
    symlinkSync("hawser", `dist/${link}`);
  }
}

/**
 * pkg wants to download a Node archive; it takes one that lies in its cache, made here from the `node` npm package, which
 * is the same binary.
 */
function compileWithPkg(): void {
  const { version } = JSON.parse(readFileSync("node_modules/node/package.json", "utf8")) as {
    version: string;
  };
  const architecture = process.arch === "arm64" ? "arm64" : "x64";
  const home = `${process.cwd()}/build/pkg-home`;
  const cache = `${home}/.pkg-cache/sea`;
  const name = `node-v${version}-linux-${architecture}`;
  if (!existsSync(`${cache}/${name}.tar.gz.ok`)) {
    mkdirSync(`${home}/${name}/bin`, { recursive: true });
    mkdirSync(cache, { recursive: true });
    execFileSync("cp", ["node_modules/node/bin/node", `${home}/${name}/bin/node`]);
    execFileSync("tar", ["-czf", `${cache}/${name}.tar.gz`, "-C", home, name]);
    execFileSync("touch", [`${cache}/${name}.tar.gz.ok`]);
    rmSync(`${home}/${name}`, { recursive: true });
  }
  const flags = ["--sea", "-t", `node${version}-linux-${architecture}`, "-o", "dist/hawser-node"];
  execFileSync("pkg", [bundle, ...flags], {
    stdio: "inherit",
    env: { ...process.env, HOME: home, PKG_CACHE_PATH: `${home}/.pkg-cache` },
  });
}

mkdirSync("dist", { recursive: true });
const steps: Record<string, () => void | Promise<void>> = {
  bundle: makeBundle,
  bun: compileWithBun,
  pkg: compileWithPkg,
};
const step = steps[process.argv[2] ?? ""];
if (step === undefined) throw new Error(`build.ts: one of ${Object.keys(steps).join(", ")}`);
await step();
