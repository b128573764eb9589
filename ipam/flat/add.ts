import type { CniError } from "../../cni/errors.ts";
import { fieldOf } from "../../cni/fields.ts";
import { isObject, printJson } from "../../cni/json.ts";
import type { Invocation } from "../../cni/plugin.ts";
import type { CniResult } from "../../cni/types.ts";
import { fail, type Outcome, ok } from "../../sys/outcome.ts";
import type { Sys } from "../../sys/sys.ts";
import { type Identity, identify, printIdentity } from "../identity.ts";
import { disagreement, type FlatConfig, parseFlatConfig, requestedCodes } from "./config.ts";
import { explainExhaustion } from "./exhaustion.ts";
import { formerSets, poolChanged, toResult } from "./flat-result.ts";
import { replayedAtOnce, replayJournal, writeEntry } from "./journal.ts";
import { type ClaimRequest, claim } from "./pool/claim.ts";
import type { Claimant } from "./pool/claim-txn.ts";
import { type Holding, isOf, isOfEarlierBoot } from "./pool/holding.ts";
import { keysOf } from "./pool/keys.ts";
import { askedMac } from "./pool/mac.ts";
import { known } from "./pool/stored.ts";
import { bootOf, releaseEarlierBoots } from "./stale.ts";
import { drive, readStore, storeError } from "./store/drive.ts";
import { get, range, type Store, type StoreFault } from "./store/store.ts";
import { type OpenStore, openStore } from "./teardown-config.ts";

const definitionsRead = 16;

/** ADD: gives the identity one address of each range set, or none. A container gets the addresses again that it has. */
export async function add(
  sys: Sys,
  invocation: Invocation,
  open: OpenStore = openStore,
): Promise<Outcome<CniResult, CniError>> {
  const config = parseFlatConfig(sys, invocation.config);
  if (!config.ok) return config;
  const { containerId, ifname } = invocation.environment;
  const identity = identify(invocation.environment, config.value.identity);
  if (!identity.ok) return identity;
  const requested = requestedCodes(config.value, invocation);
  if (!requested.ok) return requested;
  const mac = askedMac(invocation);
  if (!mac.ok) return mac;
  const store = await open(sys, config.value);
  const own = { containerId, ifname };
  const replayed = await replayJournal(sys, store, config.value, { own, most: replayedAtOnce });
  if (!replayed.ok) return replayed;
  // This comes before the claim, because a full pool may need the addresses that a reboot has freed.
  const boot = bootOf(sys);
  const few = { boot, most: replayedAtOnce, isNoted: true };
  const swept = await releaseEarlierBoots(sys, store, config.value, few);
  // A store that takes no writes refuses the claim, too, unless the container has its addresses already.
  if (!swept.ok && swept.error.id !== "ipam.store-refused") return swept;
  const sandbox = {
    ...own,
    ...(boot === undefined ? {} : { boot }),
    ...(mac.value === undefined ? {} : { mac: mac.value }),
  };
  const request = toRequest(sys, config.value, identity.value, sandbox, requested.value);
  const claimed = await claimAddresses(sys, store, config.value, request);
  if (!claimed.ok) return claimed;
  const result = await answer(sys, store, config.value, claimed.value);
  return result.ok ? ok({ ...result.value, ...interfacesFor(invocation, claimed.value) }) : result;
}

/**
 * The MAC address of the identity, for a caller that asks for it before the interface is made (`tellMac`). Otherwise an IPAM
 * plugin's result has no interfaces (CNI 1.1.0, section 5).
 */
function interfacesFor({ config, environment }: Invocation, { mac }: Holding): Pick<CniResult, "interfaces"> {
  const asked = fieldOf(config.raw, "runtimeConfig");
  if (!isObject(asked) || fieldOf(asked, "tellMac") !== true || mac === "") return {};
  const { ifname, netns } = environment;
  return { interfaces: [{ name: ifname, mac, sandbox: netns }] };
}

function toRequest(
  sys: Sys,
  config: FlatConfig,
  identity: Identity,
  sandbox: Pick<Claimant, "containerId" | "ifname" | "boot" | "mac">,
  requested: readonly (string | undefined)[],
): ClaimRequest {
  const { pool, network, node, definition, spaces, onLiveElsewhere } = config;
  const uid = identity.kind === "pod" ? identity.uid : undefined;
  const nowMs = sys.clock.nowMs();
  return {
    keys: keysOf(pool),
    claimant: {
      ...{ pool, network, node, nowMs, ...sandbox },
      identity: printIdentity(identity),
      ...(uid === undefined ? {} : { uid }),
    },
    definition: {
      hash: definition.hash,
      value: printJson({ ranges: definition.ranges, node, sinceMs: nowMs }),
    },
    spaces,
    onLiveElsewhere,
    requested,
  };
}

async function claimAddresses(
  sys: Sys,
  store: Store,
  config: FlatConfig,
  request: ClaimRequest,
): Promise<Outcome<Holding, CniError>> {
  const { identity } = request.claimant;
  const end = await drive(sys, store, () => claim(request));
  if (!end.ok) {
    const given = end.error.kind === "refused" ? await givenBefore(sys, store, request) : undefined;
    return given === undefined ? fail(givenUp(sys, config, request, end.error)) : ok(given);
  }
  switch (end.value.kind) {
    case "failed":
      return fail(end.value.error);
    case "exhausted":
      return fail(await explainExhaustion(sys, store, config, end.value.set, identity));
    case "claimed":
      if (end.value.definitions > 1) sys.warn(disagreement(config));
      return ok(end.value.holding);
  }
}

/**
 * The holding that this very container has got in this boot. A store that takes no writes refuses every claim, but a repeated
 * ADD needs no write.
 */
async function givenBefore(
  sys: Sys,
  store: Store,
  { keys, claimant }: ClaimRequest,
): Promise<Holding | undefined> {
  const { node, containerId, ifname, identity, boot } = claimant;
  const places = [keys.att(node, containerId, ifname), keys.own(identity)];
  const reply = await readStore(sys, store, { places: places.map(get) });
  if (!reply.ok) return undefined;
  return reply.value.places
    .flatMap((entry) => known(entry)?.holding ?? [])
    .find((had) => isOf(had, claimant) && had.node === node && !isOfEarlierBoot(had, boot));
}

/**
 * The error of a claim that was given up. If the claim may still be done, it is journalled, and this node's next operation
 * undoes it. The container's own DEL may come too early for that, because etcd may complete a write after it has got its
 * quorum back. If the journal cannot be written, GC undoes the claim.
 */
function givenUp(sys: Sys, config: FlatConfig, { claimant }: ClaimRequest, fault: StoreFault): CniError {
  const { identity, node, containerId, ifname, nowMs } = claimant;
  const error = storeError(`claim an address for ${identity}`, fault);
  if (fault.kind !== "unknown") return error;
  const entry = { node, containerId, ifname, holdMs: config.holdMs, atMs: nowMs, claimOnly: true } as const;
  const written = writeEntry(sys, config, entry);
  if (!written.ok) sys.warn(`hawser-flat: ${written.error.msg}`);
  const note = "If the claim is done after all, this node's next operation, or GC, frees it.";
  return { ...error, details: `${error.details.replace(/\.?$/, ".")} ${note}` };
}

async function answer(
  sys: Sys,
  store: Store,
  config: FlatConfig,
  holding: Holding,
): Promise<Outcome<CniResult, CniError>> {
  const result = toResult(config, config.sets, holding);
  if (result !== undefined) return ok(result);
  const reply = await readStore(sys, store, { defs: range(keysOf(config.pool).all.def, definitionsRead) });
  if (!reply.ok) return fail(storeError(`read the definitions of pool ${config.pool}`, reply.error));
  const sets = [...config.sets, ...formerSets(reply.value.defs)];
  const former = toResult(config, sets, holding);
  return former === undefined ? fail(poolChanged(config.pool, holding)) : ok(former);
}
