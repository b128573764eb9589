import { describe, expect, test } from "vitest";
import { Crash, type CrashPoint, createFake, createMachine, exited } from "./fake.ts";
import type { Loss } from "./fake-files.ts";
import type { RunRequest, Sys } from "./sys.ts";

const mode = 0o600;

function request(change: Partial<RunRequest> = {}): RunRequest {
  const base = { executable: "/bin/bridge", args: [], env: { CNI_COMMAND: "ADD" }, stdin: "" };
  return { ...base, timeoutMs: 1000, maxOutputBytes: 1000, ...change };
}

/** Two effects: a write and a rename. */
function replace({ files }: Sys): void {
  files.write("/d/.new", "12345678", { mode });
  files.rename("/d/.new", "/d/record");
}

describe("effects", () => {
  test("are numbered in order, reads left out", () => {
    const fake = createFake({ files: { "/d/record": "old" } });
    fake.sys.files.read("/d/record");
    replace(fake.sys);
    expect(fake.effects()).toEqual(["write /d/.new", "rename /d/.new /d/record"]);
  });

  test("one that is to fail is not done; the next one is", () => {
    const fake = createFake({ files: { "/d/record": "old" } });
    fake.failAt(0, "ENOSPC");
    const written = fake.sys.files.write("/d/record", "new", { mode });
    expect(written).toEqual({ ok: false, error: { code: "ENOSPC", message: "ENOSPC: write /d/record" } });
    expect(fake.machine.disk.read("/d/record")).toEqual({ ok: true, value: "old" });
    expect(fake.sys.files.write("/d/record", "new", { mode }).ok).toBe(true);
  });

  const stops: [CrashPoint, number, Record<string, string>][] = [
    ["before", 0, { "/d/record": "old" }],
    ["half", 0, { "/d/.new": "1234", "/d/record": "old" }],
    ["after", 0, { "/d/.new": "12345678", "/d/record": "old" }],
    ["before", 1, { "/d/.new": "12345678", "/d/record": "old" }],
    ["half", 1, { "/d/.new": "12345678", "/d/record": "old" }],
    ["after", 1, { "/d/record": "12345678" }],
  ];
  test.each(stops)("a crash %s effect %i leaves what was done", (when, effect, left) => {
    const fake = createFake({ files: { "/d/record": "old" } });
    fake.crashAt(effect, when);
    expect(() => replace(fake.sys)).toThrow(Crash);
    const files = fake.machine.disk.paths().filter((path) => !path.endsWith("/"));
    const texts = files.map((path) => [path, fake.machine.disk.read(path)]);
    expect(texts).toEqual(Object.entries(left).map(([path, value]) => [path, { ok: true, value }]));
    expect(fake.isDead()).toBe(true);
    expect(() => fake.sys.files.read("/d/record")).toThrow(Crash);
  });

  test("reads fail by path", () => {
    const fake = createFake({ files: { "/d/record": "old", "/d/other": "fine" } });
    fake.failReads("/d/record", "EIO");
    expect(fake.sys.files.read("/d/record")).toMatchObject({ ok: false, error: { code: "EIO" } });
    expect(fake.sys.files.read("/d/other").ok).toBe(true);
  });

  test("another process gets in between, told of each call before it is done", () => {
    const calls: string[] = [];
    const machine = createMachine({ files: { "/d/record": "old" } });
    const other = machine.spawn();
    const process = machine.spawn({
      onCall: (call) => {
        calls.push(call);
        if (call.startsWith("rename")) other.sys.files.remove("/d/.new");
      },
    });
    process.sys.files.read("/d/record");
    replace(process.sys);
    expect(calls).toEqual(["read /d/record", "write /d/.new", "rename /d/.new /d/record"]);
    expect(machine.disk.read("/d/record")).toEqual({ ok: true, value: "old" });
  });
});

describe("a power loss", () => {
  const sync = true;
  const losses: [string, Loss, (sys: Sys) => void, string[], string | undefined][] = [
    ["of nothing keeps all", "nothing", (s) => replace(s), ["/d/", "/d/record"], "12345678"],
    ["takes a rename that was not synced", "unsynced", (s) => replace(s), ["/d/", "/d/record"], "old"],
    [
      "takes the bytes of a file whose name was synced",
      "unsynced",
      ({ files }) => {
        files.write("/d/file", "bytes", { mode });
        files.syncFolder("/d");
      },
      ["/d/", "/d/file", "/d/record"],
      "old",
    ],
    [
      "takes nothing that was synced",
      "unsynced",
      ({ files }) => {
        files.write("/d/.new", "new", { mode, sync });
        files.rename("/d/.new", "/d/record");
        files.syncFolder("/d");
      },
      ["/d/", "/d/record"],
      "new",
    ],
    [
      "takes a synced file in a folder that was not",
      "unsynced",
      ({ files }) => {
        files.makeFolder("/d/e", 0o700);
        files.write("/d/e/file", "new", { mode, sync });
        files.syncFolder("/d/e");
      },
      ["/d/", "/d/record"],
      "old",
    ],
  ];
  test.each(losses)("%s", (_what, lose, act, paths, record) => {
    const fake = createFake({ files: { "/d/record": "old" } });
    act(fake.sys);
    fake.machine.crash({ lose });
    expect(fake.machine.disk.paths()).toEqual(paths);
    expect(fake.machine.disk.read("/d/record")).toEqual({ ok: true, value: record });
    const written = fake.machine.disk.read("/d/file");
    expect(written).toEqual(written.ok ? { ok: true, value: "" } : expect.anything());
  });

  test("of some leaves, with the seed, each of old, new and torn", () => {
    const found = new Set<string>();
    for (let seed = 0; seed < 40; seed++) {
      const fake = createFake({ files: { "/d/record": "old" }, seed });
      replace(fake.sys);
      fake.machine.crash({ lose: "some" });
      const record = fake.machine.disk.read("/d/record");
      found.add(record.ok ? record.value : record.error.code);
    }
    expect(found).toEqual(new Set(["old", "", "1234", "12345678"]));
  });

  test("ends all processes, and after it no identity is alive", () => {
    const fake = createFake();
    const identity = fake.sys.processes.self();
    fake.machine.crash({ lose: "nothing" });
    const next = fake.machine.spawn().sys.processes;
    expect([fake.isDead(), next.isAlive(identity), next.isAlive(next.self())]).toEqual([true, false, true]);
    expect(next.self().split("-")[0]).not.toBe(identity.split("-")[0]);
  });
});

describe("time", () => {
  test("leaps to the first to wake, in order", async () => {
    const { sys, machine } = createFake({ startMs: 5000 });
    const woken: string[] = [];
    const wait = async (label: string, durationMs: number): Promise<void> => {
      await sys.clock.sleep(durationMs);
      woken.push(`${label} at ${sys.clock.monotonicMs()}`);
    };
    await Promise.all([wait("late", 60_000), wait("early", 10), wait("same", 10)]);
    expect(woken).toEqual(["early at 10", "same at 10", "late at 60000"]);
    expect(machine.clock.nowMs()).toBe(65_000);
  });

  test("does not wake a process that was killed while it slept", async () => {
    const { sys, machine, pid } = createFake();
    const sleeping = sys.clock.sleep(10);
    machine.kill(pid);
    await expect(sleeping).rejects.toThrow(Crash);
  });
});

describe("delegates", () => {
  test("answer what their handler answers, and are seen with their environment while they run", async () => {
    const fake = createFake({
      executables: {
        "/bin/bridge": async (asked, child) => {
          await child.sleep(5);
          const seen = await fake.sys.processes.find("CNI_COMMAND", ["DEL", "ADD"]);
          const isSeen = seen.map(({ pid }) => pid === child.pid);
          return exited(3, `${asked.stdin} ${seen[0]?.value} ${isSeen}`, "noise");
        },
      },
    });
    const report = await fake.sys.processes.run(request({ stdin: "config" }));
    expect(report).toEqual({ ok: true, value: exited(3, "config ADD true", "noise") });
    expect(fake.effects()).toEqual(["run /bin/bridge ADD"]);
    expect(fake.sys.files.stat("/bin/bridge")).toMatchObject({
      ok: true,
      value: { kind: "file", mode: 0o755 },
    });
    expect(await fake.sys.processes.find("CNI_COMMAND", ["ADD"])).toEqual([]);
  });

  test.each([
    ["timed-out", { timeoutMs: 50 }, { kind: "timed-out" }],
    ["flooded", { maxOutputBytes: 3 }, { kind: "flooded" }],
  ])("are %s", async (_what, change, end) => {
    const fake = createFake({
      executables: {
        "/bin/bridge": async (_asked, child) => {
          await child.sleep(100);
          return exited(0, "1234");
        },
      },
    });
    expect(await fake.sys.processes.run(request(change))).toMatchObject({ ok: true, value: { end } });
  });

  test("that do not exist cannot be started", async () => {
    const report = await createFake().sys.processes.run(request());
    expect(report).toMatchObject({ ok: false, error: { code: "ENOENT" } });
  });

  test("are ended when their caller is asked to stop", async () => {
    const fake = createFake({
      executables: { "/bin/bridge": (_asked, child) => child.sleep(100).then(() => exited(0, "")) },
    });
    const running = fake.sys.processes.run(request());
    fake.stop("SIGTERM");
    expect(await running).toMatchObject({ ok: true, value: { end: { kind: "stopped", signal: "SIGTERM" } } });
    expect(fake.sys.processes.stopRequested()).toBe("SIGTERM");
  });

  test("outlive a caller that dies, past its timeout, until somebody kills them", async () => {
    const done: string[] = [];
    const fake = createFake({
      executables: {
        "/bin/bridge": async (_asked, child) => {
          done.push("first");
          await child.sleep(5000);
          done.push("second");
          await child.sleep(5000);
          done.push("third");
          return exited(0, "");
        },
      },
    });
    fake.crashAt(0, "half");
    await expect(fake.sys.processes.run(request())).rejects.toThrow(Crash);
    expect(done).toEqual(["first"]);
    const next = fake.machine.spawn().sys;
    const [orphan] = await next.processes.find("CNI_COMMAND", ["ADD"]);
    if (orphan === undefined) throw new Error("there is no orphan");
    const another = { ...orphan, startTicks: "1" };
    expect(next.processes.kill(another, "SIGKILL")).toMatchObject({ error: { code: "ESRCH" } });
    await next.clock.sleep(7000);
    expect(done).toEqual(["first", "second"]);
    expect(next.processes.kill(orphan, "SIGKILL").ok).toBe(true);
    await next.clock.sleep(7000);
    expect(done).toEqual(["first", "second"]);
    expect(next.processes.kill(orphan, "SIGKILL")).toMatchObject({ error: { code: "ESRCH" } });
  });

  test.each<[CrashPoint, number]>([
    ["before", 0],
    ["half", 1],
    ["after", 1],
  ])("a crash %s a run runs it %i times", async (when, runs) => {
    let count = 0;
    const fake = createFake({
      executables: {
        "/bin/bridge": () => {
          count++;
          return exited(0, "");
        },
      },
    });
    fake.crashAt(0, when);
    await expect(fake.sys.processes.run(request())).rejects.toThrow(Crash);
    expect(count).toBe(runs);
  });

  test("fail to start when that is planned", async () => {
    const fake = createFake({ executables: { "/bin/bridge": () => exited(0, "") } });
    fake.failAt(0, "ETXTBSY");
    expect(await fake.sys.processes.run(request())).toMatchObject({ ok: false, error: { code: "ETXTBSY" } });
    expect(await fake.sys.processes.run(request())).toMatchObject({ ok: true });
  });
});

test("chance is the seed's", () => {
  const [one, same, other] = [7, 7, 8].map((seed) => createFake({ seed }).sys.random.hex(16));
  expect(one).toMatch(/^[0-9a-f]{16}$/);
  expect(same).toBe(one);
  expect(other).not.toBe(one);
});
