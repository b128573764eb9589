import { execFileSync, spawn } from "node:child_process";
import * as fs from "node:fs";
import * as os from "node:os";
import * as path from "node:path";
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { linux } from "./linux.ts";
import { must } from "./outcome-testing.ts";
import type { RunReport, RunRequest } from "./sys.ts";

vi.setConfig({ testTimeout: 60_000 });

const here = import.meta.dirname;
/** Long enough for a loaded machine. */
const patiently = { interval: 5, timeout: 20_000 };

let folder: string;
beforeEach(() => {
  folder = fs.mkdtempSync(path.join(os.tmpdir(), "hawser-run-"));
});
afterEach(() => {
  // The process that a failed test has left running.
  const left = fs.existsSync(`${folder}/pid`) ? Number(fs.readFileSync(`${folder}/pid`, "utf8")) : 0;
  if (left > 0 && isRunning(left)) process.kill(left, "SIGKILL");
  fs.rmSync(folder, { recursive: true });
});

const base = { args: [], env: {}, stdin: "", timeoutMs: 20_000, maxOutputBytes: 4_000_000 };

/** A delegate written in shell. */
function script(text: string, name = "delegate"): string {
  const file = `${folder}/${name}`;
  fs.writeFileSync(file, `#!/bin/sh\n${text}\n`, { mode: 0o755 });
  return file;
}

async function run(text: string, change: Partial<RunRequest> = {}): Promise<RunReport> {
  return must(await linux.processes.run({ ...base, executable: script(text), ...change }));
}

function isRunning(pid: number): boolean {
  const file = `/proc/${pid}/stat`;
  const stat = fs.existsSync(file) ? fs.readFileSync(file, "utf8") : ") Z";
  return !stat.slice(stat.lastIndexOf(")")).startsWith(") Z");
}

/** Files of this process in the folders for scratch files. */
function scratchFiles(): string[] {
  const folders = ["/run", "/dev/shm", "/tmp"].filter((each) => fs.existsSync(each));
  return folders.flatMap((each) =>
    fs.readdirSync(each).filter((name) => name.startsWith(`hawser-${process.pid}-`)),
  );
}

describe("what goes in and comes out", () => {
  test.each([
    ["nothing", ""],
    ["a document", '{"cniVersion":"1.1.0","big":12345678901234567890}'],
    ["no line end added, none lost", "\n a\r\n\n"],
    ["every byte of UTF-8 and NUL", "a\0\u00e4\u{1f6a2}"],
    ["1 MB", `${"0123456789abcdef".repeat(65_536)}end`],
  ])("stdin arrives as it is: %s", async (_what, stdin) => {
    const report = await run("exec cat", { stdin });
    expect(report.stdout === stdin).toBe(true);
    expect(report.end).toEqual({ kind: "exited", code: 0 });
  });

  test("the environment is exactly what is given", async () => {
    const env = { CNI_COMMAND: "ADD", CNI_ARGS: "A=b;C=d e\nf", EMPTY: "" };
    const report = await run("", { executable: "/usr/bin/env", args: ["-0"], env });
    const seen = report.stdout.split("\0").filter((line) => line !== "");
    expect(seen.sort()).toEqual(["CNI_ARGS=A=b;C=d e\nf", "CNI_COMMAND=ADD", "EMPTY="]);
  });

  test("of a brief child's engine nothing is compiled, unless its environment says so itself", async () => {
    const said = 'echo "$BUN_JSC_useJIT"; tr "\\0" "\\n" < /proc/$$/environ | head -n 1';
    expect((await run(said, { env: { A: "1" }, isBrief: true })).stdout).toBe("0\nA=1\n");
    expect((await run(said, { env: { A: "1", BUN_JSC_useJIT: "1" }, isBrief: true })).stdout).toBe(
      "1\nA=1\n",
    );
    expect((await run(said, { env: { A: "1" } })).stdout).toBe("\nA=1\n");
  });

  test("arguments arrive one by one", async () => {
    const report = await run('printf "%s|" "$@"', { args: ["a b", "", "c"] });
    expect(report.stdout).toBe("a b||c|");
  });

  test("stdout and stderr are kept apart", async () => {
    const report = await run("echo result; echo complaint >&2");
    expect([report.stdout, report.stderr]).toEqual(["result\n", "complaint\n"]);
  });

  test("many at once keep to themselves", async () => {
    const stdins = Array.from({ length: 8 }, (_, index) => `config ${index}`);
    const executable = script("exec cat");
    const reports = await Promise.all(
      stdins.map((stdin) => linux.processes.run({ ...base, executable, stdin })),
    );
    expect(reports.map((report) => (report.ok ? report.value.stdout : report.error.code))).toEqual(stdins);
  });
});

describe("how it ends", () => {
  test.each([0, 1, 7, 255])("exit code %i", async (code) => {
    expect((await run(`exit ${code}`)).end).toEqual({ kind: "exited", code });
  });

  test.each(["SIGKILL", "SIGTERM", "SIGSEGV"])("by %s", async (signal) => {
    expect((await run(`kill -${signal.slice(3)} $$`)).end).toEqual({ kind: "signalled", signal });
  });

  test("past its time, it and its whole process group are killed, what it said is kept", async () => {
    const text = `echo $$; sleep 300 & echo $!; trap "" TERM; wait`;
    const report = await run(text, { timeoutMs: 1000 });
    expect(report.end).toEqual({ kind: "timed-out" });
    const pids = report.stdout.trim().split("\n").map(Number);
    expect(pids.length).toBe(2);
    await expect.poll(() => pids.filter(isRunning), patiently).toEqual([]);
  });

  test("a time longer than a timer can hold is no time of zero", async () => {
    expect((await run("exit 4", { timeoutMs: 2 ** 40 })).end).toEqual({ kind: "exited", code: 4 });
  });

  test.each(["", ">&2"])("flooding %s ends it and its group", async (where) => {
    const report = await run(`sh -c 'echo $$ > ${folder}/pid; exec yes ${where}'`, { maxOutputBytes: 1000 });
    expect(report.end).toEqual({ kind: "flooded" });
    expect(report.stdout.length + report.stderr.length).toBe(1000);
    const yes = Number(fs.readFileSync(`${folder}/pid`, "utf8"));
    await expect.poll(() => isRunning(yes), patiently).toBe(false);
  });

  test("saying too much and ending before anybody looked is flooding too", async () => {
    const report = await run("printf 12345", { maxOutputBytes: 4 });
    expect(report).toMatchObject({ end: { kind: "flooded" }, stdout: "1234" });
  });

  test("what it leaves running on purpose after a proper end is left alone", async () => {
    const report = await run("sleep 300 & echo $!");
    const pid = Number(report.stdout);
    expect(report.end).toEqual({ kind: "exited", code: 0 });
    expect(isRunning(pid)).toBe(true);
    process.kill(pid, "SIGKILL");
  });
});

describe("what cannot be started is a fault", () => {
  test("ENOENT: nothing there", async () => {
    const report = await linux.processes.run({ ...base, executable: `${folder}/none` });
    expect(report).toMatchObject({ ok: false, error: { code: "ENOENT" } });
  });

  test("EACCES: not executable", async () => {
    fs.writeFileSync(`${folder}/plain`, "text", { mode: 0o644 });
    const report = await linux.processes.run({ ...base, executable: `${folder}/plain` });
    expect(report).toMatchObject({ ok: false, error: { code: "EACCES" } });
  });

  test("ETXTBSY: it is being written, and starts once it is not", async () => {
    const executable = `${folder}/busy`;
    fs.copyFileSync("/bin/true", executable);
    fs.chmodSync(executable, 0o755);
    const writing = fs.openSync(executable, "r+");
    const busy = await linux.processes.run({ ...base, executable });
    fs.closeSync(writing);
    expect(busy).toMatchObject({ ok: false, error: { code: "ETXTBSY" } });
    expect((await linux.processes.run({ ...base, executable })).ok).toBe(true);
  });

  test("nothing of it is left open", async () => {
    const open = (): number => fs.readdirSync("/proc/self/fd").length;
    await linux.processes.run({ ...base, executable: `${folder}/none` });
    const before = open();
    for (let count = 0; count < 5; count++) {
      await linux.processes.run({ ...base, executable: `${folder}/none` });
      await run("exit 0");
    }
    expect(open()).toBe(before);
  });
});

test("no scratch file is left, while it runs and after", async () => {
  const before = scratchFiles();
  const running = run(`mkfifo ${folder}/fifo; read line < ${folder}/fifo`);
  await expect.poll(() => fs.existsSync(`${folder}/fifo`), patiently).toBe(true);
  expect(scratchFiles()).toEqual(before);
  fs.writeFileSync(`${folder}/fifo`, "go\n");
  expect((await running).end.kind).toBe("exited");
  expect(scratchFiles()).toEqual(before);
});

/** The same program runs under both engines, and its caller is outside of it. */
const engines: [string, string[]][] = [
  ["node", [process.execPath, "--no-warnings"]],
  ["bun", [path.join(here, "../node_modules/.bin/bun"), "run"]],
];

describe.each(engines)("under %s", (_engine, command) => {
  const [executable = "", ...options] = command;
  const program = (text: string): string => {
    const file = `${folder}/program.ts`;
    fs.writeFileSync(file, `import { linux } from "${here}/linux.ts";\n${text}`);
    return file;
  };

  test("a delegate runs, fails, floods, and cannot be started", () => {
    const text = `
      const base = { args: [], env: { A: "1" }, stdin: "in", timeoutMs: 5000, maxOutputBytes: 100 };
      const ends = [];
      for (const executable of ["${script("cat; echo $A", "good")}", "${script("exit 3", "bad")}",
        "${script("kill -9 $$", "killed")}", "${script("exec yes", "loud")}", "${folder}/none"]) {
        const report = await linux.processes.run({ ...base, executable });
        ends.push(report.ok ? [report.value.end, report.value.stdout.slice(0, 10)] : report.error.code);
      }
      const slow = await linux.processes.run({ ...base, executable: "/bin/sleep", args: ["60"], timeoutMs: 100 });
      ends.push(slow.ok ? slow.value.end.kind : slow.error.code);
      linux.files.makeFolder("${folder}/a/b", 0o700);
      ends.push(linux.files.stat("${folder}/a/b").value.mode, linux.files.read("${folder}/none").error.code);
      ends.push(linux.files.makeFolder("${folder}/good/b", 0o700).error.code);
      ends.push(linux.files.makeFolder("${folder}/a/b", 0o700).ok);
      ends.push(linux.files.rename("${folder}/a", "${folder}/good").error.code);
      ends.push(linux.processes.isAlive(linux.processes.self()));
      console.log(JSON.stringify(ends));`;
    const said = execFileSync(executable, [...options, program(text)], { encoding: "utf8" });
    expect(JSON.parse(said)).toEqual([
      [{ kind: "exited", code: 0 }, "in1\n"],
      [{ kind: "exited", code: 3 }, ""],
      [{ kind: "signalled", signal: "SIGKILL" }, ""],
      [{ kind: "flooded" }, "y\ny\ny\ny\ny\n"],
      "ENOENT",
      "timed-out",
      0o700,
      "ENOENT",
      "ENOTDIR",
      true,
      "ENOTDIR",
      true,
    ]);
  });

  test.each(["SIGTERM", "SIGINT", "SIGHUP"] as const)(
    "%s ends the delegate, not us; an undo still runs",
    async (signal) => {
      const slow = script(
        `sleep 300 & echo $! > ${folder}/pid.new; mv ${folder}/pid.new ${folder}/pid; wait`,
        "slow",
      );
      const text = `
      const base = { args: [], env: { PATH: "/bin:/usr/bin" }, stdin: "", timeoutMs: 20000, maxOutputBytes: 100 };
      const report = await linux.processes.run({ ...base, executable: "${slow}" });
      const undo = await linux.processes.run({ ...base, executable: "${script("echo undone", "undo")}" });
      console.log(JSON.stringify([report.value.end, linux.processes.stopRequested(), undo.value.stdout]));`;
      const child = spawn(executable, [...options, program(text)], { stdio: ["ignore", "pipe", "inherit"] });
      let said = "";
      child.stdout.on("data", (data) => {
        said += data;
      });
      const ended = new Promise((resolve) => child.once("close", resolve));
      await expect.poll(() => fs.existsSync(`${folder}/pid`), patiently).toBe(true);
      child.kill(signal);
      expect(await ended).toBe(0);
      expect(JSON.parse(said)).toEqual([{ kind: "stopped", signal }, signal, "undone\n"]);
      const grandchild = Number(fs.readFileSync(`${folder}/pid`, "utf8"));
      await expect.poll(() => isRunning(grandchild), patiently).toBe(false);
    },
  );

  test("a signal that is as early as can be ends the delegate, not us", () => {
    const rude = script(`kill -TERM $PPID; echo $$ > ${folder}/pid; exec sleep 300`, "rude");
    const text = `
      const base = { args: [], env: {}, stdin: "", timeoutMs: 20000, maxOutputBytes: 100 };
      const report = await linux.processes.run({ ...base, executable: "${rude}" });
      console.log(report.value.end.kind);`;
    expect(execFileSync(executable, [...options, program(text)], { encoding: "utf8" })).toBe("stopped\n");
  });
});
