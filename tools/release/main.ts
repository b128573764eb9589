import { execFileSync } from "node:child_process";
import { createHash } from "node:crypto";
import {
  chmodSync,
  copyFileSync,
  existsSync,
  mkdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { pluginLinks } from "../plugin-links.ts";
import { type Base, type Bom, completeBom } from "./bom.ts";
import { type PackageLock, shippedPackages } from "./shipped.ts";
import { sign } from "./sign.ts";

/**
 * `make release`. It makes an archive of each executable in dist with its links and licences, a bill of materials, and
 * checksums of all these files. One commit always makes the same bytes. If HAWSER_SIGN_KEY names a file with a private key, the
 * checksums are signed. Runs at the top of the project.
 */

interface Build {
  readonly executable: string;
  /** The platform in the archive's name. */
  readonly platform: string;
}

const builds: readonly Build[] = [
  { executable: "hawser", platform: "linux-amd64" },
  { executable: "hawser-arm64", platform: "linux-arm64" },
  { executable: "hawser-node", platform: "linux-amd64-node" },
];
const bases = ["@oven/bun-linux-x64", "@oven/bun-linux-aarch64", "node"];
const folder = "dist/release";
const { version } = readJson("package.json") as { version: string };
const lock = readJson("package-lock.json") as PackageLock;
const shipped = shippedPackages(lock);

/** The time of the commit in whole seconds. The archives give it as the time when their files were changed. */
const committedSeconds = Number(output("git", ["log", "-1", "--format=%ct"]).trim());

rmSync(folder, { recursive: true, force: true });
mkdirSync(folder, { recursive: true });
const archives = builds.map(makeArchive);
const made = [...archives, writeBom()];
const sums = made.map((name) => `${digestOf(join(folder, name))}  ${name}\n`);
writeFileSync(join(folder, "SHA256SUMS"), sums.join(""));
const { HAWSER_SIGN_KEY: key = "" } = process.env;
if (key === "") process.stdout.write("SHA256SUMS is not signed: HAWSER_SIGN_KEY names no key\n");
else sign(join(folder, "SHA256SUMS"), key);
for (const name of [...made, "SHA256SUMS"]) {
  process.stdout.write(`${join(folder, name)}  ${(statSync(join(folder, name)).size / 1e6).toFixed(1)} MB\n`);
}

function makeArchive({ executable, platform }: Build): string {
  const name = `hawser-${version}-${platform}`;
  const root = join("build", "release", name);
  rmSync(root, { recursive: true, force: true });
  mkdirSync(root, { recursive: true });
  copyFileSync(join("dist", executable), join(root, "hawser"));
  chmodSync(join(root, "hawser"), 0o755);
  for (const link of pluginLinks) symlinkSync("hawser", join(root, link));
  for (const file of ["LICENSE", "README.md"]) copyFileSync(file, join(root, file));
  writeFileSync(join(root, "THIRD-PARTY"), licences());
  const tar = join("build", "release", `${name}.tar`);
  // The archive says nothing of this machine: order, owners and times are the same everywhere.
  const sameEverywhere = ["--sort=name", "--owner=0", "--group=0", "--numeric-owner", "--format=ustar"];
  const when = [`--mtime=@${committedSeconds}`, "--mode=u=rwX,go=rX"];
  output("tar", [...sameEverywhere, ...when, "-cf", tar, "-C", join("build", "release"), name]);
  output("gzip", ["--no-name", "--force", tar]);
  copyFileSync(`${tar}.gz`, join(folder, `${name}.tar.gz`));
  rmSync(`${tar}.gz`);
  rmSync(root, { recursive: true });
  return `${name}.tar.gz`;
}

/** The licences of the packages in the executables. Most licences have to be shipped with the code. */
function licences(): string {
  const texts = shipped.map(({ folder: place, name, version: packageVersion }) => {
    const file = ["LICENSE", "LICENSE.txt", "license", "LICENSE.md", "LICENSE-MIT.txt"]
      .map((each) => join(place, each))
      .find(existsSync);
    if (file === undefined) throw new Error(`${place} has no licence`);
    return `${name} ${packageVersion}\n\n${readFileSync(file, "utf8").trim()}\n`;
  });
  return texts.join(`\n${"-".repeat(72)}\n\n`);
}

function writeBom(): string {
  const name = `hawser-${version}.cdx.json`;
  const npm = output("npm", ["sbom", "--sbom-format=cyclonedx"]);
  const digest = createHash("sha256").update(archives.map((each) => digestOf(join(folder, each))).join());
  const committed = new Date(committedSeconds * 1000).toISOString();
  const bom = completeBom(
    JSON.parse(npm) as Bom,
    shipped,
    bases.map(baseOf),
    digest.digest("hex"),
    committed,
  );
  writeFileSync(join(folder, name), `${JSON.stringify(bom, null, 2)}\n`);
  return name;
}

function baseOf(name: string): Base {
  const locked = lock.packages[`node_modules/${name}`];
  if (locked === undefined) throw new Error(`package-lock.json has no ${name}`);
  return { name, version: locked.version, integrity: locked.integrity };
}

function digestOf(path: string): string {
  return createHash("sha256").update(readFileSync(path)).digest("hex");
}

function readJson(path: string): unknown {
  return JSON.parse(readFileSync(path, "utf8"));
}

function output(program: string, args: readonly string[]): string {
  return execFileSync(program, args, {
    encoding: "utf8",
    stdio: ["ignore", "pipe", "inherit"],
    maxBuffer: 1e8,
  });
}
