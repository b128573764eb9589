import { execFileSync, spawn } from "node:child_process";
import * as fs from "node:fs";
import * as os from "node:os";
import * as path from "node:path";
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { linux } from "./linux.ts";

vi.setConfig({ testTimeout: 60_000 });

const { processes, files, clock, random } = linux;

/** How a condition is waited for that a loaded machine may take long to reach. */
const patiently = { interval: 5, timeout: 20_000 };

let folder: string;
beforeEach(() => {
  folder = fs.mkdtempSync(path.join(os.tmpdir(), "hawser-linux-"));
});
afterEach(() => fs.rmSync(folder, { recursive: true }));

/** A child that lives until its stdin is closed; `said` is its first line. */
async function startChild(
  env: Record<string, string> = {},
): Promise<{ pid: number; end: () => Promise<void> }> {
  const child = spawn("/bin/sh", ["-c", "echo up; read line"], { env, stdio: ["pipe", "pipe", "ignore"] });
  const ended = new Promise<void>((resolve) => child.once("exit", () => resolve()));
  await new Promise((resolve) => child.stdout.once("data", resolve));
  if (child.pid === undefined) throw new Error("the child did not start");
  const end = async (): Promise<void> => {
    child.stdin.end();
    await ended;
  };
  return { pid: child.pid, end };
}

describe("identities", () => {
  test("are fit for a file name, the same every time, and alive while their process is", () => {
    const self = processes.self();
    expect(self).toMatch(/^[0-9a-z]+-\d+-\d+$/);
    expect(self.split("-")[1]).toBe(String(process.pid));
    expect(processes.self()).toBe(self);
    expect(processes.isAlive(self)).toBe(true);
  });

  test("are dead for another boot, another start, no process, or no identity at all", () => {
    const [boot, pid, start] = processes.self().split("-");
    const others = [
      `00000000-${pid}-${start}`,
      `${boot}-${pid}-1`,
      `${boot}-4194305-${start}`,
      "",
      "x",
      "a-b-c",
      `${boot}`,
      `${boot}-99999`,
      `${boot}-4194305`,
      `${boot}-${pid}`,
      `${boot}-${pid}-`,
      `${boot}-${pid}-${start}-`,
      `${boot}-${pid}-${start}-more`,
      `${boot}-0x${Number(pid).toString(16)}-${start}`,
      `${boot}- ${pid}-${start}`,
    ];
    expect(others.filter((each) => processes.isAlive(each))).toEqual([]);
  });

  test("of a child that ended are dead", async () => {
    const child = await startChild();
    const view = processes.list().find(({ pid }) => pid === child.pid);
    const identity = `${processes.self().split("-")[0]}-${child.pid}-${view?.startTicks}`;
    expect(processes.isAlive(identity)).toBe(true);
    await child.end();
    expect(processes.isAlive(identity)).toBe(false);
  });

  test("of a zombie are dead: nobody waits for one", async () => {
    execFileSync("mkfifo", [`${folder}/end`]);
    // The shell becomes a sleep, which never waits for the child that it has got.
    const text = `read line < ${folder}/end & echo $!; exec sleep 60`;
    const parent = spawn("/bin/sh", ["-c", text], { stdio: ["ignore", "pipe", "ignore"] });
    const ended = new Promise((resolve) => parent.once("exit", resolve));
    try {
      const zombie = Number(await new Promise((resolve) => parent.stdout.once("data", resolve)));
      const comm = (): string => fs.readFileSync(`/proc/${parent.pid}/comm`, "utf8").trim();
      await expect.poll(comm, patiently).toBe("sleep");
      fs.writeFileSync(`${folder}/end`, "\n");
      const state = (): string => fs.readFileSync(`/proc/${zombie}/stat`, "utf8").split(") ")[1]?.[0] ?? "";
      await expect.poll(state, patiently).toBe("Z");
      expect(processes.list().some(({ pid }) => pid === zombie)).toBe(false);
    } finally {
      parent.kill("SIGKILL");
      await ended;
    }
  });
});

describe("processes", () => {
  test("are listed with parent, start and exactly their environment", async () => {
    const env = { CNI_CONTAINERID: "c1", CNI_ARGS: "A=1;B=2", EMPTY: "" };
    const child = await startChild(env);
    const view = processes.list().find(({ pid }) => pid === child.pid);
    // The shell adds PWD and the like for its own children, not to itself.
    expect(view).toMatchObject({ pid: child.pid, parentPid: process.pid, env });
    expect(view?.startTicks).toMatch(/^[1-9]\d*$/);
    await child.end();
  });

  test("are killed, and one that is not there says so", async () => {
    const child = spawn("/bin/sleep", ["60"]);
    const ended = new Promise((resolve) => child.once("exit", (_code, signal) => resolve(signal)));
    expect(processes.kill(child.pid ?? 0, "SIGKILL").ok).toBe(true);
    expect(await ended).toBe("SIGKILL");
    expect(processes.kill(child.pid ?? 0, "SIGKILL")).toMatchObject({ ok: false, error: { code: "ESRCH" } });
  });
});

describe("files", () => {
  test("are never written through a symbolic link", () => {
    const link = `${folder}/link`;
    fs.writeFileSync(`${folder}/target`, "kept");
    fs.symlinkSync(`${folder}/target`, link);
    expect(files.write(link, "new", { mode: 0o600 })).toMatchObject({ ok: false, error: { code: "ELOOP" } });
    expect(fs.readFileSync(`${folder}/target`, "utf8")).toBe("kept");
  });

  test("stat follows a symbolic link and knows what is neither file nor folder", () => {
    fs.symlinkSync("/dev/null", `${folder}/null`);
    expect(files.stat(`${folder}/null`)).toMatchObject({ ok: true, value: { kind: "other" } });
  });

  test("a full disk is a fault", () => {
    const written = files.write("/dev/full", "text", { mode: 0o600 });
    expect(written).toMatchObject({ ok: false, error: { code: "ENOSPC" } });
  });

  test("a name that no file can have is a fault, not an exception", () => {
    expect(files.read(`${folder}/a\0b`).ok).toBe(false);
    expect(files.read(`${folder}/${"x".repeat(256)}`)).toMatchObject({ error: { code: "ENAMETOOLONG" } });
  });
});

test("the monotonic clock does not go back, and sleep is at least as long as asked", async () => {
  const before = clock.monotonicMs();
  await clock.sleep(5);
  // Timers are rounded to whole milliseconds.
  expect(clock.monotonicMs() - before).toBeGreaterThanOrEqual(4);
  expect(Math.abs(clock.nowMs() - Date.now())).toBeLessThan(10_000);
});

test.each([0, 1, 7, 32])("%i random digits are hexadecimal and not the same twice", (digits) => {
  const hex = random.hex(digits);
  expect(hex).toMatch(new RegExp(`^[0-9a-f]{${digits}}$`));
  if (digits > 8) expect(random.hex(digits)).not.toBe(hex);
});

test("what tells no size is read to its end, and what has none is not", () => {
  const status = linux.files.read("/proc/self/status");
  expect(status.ok && status.value.endsWith("\n") && status.value.length > 500).toBe(true);
  expect(linux.files.read("/proc/self/status", 100)).toMatchObject({ ok: false, error: { code: "EFBIG" } });
  expect(linux.files.read("/dev/zero", 100_000)).toMatchObject({ ok: false, error: { code: "EFBIG" } });
  expect(linux.files.read("/")).toMatchObject({ ok: false, error: { code: "EISDIR" } });
});
