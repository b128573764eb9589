import { type ChildProcess, execFileSync, spawn } from "node:child_process";
import * as fs from "node:fs";
import { join } from "node:path";
import { afterEach, describe, expect, test, vi } from "vitest";
import { locksOf, useBed } from "../../../tools/testbed/bed.ts";
import { answerOf, call, expectSilence, type Running, start } from "../../../tools/testbed/call.ts";
import { suite } from "../../../tools/testbed/executables.ts";
import { effects, records } from "../../../tools/testbed/leftovers.ts";
import { define, hawser } from "../../../tools/testbed/networks.ts";
import {
  addPlugin,
  answer,
  awaitFile,
  callNames,
  calls,
  makeEffect,
  removeEffect,
  sleepS,
  someResult,
  wellBehaved,
} from "../../../tools/testbed/script-plugin.ts";

import { addPluginsAnd, killAt, patiently } from "./kill-testing.ts";

/**
 * The environments of other processes are evidence at most. They may be fakes, costly to read, or those of daemons, and disks
 * may refuse.
 */

const nobody = 65534;
const nothingValid = { "cni.dev/valid-attachments": [] };

suite("evidence", [], (executable) => {
  const bed = useBed({ node: false });
  const others = new Set<ChildProcess>();
  afterEach(() => {
    for (const { pid, exitCode, signalCode } of others)
      if (pid !== undefined && exitCode === null && signalCode === null) process.kill(-pid, "SIGKILL");
    others.clear();
  });

  /** Starts a process of another user, in a group of its own. */
  async function startOther(text: string, env: Record<string, string>, uid = nobody): Promise<ChildProcess> {
    const child = spawn("/bin/sh", ["-c", `${text}\necho up\nexec sleep 300`], { env, uid, detached: true });
    others.add(child);
    await new Promise((resolve) => child.stdout.once("data", resolve));
    return child;
  }

  function configuration(slow: readonly string[] = [sleepS(60)]): object {
    addPluginsAnd(bed(), slow);
    define(bed(), "green", { cniVersion: "1.1.0", name: "green", type: "slow" });
    return hawser(bed(), { delegate: { type: "main" }, networks: ["green"] });
  }

  async function killedGc(config: object): Promise<void> {
    addPlugin(bed(), "main", { ...wellBehaved(), GC: [sleepS(0.1)] });
    const running = start(bed(), executable, { verb: "GC", config: { ...config, ...nothingValid } });
    await killAt(bed(), running, "GC main");
  }

  test("an unprivileged process that calls itself a delegate of a killed operation holds nobody up", async () => {
    const config = hawser(bed(), { delegate: { type: "main" } });
    const fakes: ChildProcess[] = [];
    for (const CNI_COMMAND of ["GC", "ADD"])
      for (const HAWSER_OPERATION of ["x", "0badb007-1-1"])
        fakes.push(await startOther("", { CNI_COMMAND, CNI_CONTAINERID: "c1", HAWSER_OPERATION }));
    await killedGc(config);
    answerOf(await call(bed(), executable, { verb: "ADD", config }));
    expectSilence(await call(bed(), executable, { verb: "DEL", config }));
    expect(fakes.map(({ exitCode, signalCode }) => [exitCode, signalCode])).toEqual(
      fakes.map(() => [null, null]),
    );
  });

  test("a daemon that a successful ADD left survives the DEL of another network of its container", async () => {
    const pidFile = join(bed().root, "daemon");
    const config = configuration();
    addPlugin(bed(), "dhcp", {
      ADD: [makeEffect, `sleep 300 > /dev/null 2>&1 & echo $! > ${pidFile}`, answer(someResult())],
      DEL: [removeEffect],
    });
    const first = hawser(bed(), { name: "first", delegate: { type: "dhcp" } });
    answerOf(await call(bed(), executable, { verb: "ADD", config: first, ifname: "dhcp0" }));
    await killAt(bed(), start(bed(), executable, { verb: "ADD", config }), "ADD slow");
    expectSilence(await call(bed(), executable, { verb: "DEL", config }));
    const daemon = Number(fs.readFileSync(pidFile, "utf8"));
    expect(fs.readFileSync(`/proc/${daemon}/comm`, "utf8")).toBe("sleep\n");
    expectSilence(await call(bed(), executable, { verb: "DEL", config: first, ifname: "dhcp0" }));
    process.kill(daemon, "SIGKILL");
  });

  test("delegates carry a secret of their operation, first of all, which its lock alone knows", async () => {
    const config = configuration();
    const running = start(bed(), executable, { verb: "ADD", config });
    await vi.waitUntil(() => callNames(bed()).includes("ADD slow net1"), patiently);
    const [first] = calls(bed());
    expect(Object.keys(first?.env ?? {})[0]).toBe("HAWSER_OPERATION");
    const folder = join(locksOf(bed().stateDir), ".locks", "c1");
    const [holder = ""] = fs.readdirSync(folder);
    expect(first?.env.HAWSER_OPERATION).toMatch(new RegExp(`^${holder}-[0-9a-f]{32}$`));
    expect(fs.readFileSync(join(folder, holder), "utf8")).toBe(first?.env.HAWSER_OPERATION);
    expect(fs.statSync(join(folder, holder)).mode & 0o777).toBe(0o600);
    expect(fs.statSync(join(locksOf(bed().stateDir), ".locks")).mode & 0o777).toBe(0o700);
    running.kill("SIGKILL");
    await running.ended;
    expectSilence(await call(bed(), executable, { verb: "DEL", config }));
  });

  test("a hundred environments of 1 MB cost neither memory nor a pod its start", async () => {
    const config = hawser(bed(), { delegate: { type: "main" } });
    const env = Object.fromEntries(Array.from({ length: 120_000 }, (_, at) => [`A${at.toString(36)}`, "1"]));
    // Forks share their parent's memory, and each shows its environment.
    const forks = "i=0; while [ $i -lt 100 ]; do (read line) & i=$((i+1)); done < /dev/zero";
    await startOther(forks, { ...env, CNI_COMMAND: "GC", HAWSER_OPERATION: "x" });
    await killedGc(config);
    for (const verb of ["ADD", "DEL", "GC"] as const) {
      const running = start(bed(), executable, { verb, config: { ...config, ...nothingValid } });
      const peak = peakOf(running);
      expect((await running.ended).exitCode).toBe(0);
      expect(await peak).toBeLessThan(300_000);
    }
  });

  /** The peak of the process's memory in kilobytes, by the last look at it. */
  async function peakOf({ pid, ended }: Running): Promise<number> {
    let peak = 0;
    let isOver = false;
    void ended.then(() => {
      isOver = true;
    });
    while (!isOver) {
      try {
        const found = /VmHWM:\s+(\d+)/.exec(fs.readFileSync(`/proc/${pid}/status`, "utf8"))?.[1];
        peak = Math.max(peak, Number(found ?? 0));
      } catch {
        // The process has just ended.
      }
      await new Promise((resolve) => setTimeout(resolve, 2));
    }
    return peak;
  }

  test("while an ADD is slow GC gets through, and other pods start", async () => {
    const go = join(bed().root, "go");
    const config = configuration([makeEffect, awaitFile(go), answer(someResult())]);
    addPlugin(bed(), "main", { ...wellBehaved(), GC: [sleepS(0)] });
    const slow = start(bed(), executable, { verb: "ADD", config });
    await vi.waitUntil(() => callNames(bed()).includes("ADD slow net1"), patiently);
    const collecting = start(bed(), executable, { verb: "GC", config: { ...config, ...nothingValid } });
    const quick = hawser(bed(), { delegate: { type: "main" } });
    for (const containerId of ["c2", "c3"])
      answerOf(await call(bed(), executable, { verb: "ADD", config: quick, containerId }));
    const { exitCode, stderr } = await collecting.ended;
    expect([exitCode, stderr]).toEqual([0, expect.stringContaining("c1")]);
    expect(callNames(bed())).toContain("GC main");
    const told = calls(bed()).find(({ verb }) => verb === "GC")?.config["cni.dev/valid-attachments"];
    expect(told).toContainEqual({ containerID: "c1", ifname: "eth0" });
    fs.writeFileSync(go, "");
    answerOf(await slow.ended);
    expect(effects(bed())).toEqual(expect.arrayContaining(["main@c1@eth0", "slow@c1@net1"]));
  });

  describe("on a disk", () => {
    const mount = (...options: string[]): void =>
      void execFileSync("mount", [...options, "-t", "tmpfs", "hawser-test", bed().stateDir]);
    afterEach(() => void execFileSync("umount", [bed().stateDir]));

    async function attached(options: string): Promise<object> {
      fs.mkdirSync(bed().stateDir, { mode: 0o700 });
      mount("-o", options);
      addPlugin(bed(), "main");
      const config = hawser(bed(), { delegate: { type: "main" } });
      answerOf(await call(bed(), executable, { verb: "ADD", config }));
      return config;
    }

    test("that has become read-only DEL detaches, and says that the record stays; GC removes it later", async () => {
      const config = await attached("mode=0700");
      mount("-o", "remount,ro");
      const { exitCode, stdout, stderr } = await call(bed(), executable, { verb: "DEL", config });
      expect([exitCode, stdout, stderr]).toEqual([0, "", expect.stringContaining("stays")]);
      expect([effects(bed()), records(bed())]).toEqual([[], ["pods/c1@eth0.json"]]);
      mount("-o", "remount,rw");
      expectSilence(await call(bed(), executable, { verb: "GC", config: { ...config, ...nothingValid } }));
      expect(records(bed())).toEqual([]);
    });

    test("without an inode left DEL detaches and forgets", async () => {
      const config = await attached("mode=0700,nr_inodes=12");
      const folder = join(bed().stateDir, ".fill");
      fs.mkdirSync(folder);
      const fill = (): void => {
        for (let count = 0; ; count++) fs.writeFileSync(join(folder, String(count)), "");
      };
      expect(fill).toThrow("ENOSPC");
      expectSilence(await call(bed(), executable, { verb: "DEL", config }));
      expect([effects(bed()), records(bed())]).toEqual([[], []]);
    });
  });
});
