import { execFileSync } from "node:child_process";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";

/** The paths of a key and its certificate, as PEM files. */
export interface Certificate {
  readonly certFile: string;
  readonly keyFile: string;
}

/** A certificate authority that a test makes in a folder of its own. */
export interface Authority {
  readonly caFile: string;
  /**
   * Issues a certificate. `names` are like `IP:127.0.0.1` or `DNS:example.org`. The subject is `/CN=root`, for example, or
   * `/O=pods` for an empty CN.
   */
  issue(name: string, subject: string, names: string, usage?: string): Certificate;
}

const newKey = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"];

export function makeAuthority(folder: string, name = "ca"): Authority {
  const path = (file: string): string => join(folder, file);
  const caFile = path(`${name}.pem`);
  const caKey = path(`${name}.key`);
  openssl([
    "req",
    "-x509",
    ...newKey,
    "-keyout",
    caKey,
    "-out",
    caFile,
    "-days",
    "2",
    "-subj",
    `/CN=${name}`,
  ]);
  return {
    caFile,
    // etcd's gateway is a client of its own server, and uses the server's certificate.
    issue: (file, subject, names, usage = "serverAuth,clientAuth") => {
      const [certFile, keyFile, request] = [path(`${file}.pem`), path(`${file}.key`), path(`${file}.csr`)];
      const extensions = path(`${file}.ext`);
      writeFileSync(extensions, `subjectAltName=${names}\nextendedKeyUsage=${usage}\n`);
      openssl(["req", ...newKey, "-keyout", keyFile, "-out", request, "-subj", subject]);
      const signing = ["-CA", caFile, "-CAkey", caKey, "-CAcreateserial", "-extfile", extensions];
      openssl(["x509", "-req", "-in", request, "-out", certFile, "-days", "2", ...signing]);
      return { certFile, keyFile };
    },
  };
}

function openssl(args: readonly string[]): void {
  execFileSync("openssl", args, { stdio: "pipe" });
}

export function readPair({ certFile, keyFile }: Certificate): { cert: string; key: string } {
  return { cert: readFileSync(certFile, "utf8"), key: readFileSync(keyFile, "utf8") };
}
