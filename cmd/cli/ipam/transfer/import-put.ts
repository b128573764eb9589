import type { CniError } from "../../../../cni/errors.ts";
import { putNew } from "../../../../ipam/flat/pool/audit.ts";
import { type Holding, isExpired } from "../../../../ipam/flat/pool/holding.ts";
import { entriesAt, keysOfHolding, rewrite, storedOf } from "../../../../ipam/flat/pool/stored.ts";
import { storeError } from "../../../../ipam/flat/store/drive.ts";
import type { Compare, Op } from "../../../../ipam/flat/store/store.ts";
import { fail, type Outcome, ok } from "../../../../sys/outcome.ts";
import { apply } from "../change.ts";
import type { Person } from "../person.ts";
import type { Pool } from "../pool.ts";
import { readOnce } from "../read.ts";
import type { PlannedImport } from "./import-plan.ts";

/** Transactions in one request: thousands of owners are not to be thousands of round trips. etcd takes 128 operations. */
const batchSize = 100;

/** Each owner in a transaction of its own: what changes meanwhile is a conflict of that owner, and returned. */
export async function putAll(
  pool: Pool,
  fresh: readonly PlannedImport[],
  person: Person,
  nowMs: number,
): Promise<Outcome<Set<PlannedImport>, CniError>> {
  const { store, keys, name } = pool;
  const taken = new Set<PlannedImport>();
  for (let done = 0; done < fresh.length; done += batchSize) {
    const batch = fresh.slice(done, done + batchSize);
    const success = batch.map(({ holding }): Op => ({ kind: "txn", txn: putNew(keys, holding) }));
    const reply = await store.txn({ compare: [], success, failure: [] });
    if (!reply.ok) return fail(storeError(`import into pool ${name}, after ${done} owners`, reply.error));
    for (const [index, each] of batch.entries()) {
      const one = reply.value.replies[index];
      if (one?.kind === "txn" && one.reply.succeeded) continue;
      const over = await putOver(pool, each.holding, nowMs);
      if (!over.ok) return over;
      if (!over.value) taken.add(each);
    }
    person.progress(`${done + batch.length} of ${fresh.length} owners`);
  }
  person.progress("");
  return ok(taken);
}

/** The same where holds have expired: their addresses are anybody's, and here they are in use. False: it is taken. */
async function putOver(pool: Pool, holding: Holding, nowMs: number): Promise<Outcome<boolean, CniError>> {
  const { store, keys, name } = pool;
  const written = keysOfHolding(keys, holding);
  const reply = await readOnce(
    store,
    written.map((key) => ({ kind: "get", key })),
  );
  if (!reply.ok) return reply;
  const there = written.flatMap((_key, at) => entriesAt(reply.value, at).map(storedOf));
  const former = there.flatMap((stored) => stored.holding ?? []);
  if (former.length < there.length || former.some((each) => !isExpired(each, nowMs))) return ok(false);
  const compare = written.map((key): Compare => {
    const stored = there.find((each) => each.key === key);
    return stored === undefined
      ? { kind: "absent", key }
      : { kind: "unchanged", key, modRevision: stored.modRevision };
  });
  const success = rewrite(keys, former, holding);
  return apply(store, `import into pool ${name}`, { compare, success, failure: [] });
}
