import type { Address } from "../../../../cni/address.ts";
import { isName } from "../../../../cni/environment.ts";
import type { CniError } from "../../../../cni/errors.ts";
import type { ImportedClaim } from "../../../../ipam/flat/pool/import.ts";
import { readHoldings } from "../../../../ipam/host-local/address-files.ts";
import { printIdentity } from "../../../../ipam/identity.ts";
import { type Outcome, ok } from "../../../../sys/outcome.ts";
import type { Sys } from "../../../../sys/sys.ts";
import { readResults } from "../../libcni-cache.ts";
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
  const named = readResults(sys, folder).flatMap(({ containerId, ifname, args }): [string, Pod][] => {
    const pod = podIn(new Map(args));
    return pod === undefined ? [] : [[`${containerId}/${ifname}`, pod]];
  });
  return new Map(named);
}

function podIn(args: ReadonlyMap<string, string>): Pod | undefined {
  const [namespace = "", pod = ""] = [args.get("K8S_POD_NAMESPACE"), args.get("K8S_POD_NAME")];
  return isName(namespace) && isName(pod) ? { namespace, pod } : undefined;
}
