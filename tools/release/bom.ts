import type { ShippedPackage } from "./shipped.ts";

/** The parts of a CycloneDX 1.5 document that we read or change. npm writes the rest. */
export interface Bom {
  serialNumber: string;
  metadata: { timestamp: string; component: Component; [key: string]: unknown };
  components: Component[];
  dependencies?: { ref: string; dependsOn?: string[] }[];
  [key: string]: unknown;
}

interface Component {
  "bom-ref": string;
  type: string;
  name: string;
  version: string;
  [key: string]: unknown;
}

/** The runtime that an executable is made with, as the lockfile names it. */
export interface Base {
  readonly name: string;
  readonly version: string;
  /** `sha512-` and the digest in base64. */
  readonly integrity: string;
}

/**
 * Makes the bill of materials. npm's own document lists everything that is installed. We keep the packages that are shipped,
 * and add the runtimes that the executables contain. (npm's `--omit=dev` leaves out packages that a tool wants as well, such as
 * yaml.) We remove the folder and the time of its making, so that one commit makes one document.
 */
export function completeBom(
  bom: Bom,
  shipped: readonly ShippedPackage[],
  bases: readonly Base[],
  digest: string,
  committed: string,
): Bom {
  const self = { ...bom.metadata.component, type: "application", name: "hawser" };
  const refs = new Set(shipped.map(({ name, version }) => `${name}@${version}`));
  const components = bom.components.filter((each) => refs.has(each["bom-ref"]));
  for (const ref of refs) {
    if (!components.some((each) => each["bom-ref"] === ref)) throw new Error(`npm sbom does not name ${ref}`);
  }
  const runtimes = bases.map(runtimeOf);
  return {
    ...bom,
    serialNumber: `urn:uuid:${uuidOf(digest)}`,
    metadata: { ...bom.metadata, timestamp: committed, component: self },
    components: [...components, ...runtimes],
    dependencies: (bom.dependencies ?? []).flatMap(({ ref, dependsOn = [] }) => {
      const known = dependsOn.filter((each) => refs.has(each));
      if (ref === self["bom-ref"])
        return { ref, dependsOn: [...known, ...runtimes.map((it) => it["bom-ref"])] };
      return refs.has(ref) ? { ref, dependsOn: known } : [];
    }),
  };
}

function runtimeOf({ name, version, integrity }: Base): Component {
  const content = Buffer.from(integrity.replace(/^sha512-/, ""), "base64").toString("hex");
  return {
    "bom-ref": `${name}@${version}`,
    type: "platform",
    name,
    version,
    scope: "required",
    purl: `pkg:npm/${name.replace("@", "%40")}@${version}`,
    hashes: [{ alg: "SHA-512", content }],
  };
}

/** Makes a version 8 UUID (RFC 9562, section 5.8) from a digest's first 128 bits. */
function uuidOf(digest: string): string {
  const hex = `${digest.slice(0, 12)}8${digest.slice(13, 16)}8${digest.slice(17, 32)}`;
  return hex.replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, "$1-$2-$3-$4-$5");
}
