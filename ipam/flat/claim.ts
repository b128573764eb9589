import { type CniError, cniError } from "../../cni/errors.ts";
import { type Free, type Scan, scanReply, scanTxn, startScan } from "./claim-scan.ts";
import {
  type Choice,
  type Claimant,
  claimTxn,
  type Found,
  type Known,
  readFound,
  type Try,
} from "./claim-txn.ts";
import { hash128 } from "./hash.ts";
import { type Holding, isExpired } from "./holding.ts";
import { addressOfKey, codeOf, type Keys } from "./keys.ts";
import { addressAt, holds, type Space } from "./space.ts";
import type { Txn, TxnReply } from "./store.ts";

export interface ClaimRequest {
  readonly keys: Keys;
  readonly claimant: Claimant;
  readonly definition: { readonly hash: string; readonly value: string };
  /** One for each range set. */
  readonly spaces: readonly Space[];
  readonly onLiveElsewhere: "wait" | "new-ip" | "takeover";
  /** Asked for by the pod, by range set; undefined where any address will do. */
  readonly requested: readonly (string | undefined)[];
}

/** The next thing to do for a claim. Pure: whoever has the store asks it and goes on with its reply. */
export type Claim =
  | { readonly kind: "ask"; readonly txn: Txn; readonly next: (reply: TxnReply) => Claim }
  | { readonly kind: "claimed"; readonly holding: Holding; readonly definitions: number }
  | { readonly kind: "failed"; readonly error: CniError }
  /** The range set of this index has no address left; whoever has the store explains it. */
  | { readonly kind: "exhausted"; readonly set: number };

/** Candidates of one try; each costs a level of nesting, not a round trip. */
const probes = 3;
/** Lost races in a row. Every one of them means that another claim got through. */
const maxTries = 500;

interface State {
  readonly request: ClaimRequest;
  readonly tries: number;
  readonly definitionIsNew: boolean;
  readonly macAttempt: number;
  readonly former: Known | undefined;
  /** Addresses that a scan found free; undefined as long as the hash's candidates are tried. */
  readonly scanned: readonly Free[] | undefined;
}

/** Starts a claim. Starting over after an unknown outcome is safe: the first evidence is the container's own record. */
export function claim(request: ClaimRequest): Claim {
  return attempt({
    request,
    tries: 0,
    definitionIsNew: false,
    macAttempt: 0,
    former: undefined,
    scanned: undefined,
  });
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
      return found.kind === "claimed" ? found : decide({ ...state, tries: state.tries + 1 }, one, found);
    },
  };
}

function decide(state: State, one: Try, found: Extract<Found, { kind: "evidence" }>): Claim {
  const { own, att } = found;
  if (att !== undefined) return { kind: "claimed", holding: att.holding, definitions: 1 };
  if (!found.definitionKnown && !state.definitionIsNew) return attempt({ ...state, definitionIsNew: true });
  if (found.definitionKnown && state.definitionIsNew) return attempt({ ...state, definitionIsNew: false });
  if (own?.modRevision !== state.former?.modRevision) return meet(state, own);
  if (own === undefined && found.macOwner !== undefined) {
    return attempt({ ...state, macAttempt: state.macAttempt + 1 });
  }
  const blocked = requestedProblem(state, one, found.taken);
  if (blocked !== undefined) return failed(blocked);
  const steal = firstSteal(state, one.choices, found.taken);
  if (steal !== undefined) return attempt(state, [steal]);
  return scan(state, startScan(state.request.spaces, state.request.claimant.identity));
}

/** The identity has something already, or has it no longer. */
function meet(state: State, own: Known | undefined): Claim {
  if (own === undefined) return attempt({ ...state, former: undefined });
  const { claimant, onLiveElsewhere } = state.request;
  const { state: holdingState, node } = own.holding;
  const elsewhere = holdingState === "quarantine" || (holdingState === "live" && node !== claimant.node);
  if (!elsewhere || onLiveElsewhere === "takeover") return attempt({ ...state, former: own });
  if (onLiveElsewhere === "wait") return failed(liveElsewhere(own.holding));
  // The identity stays with its live holder; this sandbox has an address of its own for as long as it lives.
  const identity = `container/${claimant.containerId}/${claimant.ifname}`;
  const request = { ...state.request, claimant: { ...claimant, identity } };
  return attempt({ ...state, request, former: undefined });
}

function scan(state: State, at: Scan): Claim {
  return {
    kind: "ask",
    txn: scanTxn(state.request.keys, at, state.request.claimant.nowMs),
    next: (reply) => {
      const seen = scanReply(at, reply, state.request.claimant.nowMs);
      if (seen.kind === "more") return scan(state, seen.scan);
      if (seen.kind === "exhausted") return { kind: "exhausted", set: seen.set };
      return attempt({ ...state, scanned: seen.free });
    },
  };
}

/** The identity's former addresses where they still fit, else those of its hash, else those that a scan found. */
function choicesOf(state: State): Choice[] {
  const { request, former, scanned } = state;
  if (former !== undefined && fits(request, former.holding)) {
    return [{ addresses: former.holding.addresses, steals: [] }];
  }
  const count = Math.max(1, Math.min(probes, ...(scanned ?? []).map(({ candidates }) => candidates.length)));
  return Array.from({ length: count }, (_each, n) => choice(request, scanned, n));
}

function choice(request: ClaimRequest, scanned: readonly Free[] | undefined, n: number): Choice {
  const parts = request.spaces.map((space, set): { code: string; steal: Known | undefined } => {
    const code = request.requested[set];
    if (code !== undefined) return { code, steal: undefined };
    return scanned?.[set]?.candidates[n] ?? { code: hashed(request, space, set, n), steal: undefined };
  });
  const steals = parts.flatMap(({ steal }) => (steal === undefined ? [] : [steal]));
  return { addresses: parts.map(({ code }) => code), steals };
}

/** The n-th preference of an identity: a hash over the pool, so that it is the same even after the store is lost. */
export function hashed({ claimant }: ClaimRequest, space: Space, set: number, n: number): string {
  const index = hash128(`${claimant.pool}|${claimant.identity}|${set}|${n}`) % space.size;
  return codeOf(space.family, addressAt(space, index));
}

/** Whether what the identity has is still what the pool gives and the pod asks for. */
function fits({ spaces, requested }: ClaimRequest, { addresses }: Holding): boolean {
  if (addresses.length !== spaces.length) return false;
  return addresses.every((code, set) => {
    const space = spaces[set];
    const { family, address } = addressOfKey(code);
    const asked = requested[set];
    if (asked !== undefined) return asked === code;
    return space !== undefined && space.family === family && holds(space, address);
  });
}

/** A choice all of whose addresses are free or wait for an identity that stayed away too long. */
function firstSteal(
  { request }: State,
  choices: readonly Choice[],
  taken: readonly (readonly (Known | undefined)[])[],
): Choice | undefined {
  const { nowMs } = request.claimant;
  for (const [index, { addresses }] of choices.entries()) {
    const owners = (taken[index] ?? []).flatMap((owner) => (owner === undefined ? [] : [owner]));
    const free = (taken[index] ?? []).length === addresses.length;
    if (free && owners.every(({ holding }) => isExpired(holding, nowMs)))
      return { addresses, steals: owners };
  }
  return undefined;
}

/** A requested address is taken by somebody who keeps it. */
function requestedProblem(
  { request }: State,
  { choices, former }: Try,
  taken: readonly (readonly (Known | undefined)[])[],
): CniError | undefined {
  for (const [set, code] of request.requested.entries()) {
    const owner = taken[0]?.[set]?.holding;
    if (code === undefined || owner === undefined || choices[0]?.addresses[set] !== code) continue;
    const own = owner.identity === request.claimant.identity && former !== undefined;
    if (!own && !isExpired(owner, request.claimant.nowMs)) return addressTaken(code, owner);
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
    `claim requested address ${code}: it is ${owner.state} for ${owner.identity || "nobody"}`,
    `Its last container is ${owner.containerId || "none"} on node ${owner.node || "none"}. Ask for another one.`,
  );
}

function liveElsewhere(owner: Holding): CniError {
  return cniError(
    "tryAgainLater",
    "ipam.live-elsewhere",
    `claim the address of ${owner.identity}: container ${owner.containerId} on node ${owner.node} still has it`,
    `It is freed by that container's DEL or that node's GC. If the node is gone for good: hawser ipam release. ` +
      `"onLiveElsewhere" chooses another way.`,
  );
}

function contended({ request, tries }: State): CniError {
  const msg = `claim an address for ${request.claimant.identity}: ${tries} tries lost against other claims`;
  return cniError("tryAgainLater", "ipam.contended", msg, "The runtime tries again.");
}
