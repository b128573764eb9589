import { describe, expect, test } from "vitest";
import { Crash, createMachine, type FakeMachine, type FakeProcess } from "../../sys/fake.ts";
import { crashSites } from "../../sys/fake-crashes.ts";
import type { Loss } from "../../sys/fake-files.ts";
import { add } from "./add.ts";
import { del } from "./del.ts";
import { type FlatCall, invocationOf } from "./flat-testing.ts";
import { gc } from "./gc.ts";
import { audit } from "./pool/pool-testing.ts";
import { openLocalStore } from "./store/local-store.ts";
import type { Entry } from "./store/store.ts";

/**
 * Every effect of ADD, DEL and GC on the store in a folder is stopped at (a kill, or the power) and failed at (an error).
 * The store never contradicts itself, the neighbour keeps what it has, and after DEL or GC nothing of the victim is left.
 */
const dir = "/var/lib/cni/hawser-flat";
const ipam = { ranges: [[{ subnet: "10.0.0.0/28" }], [{ subnet: "fd00::/124" }]], hold: "0" };
const neighbour = { containerId: "neighbour", pod: "ns/neighbour", ipam };
const victim = { containerId: "victim", pod: "ns/victim", ipam };
const list = { "cni.dev/valid-attachments": [{ containerID: "neighbour", ifname: "eth0" }] };

type VerbName = "ADD" | "DEL" | "GC";

async function call(process: FakeProcess, verb: VerbName, who: Omit<FlatCall, "verb">) {
  const verbs = { ADD: add, DEL: del, GC: gc };
  const more = verb === "GC" ? { more: list } : {};
  return await verbs[verb](process.sys, invocationOf({ ...who, ...more, verb }));
}

async function succeed(machine: FakeMachine, verb: VerbName, who: Omit<FlatCall, "verb">, where: string) {
  const process = machine.spawn();
  const outcome = await call(process, verb, who);
  machine.kill(process.pid);
  expect(outcome, `${where}, then ${verb}`).toMatchObject({ ok: true });
  return outcome;
}

async function entriesOf(machine: FakeMachine): Promise<readonly Entry[]> {
  const process = machine.spawn();
  const all = { kind: "range", from: "", to: "~", limit: 1e6 } as const;
  const reply = await openLocalStore(process.sys, dir).txn({ compare: [], success: [all], failure: [] });
  machine.kill(process.pid);
  const first = reply.ok ? reply.value.replies[0] : undefined;
  if (first?.kind !== "entries") throw new Error(reply.ok ? "no entries" : reply.error.msg);
  return first.entries;
}

async function of(machine: FakeMachine, who: string): Promise<string[]> {
  const entries = await entriesOf(machine);
  expect(audit("net", entries)).toEqual([]);
  return entries.filter(({ value }) => value.includes(`ns/${who}/eth0`)).map(({ key }) => key);
}

async function stage(verb: VerbName): Promise<FakeMachine> {
  const machine = createMachine();
  await succeed(machine, "ADD", neighbour, "stage");
  if (verb !== "ADD") await succeed(machine, "ADD", victim, "stage");
  return machine;
}

/** own, mac, two addresses, att. */
const whole = 5;

async function effectsOf(verb: VerbName): Promise<readonly string[]> {
  const machine = await stage(verb);
  const process = machine.spawn();
  expect(await call(process, verb, victim)).toMatchObject({ ok: true });
  return process.effects();
}

async function end(process: FakeProcess, verb: VerbName): Promise<"ok" | "error" | "crash"> {
  try {
    return (await call(process, verb, victim)).ok ? "ok" : "error";
  } catch (error) {
    if (error instanceof Crash) return "crash";
    throw error;
  }
}

async function judge(machine: FakeMachine, verb: VerbName, ended: "ok" | "error" | "crash", where: string) {
  const left = await of(machine, "victim");
  expect(await of(machine, "neighbour"), where).toHaveLength(whole);
  // All or nothing of it.
  expect([0, whole], where).toContain(left.length);
  if (ended === "ok") expect(left, where).toHaveLength(verb === "ADD" ? whole : 0);
}

async function remedy(machine: FakeMachine, how: "DEL" | "GC" | "ADD", where: string): Promise<void> {
  if (how === "ADD") {
    await succeed(machine, "ADD", victim, where);
    expect(await of(machine, "victim"), where).toHaveLength(whole);
  }
  await succeed(machine, how === "GC" ? "GC" : "DEL", victim, where);
  expect(await of(machine, "victim"), where).toEqual([]);
  expect(await of(machine, "neighbour"), where).toHaveLength(whole);
  expect(
    machine.disk.paths().filter((path) => path.endsWith(".json")),
    where,
  ).toEqual([]);
}

describe.each<VerbName>(["ADD", "DEL", "GC"])("%s", (verb) => {
  describe.each(["ADD", "DEL", "GC"] as const)("put right by %s", (how) => {
    test.each<Loss | "no reboot">(["no reboot", "unsynced", "some"])(
      "killed at any effect, %s",
      async (loss) => {
        const effects = await effectsOf(verb);
        expect(effects.length).toBeGreaterThan(12);
        for (const { effect, point, where } of crashSites(effects)) {
          const machine = await stage(verb);
          const process = machine.spawn();
          process.crashAt(effect, point);
          const ended = await end(process, verb);
          if (loss === "no reboot") machine.kill(process.pid);
          else machine.crash({ lose: loss });
          await judge(machine, verb, ended, where);
          await remedy(machine, how, where);
        }
      },
    );
  });

  test.each(["EIO", "ENOSPC"])("any effect failing with %s", async (code) => {
    const effects = await effectsOf(verb);
    for (const [number, effect] of effects.entries()) {
      const where = `${verb} with ${code} at effect ${number}: ${effect}`;
      const machine = await stage(verb);
      const process = machine.spawn();
      process.failAt(number, code);
      const ended = await end(process, verb);
      machine.kill(process.pid);
      expect(ended, where).not.toBe("crash");
      await judge(machine, verb, ended, where);
      await remedy(machine, "DEL", where);
    }
  });
});

test("what was answered survives the power", async () => {
  const machine = createMachine();
  const before = await succeed(machine, "ADD", victim, "first");
  machine.crash({ lose: "unsynced" });
  expect(await of(machine, "victim")).toHaveLength(whole);
  const again = await succeed(machine, "ADD", { ...victim, containerId: "next" }, "after the power was back");
  expect(again).toEqual(before);
});
