import * as fc from "fast-check";
import { describe, expect, test, vi } from "vitest";
import { printJson } from "../../cni/json.ts";
import { lockContainer } from "../../cni/lock.ts";
import { operationEnvironment } from "../../cni/orphans.ts";
import {
  Crash,
  createMachine,
  exited,
  type FakeMachine,
  type FakeProcess,
  type Handler,
} from "../../sys/fake.ts";
import { createChance } from "../../sys/fake-clock.ts";
import { callIn } from "./crash-testing.ts";
import type { PluginVerb } from "./meta-testing.ts";

/** GC beside other operations. It spares what is attached meanwhile, nobody waits long, and GC itself comes to its end. */

vi.setConfig({ testTimeout: 120_000 });

const stateDir = "/var/lib/cni/hawser";

interface Scene {
  readonly machine: FakeMachine;
  /** `network/container/interface` */
  readonly world: Set<string>;
  /** The attachments that each GC of a delegate had to spare. */
  readonly spared: string[][];
}

/**
 * `slowMs` is the duration of ADD for containers whose name begins with "slow". `gcMs` is the duration of GC for any network.
 */
function scene({ slowMs = 75_000, gcMs = 0 } = {}): Scene {
  const world = new Set<string>();
  const spared: string[][] = [];
  const delegate: Handler = async (request, child) => {
    const { CNI_COMMAND: verb, CNI_CONTAINERID = "", CNI_IFNAME } = request.env;
    const config = JSON.parse(request.stdin) as { name: string };
    const made = `${config.name}/${CNI_CONTAINERID}/${CNI_IFNAME}`;
    if (verb === "DEL") world.delete(made);
    if (verb === "GC") {
      const valid = validOf(config);
      spared.push(valid);
      // This delegate decides only at its end what it frees. That is the worst that a plugin may do.
      await child.sleep(gcMs);
      for (const each of world)
        if (!valid.includes(each) && each.startsWith(`${config.name}/`)) world.delete(each);
    }
    if (verb !== "ADD") return exited(0, "");
    // An orphan's interface is made when nobody waits for the orphan any more.
    if (CNI_CONTAINERID.startsWith("slow")) await child.sleep(slowMs / 2);
    world.add(made);
    if (CNI_CONTAINERID.startsWith("slow")) await child.sleep(slowMs / 2);
    return exited(0, printJson({ cniVersion: "1.1.0", interfaces: [{ name: CNI_IFNAME, sandbox: "/ns" }] }));
  };
  const hang: Handler = async (request, child) => {
    await child.sleep(Number(request.stdin));
    return exited(0, "");
  };
  const executables = { "/bin/cni/main": delegate, "/bin/cni/side": delegate, "/bin/hang": hang };
  const one = printJson({ cniVersion: "1.1.0", name: "one", type: "side" });
  return {
    machine: createMachine({ executables, files: { "/net.d/default/one.json": one } }),
    world,
    spared,
  };
}

function validOf(config: object): string[] {
  const { name } = config as { name: string };
  const list = (config as Record<string, unknown>)["cni.dev/valid-attachments"] as object[];
  return (list as { containerID: string; ifname: string }[]).map(
    ({ containerID, ifname }) => `${name}/${containerID}/${ifname}`,
  );
}

const config = {
  cniVersion: "1.1.0",
  name: "pods",
  type: "hawser",
  definitionsDir: "/net.d",
  stateDir,
  networks: ["one"],
  delegate: { type: "main" },
};

async function call({ machine }: Scene, verb: "ADD" | "DEL" | "GC", id: string, more: object = {}) {
  const process = machine.spawn();
  const startMs = machine.clock.monotonicMs();
  const outcome = await run(process, verb, id, more);
  const tookMs = machine.clock.monotonicMs() - startMs;
  machine.kill(process.pid);
  return { outcome, tookMs, warnings: process.warnings };
}

const run = (process: FakeProcess, verb: PluginVerb, containerId: string, more: object) =>
  callIn(process, { verb, containerId, config: { ...config, ...more } });

const nothingValid = { "cni.dev/valid-attachments": [] };
const whole = (id: string): string[] => [`one/${id}/net1`, `pods/${id}/eth0`];
const of = ({ world }: Scene, id: string): string[] =>
  [...world].filter((each) => each.includes(`/${id}/`)).sort();

describe("while one ADD takes 75 s", () => {
  test("GC gets through, spares what the ADD makes, and other pods start at once", async () => {
    const made = scene();
    const { machine } = made;
    const slow = call(made, "ADD", "slow");
    await machine.clock.sleep(100);
    const collecting = call(made, "GC", "", nothingValid);
    const waits: number[] = [];
    for (let count = 0; count < 20; count++) {
      const { outcome, tookMs } = await call(made, "ADD", `pod${count}`);
      expect(outcome).toMatchObject({ ok: true });
      waits.push(tookMs);
      await machine.clock.sleep(200);
    }
    expect(Math.max(...waits)).toBeLessThan(1500);
    const { outcome, tookMs, warnings } = await collecting;
    expect(outcome).toMatchObject({ ok: true });
    expect(tookMs).toBeLessThan(10_000);
    expect(warnings).toEqual([
      expect.stringContaining("leaves container slow alone"),
      expect.stringContaining("beside operations on slow"),
    ]);
    expect(made.spared.every((valid) => valid.some((each) => each.includes("/slow/")))).toBe(true);
    expect((await slow).outcome).toMatchObject({ ok: true });
    expect(of(made, "slow")).toEqual(whole("slow"));
    for (let count = 0; count < 20; count++) expect(of(made, `pod${count}`)).toEqual(whole(`pod${count}`));
  });

  test("GC spares the ADD's container, though it is not listed, and removes others", async () => {
    const made = scene();
    await call(made, "ADD", "gone");
    const slow = call(made, "ADD", "slow");
    await made.machine.clock.sleep(100);
    expect((await call(made, "GC", "", nothingValid)).outcome).toMatchObject({ ok: true });
    expect(of(made, "gone")).toEqual([]);
    expect((await slow).outcome).toMatchObject({ ok: true });
    expect(of(made, "slow")).toEqual(whole("slow"));
    // The slow ADD has ended. So the next GC may collect it.
    expect((await call(made, "GC", "", nothingValid)).outcome).toMatchObject({ ok: true });
    expect([...made.world]).toEqual([]);
  });

  test("and slow ADDs follow one another, GC gets through all the same", async () => {
    const made = scene({ slowMs: 5000 });
    const slow = async (): Promise<void> => {
      for (let count = 0; count < 6; count++) await call(made, "ADD", `slow${count}`);
    };
    const all = [slow(), made.machine.clock.sleep(2500).then(slow)];
    const { outcome, tookMs } = await call(made, "GC", "", nothingValid);
    expect(outcome).toMatchObject({ ok: true });
    expect(tookMs).toBeLessThan(10_000);
    await Promise.all(all);
  });
});

test("an ADD that has its lock before GC, and its record after GC has looked, waits with its first delegate", async () => {
  const made = scene({ gcMs: 3000 });
  const { machine } = made;
  const slow = call(made, "ADD", "slow");
  // The late ADD waits while it holds its lock: a killed operation on its container has left a process running.
  const killed = machine.spawn();
  await lockContainer(killed.sys, stateDir, "late", 1000);
  killed.crashAt(killed.effects().length, "half");
  const request = {
    executable: "/bin/hang",
    args: [],
    env: operationEnvironment(killed.sys),
    stdin: "60000",
  };
  await expect(
    killed.sys.processes.run({ ...request, timeoutMs: 90_000, maxOutputBytes: 9 }),
  ).rejects.toThrow(Crash);
  await machine.clock.sleep(100);
  const collecting = call(made, "GC", "", nothingValid);
  await machine.clock.sleep(2400);
  const late = call(made, "ADD", "late");
  expect((await collecting).outcome).toMatchObject({ ok: true });
  expect((await late).outcome).toMatchObject({ ok: true });
  expect((await slow).outcome).toMatchObject({ ok: true });
  expect(of(made, "late")).toEqual(whole("late"));
  expect(made.spared[0]).not.toContain("pods/late/eth0");
});

test("a GC whose delegates are slow lets pods start between two of them", async () => {
  const made = scene({ gcMs: 20_000 });
  await call(made, "ADD", "a");
  const collecting = call(made, "GC", "", {
    "cni.dev/valid-attachments": [{ containerID: "a", ifname: "eth0" }],
  });
  await made.machine.clock.sleep(1000);
  const { outcome, tookMs } = await call(made, "ADD", "b");
  expect(outcome).toMatchObject({ ok: true });
  expect(tookMs).toBeLessThan(21_000);
  expect((await collecting).outcome).toMatchObject({ ok: true });
  expect(of(made, "b")).toEqual(whole("b"));
});

test("a delegate's GC that hangs is ended after 30 s, and told", async () => {
  const made = scene({ gcMs: 500_000 });
  await call(made, "ADD", "a");
  const { outcome, tookMs } = await call(made, "GC", "", nothingValid);
  expect(outcome).toMatchObject({ ok: false, error: { id: "delegate.timeout" } });
  expect(tookMs).toBeLessThan(65_000);
});

describe("GC and an ADD that meet at any moment", () => {
  test.each([0, 50, 5000])("leave the whole pod of the ADD (GC of a network takes %i ms)", async (gcMs) => {
    const counting: string[] = [];
    const first = scene({ gcMs });
    await call(first, "ADD", "old");
    await run(first.machine.spawn({ onCall: (each) => counting.push(each) }), "ADD", "new", {});
    // After the commit the runtime would have listed the pod.
    const commit = counting.findLastIndex((each) => each.startsWith("rename") && each.endsWith("@eth0.json"));
    for (const [first_, second] of [
      ["ADD", "GC"],
      ["GC", "ADD"],
    ] as const) {
      for (let at = 0; at < commit; at++) {
        const made = scene({ gcMs });
        await call(made, "ADD", "old");
        const others: Promise<unknown>[] = [];
        let count = 0;
        const more = (verb: string) => (verb === "GC" ? nothingValid : {});
        const process = made.machine.spawn({
          onCall: () => {
            if (count++ === at)
              others.push(call(made, second, "new", more(second)).then(({ outcome }) => outcome));
          },
        });
        const own = await run(process, first_, "new", more(first_));
        made.machine.kill(process.pid);
        expect(own, `${first_} with ${second} at call ${at}`).toMatchObject({ ok: true });
        for (const other of await Promise.all(others)) expect(other).toMatchObject({ ok: true });
        expect(of(made, "new"), `${first_} with ${second} at call ${at}`).toEqual(whole("new"));
        expect(of(made, "old")).toEqual(others.length === 0 ? expect.anything() : []);
      }
    }
  });
});

interface Tally {
  pods: number;
  kills: number;
  collections: number;
}

type Attempt = (
  verb: "ADD" | "DEL" | "GC",
  id: string,
  onLook?: () => void,
  more?: object,
) => Promise<boolean>;

/** Runs verbs that may be killed at any call, or while a delegate runs. Nobody waits for a delegate that outlives its verb. */
function killing(made: Scene, pick: (count: number) => number, tally: Tally): Attempt {
  const { machine } = made;
  return (verb, id, onLook, more = {}) => {
    const deadline = pick(4) === 0 ? pick(120) : Number.POSITIVE_INFINITY;
    let calls = 0;
    let tell = (_isDone: boolean): void => {};
    const killed = new Promise<boolean>((resolve) => {
      tell = resolve;
    });
    const kill = (): void => {
      if (process.isDead()) return;
      tally.kills++;
      machine.kill(process.pid);
      tell(false);
    };
    const process = machine.spawn({
      onCall: (each) => {
        if (each === `list ${stateDir}`) onLook?.();
        if (calls++ >= deadline) kill();
      },
    });
    if (pick(4) === 0) void machine.clock.sleep(pick(2500)).then(kill);
    const ended = run(process, verb, id, more).then(
      (outcome) => {
        machine.kill(process.pid);
        if (verb !== "ADD") expect(outcome.ok, JSON.stringify(outcome)).toBe(true);
        return outcome.ok;
      },
      (error: unknown) => {
        if (error instanceof Crash) return false;
        throw error;
      },
    );
    return Promise.race([ended, killed]);
  };
}

/** Pods come and go while GC runs again and again. */
async function life(seed: number): Promise<Tally> {
  const chance = createChance(seed);
  const pick = (count: number): number => Math.floor(chance() * count);
  const made = scene({ slowMs: 5 + pick(4000), gcMs: pick(3) * pick(1500) });
  const { machine } = made;
  const live = new Set<string>();
  const excused = new Set<string>();
  const tally = { pods: 0, kills: 0, collections: 0 };
  const attempt = killing(made, pick, tally);
  const pod = async (id: string): Promise<void> => {
    await machine.clock.sleep(pick(6000));
    if (await attempt("ADD", id)) {
      live.add(id);
      tally.pods++;
      await machine.clock.sleep(pick(5000));
      if (!excused.has(id)) expect(of(made, id), `${id} while it lives`).toEqual(whole(id));
      live.delete(id);
    }
    while (!(await attempt("DEL", id))) await machine.clock.sleep(pick(100));
    expect(of(made, id), `${id} after its DEL`).toEqual([]);
  };
  const collect = async (): Promise<void> => {
    for (let count = 0; count < 4; count++) {
      await machine.clock.sleep(pick(2500));
      const listed = [...live];
      // A pod may start between the runtime's list and this look. It is not in the list, and GC may collect it.
      const look = (): void => {
        for (const id of live) if (!listed.includes(id)) excused.add(id);
      };
      const valid = listed.map((containerID) => ({ containerID, ifname: "eth0" }));
      if (await attempt("GC", "", look, { "cni.dev/valid-attachments": valid })) tally.collections++;
    }
  };
  const names = Array.from({ length: 12 }, (_, at) => (at % 4 === 0 ? `slow${at}` : `pod${at}`));
  await Promise.all([...names.map(pod), collect(), collect()]);
  await machine.clock.sleep(10_000);
  expect([...made.world], "in the end").toEqual([]);
  return tally;
}

test("property: whatever comes together and is killed, no pod loses what it has, and nothing outlives its DEL", async () => {
  const sum = { pods: 0, kills: 0, collections: 0 };
  await fc.assert(
    fc.asyncProperty(fc.integer({ min: 0, max: 2 ** 31 - 1 }), async (seed) => {
      const tally = await life(seed);
      sum.pods += tally.pods;
      sum.kills += tally.kills;
      sum.collections += tally.collections;
    }),
    { numRuns: 60 },
  );
  expect(sum.pods).toBeGreaterThan(200);
  expect(sum.kills).toBeGreaterThan(50);
  expect(sum.collections).toBeGreaterThan(100);
});
