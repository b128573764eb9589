import { describe, expect, test } from "vitest";
import { createMemoryStore } from "./memory-store.ts";
import {
  answersTo,
  count,
  get,
  keyRange,
  nested,
  opsOf,
  put,
  type Reply,
  range,
  readTxn,
  remove,
} from "./store.ts";

const all = { from: "a", to: "z" };
const entry = (key: string, value: string) => ({ key, value, modRevision: "1" });

async function replies(ops: Parameters<typeof opsOf>[0]): Promise<readonly Reply[]> {
  const store = createMemoryStore();
  await store.txn({ compare: [], success: [put("a", "1"), put("b", "2")], failure: [] });
  const reply = await store.txn({ compare: [], success: opsOf(ops), failure: [] });
  if (!reply.ok) throw new Error(reply.error.msg);
  return reply.value.replies;
}

describe("answers", () => {
  test("of each kind come back under the names of their operations", async () => {
    const ops = {
      one: get("a"),
      none: get("c"),
      some: range(all, 10),
      keys: keyRange(all, 1),
      several: [get("b"), get("c")],
      nothing: [],
      how: count(all),
      inner: nested(readTxn({ one: get("b") })),
    };
    expect(answersTo(ops, await replies(ops))).toMatchObject({
      one: entry("a", "1"),
      none: undefined,
      some: [entry("a", "1"), entry("b", "2")],
      keys: [entry("a", "")],
      several: [entry("b", "2"), undefined],
      nothing: [],
      how: 2,
      inner: { succeeded: true, replies: [{ kind: "entries", entries: [entry("b", "2")] }] },
    });
  });

  test("a read that is named between two others moves no answer", async () => {
    const few = { first: get("a"), last: get("b") };
    const more = {
      first: get("a"),
      writes: [put("c", "3"), remove("d")],
      middle: count(all),
      last: get("b"),
    };
    const [one, other] = [answersTo(few, await replies(few)), answersTo(more, await replies(more))];
    expect({ first: other.first, last: other.last }).toEqual(one);
  });

  test.each([
    ["too few", { one: get("a"), other: get("b") }],
    ["too many", {}],
    ["of another kind", { one: count(all) }],
  ])("%s are a bug", async (_case, ops) => {
    const one = await replies({ one: get("a") });
    expect(() => answersTo(ops, one)).toThrow("is a bug");
  });
});
