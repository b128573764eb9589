/** The parts of package-lock.json that releases read. */
export interface PackageLock {
  /** Packages by folder: `node_modules/cliui/node_modules/string-width`. */
  readonly packages: Readonly<Record<string, LockedPackage>>;
}

interface LockedPackage {
  readonly version: string;
  readonly integrity: string;
  readonly dev?: boolean;
}

/** A package whose code the executables hold. */
export interface ShippedPackage {
  readonly folder: string;
  readonly name: string;
  readonly version: string;
}

/** The packages that `dependencies` of package.json bring. The test compares them with those that the bundlers take. */
export function shippedPackages({ packages }: PackageLock): ShippedPackage[] {
  return Object.entries(packages).flatMap(([folder, { version, dev }]) => {
    const name = folder.slice(folder.lastIndexOf("node_modules/") + "node_modules/".length);
    return folder === "" || dev === true ? [] : { folder, name, version };
  });
}
