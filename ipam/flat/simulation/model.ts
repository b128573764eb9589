import { type Holding, isExpired } from "../pool/holding.ts";
import { isInKeyRange, keysOf } from "../pool/keys.ts";
import { audit, parsedHolding } from "../pool/pool-testing.ts";
import type { Entry } from "../store/store.ts";
import type { Caller } from "./cluster.ts";

/** A container as its runtime knows it: only from the answers of the plugin. */
export interface SimulatedContainer {
  readonly id: string;
  readonly node: string;
  readonly network: string;
  readonly ifname: string;
  /** `namespace/name`. */
  readonly pod: string;
  readonly identity: string;
  /**
   * `adding`: its ADD runs, or ended in an error or a crash. `live`: ADD succeeded. `dead`: its DEL or a GC without it has
   * begun. `superseded`: its pod's next sandbox took over what it had.
   */
  state: "adding" | "live" | "dead" | "superseded";
  /** Its last DEL was killed. The write of that DEL may reach the store at any time. */
  isDelKilled?: boolean;
  addresses: readonly string[];
  /** When its DEL was called, if that ended in an error and left the release to the journal of the node. */
  journalledMs?: number;
}

export interface ClusterModel {
  readonly containers: Map<string, SimulatedContainer>;
  readonly policy: "wait" | "new-ip" | "takeover";
  /** The broken promises that were seen. */
  readonly violations: string[];
}

export const pool = "p";
/** The callers of an operator's two changes that may free what a container has. */
export const operatorForces = "operator release --force";
export const operatorRepairs = "operator repair";
const keys = keysOf(pool);

/** The store before and after one transaction, and the right time of it. */
export interface StoreChange {
  readonly before: readonly Entry[];
  readonly after: readonly Entry[];
  readonly nowMs: number;
}

/** Compares one transaction with the knowledge of the runtimes. */
export function judgeChange(model: ClusterModel, asker: Caller, change: StoreChange): void {
  const { before, after } = change;
  const note = (what: string): void => void model.violations.push(`${asker.what} on ${asker.node}: ${what}`);
  for (const problem of audit(pool, after)) note(`(b) ${problem}`);
  const gone = attachments(before).filter(({ key }) => !after.some((each) => each.key === key));
  const made = attachments(after).filter(({ key }) => !before.some((each) => each.key === key));
  for (const problem of gone.flatMap((entry) => lossProblem(model, asker, entry) ?? [])) note(problem);
  for (const { key, value } of made) {
    const id = parsedHolding(value)?.containerId ?? "";
    if (asker.what !== `ADD ${id}`) note(`(c) ${key} was made by another`);
  }
  judgeThefts(change, note);
  judgeHolds(change, note);
}

function attachments(entries: readonly Entry[]): Entry[] {
  return entries.filter(({ key }) => isInKeyRange(keys.all.att, key));
}

/** A live container loses its addresses only to the next sandbox of its pod. */
function lossProblem(model: ClusterModel, asker: Caller, { key, value }: Entry): string | undefined {
  const id = parsedHolding(value)?.containerId ?? "";
  const owner = model.containers.get(id);
  if (owner === undefined) return `(c) ${key} is of no container`;
  const [verb, by = ""] = asker.what.split(" ");
  if (asker.what === operatorForces) {
    if (owner.state !== "dead") owner.state = "superseded";
    return undefined;
  }
  if (verb === "operator" && (asker.what !== operatorRepairs || owner.state !== "dead"))
    return `(g) ${owner.state} ${id} of ${owner.identity} lost its record to an operator`;
  const next = verb === "ADD" && by !== id ? model.containers.get(by) : undefined;
  const mayTakeOver = next?.node === owner.node || model.policy === "takeover";
  if (next?.identity === owner.identity && mayTakeOver) {
    if (owner.state !== "dead") owner.state = "superseded";
    return undefined;
  }
  // A container that is not live is freed by its own DEL, by GC, or by its journalled DEL, which another operation does.
  if (owner.state === "live") return `(c) live ${id} of ${owner.identity} lost its record`;
  return asker.node === owner.node
    ? undefined
    : `(f) ${id} of node ${owner.node} was freed from another node`;
}

/** A held address goes to another identity only when its hold is over. */
function judgeThefts({ before, after, nowMs }: StoreChange, note: (what: string) => void): void {
  const owners = new Map(after.map(({ key, value }) => [key, parsedHolding(value)]));
  for (const { key, value } of before) {
    const former = parsedHolding(value);
    if (!isInKeyRange(keys.all.ip, key) || former?.state !== "held") continue;
    const now = owners.get(key);
    if (now !== undefined && now.identity !== former.identity && !isExpired(former, nowMs))
      note(`${key}, held for ${former.identity}, was given to ${now.identity} too early`);
  }
}

/** No release is under way for longer than this. */
const longestWayMs = 3_600_000;

/** A hold begins when the address is released, although the clock of that node may be hours behind. */
function judgeHolds({ before, after, nowMs }: StoreChange, note: (what: string) => void): void {
  const known = new Set(before.map(({ key, value }) => `${key} ${value}`));
  for (const { key, value } of after) {
    const until = parsedHolding(value)?.heldUntilMs;
    const isNew = isInKeyRange(keys.all.own, key) && !known.has(`${key} ${value}`);
    if (isNew && until !== undefined && until < nowMs - longestWayMs) note(`${key} is held for the past`);
  }
}

/** Judges an ADD that succeeded: its addresses are recorded as its own, and no other container has one of them. */
export function judgeAdd(
  model: ClusterModel,
  container: SimulatedContainer,
  recorded: Holding | undefined,
): void {
  const note = (what: string): void =>
    void model.violations.push(`ADD ${container.id} on ${container.node}: ${what}`);
  if (recorded === undefined) note("(e) it succeeded and nothing is recorded");
  else if (recorded.addresses.join() !== container.addresses.join())
    note(`(d) it was given ${container.addresses.join()}, recorded is ${recorded.addresses.join()}`);
  for (const other of model.containers.values()) {
    const shared = other.addresses.filter((each) => container.addresses.includes(each));
    if (other !== container && other.state === "live" && shared.length > 0)
      note(`(a) ${shared.join()} is also ${other.id}'s of ${other.identity}`);
  }
}
