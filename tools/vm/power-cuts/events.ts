/** The networks of the workload: pods of the meta-plugin, and two IPAM plugins that are called directly. */
export type WorkNetwork = "pods" | "direct" | "flat";
export const workNetworks: readonly WorkNetwork[] = ["pods", "direct", "flat"];

/** A line of the journal, which is outside of the machine before the machine goes on. */
export type WorkEvent =
  | {
      readonly event: "begin";
      readonly verb: "ADD" | "DEL";
      readonly id: string;
      readonly network: WorkNetwork;
    }
  | { readonly event: "added"; readonly id: string; readonly addresses: readonly string[] }
  | { readonly event: "deleted"; readonly id: string }
  /** The runtime has forgotten the attachment. GC is to free it. */
  | { readonly event: "forgotten"; readonly id: string }
  | { readonly event: "collect"; readonly network: WorkNetwork }
  | { readonly event: "collected"; readonly ids: readonly string[] }
  | { readonly event: "failed"; readonly verb: string; readonly id: string; readonly said: string }
  | {
      readonly event: "judged";
      readonly when: string;
      readonly held: number;
      /** How many addresses and records are there again that a DEL or GC had removed. */
      readonly returned: number;
      readonly problems: readonly string[];
    }
  | { readonly event: "working" };

/**
 * An attachment that the runtime knows of. A `held` one was acknowledged, and nobody has begun to delete it. A `loose` one may
 * have its addresses or not.
 */
export interface WorkAttachment {
  readonly id: string;
  readonly network: WorkNetwork;
  readonly state: "held" | "loose";
  readonly addresses: readonly string[];
}

export type Acknowledged = ReadonlyMap<string, WorkAttachment>;

/** The attachments after an event. `problem` is what no event may tell. */
export function after(before: Acknowledged, event: WorkEvent): { now: Acknowledged; problem?: string } {
  const now = new Map(before);
  switch (event.event) {
    case "begin": {
      const addresses = before.get(event.id)?.addresses ?? [];
      now.set(event.id, { id: event.id, network: event.network, state: "loose", addresses });
      return { now };
    }
    case "added": {
      const { id, addresses } = event;
      const taken = [...before.values()].find(
        (each) => each.state === "held" && overlap(each.addresses, addresses),
      );
      now.set(id, { id, network: before.get(id)?.network ?? "direct", state: "held", addresses });
      if (taken === undefined) return { now };
      return { now, problem: `${addresses.join(", ")} was given to ${id}, and ${taken.id} has it` };
    }
    case "forgotten": {
      const known = before.get(event.id);
      if (known !== undefined) now.set(event.id, { ...known, state: "loose" });
      return { now };
    }
    case "deleted":
      now.delete(event.id);
      return { now };
    case "collected":
      for (const id of event.ids) now.delete(id);
      return { now };
    case "failed":
      return { now, problem: `${event.verb} of ${event.id} failed: ${event.said}` };
    case "judged":
      return event.problems.length === 0
        ? { now }
        : { now, problem: `${event.when}: ${event.problems.join("; ")}` };
    case "collect":
    case "working":
      return { now };
  }
}

function overlap(some: readonly string[], others: readonly string[]): boolean {
  return some.some((each) => others.includes(each));
}

/** The whole lines of a journal. The power may have gone in the midst of the last one, which then was not acknowledged. */
export function parseJournal(text: string): WorkEvent[] {
  const lines = text.split("\n");
  lines.pop();
  return lines.filter((line) => line !== "").map((line) => JSON.parse(line) as WorkEvent);
}
