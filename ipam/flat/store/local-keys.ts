import { type Attempt, isAbsent } from "../../../sys/fault.ts";
import { ok } from "../../../sys/outcome.ts";
import type { Files } from "../../../sys/sys.ts";

/**
 * Where the keys of a local store lie. Each segment of a key is a folder, and the last is a file whose name ends in `=`.
 * Addresses lie in folders by their leading digits, 256 in each. Holds lie in folders by their time, about 17 minutes in
 * each. So the read of a window of addresses or of holds lists little else.
 */
const leafMark = "=";

/** The names of the folders between the second and the third segment, by the kind of the key. */
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

/** Makes the name of a file, which may not be empty or hidden, and has no slash. */
function encode(segment: string): string {
  if (segment === "") return "%";
  return encodeURIComponent(segment).replaceAll("%3A", ":").replace(/^\./, "%2E");
}

function decode(name: string): string {
  return name === "%" ? "" : decodeURIComponent(name);
}

/** A file or folder of a walk. `text` is the key of the file, or the text that all keys in the folder begin with. */
interface Node {
  readonly path: string;
  readonly text: string;
  readonly isLeaf: boolean;
  /** The whole segments that the keys in the folder begin with. */
  readonly base: string;
  readonly depth: number;
}

/** Walks the keys from `from` on and before `to`, in order. Ends when `take` returns false. */
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

/** The children in key order. If both ends of the range are in one folder, its neighbours are not listed. */
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

/** The name of the folder that the key is in. Undefined if the key could be a file here. */
function folderIn({ base, depth }: Node, key: string): string | undefined {
  const rest = key.slice(base.length);
  const bucket = bucketAt(base, depth);
  const at = rest.indexOf("/");
  // The end of a range of addresses is its last address with this character behind it.
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
