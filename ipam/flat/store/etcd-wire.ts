import { isObject, type Json, type JsonObject, parseJson, printJson } from "../../../cni/json.ts";
import { fail, type Outcome, ok } from "../../../sys/outcome.ts";
import type { Compare, Entry, Op, Reply, Txn, TxnReply } from "./store.ts";

/**
 * Transactions as etcd's JSON gateway spells them (`/v3/kv/txn`). Keys and values are padded base64, 64-bit integers are
 * strings, and fields that are zero, false or empty are left out.
 */

/** Writes the body of a request. `prefix` comes before every key. */
export function encodeTxn(txn: Txn, prefix: string): string {
  return printJson(toTxn(txn, prefix));
}

function toTxn(txn: Txn, prefix: string): object {
  return {
    compare: txn.compare.map((compare) => toCompare(compare, prefix)),
    success: txn.success.map((op) => toOp(op, prefix)),
    failure: txn.failure.map((op) => toOp(op, prefix)),
  };
}

function toCompare(compare: Compare, prefix: string): object {
  const key = toBase64(prefix + compare.key);
  switch (compare.kind) {
    case "absent":
      return { key, target: "CREATE", result: "EQUAL", create_revision: "0" };
    case "present":
      return { key, target: "CREATE", result: "GREATER", create_revision: "0" };
    case "unchanged":
      return { key, target: "MOD", result: "EQUAL", mod_revision: compare.modRevision };
  }
}

function toOp(op: Op, prefix: string): object {
  const bytes = (key: string): string => toBase64(prefix + key);
  switch (op.kind) {
    case "put":
      return { request_put: { key: bytes(op.key), value: toBase64(op.value) } };
    case "delete":
      return { request_delete_range: { key: bytes(op.key) } };
    case "get":
      return { request_range: { key: bytes(op.key) } };
    case "range": {
      const page = { limit: String(op.limit), keys_only: op.keysOnly === true };
      return { request_range: { key: bytes(op.from), range_end: bytes(op.to), ...page } };
    }
    case "count":
      return { request_range: { key: bytes(op.from), range_end: bytes(op.to), count_only: true } };
    case "txn":
      return { request_txn: toTxn(op.txn, prefix) };
  }
}

/** Reads the answer to `encodeTxn(txn, prefix)`. The failure says what is wrong with it. */
export function decodeReply(body: string, txn: Txn, prefix: string): Outcome<TxnReply, string> {
  if (body.trim() === "") return fail("the answer is empty");
  const json = parseJson(body);
  if (!json.ok) return fail("the answer is no JSON");
  // Every answer to a transaction has a header. Without one, a proxy has answered, or nothing was done.
  if (!isObject(json.value) || !isObject(json.value.header)) return fail("the answer has no header");
  return toReply(json.value, txn, prefix);
}

function toReply(json: JsonObject, txn: Txn, prefix: string): Outcome<TxnReply, string> {
  const succeeded = json.succeeded === true;
  const ops = succeeded ? txn.success : txn.failure;
  const responses = json.responses ?? [];
  if (!Array.isArray(responses) || responses.length !== ops.length) {
    const count = Array.isArray(responses) ? responses.length : "no";
    return fail(`the answer has ${count} responses for ${ops.length} operations`);
  }
  const replies: Reply[] = [];
  for (const [index, op] of ops.entries()) {
    const reply = toOneReply(responses[index], op, prefix);
    if (!reply.ok) return reply;
    replies.push(reply.value);
  }
  return ok({ succeeded, replies });
}

const responseNames = {
  put: "response_put",
  delete: "response_delete_range",
  get: "response_range",
  range: "response_range",
  count: "response_range",
  txn: "response_txn",
} as const;

function toOneReply(response: Json | undefined, op: Op, prefix: string): Outcome<Reply, string> {
  const name = responseNames[op.kind];
  const json = isObject(response) ? response[name] : undefined;
  if (!isObject(json)) return fail(`the answer has no ${name} where one was expected`);
  if (op.kind === "put" || op.kind === "delete") return ok({ kind: "done" });
  if (op.kind === "count") return ok({ kind: "count", count: Number(json.count ?? 0) });
  if (op.kind !== "txn") return toEntries(json, prefix);
  const reply = toReply(json, op.txn, prefix);
  return reply.ok ? ok({ kind: "txn", reply: reply.value }) : reply;
}

function toEntries(json: JsonObject, prefix: string): Outcome<Reply, string> {
  const entries: Entry[] = [];
  for (const pair of Array.isArray(json.kvs) ? json.kvs : []) {
    const { key, value, mod_revision } = isObject(pair) ? pair : {};
    const name = typeof key === "string" ? fromBase64(key) : "";
    if (!name.startsWith(prefix) || typeof mod_revision !== "string") {
      return fail(`the answer has a key outside of ${prefix}`);
    }
    entries.push({
      key: name.slice(prefix.length),
      value: typeof value === "string" ? fromBase64(value) : "",
      modRevision: mod_revision,
    });
  }
  return ok({ kind: "entries", entries });
}

/** Bun and Node >= 25 have these methods of ES2026, but TypeScript does not know them. Buffer would cost an ADD 0.2 ms. */
const base64 = Uint8Array as unknown as {
  fromBase64(text: string): Uint8Array<ArrayBuffer>;
  readonly prototype: { readonly toBase64: (this: Uint8Array) => string };
};

export function toBase64(text: string): string {
  return base64.prototype.toBase64.call(new TextEncoder().encode(text));
}

/** Empty if the text is no base64: no key and no record is empty. */
function fromBase64(text: string): string {
  try {
    return new TextDecoder("utf-8", { ignoreBOM: true }).decode(base64.fromBase64(text));
  } catch {
    return "";
  }
}
