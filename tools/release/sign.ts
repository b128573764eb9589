import { execFileSync } from "node:child_process";
import { rmSync } from "node:fs";

/**
 * Signs a file with a private key in PEM, the signature beside it. openssl is on every machine, and so can check it:
 * `openssl dgst -sha256 -verify release.pub -signature SHA256SUMS.sig SHA256SUMS`.
 */
export function sign(path: string, keyFile: string): string {
  const signature = `${path}.sig`;
  try {
    execFileSync("openssl", ["dgst", "-sha256", "-sign", keyFile, "-out", signature, path], {
      stdio: "pipe",
    });
  } catch (error) {
    // It is made before the key is read.
    rmSync(signature, { force: true });
    throw error;
  }
  return signature;
}
