import { execFileSync } from "node:child_process";
import { rmSync } from "node:fs";

/**
 * Signs a file with a private key in PEM, and writes the signature beside it. openssl is on every machine, so anybody can check
 * it: `openssl dgst -sha256 -verify release.pub -signature SHA256SUMS.sig SHA256SUMS`.
 */
export function sign(path: string, keyFile: string): string {
  const signature = `${path}.sig`;
  try {
    execFileSync("openssl", ["dgst", "-sha256", "-sign", keyFile, "-out", signature, path], {
      stdio: "pipe",
    });
  } catch (error) {
    // openssl creates its output before it reads the key.
    rmSync(signature, { force: true });
    throw error;
  }
  return signature;
}
