import { type CniError, failWith } from "../../../cni/errors.ts";
import { isObject, type Json, parseJson } from "../../../cni/json.ts";
import {
  isNot,
  isText,
  list,
  maybe,
  must,
  object,
  type Reader,
  readWhole,
  text,
} from "../../../cni/readers.ts";
import { isOnNodeNetwork, listSandboxes } from "../../../kube/cri.ts";
import type { Attempt } from "../../../sys/fault.ts";
import { type Outcome, ok } from "../../../sys/outcome.ts";
import type { Sys } from "../../../sys/sys.ts";
import { whyUnread } from "../failure.ts";

/** A list of the containers that live, and where it comes from. */
export interface Listing {
  /** The list's source, for people. */
  readonly source: string;
  readonly lives: readonly Living[];
  /** When the list was made. An attachment that began later cannot be in it. */
  readonly takenMs: number;
}

export interface Living {
  readonly containerId: string;
  /** Undefined: all interfaces of the container. */
  readonly ifname: string | undefined;
}

/** Where runtimes have their sockets: containerd, CRI-O, k3s and RKE2, k0s, MicroK8s, cri-dockerd. */
const sockets: readonly string[] = [
  "/run/containerd/containerd.sock",
  "/run/crio/crio.sock",
  "/run/k3s/containerd/containerd.sock",
  "/run/k0s/containerd.sock",
  "/var/snap/microk8s/common/run/containerd.sock",
  "/run/cri-dockerd.sock",
];
/** The pause between two requests. A runtime that has just started may not know all of its sandboxes. */
const pauseMs = 10_000;

/** Errors: `cli.file`, `cli.valid`. */
export function readListing(
  sys: Sys,
  path: string,
  readStdin: () => Attempt<string>,
): Outcome<Listing, CniError> {
  const source = path === "-" ? "stdin" : path;
  const startedMs = sys.clock.nowMs();
  const text = path === "-" ? readStdin() : sys.files.read(path);
  if (!text.ok)
    return failWith("ioFailure", "cli.file", `read the list ${source}: ${whyUnread(text.error, "file")}`);
  const stat = path === "-" ? undefined : sys.files.stat(path);
  const takenMs = stat?.ok ? stat.value.modifiedMs : startedMs;
  const lives = parseLives(text.value);
  if (lives !== undefined) return ok({ source, lives, takenMs });
  return failWith(
    "undecodable",
    "cli.valid",
    `read the list ${source}: it is no list of containers`,
    'Write container IDs, a line each or as a JSON array, or [{"containerID": "3f2a...", "ifname": "eth0"}].',
  );
}

/** A container ID, as the specification has it. */
const id = /^[a-zA-Z0-9][a-zA-Z0-9_.-]*$/;
const containerId = must(
  (value): value is string => isText(value) && id.test(value),
  isNot("a container ID"),
);
const attachment = object({ containerID: containerId, ifname: maybe(text) });

/** An ID alone stands for all interfaces of its container. */
const living: Reader<Living> = (value, place, notes) => {
  const read = attachment(isText(value) ? { containerID: value } : value, place, notes);
  return read && { containerId: read.containerID, ifname: read.ifname };
};

function parseLives(text: string): Living[] | undefined {
  const json = parseJson(text);
  const document: Json =
    json.ok && isObject(json.value)
      ? (json.value["cni.dev/valid-attachments"] ?? null)
      : json.ok && typeof json.value === "object"
        ? json.value
        : text.split(/\s+/).filter((word) => word !== "");
  return readWhole(list(living), document);
}

/**
 * Asks the runtime for its sandboxes, twice unless this is a dry run. A sandbox in either answer lives. `known` are the
 * containers that have a record. An unknown sandbox on the node's own network is left out, since no plugin has attached
 * anything to it. Errors: `cli.cri`.
 */
export async function askRuntime(
  sys: Sys,
  { cri, dryRun }: { readonly cri: string | undefined; readonly dryRun: boolean },
  known: ReadonlySet<string>,
): Promise<Outcome<Listing, CniError>> {
  const found = cri === undefined ? findSocket(sys) : ok(cri.replace(/^unix:\/\//, ""));
  if (!found.ok) return found;
  const socket = found.value;
  const takenMs = sys.clock.nowMs();
  const ids = new Set<string>();
  for (let look = 0; look < (dryRun ? 1 : 2); look++) {
    if (look > 0 && (await sys.clock.sleepUnlessStopped(pauseMs)) !== undefined)
      return noAnswer("it was stopped between the two looks");
    const listed = await listSandboxes(sys, socket);
    if (!listed.ok) return noAnswer(listed.error);
    for (const sandbox of listed.value) ids.add(sandbox.id);
  }
  const lives: Living[] = [];
  for (const containerId of ids) {
    const isNodes = !known.has(containerId) && (await isOnNodeNetwork(sys, socket, containerId)) === true;
    if (!isNodes) lives.push({ containerId, ifname: undefined });
  }
  return ok({ source: socket, lives, takenMs });
}

function findSocket(sys: Sys): Outcome<string, CniError> {
  const there = sockets.filter((path) => sys.files.stat(path).ok);
  const [only] = there;
  if (only !== undefined && there.length === 1) return ok(only);
  return noAnswer(
    there.length === 0 ? `there is none of ${sockets.join(", ")}` : `there are ${there.join(", ")}`,
  );
}

function noAnswer(why: string): Outcome<never, CniError> {
  return failWith(
    "tryAgainLater",
    "cli.cri",
    `ask the runtime for its sandboxes: ${why}`,
    "Name the socket of the one that the kubelet uses by --cri, or give a list of what lives by --valid. Nothing was changed.",
  );
}
