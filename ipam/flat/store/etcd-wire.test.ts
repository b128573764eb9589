import { expect, test } from "vitest";
import { decodeReply, encodeTxn, toBase64 } from "./etcd-wire.ts";
import { isRead, type Op, type Txn } from "./store.ts";

const key = toBase64("/p/a");
const nested: Txn = {
  compare: [{ kind: "present", key: "a" }],
  success: [{ kind: "delete", key: "a" }],
  failure: [],
};
const txn: Txn = {
  compare: [
    { kind: "absent", key: "a" },
    { kind: "unchanged", key: "a", modRevision: "9223372036854775807" },
  ],
  success: [{ kind: "put", key: "a", value: "\u00e4" }],
  failure: [
    { kind: "get", key: "a" },
    { kind: "range", from: "a", to: "b", limit: 256, keysOnly: true },
    { kind: "count", from: "a", to: "b" },
    { kind: "txn", txn: nested },
  ],
};

test("a transaction as etcd's gateway wants it: base64, 64-bit integers as strings", () => {
  const range_end = toBase64("/p/b");
  expect(JSON.parse(encodeTxn(txn, "/p/"))).toEqual({
    compare: [
      { key, target: "CREATE", result: "EQUAL", create_revision: "0" },
      { key, target: "MOD", result: "EQUAL", mod_revision: "9223372036854775807" },
    ],
    success: [{ request_put: { key: "L3AvYQ==", value: "w6Q=" } }],
    failure: [
      { request_range: { key } },
      { request_range: { key, range_end, limit: "256", keys_only: true } },
      { request_range: { key, range_end, count_only: true } },
      {
        request_txn: {
          compare: [{ key, target: "CREATE", result: "GREATER", create_revision: "0" }],
          success: [{ request_delete_range: { key } }],
          failure: [],
        },
      },
    ],
  });
});

test("what is left out of an answer is false, zero, or empty", () => {
  const pair = { key, create_revision: "1", mod_revision: "9223372036854775807", version: "1" };
  const body = JSON.stringify({
    header: { revision: "9" },
    responses: [
      { response_range: { header: {}, kvs: [pair], count: "1" } },
      { response_range: { header: {} } },
      { response_range: {} },
      { response_txn: { header: {}, succeeded: true, responses: [{ response_delete_range: {} }] } },
    ],
  });
  expect(decodeReply(body, txn, "/p/")).toEqual({
    ok: true,
    value: {
      succeeded: false,
      replies: [
        { kind: "entries", entries: [{ key: "a", value: "", modRevision: "9223372036854775807" }] },
        { kind: "entries", entries: [] },
        { kind: "count", count: 0 },
        { kind: "txn", reply: { succeeded: true, replies: [{ kind: "done" }] } },
      ],
    },
  });
  expect(decodeReply('{"header":{}}', { compare: [], success: [], failure: [] }, "/p/")).toMatchObject({
    ok: true,
  });
});

test.each<[string, Op[], boolean]>([
  ["gets, ranges and counts", [...txn.failure.slice(0, 3)], true],
  ["a put", [...txn.success], false],
  ["a delete", [{ kind: "delete", key: "a" }], false],
  [
    "a delete far inside",
    [{ kind: "txn", txn: { ...nested, success: [], failure: [{ kind: "txn", txn: nested }] } }],
    false,
  ],
  ["a transaction of reads", [{ kind: "txn", txn: { ...nested, success: [] } }], true],
])("whether it may be sent twice: %s", (_what, ops, expected) => {
  expect(isRead({ compare: [], success: ops, failure: [] })).toBe(expected);
  expect(isRead({ compare: [], success: [], failure: ops })).toBe(expected);
});
