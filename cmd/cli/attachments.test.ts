import * as fs from "node:fs";
import * as os from "node:os";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { lockContainer } from "../../cni/lock.ts";
import { linux } from "../../sys/linux.ts";
import { fail } from "../../sys/outcome.ts";
import { must } from "../../sys/outcome-testing.ts";
import type { Sys } from "../../sys/sys.ts";
import { runCli, saveRecord, snapshot, temporaryFolder } from "./command-testing.ts";

const id = "0123456789abcdef";
let folder: ReturnType<typeof temporaryFolder>;
let stateDir: string;

beforeEach(() => {
  folder = temporaryFolder(os.tmpdir());
  stateDir = `${folder.path}/state`;
});
afterEach(() => folder.remove());

function attachments(...more: string[]) {
  return runCli(["attachments", "--state-dir", stateDir, ...more]);
}

function corrupt(path: string): void {
  fs.writeFileSync(path, fs.readFileSync(path, "utf8").replace("10.2.0.5", "10.2.0.6"));
}

describe("hawser attachments", () => {
  test("one line an interface", async () => {
    saveRecord(stateDir, id);
    saveRecord(stateDir, "other", { pod: undefined });
    expect(await attachments()).toEqual({
      exitCode: 0,
      stderr: "",
      stdout: `\
NETWORK  POD          CONTAINER     INTERFACE  ATTACHED TO      ADDRESSES    STATE     SINCE
pods     default/web  0123456789ab  eth0       pods             10.1.0.5/16  attached  2026-08-01 12:00:00Z
                                    net1       default/storage  10.2.0.5/16
pods     -            other         eth0       pods             10.1.0.5/16  attached  2026-08-01 12:00:00Z
                                    net1       default/storage  10.2.0.5/16
`,
    });
  });

  test("for machines", async () => {
    const path = saveRecord(stateDir, id);
    const { stdout } = await attachments("--json");
    expect(JSON.parse(stdout)).toEqual({
      stateDir,
      attachments: [
        {
          network: "pods",
          containerId: id,
          ifname: "eth0",
          path,
          state: "attached",
          pod: { namespace: "default", name: "web" },
          since: "2026-08-01 12:00:00Z",
          interfaces: [
            { ifname: "eth0", role: "primary", network: "pods", addresses: ["10.1.0.5/16"] },
            { ifname: "net1", role: "secondary", network: "default/storage", addresses: ["10.2.0.5/16"] },
          ],
        },
      ],
    });
  });

  test("an empty folder and a missing one are told apart", async () => {
    expect((await attachments()).stdout).toBe(
      `No attachments are recorded in ${stateDir}: there is no such folder.\n`,
    );
    fs.mkdirSync(stateDir);
    expect(await attachments()).toMatchObject({
      exitCode: 0,
      stdout: `No attachments are recorded in ${stateDir}: it is empty.\n`,
    });
  });

  test("a corrupt record is shown as such, left as it is, and told what to do about", async () => {
    const path = saveRecord(stateDir, id);
    corrupt(path);
    const before = snapshot(stateDir);
    const { exitCode, stdout } = await attachments();
    expect(exitCode).toBe(1);
    expect(stdout).toMatch(/^pods {5}\? {4}0123456789ab {2}eth0 .* corrupt {2}\?$/m);
    expect(stdout).toContain(`corrupt ${path}: its checksum does not match its content\n  Delete the pod: `);
    expect(snapshot(stateDir)).toEqual(before);
  });

  test("a record of an unknown format is a newer hawser's: its DEL fails until that is back", async () => {
    const path = saveRecord(stateDir, id, { format: 99 });
    const { exitCode, stdout } = await attachments("--json");
    expect(exitCode).toBe(1);
    expect(JSON.parse(stdout).attachments[0]).toMatchObject({
      state: "newer",
      why: "it is not of a format that this version of hawser knows",
      advice: expect.stringMatching(/install it again, then delete the pod/),
    });
    const shown = await attachments("show", id);
    expect(shown).toMatchObject({ exitCode: 1, stdout: expect.stringContaining('"format": 99') });
    expect(shown.stdout.startsWith(`${path} (newer)\n`)).toBe(true);
  });

  test("what a newer hawser's DEL has given up is not attached any more", async () => {
    const path = saveRecord(stateDir, id, { format: 99 });
    fs.renameSync(path, `${path}.leftover-1785585600000`);
    expect((await attachments()).stdout).toContain("only that version's GC goes on trying");
    expect(await attachments("--quiet")).toMatchObject({ stdout: "" });
  });

  test("a record that the machine does not let us read may be whole: nobody is told to delete the pod", async () => {
    const path = saveRecord(stateDir, id);
    const fault = { code: "EIO", message: "EIO: i/o error, read" };
    const read: Sys["files"]["read"] = (at, ...more) =>
      at === path ? fail(fault) : linux.files.read(at, ...more);
    const sys = { ...linux, files: { ...linux.files, read } };
    const args = ["--state-dir", stateDir];
    const { exitCode, stdout } = await runCli(["attachments", ...args], { sys });
    expect(exitCode).toBe(1);
    expect(stdout).toContain(`unread ${path}: it cannot be read: EIO: i/o error, read\n  See why: `);
    expect(stdout).not.toContain("Delete the pod");
    expect(await runCli(["attachments", "show", id, ...args], { sys })).toMatchObject({
      exitCode: 1,
      stdout: expect.stringContaining(`${path} (unread)\n  it cannot be read: EIO`),
    });
  });

  test("one that was moved aside is shown, and is no failure", async () => {
    const path = saveRecord(stateDir, id);
    fs.renameSync(path, `${path}.torn-1785585600000`);
    const { exitCode, stdout } = await attachments();
    expect(exitCode).toBe(0);
    expect(stdout).toContain(`moved aside ${path}.torn-1785585600000\n`);
  });

  test("what a DEL has given up is shown with its reason, and is no failure", async () => {
    const path = saveRecord(stateDir, id, { leftOver: "DEL of plugin x: it is not there" });
    fs.renameSync(path, `${path}.leftover-1785585600000`);
    const { exitCode, stdout } = await attachments();
    expect(exitCode).toBe(0);
    expect(stdout).toContain(`left over ${path}.leftover-1785585600000: DEL of plugin x: it is not there\n`);
    expect(stdout).toMatch(/GC goes on trying/);
    const [document] = JSON.parse((await attachments("--json")).stdout).attachments;
    expect(document).toMatchObject({ state: "left over", why: "DEL of plugin x: it is not there" });
    expect((await attachments("show", id)).stdout).toContain('"leftOver"');
  });

  test("begun and not finished: interrupted, unless a live process is at work on it", async () => {
    saveRecord(stateDir, id, { phase: "begun" });
    expect((await attachments()).stdout).toContain("  interrupted  ");
    const lock = must(await lockContainer(anotherProcess(process.ppid), stateDir, id, 1000));
    const {
      attachments: [shown],
    } = JSON.parse((await attachments("--json")).stdout);
    expect(shown).toMatchObject({ state: "at work", pids: [process.ppid] });
    lock.release();
  });
});

/** This machine as seen by another live process. */
function anotherProcess(pid: number): Sys {
  const self = () => {
    const [boot] = linux.processes.self().split("-");
    const stat = fs.readFileSync(`/proc/${pid}/stat`, "utf8");
    return `${boot}-${pid}-${stat.slice(stat.lastIndexOf(")") + 2).split(" ")[19]}`;
  };
  return { ...linux, processes: { ...linux.processes, self, pid: () => pid } };
}

describe("hawser attachments show", () => {
  const show = (container: string, ...more: string[]) =>
    runCli(["attachments", "show", container, "--state-dir", stateDir, ...more]);

  test("the whole record, by the beginning of the ID", async () => {
    const path = saveRecord(stateDir, id, { unheardOf: 1 });
    const { exitCode, stdout } = await show("0123");
    expect(exitCode).toBe(0);
    expect(stdout.startsWith(`${path} (attached)\n{\n`)).toBe(true);
    expect(stdout).toContain('"unheardOf": 1');
    const document = JSON.parse((await show("0123", "--json")).stdout);
    expect(document).toMatchObject([{ path, state: "attached", record: { containerId: id, format: 1 } }]);
  });

  test("the record without the secrets that it keeps for DEL", async () => {
    saveRecord(stateDir, id, { unheardOf: { etcd_password: "hunter22", env: "PASSWORD=hunter22;X=y" } });
    for (const more of [[], ["--json"]]) {
      const { stdout } = await show("0123", ...more);
      expect(stdout).not.toContain("hunter22");
      expect(stdout).toContain('"env": "PASSWORD=(secret);X=y"');
    }
  });

  test("an ID that is all of one and the beginning of another means the one", async () => {
    const short = saveRecord(stateDir, "0123");
    saveRecord(stateDir, id);
    const { exitCode, stdout } = await show("0123");
    expect(exitCode).toBe(0);
    expect(stdout.split("\n")[0]).toBe(`${short} (attached)`);
    expect(stdout).not.toContain(id);
  });

  test.each([
    ["nobody", "holds no record of it", "cli.no-container"],
    ["01", "2 containers begin so", "cli.ambiguous"],
  ])("%s: %s", async (container, why, errorId) => {
    saveRecord(stateDir, id);
    saveRecord(stateDir, "01ff");
    const { exitCode, stdout, stderr } = await show(container);
    expect({ exitCode, stdout }).toEqual({ exitCode: 1, stdout: "" });
    expect(stderr).toContain(why);
    expect(stderr).toContain(`(code 3, ${errorId})`);
  });

  test("a corrupt one is told, not thrown", async () => {
    const path = saveRecord(stateDir, id);
    fs.writeFileSync(path, "");
    expect(await show(id)).toMatchObject({
      exitCode: 1,
      stdout: expect.stringContaining(`${path} (corrupt)\n  it is empty\n`),
    });
  });
});

describe("hawser attachments --wait", () => {
  /** A clock whose sleeps end at once. `onSleep` gets the number of sleeps so far. */
  function waiting(onSleep: (count: number) => void): Sys {
    let nowMs = 0;
    let count = 0;
    const sleepUnlessStopped = async (durationMs: number) => {
      nowMs += durationMs;
      onSleep(++count);
      return undefined;
    };
    return { ...linux, clock: { ...linux.clock, monotonicMs: () => nowMs, sleepUnlessStopped } };
  }
  const wait = (sys: Sys, ...more: string[]) =>
    runCli(["attachments", "--state-dir", stateDir, "--wait", "10s", ...more], { sys });

  test("returns when the last record has gone", async () => {
    const paths = [saveRecord(stateDir, id), saveRecord(stateDir, "other")];
    let slept = 0;
    const sys = waiting((count) => {
      slept = count;
      const path = paths.pop();
      if (path !== undefined) fs.rmSync(path);
    });
    expect(await wait(sys)).toMatchObject({ exitCode: 0, stderr: "" });
    expect(slept).toBe(2);
  });

  test("with nothing attached it waits for nothing; one that was moved aside is nothing", async () => {
    const path = saveRecord(stateDir, id);
    fs.renameSync(path, `${path}.torn-1`);
    let slept = 0;
    const sys = waiting((count) => {
      slept = count;
    });
    expect(await wait(sys)).toMatchObject({ exitCode: 0 });
    expect(slept).toBe(0);
  });

  test("when the time is over: status 1, what is there, and what to do", async () => {
    saveRecord(stateDir, id);
    const { exitCode, stdout, stderr } = await wait(waiting(() => undefined));
    expect({ exitCode, stderr }).toEqual({ exitCode: 1, stderr: expect.stringContaining("drain the node") });
    expect(stdout).toContain("0123456789ab");
  });

  test("a record that cannot be used is waited for, and its advice is pointed at", async () => {
    saveRecord(stateDir, id, { format: 99 });
    const { exitCode, stderr } = await wait(
      waiting(() => undefined),
      "--quiet",
    );
    expect(exitCode).toBe(1);
    expect(stderr).toContain("some records cannot be used: hawser attachments says what to do about each");
  });

  test("--quiet: container IDs, each once and whole", async () => {
    saveRecord(stateDir, id);
    saveRecord(stateDir, id, { ifname: "eth1" });
    saveRecord(stateDir, "other");
    expect(await attachments("-q")).toEqual({ exitCode: 0, stderr: "", stdout: `${id}\nother\n` });
  });

  test("a duration that is none", async () => {
    const { exitCode, stderr } = await attachments("--wait", "long");
    expect(exitCode).toBe(2);
    expect(stderr).toContain("--wait long is no duration");
  });
});
