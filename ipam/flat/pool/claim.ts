import { type CniError, cniError } from "../../../cni/errors.ts";
import { hash128 } from "../../hash.ts";
import { printIdentity } from "../../identity.ts";
import type { Ask } from "../store/drive.ts";
import { answersTo, get, opsOf } from "../store/store.ts";
import { type CandidateCode, type Free, type Scan, scanReply, scanTxn, startScan } from "./claim-scan.ts";
import {
  type Choice,
  type Claimant,
  type ClaimedHolding,
  claimTxn,
  type FoundEvidence,
  isMacAsked,
  macOf,
  readFound,
  type Try,
  takesMac,
} from "./claim-txn.ts";
import {
  earliestMs,
  type Holding,
  isAttached,
  isExpired,
  isOf,
  isOfEarlierBoot,
  quarantined,
  timesOf,
  withEvent,
} from "./holding.ts";
import { codeOf, type PoolKeys, printCode } from "./keys.ts";
import { addressAt, inSpace, type Space } from "./space.ts";
import { type Known, keysOfHolding, rewrite } from "./stored.ts";

export interface ClaimRequest {
  readonly keys: PoolKeys;
  readonly claimant: Claimant;
  readonly definition: { readonly hash: string; readonly value: string };
  /** One for each range set. */
  readonly spaces: readonly Space[];
  readonly onLiveElsewhere: "wait" | "new-ip" | "takeover";
  /** Asked for by the pod, by range set; undefined where any address will do. */
  readonly requested: readonly (string | undefined)[];
}

/** The next step of a claim. Pure: the caller asks the store, and goes on with its reply. */
export type Claim =
  | Ask<Claim>
  | ClaimedHolding
  | { readonly kind: "failed"; readonly error: CniError }
  /** The range set of this index has no address left. The caller explains why. */
  | { readonly kind: "exhausted"; readonly set: number };

/** The candidates of one try. Each costs a level of nesting, and no round trip. */
const probes = 3;
/** The most lost races in a row. Each lost race means that another claim has succeeded. */
const maxTries = 500;

interface State {
  readonly request: ClaimRequest;
  readonly tries: number;
  readonly definitionIsNew: boolean;
  readonly macAttempt: number;
  readonly former: Known | undefined;
  /** By the store's clock, as its last answer told it. */
  readonly storeMs: number | undefined;
  /** The addresses that a scan has found free. Undefined while the candidates of the hash are tried. */
  readonly scanned: readonly Free[] | undefined;
}

/** Starts a claim. It is safe to start over after an unknown outcome: the first evidence is the container's own record. */
export function claim(request: ClaimRequest): Claim {
  return attempt({
    request,
    tries: 0,
    definitionIsNew: false,
    macAttempt: 0,
    former: undefined,
    storeMs: undefined,
    scanned: undefined,
  });
}

/** The time up to which holds count as expired: the earlier of the two clocks, so that no hold ends early. */
function judgedMs({ request, storeMs }: State): number {
  const { nowMs } = request.claimant;
  return earliestMs(timesOf(nowMs, storeMs));
}

function attempt(state: State, choices: readonly Choice[] = choicesOf(state)): Claim {
  if (state.tries >= maxTries) return failed(contended(state));
  const { keys, claimant, definition } = state.request;
  const { macAttempt, former } = state;
  const one: Try = {
    keys,
    claimant,
    definition: { ...definition, isNew: state.definitionIsNew },
    macAttempt,
    former,
    choices,
  };
  return {
    kind: "ask",
    txn: claimTxn(one),
    next: (reply) => {
      const found = readFound(one, reply);
      return found.kind === "claimed"
        ? found
        : decide({ ...state, tries: state.tries + 1, storeMs: reply.atMs }, one, found);
    },
  };
}

function decide(state: State, one: Try, found: Extract<FoundEvidence, { kind: "evidence" }>): Claim {
  const { own, att } = found;
  const recorded = att ?? (own !== undefined && isOf(own.holding, state.request.claimant) ? own : undefined);
  if (recorded !== undefined) return meetRecorded(state, recorded);
  if (!found.definitionKnown && !state.definitionIsNew) return attempt({ ...state, definitionIsNew: true });
  if (found.definitionKnown && state.definitionIsNew) return attempt({ ...state, definitionIsNew: false });
  if (own?.modRevision !== state.former?.modRevision) return meet(state, own);
  if (takesMac(one) && found.macOwner !== undefined) {
    if (isMacAsked(one.claimant)) return failed(macTaken(macOf(one), found.macOwner));
    return attempt({ ...state, macAttempt: state.macAttempt + 1 });
  }
  const blocked = requestedProblem(state, one, found.taken);
  if (blocked !== undefined) return failed(blocked);
  const steal = firstSteal(state, one.choices, found.taken);
  if (steal !== undefined) return attempt(state, [steal]);
  const { spaces, claimant } = state.request;
  const settled = spaces.map((_space, set) => settledCode(state, set));
  return scan(state, startScan(spaces, settled, claimant.identity));
}

/** Answers with the addresses that the container has been given before, even if the preferences have changed. */
function meetRecorded(state: State, { holding, modRevision }: Known): Claim {
  const { keys, claimant } = state.request;
  const { containerId, node, boot, nowMs } = claimant;
  if (holding.addresses.length === 0) return failed(damaged(state));
  const isOurs = holding.node === node && !isOfEarlierBoot(holding, boot);
  if (isOurs || holding.containerId !== containerId) return { kind: "claimed", holding, definitions: 1 };
  // Attached again after a reboot, or under the node's new name: reboot evidence, and GC, are to find it as it is now.
  const { identity } = holding;
  const history = withEvent(holding.history, {
    what: "taken over",
    identity,
    containerId,
    node,
    atMs: nowMs,
  });
  const own = boot === undefined ? {} : { boot };
  const next: Holding = { ...holding, ...own, state: "live", node, sinceMs: nowMs, history };
  const all = keysOfHolding(keys, holding);
  const evidence = { all: all.map(get) };
  return {
    kind: "ask",
    txn: {
      compare: all.map((key) => ({ kind: "unchanged", key, modRevision })),
      success: rewrite(keys, [holding], next),
      failure: opsOf(evidence),
    },
    next: (reply) => {
      if (reply.succeeded) return { kind: "claimed", holding: next, definitions: 1 };
      const same = answersTo(evidence, reply.replies).all.some((now) => now?.modRevision === modRevision);
      return same ? failed(damaged(state)) : attempt(state);
    },
  };
}

function damaged({ request }: State): CniError {
  const { containerId, ifname } = request.claimant;
  return cniError(
    "ipam",
    "ipam.store-damaged",
    `read what container ${containerId} (${ifname}) has: its record in the store cannot be understood`,
    "See what else is wrong, and repair it: hawser ipam check.",
  );
}

/** Goes on with the identity's own record, if it is not the one that the try was made for. */
function meet(state: State, own: Known | undefined): Claim {
  if (own === undefined) return attempt({ ...state, former: undefined });
  const { claimant, onLiveElsewhere } = state.request;
  const elsewhere = isAttached(own.holding) && own.holding.node !== claimant.node;
  if (!elsewhere || onLiveElsewhere === "takeover") return attempt({ ...state, former: own });
  if (own.holding.state === "live") return quarantine(state, own);
  return onLiveElsewhere === "wait" ? failed(liveElsewhere(own.holding)) : claimAnother(state);
}

/** Puts the holding into quarantine: its pod is wanted here, so its sandbox will go, but it may not have gone yet. */
function quarantine(state: State, own: Known): Claim {
  const { keys, claimant, onLiveElsewhere } = state.request;
  const { holding, modRevision } = own;
  const next = quarantined(holding, claimant.node, claimant.nowMs);
  const compare = [{ kind: "unchanged", key: keys.own(holding.identity), modRevision }] as const;
  return {
    kind: "ask",
    txn: { compare, success: rewrite(keys, [holding], next), failure: [] },
    next: (reply) => {
      if (!reply.succeeded) return attempt(state);
      return onLiveElsewhere === "wait" ? failed(liveElsewhere(next)) : claimAnother(state);
    },
  };
}

/** The identity stays with its holder elsewhere; this sandbox has an address of its own for as long as it lives. */
function claimAnother(state: State): Claim {
  const { claimant } = state.request;
  const { containerId, ifname } = claimant;
  const identity = printIdentity({ kind: "container", containerId, ifname });
  const request = { ...state.request, claimant: { ...claimant, identity } };
  return attempt({ ...state, request, former: undefined, macAttempt: 0 });
}

function scan(state: State, at: Scan): Claim {
  const nowMs = judgedMs(state);
  return {
    kind: "ask",
    txn: scanTxn(state.request.keys, at, nowMs),
    next: (reply) => {
      const seen = scanReply(state.request.keys, at, reply, nowMs);
      if (seen.kind === "more") return scan(state, seen.scan);
      if (seen.kind === "exhausted") return { kind: "exhausted", set: seen.set };
      return attempt({ ...state, scanned: seen.free });
    },
  };
}

/** For each range set the address that is settled, else those that a scan found, else those of the identity's hash. */
function choicesOf(state: State): Choice[] {
  const count = Math.min(probes, ...(state.scanned ?? []).map(({ candidates }) => candidates.length));
  const choices = [...Array(count).keys()].map((n) => choice(state, n));
  const seen = new Set<string>();
  return choices.filter(({ addresses }) => {
    const text = addresses.join();
    return seen.has(text) ? false : seen.add(text);
  });
}

function choice(state: State, n: number): Choice {
  const { pool, identity } = state.request.claimant;
  const parts = state.request.spaces.map((space, set): CandidateCode => {
    const code = settledCode(state, set);
    if (code !== undefined) return { code, steal: undefined };
    const found = state.scanned?.[set]?.candidates[n];
    return found ?? { code: hashed(pool, identity, space, set, n), steal: undefined };
  });
  const steals = parts.flatMap(({ steal }) => (steal === undefined ? [] : [steal]));
  return { addresses: parts.map(({ code }) => code), steals };
}

/** The only address that a range set may give: the one that the pod asks for, or the one that the identity has already. */
function settledCode({ request, former }: State, set: number): string | undefined {
  const space = request.spaces[set];
  return (
    request.requested[set] ??
    former?.holding.addresses.find((code) => space !== undefined && inSpace(space, code))
  );
}

/** The n-th preference of an identity: a hash over the pool, so that it is the same even after the store is lost. */
export function hashed(pool: string, identity: string, space: Space, set: number, n: number): string {
  const index = hash128(`${pool}|${identity}|${set}|${n}`) % space.size;
  return codeOf(space.family, addressAt(space, index));
}

/** A choice all of whose addresses are free or wait for an identity that stayed away too long. */
function firstSteal(
  state: State,
  choices: readonly Choice[],
  taken: readonly (readonly (Known | undefined)[])[],
): Choice | undefined {
  const { former } = state;
  const nowMs = judgedMs(state);
  for (const [index, { addresses }] of choices.entries()) {
    const row = taken[index] ?? [];
    const owners = row.flatMap((owner, set): Known[] => {
      const own = former?.holding.addresses.includes(addresses[set] ?? "") === true;
      return owner === undefined || own ? [] : [owner];
    });
    // A key that an owner has left behind is not its address any more: `ipam check` tells of it.
    const isLetGo = ({ holding }: Known): boolean =>
      isExpired(holding, nowMs) && holding.addresses.some((code) => addresses.includes(code));
    if (row.length === addresses.length && owners.every(isLetGo)) return { addresses, steals: owners };
  }
  return undefined;
}

/** The error of a requested address that somebody else has and keeps. */
function requestedProblem(
  state: State,
  { choices, former }: Try,
  taken: readonly (readonly (Known | undefined)[])[],
): CniError | undefined {
  const { request } = state;
  for (const [set, code] of request.requested.entries()) {
    const owner = taken[0]?.[set]?.holding;
    if (code === undefined || owner === undefined || choices[0]?.addresses[set] !== code) continue;
    const own = owner.identity === request.claimant.identity && former !== undefined;
    if (!own && !isExpired(owner, judgedMs(state))) return addressTaken(code, owner);
  }
  return undefined;
}

function failed(error: CniError): Claim {
  return { kind: "failed", error };
}

function addressTaken(code: string, owner: Holding): CniError {
  return cniError(
    "ipam",
    "ipam.address-taken",
    `claim requested address ${printCode(code)}: it is ${owner.state} for ${owner.identity || "nobody"}`,
    `Its last container is ${owner.containerId || "none"} on node ${owner.node || "none"}. Ask for another one.`,
  );
}

function macTaken(mac: string, owner: string): CniError {
  return cniError(
    "ipam",
    "ipam.mac-taken",
    `claim requested MAC address ${mac}: it is ${owner}'s`,
    "Two interfaces of one network cannot have one MAC address. Ask for another one, or for none: each pod has its own.",
  );
}

function liveElsewhere(owner: Holding): CniError {
  const release = `hawser ipam release ${owner.addresses.slice(0, 1).map(printCode).join("")} --force`;
  return cniError(
    "tryAgainLater",
    "ipam.live-elsewhere",
    `claim the address of ${owner.identity}: container ${owner.containerId} on node ${owner.node} still has it`,
    `It is in quarantine until that container's DEL, that node's GC or its reboot frees it. If the node is gone for good: ` +
      `${release}. "onLiveElsewhere" chooses another way.`,
  );
}

function contended({ request, tries }: State): CniError {
  const msg = `claim an address for ${request.claimant.identity}: ${tries} tries lost against other claims`;
  return cniError("tryAgainLater", "ipam.contended", msg, "The runtime tries again.");
}
