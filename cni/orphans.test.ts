import { describe, expect, test } from "vitest";
import { Crash, createMachine, exited, type FakeMachine, type FakeProcess } from "../sys/fake.ts";
import { endedOperations, operationEnvironment, settleOrphans, startedBy } from "./orphans.ts";

/** Delegates that run for as long as their stdin says, in milliseconds. */
function scene(): FakeMachine {
  return createMachine({
    executables: {
      "/bin/slow": async (request, child) => {
        await child.sleep(Number(request.stdin));
        return exited(0, "");
      },
    },
  });
}

/** A process that is killed while its delegate runs. */
async function killedAmid(machine: FakeMachine, runsMs: number): Promise<FakeProcess> {
  const killed = machine.spawn();
  killed.crashAt(0, "half");
  const env = operationEnvironment(killed.sys);
  const request = { executable: "/bin/slow", args: [], env, timeoutMs: 9000, maxOutputBytes: 9 };
  await expect(killed.sys.processes.run({ ...request, stdin: String(runsMs) })).rejects.toThrow(Crash);
  return killed;
}

describe("orphans", () => {
  test("are looked for only where an operation died", async () => {
    const calls: string[] = [];
    const process = scene().spawn({ onCall: (call) => calls.push(call) });
    expect((await settleOrphans(process.sys, "container c1", [])).ok).toBe(true);
    expect(await endedOperations(process.sys, [])).toEqual(new Set());
    expect(calls.filter((call) => call.startsWith("find"))).toEqual([]);
  });

  test("that finish by themselves are awaited", async () => {
    const machine = scene();
    const killed = await killedAmid(machine, 500);
    const before = machine.clock.monotonicMs();
    const settled = await settleOrphans(machine.spawn().sys, "c1", [killed.sys.processes.operation()]);
    expect(settled.ok).toBe(true);
    expect(machine.clock.monotonicMs() - before).toBeLessThan(600);
  });

  test("that go on are ended, and another operation's are left alone", async () => {
    const machine = scene();
    const [killed, other] = [await killedAmid(machine, 60_000), await killedAmid(machine, 60_000)];
    const operations = [killed, other].map(({ sys }) => sys.processes.operation());
    const process = machine.spawn();
    expect((await settleOrphans(process.sys, "c1", operations.slice(0, 1))).ok).toBe(true);
    expect(await endedOperations(process.sys, operations)).toEqual(new Set(operations.slice(0, 1)));
  });

  test("carry the operation first, and it names their caller", () => {
    const { sys } = scene().spawn();
    const env = operationEnvironment(sys);
    expect(startedBy(env)).toBe(sys.processes.self());
    // 0.1.0 gave the identity alone.
    expect(startedBy({ HAWSER_OPERATION: sys.processes.self() })).toBe(sys.processes.self());
    expect(startedBy({})).toBeUndefined();
  });
});
