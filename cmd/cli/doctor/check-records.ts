import { staleLocks } from "../../../cni/lock-sweep.ts";
import { untoldFolder } from "../../../plugins/meta/network-status/untold-note.ts";
import type { Sys } from "../../../sys/sys.ts";
import { adviceOn, type HeldRecord, readHeldRecords } from "../held.ts";
import { type Finding, fine, problem, problemOf, warning } from "./finding.ts";

/** Tells of records that cannot be used, records whose ADD was killed, and records whose DEL has failed. */
export function checkRecords(sys: Sys, stateDir: string): Finding[] {
  const held = readHeldRecords(sys, stateDir);
  if (!held.ok) return [problemOf("records", held.error, "Run doctor as root.")];
  const findings = held.value.flatMap(findingOn);
  if (findings.length > 0) return findings;
  const count = held.value.length;
  return [fine("records", `${stateDir}: ${count === 1 ? "1 record" : `${count} records`}, all sound`)];
}

function findingOn(held: HeldRecord): Finding[] {
  const { entry, state } = held;
  const todo = adviceOn(held) ?? "";
  const container = `container ${entry.key.containerId} of network ${entry.key.network}`;
  switch (state.kind) {
    case "attached":
    case "at work":
      return [];
    case "interrupted": {
      const why = `The ADD of ${container} was killed, or could not undo all that it had begun.`;
      return [warning("records", `${entry.path} was begun and never finished`, why, todo)];
    }
    case "deleting": {
      const { count } = state.failures;
      const why = `The DEL of ${container} has failed ${count === 1 ? "once" : `${count} times`}.`;
      return [warning("records", `${entry.path} cannot be deleted yet`, why, todo)];
    }
    case "left over": {
      const why = `The DEL of ${container} has given up what it names: ${state.why}.`;
      return [warning("records", `${entry.path} is left over`, why, todo)];
    }
    case "corrupt": {
      const why = `${state.why}. What ${container} was given is not known any more.`;
      return [problem("records", `${entry.path} is corrupt`, why, todo)];
    }
    case "moved aside": {
      const why = `It is a corrupt record of ${container}.`;
      return [warning("records", `${entry.path} was moved aside`, why, todo)];
    }
    case "unread": {
      const why = `It is the record of ${container}, and ${state.why}.`;
      return [problem("records", `${entry.path} cannot be read now`, why, todo)];
    }
    case "newer": {
      const why = `It is the record of ${container}, and ${state.why}.`;
      return [problem("records", `${entry.path} was written by a newer hawser`, why, todo)];
    }
  }
}

/** Tells of network-status annotations that ADD could not write. Nearly always there is none, and so no finding. */
export function checkStatuses(sys: Sys, stateDir: string): Finding[] {
  const names = sys.files.list(`${stateDir}/${untoldFolder}`);
  const count = names.ok ? names.value.length : 0;
  if (count === 0) return [];
  const whose =
    count === 1 ? "The network status of one pod is" : `The network statuses of ${count} pods are`;
  return [
    warning(
      "api",
      `${whose} not written yet`,
      "The Kubernetes API was away, or refused, when the pod started.",
      "The next ADD on this node that finds the API writes it, and so does GC. If it stays, see what the runtime's log says of it (write the network status).",
    ),
  ];
}

/** Tells of locks whose holders are dead. Such a lock blocks nobody, but its operation was killed. */
export function checkLocks(sys: Sys, stateDir: string): Finding[] {
  const stale = staleLocks(sys, stateDir);
  if (stale.length === 0) return [fine("locks", `${stateDir}: no lock of a dead process`)];
  return stale.map(({ path, holder }) =>
    warning(
      "locks",
      `${path} was left behind`,
      `An operation on ${holder} was killed while it was at work or waiting.`,
      "Nothing is blocked: the next operation on it takes the lock over, and GC removes it.",
    ),
  );
}
