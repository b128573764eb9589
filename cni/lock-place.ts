import type { Attempt } from "../sys/fault.ts";
import type { Sys } from "../sys/sys.ts";

/**
 * Where the locks of a state folder lie: `/run/hawser<state folder>/.locks/`. That is memory: a disk that is full or
 * read-only keeps nobody from detaching a pod, and no lock outlives a reboot. For a key (a container ID, or GC's):
 *
 * - `<key>/<identity>`: the process of this identity holds it. The file's text is its operation, which root alone can read.
 * - `.<identity>~<key>/<identity>`: that process waits for it.
 * - `.dead~<key>/<identity>`: that process died as its holder, and nobody has seen yet to what it left.
 */
const root = "/run/hawser";
export const locksFolder = ".locks";
/** No container ID or network name starts with a dot. */
export const gcKey = ".gc";
export const deadMark = "dead";
export const folderMode = 0o700;
export const fileMode = 0o600;

/**
 * The folder of locks for a state folder. It is the same by whatever path the state folder is named: two paths must not
 * give two locks.
 */
export function placeOf(sys: Sys, stateDir: string): string {
  return `${root}${realPathOf(sys, stateDir)}/${locksFolder}`;
}

/** Works for a folder that does not exist yet, too: a folder above it may be a link. */
function realPathOf(sys: Sys, path: string): string {
  if (path === "" || path === "/") return "";
  const real = sys.files.realPath(path);
  if (real.ok) return real.value;
  const at = path.lastIndexOf("/");
  const name = path.slice(at + 1);
  return `${realPathOf(sys, path.slice(0, Math.max(0, at)))}${name === "" ? "" : `/${name}`}`;
}

export function heldPath(folder: string, key: string): string {
  return `${folder}/${key}`;
}

export function waitingPath(folder: string, key: string, identity: string): string {
  return `${folder}/.${identity}~${key}`;
}

/** The files of dead holders of a lock: a folder here, an empty file where 0.1.0 has its locks. */
export function deadPath(folder: string, key: string): string {
  return `${folder}/.${deadMark}~${key}`;
}

/** Reads a name in the folder of locks that is not a held lock's. */
export function parseWaiter(name: string): { identity: string; key: string } | undefined {
  const at = name.indexOf("~");
  return at < 0 ? undefined : { identity: name.slice(1, at), key: name.slice(at + 1) };
}

/**
 * The operation that a holder named to its delegates. 0.1.0 named its identity instead, and wrote nothing into the
 * file.
 */
export function operationIn(sys: Sys, folder: string, identity: string): string {
  const text = sys.files.read(`${folder}/${identity}`);
  return text.ok && text.value !== "" ? text.value : identity;
}

/** Holders of a lock, live or dead. A folder that does not exist has none; one that cannot be read may have some. */
export function holders(sys: Sys, path: string): Attempt<readonly string[]> {
  const names = sys.files.list(path);
  return names.ok || names.error.code !== "ENOENT" ? names : { ok: true, value: [] };
}

export function namesIn(sys: Sys, path: string): readonly string[] {
  const names = sys.files.list(path);
  return names.ok ? names.value : [];
}
