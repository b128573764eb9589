import { type CniError, failWith } from "../../cni/errors.ts";
import type { Invocation } from "../../cni/plugin.ts";
import type { CniResult } from "../../cni/types.ts";
import { fail, type Outcome, ok } from "../../sys/outcome.ts";
import type { Sys } from "../../sys/sys.ts";
import { parseCidr, printAddress } from "../address.ts";
import { previousResult } from "../ipam-config.ts";
import { entriesOf, type Known, keysOfHolding, known } from "./claim-txn.ts";
import { codeOfAddress, type FlatConfig, parseFlatConfig } from "./config.ts";
import { readStore, storeError } from "./drive.ts";
import type { Holding } from "./holding.ts";
import { inSpace, keysOf, printCode } from "./keys.ts";
import { type OpenStore, openStore } from "./places.ts";
import type { Store, StoreFault } from "./store.ts";

/**
 * CHECK (CNI 1.1.0, section 2): the container's record is there, its addresses and identity are this very record's, and
 * prevResult says the same. An address of prevResult outside of the pool is another plugin's. Errors: `ipam.drift`.
 */
export async function check(
  sys: Sys,
  invocation: Invocation,
  open: OpenStore = openStore,
): Promise<Outcome<void, CniError>> {
  const config = parseFlatConfig(sys, invocation.config);
  if (!config.ok) return config;
  const previous = previousResult(invocation.config);
  if (!previous.ok) return previous;
  const { containerId, ifname } = invocation.environment;
  const doing = `CHECK of container ${containerId} (${ifname})`;
  const store = await open(sys, config.value);
  const drift = await findDrift(sys, store, config.value, { containerId, ifname });
  if (!drift.ok) return fail(storeError(doing, drift.error));
  const why =
    "why" in drift.value ? drift.value.why : difference(config.value, previous.value, drift.value.holding);
  if (why === undefined) return ok(undefined);
  return failWith("drift", "ipam.drift", `${doing}: ${why}`, "DEL the container and ADD it again.");
}

type Found = { readonly why: string } | { readonly holding: Holding };

async function findDrift(
  sys: Sys,
  store: Store,
  { pool, node }: FlatConfig,
  { containerId, ifname }: { readonly containerId: string; readonly ifname: string },
): Promise<Outcome<Found, StoreFault>> {
  const keys = keysOf(pool);
  const key = keys.att(node, containerId, ifname);
  const first = await readStore(sys, store, { compare: [], success: [{ kind: "get", key }], failure: [] });
  if (!first.ok) return first;
  const attachment = known(entriesOf(first.value, 0)[0]);
  if (attachment === undefined) return ok({ why: `it has nothing in pool ${pool}, in ${store.label}` });
  const all = keysOfHolding(keys, attachment.holding);
  const gets = all.map((each) => ({ kind: "get", key: each }) as const);
  const second = await readStore(sys, store, { compare: [], success: gets, failure: [] });
  if (!second.ok) return second;
  const strangers = all.flatMap((each, at) => {
    const now = known(entriesOf(second.value, at)[0]);
    return now?.modRevision === attachment.modRevision ? [] : [describe(each, now)];
  });
  return ok(strangers.length > 0 ? { why: strangers.join(", ") } : { holding: attachment.holding });
}

function describe(key: string, now: Known | undefined): string {
  if (now === undefined) return `${key} is gone`;
  const { identity, containerId, node, generation, state } = now.holding;
  return `${key} is ${state} for ${identity}, container ${containerId || "none"} on node ${node}, generation ${generation}`;
}

function difference({ spaces }: FlatConfig, previous: CniResult, { addresses }: Holding): string | undefined {
  const told = (previous.ips ?? []).flatMap(({ address }) => parseCidr(address)?.address ?? []);
  const untold = addresses.find((code) => !told.some((each) => codeOfAddress(each) === code));
  if (untold !== undefined) return `it has ${printCode(untold)}, which prevResult does not have`;
  const lost = told.find((each) => {
    const code = codeOfAddress(each);
    return spaces.some((space) => inSpace(space, code)) && !addresses.includes(code);
  });
  return lost && `prevResult has ${printAddress(lost)}, which is not its own`;
}
