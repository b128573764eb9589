import type { Address } from "../../../../cni/address.ts";
import { isName } from "../../../../cni/environment.ts";
import type { CniError } from "../../../../cni/errors.ts";
import { isObject, type Json, parseJson } from "../../../../cni/json.ts";
import type { ImportedClaim } from "../../../../ipam/flat/pool/import.ts";
import { readHoldings } from "../../../../ipam/host-local/address-files.ts";
import { printIdentity } from "../../../../ipam/identity.ts";
import { type Outcome, ok } from "../../../../sys/outcome.ts";
import type { Sys } from "../../../../sys/sys.ts";
import type { Claims } from "./claims.ts";

/**
 * Reads the addresses in a data folder of host-local (`/var/lib/cni/networks/<network>`). The folder only names
 * containers; the runtime's cached results name their pods. Errors: `ipam.data-folder`.
 */
export function readHostLocal(
  sys: Sys,
  folder: string,
  results: string,
  ifname: string,
): Outcome<Claims, CniError> {
  const holdings = readHoldings(sys, folder);
  if (!holdings.ok) return holdings;
  const pods = readPods(sys, results);
  const claims: ImportedClaim[] = [];
  const problems: string[] = [];
  const unowned: Address[] = [];
  for (const { name, address, owner } of holdings.value) {
    if (owner.kind === "nobody" || owner.kind === "unreadable") {
      // host-local does not give this address either. An operator has made an empty file to keep it back.
      unowned.push(address);
      problems.push(`${folder}/${name}: it names no container`);
      continue;
    }
    const { containerId } = owner;
    const own = owner.kind === "attachment" ? owner.ifname : ifname;
    const pod = pods.get(`${containerId}/${own}`);
    const identity =
      pod === undefined
        ? printIdentity({ kind: "container", containerId, ifname: own })
        : printIdentity({ kind: "pod", ...pod, ifname: own, uid: undefined });
    claims.push({ address, identity, containerId, ifname: own });
  }
  return ok({ claims, problems, unowned, notes: [] });
}

interface Pod {
  readonly namespace: string;
  readonly pod: string;
}

/** Finds pods by container and interface, in the results that libcni caches for runtimes. */
function readPods(sys: Sys, folder: string): Map<string, Pod> {
  const names = sys.files.list(folder);
  const pods = new Map<string, Pod>();
  for (const name of names.ok ? names.value : []) {
    const text = sys.files.read(`${folder}/${name}`);
    const json = text.ok ? parseJson(text.value) : text;
    if (!json.ok || !isObject(json.value)) continue;
    const { kind, containerId, ifName, cniArgs } = json.value;
    const pod = podIn(cniArgs);
    if (kind !== "cniCacheV1" || pod === undefined) continue;
    pods.set(`${String(containerId)}/${String(ifName)}`, pod);
  }
  return pods;
}

function podIn(args: Json | undefined): Pod | undefined {
  const pairs = (Array.isArray(args) ? args : []).flatMap((pair): [string, string][] => {
    const [key, value] = Array.isArray(pair) ? pair : [];
    return typeof key === "string" && typeof value === "string" ? [[key, value]] : [];
  });
  const map = new Map(pairs);
  const [namespace = "", pod = ""] = [map.get("K8S_POD_NAMESPACE"), map.get("K8S_POD_NAME")];
  return isName(namespace) && isName(pod) ? { namespace, pod } : undefined;
}
