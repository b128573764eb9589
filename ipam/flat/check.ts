import { parseCidr, printAddress } from "../../cni/address.ts";
import type { Environment } from "../../cni/environment.ts";
import { type CniError, failWith } from "../../cni/errors.ts";
import type { Invocation } from "../../cni/plugin.ts";
import { previousResult } from "../../cni/previous-result.ts";
import type { CniResult } from "../../cni/types.ts";
import { fail, type Outcome, ok } from "../../sys/outcome.ts";
import type { Sys } from "../../sys/sys.ts";
import { possibleIdentities } from "../identity.ts";
import { type FlatConfig, parseFlatConfig } from "./config.ts";
import { type Holding, isOf } from "./pool/holding.ts";
import { codeOfAddress, keysOf, printCode } from "./pool/keys.ts";
import { inSpace } from "./pool/space.ts";
import { type Known, keysOfHolding, known } from "./pool/stored.ts";
import { readStore, storeError } from "./store/drive.ts";
import { get, type Store, type StoreFault } from "./store/store.ts";
import { type OpenStore, openStore } from "./teardown-config.ts";

/**
 * CHECK (CNI 1.1.0, section 2): the container has a record, all its keys hold this very record, and prevResult has the same
 * addresses. An address of prevResult outside of the pool belongs to another plugin. Errors: `ipam.drift`.
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
  const { environment } = invocation;
  const { containerId, ifname } = environment;
  const doing = `CHECK of container ${containerId} (${ifname})`;
  const store = await open(sys, config.value);
  const drift = await findDrift(sys, store, config.value, environment);
  if (!drift.ok) return fail(storeError(doing, drift.error));
  const why =
    "why" in drift.value ? drift.value.why : difference(config.value, previous.value, drift.value.holding);
  if (why === undefined) return ok(undefined);
  return failWith("drift", "ipam.drift", `${doing}: ${why}`, "DEL the container and ADD it again.");
}

type Found = { readonly why: string } | { readonly holding: Holding };

/** How often the two reads are repeated if the record changes between them. */
const mostLooks = 5;

async function findDrift(
  sys: Sys,
  store: Store,
  { pool, node }: FlatConfig,
  environment: Environment,
): Promise<Outcome<Found, StoreFault>> {
  const keys = keysOf(pool);
  const { containerId, ifname } = environment;
  // The records of its possible identities are read, too, because the node may have had another name at the ADD.
  const places = [keys.att(node, containerId, ifname), ...possibleIdentities(environment).map(keys.own)];
  for (let look = 1; ; look += 1) {
    const first = await readKeys(sys, store, places);
    if (!first.ok) return first;
    const [att, ...owns] = first.value;
    const attachment = att ?? owns.find((own) => own !== undefined && isOf(own.holding, environment));
    if (attachment === undefined) return ok({ why: `it has nothing in pool ${pool}, in ${store.label}` });
    const all = keysOfHolding(keys, attachment.holding);
    const second = await readKeys(sys, store, all);
    if (!second.ok) return second;
    const strangers = all.flatMap((key, at) => {
      const now = second.value[at];
      return now?.modRevision === attachment.modRevision ? [] : [describe(key, now)];
    });
    if (strangers.length === 0) return ok({ holding: attachment.holding });
    // If all keys have changed and are still its own, the record was put into quarantine between the reads.
    const isMoved = second.value.every((now) => now !== undefined && isOf(now.holding, environment));
    if (!isMoved || look === mostLooks) return ok({ why: strangers.join(", ") });
  }
}

async function readKeys(
  sys: Sys,
  store: Store,
  keys: readonly string[],
): Promise<Outcome<(Known | undefined)[], StoreFault>> {
  const reply = await readStore(sys, store, { all: keys.map(get) });
  return reply.ok ? ok(reply.value.all.map(known)) : reply;
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
