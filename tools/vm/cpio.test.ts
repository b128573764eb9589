import { spawnSync } from "node:child_process";
import { expect, test } from "vitest";
import { fileMode, folderMode, printCpio, programMode } from "./cpio.ts";
import { librariesIn } from "./libraries.ts";

test("cpio lists what was written", () => {
  const archive = printCpio([
    { path: "a", mode: folderMode },
    { path: "a/one", mode: programMode, content: "1" },
    { path: "a/four", mode: fileMode, content: "1234" },
    { path: "empty", mode: fileMode },
  ]);
  expect(archive.length % 4).toBe(0);
  const { stdout } = spawnSync("busybox", ["cpio", "-tv"], { input: archive, encoding: "utf8" });
  const rows = stdout
    .trim()
    .split("\n")
    .map((line) => line.split(/\s+/));
  expect(rows.map((row) => [row[0], row[2], row.at(-1)])).toEqual([
    ["drwxr-xr-x", "0", "a"],
    ["-rwxr-xr-x", "1", "a/one"],
    ["-rw-r--r--", "4", "a/four"],
    ["-rw-r--r--", "0", "empty"],
  ]);
});

test("a file holds its bytes", () => {
  const archive = printCpio([{ path: "x", mode: fileMode, content: Uint8Array.of(0, 255, 10) }]);
  const { stdout } = spawnSync("busybox", ["cpio", "-i", "--to-stdout", "x"], { input: archive });
  expect([...stdout]).toEqual([0, 255, 10]);
});

test("the libraries that ldd prints", () => {
  const text = [
    "/usr/sbin/nft:",
    "\tlinux-vdso.so.1 (0x00007f5a89e49000)",
    "\tlibm.so.6 => /lib/x86_64-linux-gnu/libm.so.6 (0x00007f20)",
    "\tlibgone.so => not found",
    "\t/lib64/ld-linux-x86-64.so.2 (0x00007f20)",
    "/usr/bin/other:",
    "\tlibm.so.6 => /lib/x86_64-linux-gnu/libm.so.6 (0x00007f21)",
    "\tnot a dynamic executable",
  ].join("\n");
  expect(librariesIn(text)).toEqual(["/lib/x86_64-linux-gnu/libm.so.6", "/lib64/ld-linux-x86-64.so.2"]);
});
