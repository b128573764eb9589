/** Families as results before 1.0.0 name them (`ips[].version`). */
export type Family = "4" | "6";

/**
 * The family of an IP address as text, undefined if it is none. By hand, since the address library costs a plugin
 * almost 2 ms of start-up; as strict as the Go parser that reads our results (no leading zeros, no zone).
 */
export function addressFamily(text: string): Family | undefined {
  if (isDottedQuad(text)) return "4";
  return isV6(text) ? "6" : undefined;
}

/** The family of an address with its prefix length (`10.1.0.5/16`), undefined if it is none. */
export function cidrFamily(text: string): Family | undefined {
  const at = text.indexOf("/");
  const prefix = text.slice(at + 1);
  if (at < 0 || !/^\d{1,3}$/.test(prefix)) return undefined;
  const family = addressFamily(text.slice(0, at));
  const longest = family === "4" ? 32 : 128;
  return Number(prefix) <= longest ? family : undefined;
}

function isDottedQuad(text: string): boolean {
  const octets = text.split(".");
  return (
    octets.length === 4 && octets.every((octet) => /^(0|[1-9]\d{0,2})$/.test(octet) && Number(octet) <= 255)
  );
}

function isV6(text: string): boolean {
  const halves = text.split("::");
  if (halves.length > 2) return false;
  const groups = halves.reduce((sum, half, index) => sum + groupCount(half, index === halves.length - 1), 0);
  return halves.length === 1 ? groups === 8 : groups <= 7;
}

/** How many 16-bit groups are written, a dotted quad at the very end being two; NaN if anything else is. */
function groupCount(text: string, isEnd: boolean): number {
  if (text === "") return 0;
  const groups = text.split(":");
  const quads = isEnd && isDottedQuad(groups.at(-1) ?? "") ? 1 : 0;
  const written = groups.slice(0, groups.length - quads);
  return written.every((group) => /^[0-9a-fA-F]{1,4}$/.test(group)) ? written.length + 2 * quads : Number.NaN;
}

/**
 * One spelling for each address, with or without a prefix length: that of RFC 5952, which is the kernel's and Go's. libcni
 * writes addresses anew between plugins, and what is compared as text must not differ by that. An IPv4 address in an IPv6
 * one is the IPv4 address, but not where a prefix length is counted from the other. What is no address stays as it is.
 */
export function canonicalAddress(text: string): string {
  const at = text.indexOf("/");
  const address = at < 0 ? text : text.slice(0, at);
  const family = at < 0 ? addressFamily(text) : cidrFamily(text);
  if (family === undefined) return text;
  const end = at < 0 ? "" : `/${prefixOf(text)}`;
  if (family === "4") return `${address}${end}`;
  const groups = allGroupsOf(address);
  const isMapped = groups.slice(0, 6).join(":") === "0:0:0:0:0:65535";
  const [high = 0, low = 0] = groups.slice(6);
  const quad = [high >> 8, high & 255, low >> 8, low & 255].join(".");
  if (isMapped) return at < 0 ? quad : `::ffff:${quad}${end}`;
  return `${compressed(groups.map((group) => group.toString(16)))}${end}`;
}

/** With `::` in place of the first of the longest runs of zero groups, if it has two at least. */
function compressed(groups: readonly string[]): string {
  const text = groups.join(":");
  const runs = [...text.matchAll(/(?<![0-9a-f])0(:0)+(?![0-9a-f])/g)];
  const longest = Math.max(...runs.map(([run]) => run.length));
  const run = runs.find(([each]) => each.length === longest);
  if (run === undefined) return text;
  const head = text.slice(0, run.index).replace(/:$/, "");
  return `${head}::${text.slice(run.index + longest).replace(/^:/, "")}`;
}

/** Whether an address, with or without a prefix length, is in the network of a CIDR. Both are known to be ones. */
export function covers(cidr: string, address: string): boolean {
  const network = bitsOf(cidr);
  const prefix = prefixOf(cidr);
  const bits = bitsOf(address);
  return network.length === bits.length && network.slice(0, prefix) === bits.slice(0, prefix);
}

/** The number behind the slash of a CIDR. */
export function prefixOf(cidr: string): number {
  return Number(cidr.slice(cidr.indexOf("/") + 1));
}

/** An address as 32 or 128 digits, so that networks are compared by their beginnings. */
function bitsOf(text: string): string {
  const address = text.replace(/\/.*/, "");
  const [size, parts] = address.includes(":")
    ? ([16, allGroupsOf(address)] as const)
    : ([8, address.split(".").map(Number)] as const);
  return parts.map((part) => part.toString(2).padStart(size, "0")).join("");
}

/** The eight 16-bit groups of what is known to be an IPv6 address. */
function allGroupsOf(address: string): number[] {
  const [head = "", tail] = address.split("::");
  const left = groupsOf(head);
  const right = tail === undefined ? [] : groupsOf(tail);
  const zeros = tail === undefined ? [] : Array.from({ length: 8 - left.length - right.length }, () => 0);
  return [...left, ...zeros, ...right];
}

function groupsOf(text: string): number[] {
  return text.split(":").flatMap((group) => {
    if (group === "") return [];
    if (!group.includes(".")) return [Number.parseInt(group, 16)];
    const [a = 0, b = 0, c = 0, d = 0] = group.split(".").map(Number);
    return [a * 256 + b, c * 256 + d];
  });
}
