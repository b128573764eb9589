import { execFileSync, spawnSync } from "node:child_process";
import * as fs from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { sign } from "./sign.ts";

let folder: string;
beforeEach(() => {
  folder = fs.mkdtempSync(join(tmpdir(), "hawser-sign-"));
});
afterEach(() => fs.rmSync(folder, { recursive: true }));

/** Makes a key as docs/security.md does. */
function newKey(name: string): { key: string; pub: string } {
  const [key, pub] = [join(folder, `${name}.key`), join(folder, `${name}.pub`)];
  const curve = ["-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-256"];
  execFileSync("openssl", ["genpkey", ...curve, "-out", key], { stdio: "pipe" });
  execFileSync("openssl", ["pkey", "-in", key, "-pubout", "-out", pub], { stdio: "pipe" });
  return { key, pub };
}

/** Checks a signature as docs/kubernetes.md does. */
function isGood(pub: string, signature: string, path: string): boolean {
  return (
    spawnSync("openssl", ["dgst", "-sha256", "-verify", pub, "-signature", signature, path]).status === 0
  );
}

test("a signature is good for the sums that were signed, with the key that signed them", () => {
  const [own, other] = [newKey("own"), newKey("other")];
  const sums = join(folder, "SHA256SUMS");
  fs.writeFileSync(sums, "0a  hawser.tar.gz\n");
  const signature = sign(sums, own.key);
  expect(signature).toBe(`${sums}.sig`);
  expect(isGood(own.pub, signature, sums)).toBe(true);
  expect(isGood(other.pub, signature, sums)).toBe(false);
  fs.writeFileSync(sums, "0b  hawser.tar.gz\n");
  expect(isGood(own.pub, signature, sums)).toBe(false);
});

test("a key that is none is an error, and no release without a signature", () => {
  const sums = join(folder, "SHA256SUMS");
  fs.writeFileSync(sums, "");
  expect(() => sign(sums, join(folder, "none.key"))).toThrow("none.key");
  expect(fs.existsSync(`${sums}.sig`)).toBe(false);
});
