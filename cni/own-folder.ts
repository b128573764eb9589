import type { Attempt } from "../sys/fault.ts";
import type { Sys } from "../sys/sys.ts";

const mode = 0o700;

/**
 * Makes a folder in a folder of ours (`stateDir` and the like), both open to root alone. Missing folders above these
 * two are open to all, as `/var/lib/cni` is.
 */
export function makeOwnFolder({ files }: Sys, path: string): Attempt {
  const made = files.makeFolder(path.slice(0, path.lastIndexOf("/")), mode);
  return made.ok ? files.makeFolder(path, mode) : made;
}
