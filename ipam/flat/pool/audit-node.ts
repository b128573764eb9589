import { stableMac } from "../../hash.ts";
import type { FindingBase } from "./audit.ts";
import { type Holding, type Times, timesOf, withEvent } from "./holding.ts";
import { isInKeyRange, type PoolKeys } from "./keys.ts";
import { releaseKnown } from "./release.ts";
import { isReadable, putNew, type SeenHolding, type Stored } from "./stored.ts";

/** An attachment of this node with addresses of the pool, as hawser's own records tell of it. */
export interface NodeAttachment {
  readonly containerId: string;
  readonly ifname: string;
  readonly network: string;
  /** The identity under which the plugin claims its addresses. */
  readonly identity: string;
  readonly codes: readonly string[];
  /** The MAC address that its plugins were told. */
  readonly mac?: string;
}

/** What this node knows of its own sandboxes. */
export interface NodeAudit extends Times {
  readonly attached: readonly NodeAttachment[];
  /** The containers in the runtime's list. Undefined if there is no list. */
  readonly valid: ReadonlySet<string> | undefined;
}

/** The pool as this node uses it. */
export interface AuditedPool {
  readonly name: string;
  readonly keys: PoolKeys;
  readonly node: string;
  /** How long an address waits for its identity, in milliseconds; undefined: for ever. */
  readonly holdMs: number | undefined;
}

export type NodeFinding =
  /** The store has other addresses for the container than it was given. */
  | (FindingBase & {
      readonly kind: "drift";
      readonly attached: NodeAttachment;
      readonly recorded: readonly string[];
    })
  /** The store does not have its addresses for the container, but for `owner`, or for nobody. */
  | (FindingBase & {
      readonly kind: "lost";
      readonly attached: NodeAttachment;
      readonly owner: string | undefined;
    })
  /** The container has addresses, and the runtime does not list it. */
  | (FindingBase & { readonly kind: "leaked"; readonly holding: Holding })
  /** The container has addresses, and none of hawser's records names it. */
  | (FindingBase & { readonly kind: "unknown"; readonly holding: Holding });

/** Compares the store's records of this node with the node's own. Pure. */
export function auditNode(pool: AuditedPool, stored: readonly Stored[], view: NodeAudit): NodeFinding[] {
  const own = pool.keys.attsOf(pool.node);
  const byKey = new Map(stored.map((each) => [each.key, each]));
  const atts = stored.filter(isReadable).filter(({ key }) => isInKeyRange(own, key));
  return [
    ...view.attached.flatMap((each) => auditAttached(pool, byKey, each, view)),
    ...atts.flatMap((att) => auditAtt(pool, att, view)),
  ];
}

function auditAttached(
  pool: AuditedPool,
  byKey: ReadonlyMap<string, Stored>,
  attached: NodeAttachment,
  { valid, nowMs }: NodeAudit,
): NodeFinding[] {
  const { containerId, ifname, codes, identity } = attached;
  // The container does not exist any more, and its DEL is still to come.
  if (valid !== undefined && !valid.has(containerId)) return [];
  const { keys, node } = pool;
  const attKey = keys.att(node, containerId, ifname);
  const ownKey = keys.own(identity);
  const found = {
    about: `${containerId}/${ifname}`,
    keys: [attKey, ownKey, ...codes.map(keys.ip)],
    attached,
  };
  const recorded = byKey.get(attKey)?.holding?.addresses;
  if (recorded !== undefined) {
    return codes.every((code) => recorded.includes(code)) ? [] : [{ ...found, kind: "drift", recorded }];
  }
  const taker = codes.map((code) => byKey.get(keys.ip(code))).find((each) => each !== undefined);
  if (taker !== undefined || byKey.has(ownKey)) {
    return [{ ...found, kind: "lost", owner: taker?.holding?.identity ?? identity }];
  }
  const repair = putNew(keys, rebuilt(pool, attached, nowMs));
  return [{ ...found, kind: "lost", owner: undefined, repair }];
}

/** Makes the holding that the container's ADD recorded, as far as the node's records tell it. */
function rebuilt(pool: AuditedPool, attached: NodeAttachment, nowMs: number): Holding {
  const { identity, containerId, ifname, network, codes } = attached;
  const own = stableMac(pool.name, identity, 0);
  const { mac = own } = attached;
  const event = { what: "imported", identity, containerId, node: pool.node, atMs: nowMs } as const;
  return {
    identity,
    state: "live",
    containerId,
    ifname,
    node: pool.node,
    network,
    addresses: codes,
    mac,
    ...(mac === own ? {} : { macAsked: true }),
    generation: 1,
    sinceMs: nowMs,
    history: withEvent([], event),
  };
}

function auditAtt(
  pool: AuditedPool,
  att: SeenHolding,
  { attached, valid, nowMs, storeMs }: NodeAudit,
): NodeFinding[] {
  const { holding } = att;
  const { containerId, ifname } = holding;
  const found = { about: `${containerId}/${ifname}`, keys: [att.key], holding };
  if (valid !== undefined && !valid.has(containerId)) {
    const { keys, node, holdMs } = pool;
    const request = { keys, node, containerId, ifname, holdMs, ...timesOf(nowMs, storeMs) };
    const step = releaseKnown(request, att);
    return [{ ...found, kind: "leaked", ...(step.kind === "ask" ? { repair: step.txn } : {}) }];
  }
  // If Hawser's records name no attachment of this pool, other programs make the attachments, so their absence proves nothing.
  const isOthers = valid !== undefined || attached.length === 0;
  if (isOthers || attached.some((each) => each.containerId === containerId)) return [];
  return [{ ...found, kind: "unknown" }];
}
