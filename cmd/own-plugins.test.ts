import { beforeAll, describe, expect, test } from "vitest";
import { lockContainer } from "../cni/lock.ts";
import type { Plugin } from "../cni/plugin.ts";
import { versions } from "../cni/version.ts";
import { understood } from "../plugins/link/understood.ts";
import { createFake, exited, type Fake, type Handler } from "../sys/fake.ts";
import { ok } from "../sys/outcome.ts";
import { must } from "../sys/outcome-testing.ts";
import type { RunReport, RunRequest, Sys } from "../sys/sys.ts";
import { withOwnPlugins } from "./own-plugins.ts";
import { registry } from "./registry.ts";

const config = {
  cniVersion: "1.1.0",
  name: "n",
  type: "bridge",
  ipam: { type: "static", addresses: [{ address: "10.1.0.5/24" }] },
};
const env = {
  CNI_COMMAND: "ADD",
  CNI_CONTAINERID: "c1",
  CNI_NETNS: "/ns",
  CNI_IFNAME: "eth0",
  CNI_PATH: "/bin",
};
const request: RunRequest = {
  executable: "/bin/hawser-static",
  args: [],
  env,
  stdin: JSON.stringify(config),
  timeoutMs: 60_000,
  maxOutputBytes: 10_000,
};

/** A machine where `/bin/hawser-static` is our own file by another name. */
function ownMachine(executables: Readonly<Record<string, Handler>> = {}): Fake {
  const fake = createFake({ files: { "/proc/self/exe": "hawser" }, executables });
  fake.machine.disk.makeFolder("/bin", 0o755);
  must(fake.machine.disk.link("/proc/self/exe", "/bin/hawser-static"));
  return fake;
}

/** The registry with one more plugin, whose ADD is this. */
function withTested(add: (sys: Sys, containerId: string) => Promise<void> | void): typeof registry {
  const silent = async () => ok(undefined);
  const verbs = { del: silent, check: silent, status: silent, gc: silent };
  const tested: Plugin = {
    about: "a test's",
    versions,
    add: async (sys, { environment }) => {
      await add(sys, "containerId" in environment ? String(environment.containerId) : "");
      return ok({});
    },
    ...verbs,
  };
  return { ...registry, tested: async () => tested };
}

const asked: RunRequest = { ...request, executable: "/proc/self/exe", serveAs: "tested" };

async function run(sys: Sys, what: RunRequest): Promise<RunReport> {
  return must(await sys.processes.run(what));
}

// Time on the fake leaps while a module is loaded.
beforeAll(async () => {
  await Promise.all(Object.values(registry).map((load) => load()));
});

describe("who is served in this process", () => {
  test("our own file, by whatever path", async () => {
    const fake = ownMachine();
    const report = await run(withOwnPlugins(fake.sys), request);
    expect(report).toMatchObject({ end: { kind: "exited", code: 0 }, stderr: "" });
    expect(report.stdout).toBe('{"cniVersion":"1.1.0","ips":[{"address":"10.1.0.5/24"}]}\n');
    expect(fake.effects()).toEqual([]);
  });

  test("a plugin of ours that is asked for by its name", async () => {
    const report = await run(withOwnPlugins(createFake().sys), {
      ...asked,
      serveAs: "hawser-static",
      env: { ...env, CNI_COMMAND: "VERSION" },
    });
    expect(JSON.parse(report.stdout)).toEqual({ cniVersion: "1.1.0", supportedVersions: [...versions] });
  });

  test.each([
    ["a copy of this program", "/bin/hawser-flat", []],
    ["a name that is none of our plugins", "/bin/other", []],
    ["a call with arguments", "/bin/hawser-static", ["version"]],
  ])("not %s", async (_what, executable, args) => {
    const handler = () => exited(0, "a process");
    const fake = ownMachine({ "/bin/hawser-flat": handler, "/bin/other": handler });
    if (executable === "/bin/other") {
      must(fake.machine.disk.remove(executable));
      must(fake.machine.disk.link("/proc/self/exe", executable));
    }
    const outcome = await withOwnPlugins(fake.sys).processes.run({ ...request, executable, args });
    expect(fake.effects()).toEqual([`run ${executable} ADD`]);
    expect(outcome.ok).toBe(executable !== "/bin/hawser-static");
  });

  test("no plugin that we do not have", async () => {
    const outcome = await withOwnPlugins(createFake().sys).processes.run({ ...asked, serveAs: "dhcp" });
    expect(outcome).toMatchObject({ ok: false, error: { code: "ENOENT" } });
  });
});

test("there is a plugin of ours for each type whose fields are understood", () => {
  const names = Object.keys(understood).map((type) => `hawser-${type}`);
  expect(names.filter((name) => !Object.hasOwn(registry, name))).toEqual([]);
});

describe("its input and output", () => {
  test("its lines of stderr are made harmless, and its own error and exit status are kept", async () => {
    const plugins = withTested((sys) => {
      sys.warn("one\u001b[2J");
      sys.warn("two");
      throw new Error("no such thing");
    });
    const { end, stdout, stderr } = await run(withOwnPlugins(ownMachine().sys, plugins), asked);
    expect(end).toEqual({ kind: "exited", code: 1 });
    expect(stderr.split("\n").slice(0, 3)).toEqual(["one\\u001b[2J", "two", "Error: no such thing"]);
    expect(JSON.parse(stdout)).toMatchObject({ details: expect.any(String), code: 100 });
  });

  test("half of a character becomes what it becomes on its way through a pipe", async () => {
    const bad = { ...request, stdin: '{"cniVersion":"\ud800"}' };
    const { stdout } = await run(withOwnPlugins(ownMachine().sys), bad);
    expect(stdout).toContain("\ufffd");
    expect(stdout.isWellFormed()).toBe(true);
  });

  test("it is ended when it has said too much", async () => {
    const fake = ownMachine();
    const plugins = withTested((sys) => {
      for (let line = 0; line < 3; line++) {
        sys.warn("é".repeat(2500));
        sys.files.makeFolder(`/said/${line}`, 0o755);
      }
    });
    const report = await run(withOwnPlugins(fake.sys, plugins), asked);
    expect(report.end).toEqual({ kind: "flooded" });
    expect(report.stderr.length).toBeLessThan(request.maxOutputBytes);
    expect(fake.effects()).toEqual(["makeFolder /said/0"]);
  });
});

describe("it is ended at its next effect", () => {
  test("after its time", async () => {
    const fake = ownMachine();
    const plugins = withTested(async (sys) => {
      await sys.clock.sleep(100_000);
      sys.warn("I am still here");
      sys.files.makeFolder("/late", 0o755);
    });
    const report = await run(withOwnPlugins(fake.sys, plugins), asked);
    expect(report).toEqual({ end: { kind: "timed-out" }, stdout: "", stderr: "" });
    await fake.machine.clock.sleep(100_000);
    expect(fake.effects()).toEqual([]);
    expect(fake.warnings).toEqual([]);
  });

  test("after its time, although it never waits", async () => {
    const fake = ownMachine();
    const plugins = withTested((sys) => {
      fake.machine.clock.advance(60_000);
      sys.files.makeFolder("/late", 0o755);
    });
    expect((await run(withOwnPlugins(fake.sys, plugins), asked)).end).toEqual({ kind: "timed-out" });
    expect(fake.effects()).toEqual([]);
  });

  test("by a signal", async () => {
    const fake = ownMachine();
    const plugins = withTested(async (sys) => {
      await sys.clock.sleep(10);
      fake.stop("SIGTERM");
      sys.files.makeFolder("/late", 0o755);
    });
    const report = await run(withOwnPlugins(fake.sys, plugins), asked);
    expect(report.end).toEqual({ kind: "stopped", signal: "SIGTERM" });
    expect(fake.effects()).toEqual([]);
  });

  test("but not by a signal before it, because it is here to undo", async () => {
    const fake = ownMachine();
    fake.stop("SIGTERM");
    const plugins = withTested((sys) => {
      if (sys.processes.stopRequested() !== undefined) throw new Error("it sees a signal of before");
    });
    const report = await run(withOwnPlugins(fake.sys, plugins), asked);
    expect(report.end).toEqual({ kind: "exited", code: 0 });
  });

  test("and its own child with it", async () => {
    const slow: Handler = async (_request, child) => {
      await child.sleep(200_000);
      return exited(0, "");
    };
    const fake = ownMachine({ "/bin/dhcp": slow });
    const plugins = withTested(async (sys) => {
      await sys.clock.sleep(20_000);
      await sys.processes.run({ ...request, executable: "/bin/dhcp", timeoutMs: 500_000 });
    });
    const report = await run(withOwnPlugins(fake.sys, plugins), asked);
    expect(report.end).toEqual({ kind: "timed-out" });
    await fake.machine.clock.sleep(1);
    expect(await fake.sys.processes.find("CNI_COMMAND", ["ADD"])).toEqual([]);
  });
});

describe("locks", () => {
  test("two of one process exclude each other", async () => {
    const fake = ownMachine();
    const seen: string[] = [];
    const plugins = withTested(async (sys, containerId) => {
      const lock = must(await lockContainer(sys, "/data", "store", 5000));
      seen.push(`${containerId} in`);
      await sys.clock.sleep(100);
      seen.push(`${containerId} out`);
      lock.release();
    });
    const sys = withOwnPlugins(fake.sys, plugins);
    const reports = await Promise.all(
      ["a", "b", "c"].map((id) => run(sys, { ...asked, env: { ...env, CNI_CONTAINERID: id } })),
    );
    expect(reports.map(({ end }) => end)).toEqual(Array(3).fill({ kind: "exited", code: 0 }));
    expect(seen).toHaveLength(6);
    for (let at = 0; at < 6; at += 2) expect(seen[at]?.split(" ")[0]).toBe(seen[at + 1]?.split(" ")[0]);
  });

  test("one that was ended holds nothing any more; while this process lives, others respect it", async () => {
    const fake = ownMachine();
    const inherited: boolean[] = [];
    const plugins = withTested(async (sys, containerId) => {
      const lock = must(await lockContainer(sys, "/data", "store", 5000));
      inherited.push(lock.inherited);
      if (containerId === "c1") await sys.clock.sleep(100_000);
      lock.release();
    });
    const sys = withOwnPlugins(fake.sys, plugins);
    expect((await run(sys, asked)).end).toEqual({ kind: "timed-out" });
    const other = fake.machine.spawn();
    const taken = await lockContainer(other.sys, "/data", "store", 100);
    expect(taken).toMatchObject({ ok: false, error: { id: "lock.busy" } });
    const next = await run(sys, { ...asked, env: { ...env, CNI_CONTAINERID: "c2" } });
    expect(next.end).toEqual({ kind: "exited", code: 0 });
    expect(inherited).toEqual([false, true]);
    expect(must(await lockContainer(other.sys, "/data", "store", 100)).inherited).toBe(false);
  });

  test("once this process is dead, nobody waits for its delegates", async () => {
    const fake = ownMachine();
    const plugins = withTested(async (sys) => {
      must(await lockContainer(sys, "/data", "store", 5000));
      fake.machine.kill(fake.pid);
    });
    await run(withOwnPlugins(fake.sys, plugins), asked);
    const lock = must(await lockContainer(fake.machine.spawn().sys, "/data", "store", 100));
    expect(lock.inherited).toBe(true);
    // What the delegate started has the operation of the process.
    expect(lock.operations).toEqual([fake.sys.processes.operation()]);
  });
});
