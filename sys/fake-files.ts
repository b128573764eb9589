import type { Attempt } from "./fault.ts";
import { fail, ok } from "./outcome.ts";
import type { FileStat, Files, WriteOptions } from "./sys.ts";

/**
 * What a power loss takes: `nothing`; `unsynced`: all that was not synced, which is the worst a disk may do; `some`: of
 * each folder's changes and each file's bytes either all, none or (of bytes) the first half.
 */
export type Loss = "nothing" | "unsynced" | "some";

/** Files in memory that remember what of them is on the disk. No rights, absolute paths only. */
export interface Disk extends Files {
  /** Does what `write` has done when it is stopped in its middle. */
  halfWrite(path: string, text: string, options: WriteOptions): void;
  halfCopy(from: string, to: string, mode: number): void;
  lose(loss: Loss, chance: () => number): void;
  /** /run lies in memory: after a reboot it has what it had in the beginning. */
  clearRun(): void;
  /** Every file and folder (with a slash behind it), sorted, the root left out. */
  paths(): string[];
}

interface FileNode {
  readonly kind: "file";
  text: string;
  /** The bytes that were synced. */
  durable: string;
  readonly mode: number;
  modifiedMs: number;
}

interface FolderNode {
  readonly kind: "folder";
  entries: Map<string, Node>;
  durable: Map<string, Node>;
  readonly mode: number;
  readonly modifiedMs: number;
}

interface LinkNode {
  readonly kind: "link";
  readonly target: string;
}

type Node = FileNode | FolderNode | LinkNode;

/** A name in a folder. The folder is there. */
interface Place {
  readonly folder: FolderNode;
  readonly name: string;
  readonly node: Node | undefined;
}

export function createDisk(nowMs: () => number): Disk {
  const root = newFolder(0o755, nowMs());
  const place = (path: string, doing: string): Attempt<Place> => findPlace(root, path, doing);
  return {
    ...readers(root),
    write: (path, text, options) => {
      const at = place(path, "open");
      return at.ok ? writeAt(at.value, path, text, options, nowMs()) : at;
    },
    halfWrite: (path, text, options) => {
      const at = place(path, "open");
      const half = { ...options, sync: false };
      if (at.ok) writeAt(at.value, path, text.slice(0, text.length / 2), half, nowMs());
    },
    syncFolder: (path) => {
      const folder = findFolder(root, path, "open");
      if (folder.ok) folder.value.durable = new Map(folder.value.entries);
      return folder.ok ? ok(undefined) : folder;
    },
    symlink: (target, path) => {
      const at = place(path, "symlink");
      if (!at.ok) return at;
      if (at.value.node !== undefined) return refuse("EEXIST", "symlink", path);
      at.value.folder.entries.set(at.value.name, { kind: "link", target });
      return ok(undefined);
    },
    copy: (from, to, mode) => copy(root, from, place(to, "copyfile"), to, { mode, sync: true }, nowMs()),
    halfCopy: (from, to, mode) => {
      const half = { mode, sync: false, half: true };
      copy(root, from, place(to, "copyfile"), to, half, nowMs());
    },
    rename: (from, to) => rename(place(from, "rename"), place(to, "rename"), from, to),
    link: (existing, path) => link(place(existing, "link"), place(path, "link"), path),
    remove: (path) => {
      const at = existingPlace(root, path, "unlink");
      if (!at.ok) return at;
      if (at.value.node.kind === "folder") return refuse("EISDIR", "unlink", path);
      at.value.folder.entries.delete(at.value.name);
      return ok(undefined);
    },
    makeFolder: (path, mode) => makeFolder(root, path, mode, nowMs()),
    removeFolder: (path) => {
      const at = existingPlace(root, path, "rmdir");
      if (!at.ok) return at;
      if (at.value.node.kind !== "folder") return refuse("ENOTDIR", "rmdir", path);
      if (at.value.node.entries.size > 0) return refuse("ENOTEMPTY", "rmdir", path);
      at.value.folder.entries.delete(at.value.name);
      return ok(undefined);
    },
    lose: (loss, chance) => {
      if (loss !== "nothing") loseIn(root, loss, chance);
    },
    clearRun: () => {
      const run = root.entries.get("run");
      if (run?.kind === "folder") loseIn(run, "unsynced", () => 0);
    },
    paths: () => pathsIn(root, "").sort(),
  };
}

function readers(root: FolderNode): Pick<Files, "read" | "list" | "stat" | "readLink" | "realPath"> {
  return {
    readLink: (path) => {
      const at = existingPlace(root, path, "readlink");
      if (!at.ok) return at;
      return at.value.node.kind === "link" ? ok(at.value.node.target) : refuse("EINVAL", "readlink", path);
    },
    read: (path, maxBytes = Number.POSITIVE_INFINITY) => {
      const node = findNode(root, path, "open");
      if (!node.ok) return node;
      if (node.value.kind !== "file") return refuse("EISDIR", "read", path);
      return toStat(node.value).sizeBytes > maxBytes ? refuse("EFBIG", "read", path) : ok(node.value.text);
    },
    list: (path) => {
      const folder = findFolder(root, path, "scandir");
      return folder.ok ? ok([...folder.value.entries.keys()].sort()) : folder;
    },
    stat: (path) => {
      const node = findNode(root, path, "stat");
      return node.ok ? ok(toStat(node.value)) : node;
    },
    realPath: (path) => {
      const node = findNode(root, path, "realpath");
      return node.ok ? ok(realPathIn(root, namesOf(path))) : node;
    },
  };
}

/** The node at a path that exists. */
function realPathIn(root: FolderNode, names: readonly string[]): string {
  let above = "";
  for (const name of names) {
    const folder = findNode(root, above === "" ? "/" : above, "realpath");
    const next = folder.ok && folder.value.kind === "folder" ? folder.value.entries.get(name) : undefined;
    if (next?.kind !== "link") above = `${above}/${name}`;
    else
      above = realPathIn(
        root,
        namesOf(next.target.startsWith("/") ? next.target : `${above}/${next.target}`),
      );
  }
  return above === "" ? "/" : above;
}

function toStat(node: FileNode | FolderNode): FileStat {
  const sizeBytes = node.kind === "file" ? new TextEncoder().encode(node.text).length : 4096;
  const { kind, mode, modifiedMs } = node;
  return { kind, mode, uid: 0, sizeBytes, modifiedMs, identity: `fake:${numberOf(node)}` };
}

const numbers = new WeakMap<object, number>();
let lastNumber = 0;

function numberOf(node: object): number {
  const number = numbers.get(node) ?? ++lastNumber;
  numbers.set(node, number);
  return number;
}

function newFolder(mode: number, modifiedMs: number): FolderNode {
  return { kind: "folder", entries: new Map(), durable: new Map(), mode, modifiedMs };
}

function refuse(
  code: string,
  doing: string,
  path: string,
): { readonly ok: false; readonly error: { code: string; message: string } } {
  return fail({ code, message: `${code}: ${doing} '${path}'` });
}

function namesOf(path: string): string[] {
  if (!path.startsWith("/")) throw new Error(`the fake knows absolute paths only, not ${path}`);
  return path.split("/").filter((name) => name !== "");
}

/** Follows symbolic links, the last one too. */
function findNode(root: FolderNode, path: string, doing: string): Attempt<FileNode | FolderNode> {
  let node: FileNode | FolderNode = root;
  let above = "";
  for (const name of namesOf(path)) {
    if (node.kind === "file") return refuse("ENOTDIR", doing, path);
    const next = node.entries.get(name);
    if (next === undefined) return refuse("ENOENT", doing, path);
    const found: Attempt<FileNode | FolderNode> =
      next.kind === "link"
        ? findNode(root, next.target.startsWith("/") ? next.target : `${above}/${next.target}`, doing)
        : ok(next);
    if (!found.ok) return found;
    node = found.value;
    above = `${above}/${name}`;
  }
  return ok(node);
}

function findFolder(root: FolderNode, path: string, doing: string): Attempt<FolderNode> {
  const node = findNode(root, path, doing);
  if (!node.ok) return node;
  return node.value.kind === "folder" ? ok(node.value) : refuse("ENOTDIR", doing, path);
}

function findPlace(root: FolderNode, path: string, doing: string): Attempt<Place> {
  const names = namesOf(path);
  const name = names.pop();
  if (name === undefined) return refuse("EBUSY", doing, path);
  const folder = findFolder(root, `/${names.join("/")}`, doing);
  return folder.ok ? ok({ folder: folder.value, name, node: folder.value.entries.get(name) }) : folder;
}

function existingPlace(root: FolderNode, path: string, doing: string): Attempt<Place & { node: Node }> {
  const at = findPlace(root, path, doing);
  if (!at.ok) return at;
  const { node } = at.value;
  return node === undefined ? refuse("ENOENT", doing, path) : ok({ ...at.value, node });
}

function writeAt(at: Place, path: string, text: string, options: WriteOptions, nowMs: number): Attempt {
  if (at.node !== undefined && options.exclusive === true) return refuse("EEXIST", "open", path);
  if (at.node?.kind === "folder") return refuse("EISDIR", "open", path);
  if (at.node?.kind === "link") return refuse("ELOOP", "open", path);
  const created: FileNode = { kind: "file", text: "", durable: "", mode: options.mode, modifiedMs: nowMs };
  const file = at.node ?? created;
  at.folder.entries.set(at.name, file);
  file.text = text;
  file.modifiedMs = nowMs;
  if (options.sync === true) file.durable = text;
  return ok(undefined);
}

function copy(
  root: FolderNode,
  from: string,
  to: Attempt<Place>,
  target: string,
  { half = false, ...options }: WriteOptions & { readonly half?: boolean },
  nowMs: number,
): Attempt {
  const source = findNode(root, from, "copyfile");
  if (!source.ok) return source;
  if (source.value.kind === "folder") return refuse("EISDIR", "copyfile", from);
  if (!to.ok) return to;
  const { text } = source.value;
  const copied = half ? text.slice(0, text.length / 2) : text;
  return writeAt(to.value, target, copied, { ...options, exclusive: true }, nowMs);
}

function rename(from: Attempt<Place>, to: Attempt<Place>, source: string, target: string): Attempt {
  if (!from.ok) return from;
  if (!to.ok) return to;
  const moved = from.value.node;
  const there = to.value.node;
  if (moved === undefined) return refuse("ENOENT", "rename", source);
  if (moved === there) return ok(undefined);
  if (target.startsWith(`${source}/`)) return refuse("EINVAL", "rename", target);
  if (moved.kind === "folder" && there !== undefined && there.kind !== "folder")
    return refuse("ENOTDIR", "rename", target);
  if (moved.kind !== "folder" && there?.kind === "folder") return refuse("EISDIR", "rename", target);
  if (there?.kind === "folder" && there.entries.size > 0) return refuse("ENOTEMPTY", "rename", target);
  from.value.folder.entries.delete(from.value.name);
  to.value.folder.entries.set(to.value.name, moved);
  return ok(undefined);
}

function link(existing: Attempt<Place>, path: Attempt<Place>, target: string): Attempt {
  if (!existing.ok) return existing;
  if (!path.ok) return path;
  const { node } = existing.value;
  if (node === undefined) return refuse("ENOENT", "link", target);
  if (path.value.node !== undefined) return refuse("EEXIST", "link", target);
  if (node.kind === "folder") return refuse("EPERM", "link", target);
  path.value.folder.entries.set(path.value.name, node);
  return ok(undefined);
}

function makeFolder(root: FolderNode, path: string, mode: number, nowMs: number): Attempt {
  let folder = root;
  const names = namesOf(path);
  for (const [index, name] of names.entries()) {
    const isLast = index === names.length - 1;
    const next = folder.entries.get(name) ?? newFolder(isLast ? mode : 0o755, nowMs);
    if (next.kind !== "folder") return refuse(isLast ? "EEXIST" : "ENOTDIR", "mkdir", path);
    folder.entries.set(name, next);
    folder = next;
  }
  return ok(undefined);
}

function loseIn(folder: FolderNode, loss: Loss, chance: () => number): void {
  if (loss === "some" && chance() < 0.5) folder.durable = new Map(folder.entries);
  folder.entries = new Map(folder.durable);
  for (const node of folder.entries.values()) {
    if (node.kind === "folder") {
      loseIn(node, loss, chance);
    } else if (node.kind === "file" && node.text !== node.durable) {
      const found = [node.durable, node.text, node.text.slice(0, node.text.length / 2)];
      node.text = (loss === "some" ? found[Math.floor(chance() * found.length)] : undefined) ?? node.durable;
      node.durable = node.text;
    }
  }
}

function pathsIn(folder: FolderNode, above: string): string[] {
  return [...folder.entries].flatMap(([name, node]) => {
    const path = `${above}/${name}`;
    return node.kind === "folder" ? [`${path}/`, ...pathsIn(node, path)] : [path];
  });
}
