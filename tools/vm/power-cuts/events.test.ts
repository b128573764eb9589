import { describe, expect, test } from "vitest";
import { type Acknowledged, after, parseJournal, type WorkEvent } from "./events.ts";

function told(...events: readonly WorkEvent[]): { now: Acknowledged; problems: readonly string[] } {
  let now: Acknowledged = new Map();
  const problems: string[] = [];
  for (const event of events) {
    const next = after(now, event);
    now = next.now;
    if (next.problem !== undefined) problems.push(next.problem);
  }
  return { now, problems };
}

const begin = (verb: "ADD" | "DEL", id: string): WorkEvent => ({ event: "begin", verb, id, network: "flat" });
const added = (id: string, ...addresses: readonly string[]): WorkEvent => ({ event: "added", id, addresses });

describe("what was acknowledged", () => {
  test("an ADD that was not answered may hold something, and one that was does", () => {
    expect(told(begin("ADD", "a")).now.get("a")?.state).toBe("loose");
    expect(told(begin("ADD", "a"), added("a", "10.0.0.1")).now.get("a")).toEqual({
      ...{ id: "a", network: "flat", state: "held", addresses: ["10.0.0.1"] },
    });
  });

  test("a DEL that was not answered may have freed it, and one that was has", () => {
    const start = [begin("ADD", "a"), added("a", "10.0.0.1"), begin("DEL", "a")];
    expect(told(...start).now.get("a")?.state).toBe("loose");
    expect(told(...start, { event: "deleted", id: "a" }).now.size).toBe(0);
  });

  test("what the runtime has forgotten is loose until GC has freed it", () => {
    const start: WorkEvent[] = [added("a", "10.0.0.1"), { event: "forgotten", id: "a" }];
    expect(told(...start).now.get("a")?.state).toBe("loose");
    expect(told(...start, { event: "collected", ids: ["a"] }).now.size).toBe(0);
  });
});

describe("a problem is", () => {
  test("an address that is given while somebody has it, and not one whose DEL has begun", () => {
    const first = [begin("ADD", "a"), added("a", "10.0.0.1", "10.0.1.1")];
    expect(told(...first, added("b", "10.0.1.1")).problems).toEqual([
      "10.0.1.1 was given to b, and a has it",
    ]);
    expect(told(...first, begin("DEL", "a"), added("b", "10.0.1.1")).problems).toEqual([]);
  });

  test("a verb that fails, and a judgement that finds something", () => {
    const failed: WorkEvent = { event: "failed", verb: "DEL", id: "a", said: "no" };
    const judged: WorkEvent = { event: "judged", when: "then", held: 0, returned: 0, problems: ["x", "y"] };
    expect(told(failed, judged).problems).toEqual(["DEL of a failed: no", "then: x; y"]);
  });
});

test("the line in whose midst the power went was not acknowledged", () => {
  const line = JSON.stringify({ event: "deleted", id: "a" });
  expect(parseJournal(`${line}\n${line}\n${line.slice(0, -3)}`)).toHaveLength(2);
  expect(parseJournal("")).toEqual([]);
});
