import type { Attempt } from "../sys/fault.ts";
import type { Sys } from "../sys/sys.ts";

const folderMode = 0o700;
const fileMode = 0o600;

/**
 * Makes a folder in a folder of ours (`stateDir` and the like), both open to root alone. Missing folders above these
 * two are open to all, as `/var/lib/cni` is.
 */
export function makeOwnFolder({ files }: Sys, path: string): Attempt {
  const made = files.makeFolder(path.slice(0, path.lastIndexOf("/")), folderMode);
  return made.ok ? files.makeFolder(path, folderMode) : made;
}

/**
 * Writes a new file of ours and syncs it. A file of this name can only be our own: an attempt left it when its removal failed as
 * well. So it is removed and written anew, never written into.
 */
export function writeOwnFile({ files }: Sys, path: string, text: string): Attempt {
  const write = () => files.write(path, text, { mode: fileMode, exclusive: true, sync: true });
  const written = write();
  if (written.ok || written.error.code !== "EEXIST") return written;
  const removed = files.remove(path);
  return removed.ok ? write() : removed;
}
