import { createMemoryStore, type MemoryStore } from "../../ipam/flat/store/memory-store.ts";
import type { Compare, Op, Reply, Txn, TxnReply } from "../../ipam/flat/store/store.ts";
import type { HttpAttempt, HttpRequest } from "../../sys/http.ts";
import { ok } from "../../sys/outcome.ts";
import { must } from "../../sys/outcome-testing.ts";

/**
 * etcd's JSON gateway in memory, for the fake machine. It shares no code with our client of the format. It checks tokens, and a
 * test can make it answer something else.
 */
export interface FakeEtcd {
  readonly store: MemoryStore;
  /** The handler for `createFake({ http })`. */
  readonly handle: (request: HttpRequest) => Promise<HttpAttempt>;
  /** `url authorization` of every request. */
  readonly requests: readonly string[];
  /** Answers before the gateway looks at the request. If it returns undefined, the gateway answers. */
  intercept: ((request: HttpRequest) => HttpAttempt | undefined) | undefined;
  /** `user:password`. Undefined if etcd authenticates nobody. */
  user: string | undefined;
  readonly tokens: Set<string>;
  /** Whether the database is full. Then it refuses every transaction that puts, whatever the compares say. */
  alarm: boolean;
}

export function createFakeEtcd(): FakeEtcd {
  const requests: string[] = [];
  const etcd: FakeEtcd = {
    store: createMemoryStore(),
    requests,
    intercept: undefined,
    user: undefined,
    tokens: new Set(),
    alarm: false,
    handle: async (request) => {
      requests.push(`${request.url} ${request.headers.authorization ?? ""}`.trim());
      const forced = etcd.intercept?.(request);
      return forced ?? (await answer(etcd, request));
    },
  };
  return etcd;
}

export function saying(status: number, message: string, code = 2): HttpAttempt {
  return ok({ status, body: JSON.stringify({ error: message, code, message }) });
}

async function answer(etcd: FakeEtcd, { url, body = "", headers }: HttpRequest): Promise<HttpAttempt> {
  const path = new URL(url).pathname;
  if (path === "/health") return health(etcd);
  if (path === "/version") return ok({ status: 200, body: '{"etcdserver":"3.6.0","etcdcluster":"3.6.0"}' });
  const json = JSON.parse(body);
  if (path === "/v3/auth/authenticate") return authenticate(etcd, json);
  if (path !== "/v3/kv/txn" && path !== "/v3/kv/range") return ok({ status: 404, body: "Not Found\n" });
  const token = headers.authorization ?? "";
  if (etcd.user !== undefined && token === "") return saying(400, "etcdserver: user name is empty", 3);
  if (etcd.user !== undefined && !etcd.tokens.has(token))
    return saying(401, "etcdserver: invalid auth token", 16);
  if (path === "/v3/kv/range") return ok({ status: 200, body: JSON.stringify({ header: {} }) });
  const txn = toTxn(json);
  if (etcd.alarm && puts(txn)) return saying(429, "etcdserver: mvcc: database space exceeded", 8);
  const reply = must(await etcd.store.txn(txn));
  return ok({
    status: 200,
    body: JSON.stringify({ header: { revision: "9" }, ...fromReply(reply, txn) }),
  });
}

function health({ alarm }: FakeEtcd): HttpAttempt {
  return alarm
    ? ok({ status: 503, body: '{"health":"false","reason":"ALARM NOSPACE"}' })
    : ok({ status: 200, body: '{"health":"true","reason":""}' });
}

function puts({ success, failure }: Txn): boolean {
  return [...success, ...failure].some((op) => op.kind === "put" || (op.kind === "txn" && puts(op.txn)));
}

function authenticate(etcd: FakeEtcd, { name, password }: { name: string; password: string }): HttpAttempt {
  if (etcd.user === undefined) return saying(400, "etcdserver: authentication is not enabled", 9);
  if (etcd.user !== `${name}:${password}`) {
    return saying(400, "etcdserver: authentication failed, invalid user ID or password", 3);
  }
  const token = `token${etcd.requests.length}`;
  etcd.tokens.add(token);
  return ok({ status: 200, body: JSON.stringify({ header: {}, token }) });
}

interface WireTxn {
  readonly compare?: readonly Record<string, string>[];
  readonly success?: readonly WireOp[];
  readonly failure?: readonly WireOp[];
}
interface WireRange {
  readonly key: string;
  readonly range_end?: string;
  readonly limit?: string;
  readonly keys_only?: boolean;
  readonly count_only?: boolean;
}
interface WireOp {
  readonly request_put?: { key: string; value?: string };
  readonly request_delete_range?: { key: string };
  readonly request_range?: WireRange;
  readonly request_txn?: WireTxn;
}

function toTxn(wire: WireTxn): Txn {
  const ops = (list: readonly WireOp[] = []): Op[] => list.map(toOp);
  return {
    compare: (wire.compare ?? []).map(toCompare),
    success: ops(wire.success),
    failure: ops(wire.failure),
  };
}

function toCompare({
  key = "",
  target,
  result,
  create_revision,
  mod_revision = "",
}: Record<string, string>): Compare {
  const name = text(key);
  if (target === "MOD" && result === "EQUAL")
    return { kind: "unchanged", key: name, modRevision: mod_revision };
  if (target !== "CREATE" || create_revision !== "0") throw new Error(`compare ${target} ${create_revision}`);
  return { kind: result === "EQUAL" ? "absent" : "present", key: name };
}

function toOp(op: WireOp): Op {
  if (op.request_put !== undefined) {
    return { kind: "put", key: text(op.request_put.key), value: text(op.request_put.value ?? "") };
  }
  if (op.request_delete_range !== undefined)
    return { kind: "delete", key: text(op.request_delete_range.key) };
  if (op.request_txn !== undefined) return { kind: "txn", txn: toTxn(op.request_txn) };
  if (op.request_range === undefined) throw new Error(`operation ${JSON.stringify(op)}`);
  const { key, range_end, limit = "0", keys_only = false, count_only = false } = op.request_range;
  if (range_end === undefined) return { kind: "get", key: text(key) };
  const range = { from: text(key), to: text(range_end) };
  if (count_only) return { kind: "count", ...range };
  return { kind: "range", ...range, limit: Number(limit), keysOnly: keys_only };
}

/** Leaves out fields that are zero or empty, as etcd does. */
function fromReply({ succeeded, replies }: TxnReply, txn: Txn): object {
  const ops = succeeded ? txn.success : txn.failure;
  const responses = replies.map((reply, index) => fromOne(reply, ops[index]));
  return { ...(succeeded ? { succeeded } : {}), ...(responses.length > 0 ? { responses } : {}) };
}

function fromOne(reply: Reply, op: Op | undefined): object {
  const header = { revision: "9" };
  if (reply.kind === "txn") {
    if (op?.kind !== "txn") throw new Error("a reply that nobody asked for");
    return { response_txn: { header: {}, ...fromReply(reply.reply, op.txn) } };
  }
  if (reply.kind === "count")
    return { response_range: { header, ...(reply.count > 0 ? { count: String(reply.count) } : {}) } };
  if (reply.kind === "done")
    return { [op?.kind === "put" ? "response_put" : "response_delete_range"]: { header } };
  const kvs = reply.entries.map(({ key, value, modRevision }) => ({
    key: bytes(key),
    create_revision: "1",
    mod_revision: modRevision,
    version: "1",
    ...(value === "" ? {} : { value: bytes(value) }),
  }));
  return { response_range: { header, ...(kvs.length > 0 ? { kvs, count: String(kvs.length) } : {}) } };
}

function text(base64: string): string {
  return Buffer.from(base64, "base64").toString("utf8");
}

function bytes(of: string): string {
  return Buffer.from(of, "utf8").toString("base64");
}
