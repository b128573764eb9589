import * as fs from "node:fs";
import { join } from "node:path";
import { expect, test, vi } from "vitest";
import { processesOf, useBed } from "../../../tools/testbed/bed.ts";
import { answerOf, call, errorOf, expectSilence, type Running, start } from "../../../tools/testbed/call.ts";
import { suite } from "../../../tools/testbed/executables.ts";
import { effects, leftovers, locks, records } from "../../../tools/testbed/leftovers.ts";
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

/** A kill during an operation. At its deadline containerd kills our process, and never the delegates that it has started. */

suite("SIGKILL while a delegate runs", [], (executable) => {
  const bed = useBed({ node: false });

  /** A configuration with the network `slow`, which runs these lines on ADD. The other networks are well-behaved. */
  function configuration(slow: readonly string[], role: "primary" | "secondary", parallel = false): object {
    addPluginsAnd(bed(), slow);
    const [main, second] = role === "primary" ? ["slow", "side"] : ["main", "slow"];
    define(bed(), "blue", { cniVersion: "1.1.0", name: "blue", type: "side" });
    define(bed(), "green", { cniVersion: "1.1.0", name: "green", type: second });
    return hawser(bed(), { delegate: { type: main }, networks: ["blue", "green"], parallel });
  }

  async function killedAdd(config: object): Promise<void> {
    const running = start(bed(), executable, { verb: "ADD", config });
    expect(await killAt(bed(), running, "ADD slow")).toMatchObject({ signal: "SIGKILL", stdout: "" });
    // The delegate goes on. The next operation has to deal with that.
    expect(processesOf(bed()).length).toBeGreaterThan(0);
    expect(records(bed())).toEqual(["pods/c1@eth0.json"]);
  }

  const hangsBefore = [sleepS(60), makeEffect, answer(someResult())];
  const hangsAfter = [makeEffect, sleepS(60), answer(someResult())];
  const finishes = [sleepS(1), makeEffect, answer(someResult())];

  test.each([
    ["DEL", "primary", "hangs before its effect", hangsBefore],
    ["DEL", "secondary", "hangs before its effect", hangsBefore],
    ["DEL", "primary", "hangs after its effect", hangsAfter],
    ["DEL", "secondary", "hangs after its effect", hangsAfter],
    ["DEL", "primary", "finishes in a second", finishes],
    ["DEL", "secondary", "finishes in a second", finishes],
    ["GC", "secondary", "hangs before its effect", hangsBefore],
    ["GC", "secondary", "finishes in a second", finishes],
  ] as const)("%s at once, when the %s network's delegate %s", async (verb, role, _what, slow) => {
    const config = { ...configuration(slow, role), "cni.dev/valid-attachments": [] };
    await killedAdd(config);
    expectSilence(await call(bed(), executable, { verb, config }));
    // No process runs any more. So nothing can be made after this look.
    expect(leftovers(bed())).toEqual([]);
  });

  test("an orphan that is about to finish is awaited, and deleted only then", async () => {
    const go = join(bed().root, "go");
    const finished = join(bed().root, "finished");
    const lines = [awaitFile(go), makeEffect, answer(someResult()), `: > ${finished}`];
    const config = configuration(lines, "secondary");
    await killedAdd(config);
    const running = start(bed(), executable, { verb: "DEL", config });
    await vi.waitUntil(() => isHolder(running), patiently);
    expect(callNames(bed()).filter((name) => name.startsWith("DEL"))).toEqual([]);
    fs.writeFileSync(go, "");
    expectSilence(await running.ended);
    expect(fs.existsSync(finished)).toBe(true);
    expect(callNames(bed()).slice(-3)).toEqual(["DEL slow net2", "DEL side net1", "DEL main eth0"]);
    expect(leftovers(bed())).toEqual([]);
  });

  const isHolder = ({ pid }: Running): boolean =>
    locks(bed()).some((lock) => lock.includes(`-${pid}-`) && lock.includes("holds c1"));

  test("in parallel: every orphan is found", async () => {
    const config = configuration([sleepS(60)], "secondary", true);
    addPlugin(bed(), "side", { ADD: [makeEffect, sleepS(60)], DEL: [removeEffect] });
    await killedAdd(config);
    expectSilence(await call(bed(), executable, { verb: "DEL", config }));
    expect(leftovers(bed())).toEqual([]);
  });

  test("another container's delegates are left alone", async () => {
    const go = join(bed().root, "go");
    const config = configuration([sleepS(60)], "secondary");
    addPlugin(bed(), "long", { ADD: [makeEffect, awaitFile(go), answer(someResult())] });
    const other = hawser(bed(), { name: "other", delegate: { type: "long" } });
    const neighbour = start(bed(), executable, { verb: "ADD", config: other, containerId: "c2" });
    await vi.waitUntil(() => effects(bed()).length === 1, patiently);
    const longer = start(bed(), executable, { verb: "ADD", config });
    await vi.waitUntil(() => callNames(bed()).includes("ADD slow net2"), patiently);
    longer.kill("SIGKILL");
    await longer.ended;
    expectSilence(await call(bed(), executable, { verb: "DEL", config }));
    fs.writeFileSync(go, "");
    answerOf(await neighbour.ended);
    expect(effects(bed())).toEqual(["long@c2@eth0"]);
  });

  test("of a DEL: the next one ends what it has left running, and finishes", async () => {
    const config = configuration([makeEffect, answer(someResult())], "secondary");
    answerOf(await call(bed(), executable, { verb: "ADD", config }));
    addPlugin(bed(), "slow", { DEL: [sleepS(60)] });
    const running = start(bed(), executable, { verb: "DEL", config });
    await vi.waitUntil(() => callNames(bed()).includes("DEL slow net2"), patiently);
    running.kill("SIGKILL");
    await running.ended;
    expect(records(bed())).toEqual(["pods/c1@eth0.json"]);
    addPlugin(bed(), "slow");
    expectSilence(await call(bed(), executable, { verb: "DEL", config }));
    expect(leftovers(bed())).toEqual([]);
  });

  test("of a GC: the ADD that follows outlives what it has left running", async () => {
    const config = configuration([makeEffect, answer(someResult())], "secondary");
    addPlugin(bed(), "main", { ...wellBehaved(), GC: [sleepS(1), `rm -f ${bed().effectsDir}/main@*`] });
    const list = { "cni.dev/valid-attachments": [] };
    const running = start(bed(), executable, { verb: "GC", config: { ...config, ...list } });
    await vi.waitUntil(() => callNames(bed()).includes("GC main"), patiently);
    running.kill("SIGKILL");
    await running.ended;
    answerOf(await call(bed(), executable, { verb: "ADD", config }));
    expect(processesOf(bed())).toEqual([]);
    expect(effects(bed())).toEqual(["main@c1@eth0", "side@c1@net1", "slow@c1@net2"]);
  });

  test("and ADD again, as kubelet does not but people do: it is refused until DEL has been", async () => {
    const config = configuration([sleepS(60)], "secondary");
    await killedAdd(config);
    const error = errorOf(await call(bed(), executable, { verb: "ADD", config }));
    expect(error).toMatchObject({ code: 104, details: expect.stringContaining("DEL") });
    expectSilence(await call(bed(), executable, { verb: "DEL", config }));
    expect(leftovers(bed())).toEqual([]);
  });
});

suite("SIGTERM while a delegate runs", [], (executable) => {
  const bed = useBed({ node: false });

  test.each([
    ["primary", false],
    ["secondary", false],
    ["secondary", true],
  ])("of the %s network (parallel: %s): all is undone and the error printed", async (role, parallel) => {
    for (const type of ["main", "side"]) addPlugin(bed(), type);
    addPlugin(bed(), role === "primary" ? "main" : "side", {
      ADD: [makeEffect, sleepS(60)],
      DEL: [removeEffect],
    });
    define(bed(), "blue", { cniVersion: "1.1.0", name: "blue", type: "side" });
    const config = hawser(bed(), { delegate: { type: "main" }, networks: ["blue"], parallel });
    const running = start(bed(), executable, { verb: "ADD", config });
    const effect = role === "primary" ? "main@c1@eth0" : "side@c1@net1";
    await vi.waitUntil(() => effects(bed()).includes(effect), patiently);
    running.kill("SIGTERM");
    const error = errorOf(await running.ended);
    expect(error).toMatchObject({ code: 11, msg: expect.stringContaining("SIGTERM") });
    expect(calls(bed()).at(-1)).toMatchObject({ verb: "DEL", type: "main" });
    expect(leftovers(bed())).toEqual([]);
  });

  test("of DEL: the record stays, and the next DEL finishes", async () => {
    addPlugin(bed(), "main");
    const config = hawser(bed(), { delegate: { type: "main" } });
    answerOf(await call(bed(), executable, { verb: "ADD", config }));
    addPlugin(bed(), "main", { DEL: [sleepS(60)] });
    const running = start(bed(), executable, { verb: "DEL", config });
    await vi.waitUntil(() => callNames(bed()).includes("DEL main eth0"), patiently);
    running.kill("SIGTERM");
    expect(errorOf(await running.ended)).toMatchObject({ code: 11 });
    expect(records(bed())).toEqual(["pods/c1@eth0.json"]);
    addPlugin(bed(), "main");
    expectSilence(await call(bed(), executable, { verb: "DEL", config }));
    expect(leftovers(bed())).toEqual([]);
  });
});
