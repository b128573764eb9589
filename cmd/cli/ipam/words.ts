import { type Holding, isNobody } from "../../../ipam/flat/pool/holding.ts";
import { printCode } from "../../../ipam/flat/pool/keys.ts";

export function printCodes(codes: readonly string[]): string {
  return codes.map(printCode).join(" ");
}

/** Prints a duration in one unit, such as `3 days` or `1 hour`. */
export function printSpan(durationMs: number): string {
  const units = [
    ["day", 86_400_000],
    ["hour", 3_600_000],
    ["minute", 60_000],
    ["second", 1000],
  ] as const;
  const [name, ms] = units.find(([, each]) => Math.abs(durationMs) >= each) ?? ["second", 1000];
  const count = Math.floor(Math.abs(durationMs) / ms);
  return `${count} ${name}${count === 1 ? "" : "s"}`;
}

/** The owner's name for people. */
export function printOwner({ identity }: Pick<Holding, "identity">): string {
  return isNobody(identity) ? "nobody" : identity;
}

const exactDigits = 12;

/** Prints a count for people: all digits of a short one, a power of ten for a long one. */
export function printCount(count: bigint): string {
  const text = String(count);
  return text.length <= exactDigits ? text : `${text[0]}.${text.slice(1, 3)}e${text.length - 1}`;
}

/** Prints a count for machines: a JSON number where a JavaScript number holds it exactly, else a text. */
export function jsonCount(count: bigint): number | string {
  return count <= BigInt(Number.MAX_SAFE_INTEGER) ? Number(count) : String(count);
}

/** The namespace of an identity. An identity without a namespace gives words in parentheses. */
export function namespaceOf(identity: string): string {
  const [namespace = "", , ifname] = identity.split("/");
  if (ifname !== undefined) return namespace;
  return isNobody(identity) ? "(nobody)" : "(no pod)";
}
