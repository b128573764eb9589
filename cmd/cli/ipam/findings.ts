import type { StoreFinding, WrongKeys } from "../../../ipam/flat/pool/audit.ts";
import type { NodeFinding } from "../../../ipam/flat/pool/audit-node.ts";
import { printCode } from "../../../ipam/flat/pool/keys.ts";
import type { Unusable } from "../../../ipam/range.ts";
import { printCodes } from "./words.ts";

export type AuditFinding = StoreFinding | NodeFinding;

/** A finding in words for people. */
export interface FindingWords {
  readonly severity: "problem" | "warning";
  /** The owner or key that the finding is about. */
  readonly subject: string;
  readonly what: string;
  /** What the person can do about it. */
  readonly advice: string;
  /** What `--repair` does about it. Undefined without a repair. */
  readonly repair: string;
}

export function wordsFor(pool: string, finding: AuditFinding): FindingWords {
  switch (finding.kind) {
    case "two-owners": {
      const { holding, foreign } = finding;
      const others = foreign.map(({ key, identity }) => `${key} is ${identity}'s`);
      const has = `it has ${holding.addresses.map(printCode).join(", ")} (${holding.state})`;
      const advice = "Find out which of the two sandboxes is to go, delete its pod, and release its address.";
      return problem(finding.about, `${has}, but ${others.join(", ")}`, advice);
    }
    case "keys-disagree": {
      const { about, wrong, isRemains } = finding;
      const advice = "Something else than hawser changed the store, or a backup was restored in part.";
      const repair = isRemains ? `remove the remains of ${about}` : `write all keys of ${about} anew`;
      return problem(about, `its keys do not agree: ${printWrong(wrong)}`, advice, repair);
    }
    case "unreadable":
      return unreadable(finding.key, finding.code);
    case "outside": {
      const what = `${printCode(finding.code)} is ${outsideOf[finding.why]}`;
      const advice = "It keeps it until its pod is created anew, which then gets another one.";
      return { ...problem(finding.about, what, advice), severity: "warning" };
    }
    case "definitions": {
      const what = `it is defined in ${finding.count} ways: nodes disagree, or it was changed`;
      const advice = "Once all nodes have the same ranges, the definitions that are left over can go.";
      const repair = "remove definitions other than this configuration's";
      return problem(`pool ${pool}`, what, advice, repair);
    }
    default:
      return wordsForNode(finding);
  }
}

const outsideOf: Readonly<Record<Unusable, string>> = {
  outside: "outside of the ranges",
  gateway: "a gateway",
  excluded: "excluded",
};

function problem(subject: string, what: string, advice: string, repair = ""): FindingWords {
  return { severity: "problem", subject, what, advice, repair };
}

function printWrong({ missing, unreadable: damaged, ofAnotherRevision, leftOver }: WrongKeys): string {
  const parts: [string, readonly string[]][] = [
    ["missing", missing],
    ["unreadable", damaged],
    ["of another revision", ofAnotherRevision],
    ["left over", leftOver],
  ];
  return parts
    .filter(([, keys]) => keys.length > 0)
    .map(([what, keys]) => `${what}: ${keys.join(", ")}`)
    .join("; ");
}

function unreadable(key: string, code: string | undefined): FindingWords {
  const what = `the value of ${key} is no record of hawser's; the address is given to nobody`;
  if (code === undefined) return problem(key, what, "Look at it with the store's own tools.");
  const address = printCode(code);
  const advice = `Once you are sure that nobody uses it: hawser ipam release ${address} --force.`;
  return problem(address, what, advice);
}

function wordsForNode(finding: NodeFinding): FindingWords {
  const { containerId, ifname } = "holding" in finding ? finding.holding : finding.attached;
  const subject = `container ${containerId} (${ifname})`;
  switch (finding.kind) {
    case "drift": {
      const what = `it was given ${printCodes(finding.attached.codes)}, the store has ${printCodes(finding.recorded)} for it`;
      return problem(subject, what, "Delete its pod: the next one agrees again.");
    }
    case "lost": {
      const { attached, owner } = finding;
      const what = `it uses ${printCodes(attached.codes)}, which the store does not have for it`;
      if (owner !== undefined)
        return problem(subject, `${what}, but for ${owner}`, "Delete the pod of one of the two.");
      const repair = `record ${printCodes(attached.codes)} for ${attached.identity}`;
      return problem(subject, what, "Until then it may be given to another pod, too.", repair);
    }
    case "leaked": {
      const { addresses, identity } = finding.holding;
      const what = `it has ${printCodes(addresses)}, as ${identity}, but is not among the valid ones`;
      const advice = "The runtime's GC, or a late DEL, frees it too.";
      return problem(subject, what, advice, `free ${printCodes(addresses)}`);
    }
    case "unknown": {
      const { addresses, identity } = finding.holding;
      const what = `it has ${printCodes(addresses)}, as ${identity}, and no record of hawser's`;
      const advice = "Another plugin's, or leaked: check against the runtime's own list, --valid.";
      return { ...problem(subject, what, advice), severity: "warning" };
    }
  }
}
