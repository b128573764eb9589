import { type AuditFinding, putNew } from "../../../ipam/flat/pool/audit.ts";
import { type Holding, withEvent } from "../../../ipam/flat/pool/holding.ts";
import { releaseKnown } from "../../../ipam/flat/pool/release.ts";
import type { Stored } from "../../../ipam/flat/pool/stored.ts";
import { ipKey } from "../../../ipam/flat/pool/stored.ts";
import { stableMac } from "../../../ipam/hash.ts";
import type { Pool } from "./pool.ts";
import { printCodes } from "./words.ts";

/** An attachment of this node with addresses of the pool, as hawser's own records tell of it. */
export interface NodeAttachment {
  readonly containerId: string;
  readonly ifname: string;
  readonly network: string;
  /** Under which the plugin claims. */
  readonly identity: string;
  readonly codes: readonly string[];
  /** The MAC address that its plugins were told. */
  readonly mac?: string;
}

/** What this node knows of its own sandboxes. */
export interface NodeAudit {
  readonly attached: readonly NodeAttachment[];
  /** Containers that still exist, by the runtime's list; undefined when nobody told. */
  readonly valid: ReadonlySet<string> | undefined;
  readonly nowMs: number;
}

type Readable = Stored & { readonly holding: Holding };

/** The store's records of this node against what the node itself knows. Pure. */
export function auditNode(pool: Pool, stored: readonly Stored[], view: NodeAudit): AuditFinding[] {
  const prefix = pool.keys.attsOf(pool.node).from;
  const byKey = new Map(stored.map((each) => [each.key, each]));
  const atts = stored.filter(
    (each): each is Readable => each.holding !== undefined && each.key.startsWith(prefix),
  );
  return [
    ...view.attached.flatMap((each) => auditAttached(pool, byKey, each, view)),
    ...atts.flatMap((att) => auditAtt(pool, att, view)),
  ];
}

function auditAttached(
  pool: Pool,
  byKey: ReadonlyMap<string, Stored>,
  attached: NodeAttachment,
  { valid, nowMs }: NodeAudit,
): AuditFinding[] {
  const { containerId, ifname, codes, identity } = attached;
  // Its own DEL is still to come.
  if (valid !== undefined && !valid.has(containerId)) return [];
  const key = pool.keys.att(pool.node, containerId, ifname);
  const att = byKey.get(key);
  const subject = `container ${containerId} (${ifname})`;
  const keys = [key, pool.keys.own(identity), ...codes.map((code) => ipKey(pool.keys, code))];
  const about = { severity: "problem", subject, keys } as const;
  if (att?.holding !== undefined) {
    if (codes.every((code) => att.holding?.addresses.includes(code))) return [];
    const what = `it was given ${printCodes(codes)}, the store has ${printCodes(att.holding.addresses)} for it`;
    return [{ ...about, kind: "drift", what, advice: "Delete its pod: the next one agrees again." }];
  }
  const owner = codes.map((code) => byKey.get(ipKey(pool.keys, code))).find((each) => each !== undefined);
  const what = `it uses ${printCodes(codes)}, which the store does not have for it`;
  if (owner !== undefined || byKey.has(pool.keys.own(identity))) {
    const whose = owner?.holding?.identity ?? identity;
    return [
      {
        ...about,
        kind: "lost",
        what: `${what}, but for ${whose}`,
        advice: "Delete the pod of one of the two.",
      },
    ];
  }
  const holding = rebuilt(pool, attached, nowMs);
  const repair = { what: `record ${printCodes(codes)} for ${identity}`, txn: putNew(pool.keys, holding) };
  return [
    { ...about, kind: "lost", what, advice: "Until then it may be given to another pod, too.", repair },
  ];
}

/** What its ADD recorded, as far as the node remembers it. */
function rebuilt(pool: Pool, attached: NodeAttachment, nowMs: number): Holding {
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

function auditAtt(pool: Pool, att: Readable, { attached, valid, nowMs }: NodeAudit): AuditFinding[] {
  const { containerId, ifname, addresses, identity } = att.holding;
  const about = { subject: `container ${containerId} (${ifname})`, keys: [att.key] };
  const has = `it has ${printCodes(addresses)}, as ${identity}`;
  if (valid !== undefined && !valid.has(containerId)) {
    const { keys, node, holdMs } = pool;
    const step = releaseKnown({ keys, node, containerId, ifname, holdMs, nowMs }, att);
    const advice = "The runtime's GC, or a late DEL, frees it too.";
    const repair =
      step.kind === "ask" ? { repair: { what: `free ${printCodes(addresses)}`, txn: step.txn } } : {};
    const what = `${has}, but is not among the valid ones`;
    return [{ ...about, severity: "problem", kind: "leaked", what, advice, ...repair }];
  }
  // Where hawser attaches nothing of this pool itself, others do, and its records say nothing of it.
  const isOthers = valid !== undefined || attached.length === 0;
  if (isOthers || attached.some((each) => each.containerId === containerId)) return [];
  const advice = "Another plugin's, or leaked: check against the runtime's own list, --valid.";
  return [
    { ...about, severity: "warning", kind: "unknown", what: `${has}, and no record of hawser's`, advice },
  ];
}
