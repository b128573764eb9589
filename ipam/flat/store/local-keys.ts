import { type Attempt, isAbsent } from "../../../sys/fault.ts";
import { ok } from "../../../sys/outcome.ts";
import type { Files } from "../../../sys/sys.ts";

/**
 * Where the keys of a local store lie: a folder for each of a key's segments, and a file whose name ends in `=`. Addresses
 * are put into folders by their leading digits, 256 to a folder, and holds by their time, about 17 minutes to a folder,
 * so that reading a window of either lists little else.
 */
const leafMark = "=";

/** How the third segment of such a key begins: the names of the folders that are put between. */
const buckets: Readonly<Record<string, readonly ((segment: string) => string)[]>> = {
  ip: [(code) => code.slice(0, -4), (code) => code.slice(0, -2)],
  hold: [(time) => time.slice(0, 9)],
};

export function pathOfKey(root: string, key: string): string {
  const [kind = "", pool = "", third, ...rest] = key.split("/");
  const between = third === undefined ? [] : (buckets[kind] ?? []).map((bucket) => bucket(third));
  const segments = third === undefined ? key.split("/") : [kind, pool, ...between, third, ...rest];
  return `${root}/${segments.map(encode).join("/")}${leafMark}`;
}

/** No name of a file is empty, hidden, or has a slash in it. */
function encode(segment: string): string {
  if (segment === "") return "%";
  return encodeURIComponent(segment).replaceAll("%3A", ":").replace(/^\./, "%2E");
}

function decode(name: string): string {
  return name === "%" ? "" : decodeURIComponent(name);
}

/** A file or folder as a walk meets it. `text` is the key, or what all keys in the folder begin with. */
interface Node {
  readonly path: string;
  readonly text: string;
  readonly isLeaf: boolean;
  /** What the keys in the folder begin with, whole segments only. */
  readonly base: string;
  readonly depth: number;
}

/** Keys from `from` on, before `to`, in order. Ends when `take` returns false. */
export function walkKeys(
  files: Files,
  root: string,
  from: string,
  to: string,
  take: (key: string, path: string) => boolean,
): Attempt {
  const enter = (node: Node): Attempt<boolean> => {
    const children = childrenOf(files, node, from, to);
    if (!children.ok) return children;
    for (const child of children.value) {
      if (child.text >= to) return ok(true);
      if (child.isLeaf) {
        if (child.text >= from && !take(child.text, child.path)) return ok(false);
      } else if (child.text >= from || from.startsWith(child.text)) {
        const going = enter(child);
        if (!going.ok || !going.value) return going;
      }
    }
    return ok(true);
  };
  const walked = enter({ path: root, text: "", isLeaf: false, base: "", depth: 0 });
  return walked.ok ? ok(undefined) : walked;
}

/** In key order. A folder that both ends of the range name is entered without a look at its neighbours. */
function childrenOf(files: Files, node: Node, from: string, to: string): Attempt<Node[]> {
  const only = commonFolder(node, from, to);
  if (only !== undefined) return ok([childOf(node, only)]);
  const names = files.list(node.path);
  if (!names.ok) return isAbsent(names.error) ? ok([]) : names;
  const nodes = names.value.map((name) => childOf(node, name));
  return ok(nodes.sort((one, other) => (one.text < other.text ? -1 : 1)));
}

function commonFolder(node: Node, from: string, to: string): string | undefined {
  if (!from.startsWith(node.base) || !to.startsWith(node.base)) return undefined;
  const name = folderIn(node, from);
  return name !== undefined && name === folderIn(node, to) ? encode(name) : undefined;
}

/** The name of the folder that such keys are in, undefined when the key could be a file here. */
function folderIn({ base, depth }: Node, key: string): string | undefined {
  const rest = key.slice(base.length);
  const bucket = bucketAt(base, depth);
  const at = rest.indexOf("/");
  // The end of a range of addresses is the last of them and this character.
  if (bucket !== undefined) return bucket(at < 0 ? rest.replace("\u0001", "") : rest.slice(0, at));
  return at < 0 ? undefined : rest.slice(0, at);
}

function bucketAt(base: string, depth: number): ((segment: string) => string) | undefined {
  return depth < 2 ? undefined : buckets[base.slice(0, base.indexOf("/"))]?.[depth - 2];
}

function childOf({ path, base, depth }: Node, name: string): Node {
  const isLeaf = name.endsWith(leafMark);
  const segment = decode(isLeaf ? name.slice(0, -1) : name);
  const isBucket = bucketAt(base, depth) !== undefined;
  const text = `${base}${segment}${isLeaf || isBucket ? "" : "/"}`;
  return { path: `${path}/${name}`, text, isLeaf, base: isBucket ? base : text, depth: depth + 1 };
}
