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

/** A child that lives until its stdin is closed. */
async function startChild(
  env: Record<string, string> = {},
  { uid = process.getuid?.() ?? 0, wrapper = [] }: { uid?: number; wrapper?: string[] } = {},
): Promise<{ pid: number; end: () => Promise<void> }> {
  const [program = "", ...args] = [...wrapper, "/bin/sh", "-c", "echo up; read line"];
  const child = spawn(program, args, { env, uid, stdio: ["pipe", "pipe", "ignore"] });
  const ended = new Promise<void>((resolve) => child.once("exit", () => resolve()));
  await new Promise((resolve) => child.stdout.once("data", resolve));
  if (child.pid === undefined) throw new Error("the child did not start");
  const end = async (): Promise<void> => {
    child.stdin.end();
    await ended;
  };
  return { pid: child.pid, end };
}

function startOf(pid: number): string | undefined {
  return fs.readFileSync(`/proc/${pid}/stat`, "utf8").split(") ")[1]?.split(" ")[19];
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
    const identity = `${processes.self().split("-")[0]}-${child.pid}-${startOf(child.pid)}`;
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
      expect(processes.isAlive(`${processes.self().split("-")[0]}-${zombie}-${startOf(zombie)}`)).toBe(false);
    } finally {
      parent.kill("SIGKILL");
      await ended;
    }
  });
});

describe("processes", () => {
  const variable = "HAWSER_TEST";

  test("are found by a variable of their environment, and killed as what they are", async () => {
    const value = random.hex(32);
    const child = await startChild({ [variable]: value, CNI_ARGS: "A=1;B=2", EMPTY: "" });
    const other = await startChild({ [variable]: `${value}0`, [`X${variable}`]: value });
    const found = await processes.find(variable, ["x", value]);
    expect(found).toEqual([{ pid: child.pid, startTicks: startOf(child.pid), value }]);
    for (const end of [child.end, other.end]) await end();
    expect(await processes.find(variable, [value])).toEqual([]);
  });

  test.each<[string, { uid?: number; wrapper?: string[] }]>([
    ["another user's", { uid: 65534 }],
    // The kernel gives root the folder of a process that hides itself; its users are what they are.
    ["another user's that hides itself", { wrapper: ["/usr/bin/setpriv", "--ruid", "65534"] }],
    ["another PID namespace's", { wrapper: ["/usr/bin/unshare", "--pid", "--fork", "--kill-child"] }],
  ])("that are %s are no evidence, whatever they say", async (_what, how) => {
    const value = random.hex(32);
    const child = await startChild({ [variable]: value }, how);
    const own = await startChild({ [variable]: value });
    // `unshare` itself stays in ours.
    const found = (await processes.find(variable, [value])).map(({ pid }) => pid);
    const isWaiting = how.wrapper?.includes("--fork") === true;
    expect(found.sort()).toEqual([own.pid, ...(isWaiting ? [child.pid] : [])].sort());
    await own.end();
    await child.end();
  });

  test("are looked into no further than 128 KiB, and hostile ones cost little", async () => {
    const value = random.hex(32);
    const long = Object.fromEntries(Array.from({ length: 12 }, (_, at) => [`A${at}`, "x".repeat(100_000)]));
    const hidden = await startChild({ ...long, [variable]: value });
    const first = await startChild({ [variable]: value, ...long });
    expect((await processes.find(variable, [value])).map(({ pid }) => pid)).toEqual([first.pid]);
    await hidden.end();
    await first.end();
  });

  test("are not killed in place of one that has ended", async () => {
    const child = spawn("/bin/sleep", ["60"]);
    const ended = new Promise((resolve) => child.once("exit", (_code, signal) => resolve(signal)));
    const pid = child.pid ?? 0;
    const startTicks = startOf(pid) ?? "";
    expect(processes.kill({ pid, startTicks: "1" }, "SIGKILL")).toMatchObject({ error: { code: "ESRCH" } });
    expect(processes.kill({ pid, startTicks }, "SIGKILL").ok).toBe(true);
    expect(await ended).toBe("SIGKILL");
    expect(processes.kill({ pid, startTicks }, "SIGKILL")).toMatchObject({ error: { code: "ESRCH" } });
  });

  test("have an operation that names them and holds a secret", () => {
    const operation = processes.operation();
    expect(operation).toBe(processes.operation());
    expect(operation.slice(0, -32)).toBe(`${processes.self()}-`);
    expect(operation.slice(-32)).toMatch(/^[0-9a-f]{32}$/);
    expect(processes.isAlive(operation)).toBe(false);
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
