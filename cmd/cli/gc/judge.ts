import { type CniError, failWith } from "../../../cni/errors.ts";
import type { ValidAttachment } from "../../../cni/types.ts";
import { type Outcome, ok } from "../../../sys/outcome.ts";
import type { HeldRecord } from "../held.ts";
import type { Listing } from "./listing.ts";

export interface Judged {
  readonly gone: readonly HeldRecord[];
  /** Records that are in no list, but are left for a reason. */
  readonly spared: readonly { readonly held: HeldRecord; readonly why: string }[];
  /** The attachments that GC is told to be valid. */
  readonly valid: readonly ValidAttachment[];
  /** How many records belong to networks of other configurations. */
  readonly others: number;
}

interface Bounds {
  readonly network: string;
  readonly minAgeMs: number;
  readonly noneValid: boolean;
  /** When a record's file was written. Used for a record that cannot be read. */
  readonly writtenMs: (held: HeldRecord) => number;
}

/** Decides which of this network's records belong to containers that are gone. Errors: `cli.valid`. */
export function judge(
  all: readonly HeldRecord[],
  listing: Listing,
  bounds: Bounds,
): Outcome<Judged, CniError> {
  const own = all.filter(({ entry }) => entry.key.network === bounds.network);
  const problem = problemOf(own, listing, bounds);
  if (problem !== undefined) return problem;
  const absent = own.filter((held) => !isListed(listing, held));
  const judged = absent.map((held) => ({ held, why: reasonToSpare(held, listing, bounds) }));
  const spared = judged.flatMap(({ held, why }) => (why === undefined ? [] : [{ held, why }]));
  return ok({
    gone: judged.filter(({ why }) => why === undefined).map(({ held }) => held),
    spared,
    valid: [...validOf(own, listing), ...spared.map(({ held }) => attachmentOf(held))],
    others: all.length - own.length,
  });
}

/** Refuses lists that probably do not say what the person means. */
function problemOf(
  own: readonly HeldRecord[],
  { source, lives }: Listing,
  { noneValid }: Bounds,
): Outcome<never, CniError> | undefined {
  const bad = (why: string, todo: string): Outcome<never, CniError> =>
    failWith("invalidConfig", "cli.valid", `collect by the list of ${source}: ${why}`, todo);
  if (lives.length === 0 && own.length > 0 && !noneValid) {
    return bad(
      "it is empty, so every attachment would be deleted",
      "If nothing lives any more, say --none-valid; mostly the program that makes the list has failed.",
    );
  }
  const cut = lives.find(({ containerId }) =>
    own.some(({ entry }) => isCut(containerId, entry.key.containerId)),
  );
  if (cut === undefined) return undefined;
  return bad(
    `${cut.containerId} is only the beginning of a container's ID, which would be deleted`,
    "Give whole IDs, as crictl pods -q prints them.",
  );
}

function isCut(text: string, containerId: string): boolean {
  return text !== containerId && containerId.startsWith(text);
}

function isListed({ lives }: Listing, { entry }: HeldRecord): boolean {
  const { containerId, ifname } = entry.key;
  return lives.some(
    (each) => each.containerId === containerId && (each.ifname === undefined || each.ifname === ifname),
  );
}

function reasonToSpare(held: HeldRecord, { takenMs }: Listing, bounds: Bounds): string | undefined {
  const { state } = held;
  if (state.kind === "at work") return "an operation is at work on it";
  const sinceMs = "record" in state ? state.record.sinceMs : bounds.writtenMs(held);
  if (sinceMs >= takenMs) return "it is younger than the list";
  if (takenMs - sinceMs < bounds.minAgeMs) return `it is younger than ${bounds.minAgeMs / 1000} s`;
  return undefined;
}

/** The attachments of a list's entry. An entry without an interface makes all attachments of its container valid. */
function validOf(own: readonly HeldRecord[], { lives }: Listing): ValidAttachment[] {
  return lives.flatMap(({ containerId, ifname }) => {
    if (ifname !== undefined) return [{ containerID: containerId, ifname }];
    const recorded = own.filter(({ entry }) => entry.key.containerId === containerId).map(attachmentOf);
    return recorded.length > 0 ? recorded : [{ containerID: containerId, ifname: "eth0" }];
  });
}

function attachmentOf({ entry }: HeldRecord): ValidAttachment {
  return { containerID: entry.key.containerId, ifname: entry.key.ifname };
}
