import { execFileSync, spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import * as fs from "node:fs";
import { dirname, join } from "node:path";
import { findProgram } from "./executables.ts";

/** The name of the image from which the tests make sandboxes and containers. */
export const pauseImage = "hawser.test/pause:1";

/** Writes a docker-archive with one layer: a busybox that sleeps until it is ended. No registry is needed. */
export function writePauseImage(folder: string, target: string): void {
  const layer = join(folder, "layer");
  fs.mkdirSync(join(layer, "bin"), { recursive: true });
  const busybox = findProgram("busybox") ?? "";
  fs.copyFileSync(busybox, join(layer, "bin/busybox"));
  for (const library of librariesOf(busybox)) {
    fs.mkdirSync(join(layer, dirname(library)), { recursive: true });
    fs.copyFileSync(library, join(layer, library));
  }
  for (const name of ["sh", "sleep", "ip"]) fs.symlinkSync("busybox", join(layer, "bin", name));
  tar(join(folder, "layer.tar"), layer, fs.readdirSync(layer));
  const digest = createHash("sha256")
    .update(fs.readFileSync(join(folder, "layer.tar")))
    .digest("hex");
  const config = {
    architecture: { x64: "amd64", arm64: "arm64" }[process.arch as string] ?? process.arch,
    os: "linux",
    // As the first process of its namespace, sleep would not end on a signal. A shell does.
    config: {
      Entrypoint: ["/bin/sh", "-c", "trap 'exit 0' TERM; sleep 2147483647 & wait"],
      Env: ["PATH=/bin"],
    },
    rootfs: { type: "layers", diff_ids: [`sha256:${digest}`] },
  };
  const manifest = [{ Config: "config.json", RepoTags: [pauseImage], Layers: ["layer.tar"] }];
  fs.writeFileSync(join(folder, "config.json"), JSON.stringify(config));
  fs.writeFileSync(join(folder, "manifest.json"), JSON.stringify(manifest));
  tar(target, folder, ["manifest.json", "config.json", "layer.tar"]);
}

/** The libraries of busybox. A static busybox, such as Debian's busybox-static, has none. */
function librariesOf(program: string): string[] {
  const { stdout } = spawnSync("ldd", [program], { encoding: "utf8" });
  return [...stdout.matchAll(/(\/\S+) \(0x/g)].map(([, path = ""]) => path);
}

function tar(archive: string, from: string, names: readonly string[]): void {
  execFileSync("tar", [
    "--create",
    "--owner=0",
    "--group=0",
    "--file",
    archive,
    "--directory",
    from,
    ...names,
  ]);
}
