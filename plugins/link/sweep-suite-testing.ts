import { describe, expect, test } from "vitest";
import type { CniResult } from "../../cni/types.ts";
import type { Disturbance } from "../../net/simulation/kernel-model.ts";
import { crashSites } from "../../sys/fake-crashes.ts";
import {
  addContainer,
  callIn,
  leftIn,
  makeNode,
  type NodeLeft,
  neighbour,
  netnsOf,
  type SweepCase,
  type SweepEnd,
  type SweepNode,
  succeedIn,
  victim,
  withoutStaying,
} from "./sweep-testing.ts";

/**
 * What every main or chained plugin must stand: it is stopped or fails at each single effect of ADD and DEL, or the kernel's
 * answer is lost. Then DEL or GC leaves nothing, the neighbour is as it was, and a later ADD works. A failed ADD leaves nothing
 * by itself.
 */
export function sweepSuite(cases: Readonly<Record<string, SweepCase>>): void {
  describe.each(Object.entries(cases))("%s", (_name, swept) => {
    test("ADD, CHECK and two DELs work, and leave the node as it was", () => wholeLife(swept));
    const usual = remedies.filter((how) => swept.needsDel !== true || !how.startsWith("GC"));
    test.each(usual)("ADD killed at any effect: %s leaves nothing", (how) => killedAdds(swept, how));
    test("DEL killed at any effect: another DEL leaves nothing", () => killedDels(swept));
    test.each(["EIO", "EBUSY", "ENOBUFS"])("ADD with %s at any effect undoes itself", (code) =>
      failingAdds(swept, code),
    );
    test.each(["EIO", "EBUSY"])("DEL with %s at any effect is true to its word", (code) =>
      failingDels(swept, code),
    );
    test.each(["lost", "truncated"] as const)("an answer to ADD is %s: nothing is left", (how) =>
      spoiledAdds(swept, how),
    );
    test.each(["lost", "truncated"] as const)("an answer to DEL is %s: nothing is left", (how) =>
      spoiledDels(swept, how),
    );
  });
}

type Remedy =
  | "DEL"
  | "DEL without a namespace"
  | "DEL after the namespace has gone"
  | "GC after the namespace has gone";
const remedies: readonly Remedy[] = [
  "DEL",
  "DEL without a namespace",
  "DEL after the namespace has gone",
  "GC after the namespace has gone",
];

/** A node with a neighbour on it, if there can be one. */
async function stage(swept: SweepCase): Promise<SweepNode> {
  const node = await makeNode(swept);
  if (swept.isLonely !== true) await succeedIn(node, { verb: "ADD", containerId: neighbour });
  return node;
}

/** A node with the victim, too, and what its ADD has said. */
async function stageWhole(swept: SweepCase): Promise<{ node: SweepNode; result: CniResult | undefined }> {
  const node = await stage(swept);
  return { node, result: await succeedIn(node, { verb: "ADD" }) };
}

/** What the node holds without the victim. With the victim's namespace gone, too, if it is. */
async function cleanOf(swept: SweepCase, isGone = false, how: Counting = "deleted"): Promise<NodeLeft> {
  const node = await stage(swept);
  if (isGone) node.kernel.removePath(netnsOf(victim));
  return comparable(node, how);
}

/** What is left, as far as it counts: `undone` after a failed ADD, `deleted` after a DEL. */
async function comparable(node: SweepNode, how: Counting = "deleted"): Promise<NodeLeft> {
  const { stays, isLonely, afterDel } = node.swept;
  const left = await leftIn(node);
  const own = afterDel !== undefined && how === "deleted" ? afterDel(left) : left;
  return stays !== undefined && isLonely === true ? withoutStaying(own, stays) : own;
}

type Counting = "undone" | "deleted";

/** ADD after a DEL. What a chained plugin works on was made anew meanwhile. */
async function addAgain(node: SweepNode, where: string): Promise<void> {
  if (node.swept.prevResult !== undefined) {
    node.kernel.removePath(netnsOf(victim));
    node.kernel.reap();
    await addContainer(node, victim);
  }
  await succeedIn(node, { verb: "ADD" }, `${where}, again`);
}

async function effectsOf(swept: SweepCase, verb: "ADD" | "DEL"): Promise<readonly string[]> {
  const node = verb === "ADD" ? await stage(swept) : (await stageWhole(swept)).node;
  const process = node.machine.spawn();
  expect(await callIn(node, process, { verb }), verb).toMatchObject({ ok: true });
  return process.effects();
}

async function wholeLife(swept: SweepCase): Promise<void> {
  const clean = await cleanOf(swept);
  const { node, result } = await stageWhole(swept);
  expect(await comparable(node, "undone")).not.toEqual(await cleanOf(swept, false, "undone"));
  await succeedIn(node, { verb: "CHECK", prevResult: result });
  for (const turn of ["first", "second"]) {
    await succeedIn(node, { verb: "DEL", prevResult: result }, turn);
    expect(await comparable(node), turn).toEqual(clean);
  }
  await addAgain(node, "after DEL");
  await succeedIn(node, { verb: "DEL" }, "without a result");
  expect(await comparable(node)).toEqual(clean);
}

async function remedy(node: SweepNode, how: Remedy, where: string): Promise<void> {
  // A runtime that names no namespace has removed it.
  if (how !== "DEL") {
    node.kernel.removePath(netnsOf(victim));
    node.kernel.reap();
  }
  const valid = node.swept.isLonely === true ? [] : [neighbour];
  // GC leaves alone what another ADD may be about to finish.
  await node.machine.clock.sleep(how.startsWith("GC") ? 120_000 : 0);
  if (how.startsWith("GC")) await succeedIn(node, { verb: "GC", valid }, where);
  else
    await succeedIn(
      node,
      { verb: "DEL", ...(how === "DEL without a namespace" ? { netns: "" } : {}) },
      where,
    );
}

async function killedAdds(swept: SweepCase, how: Remedy): Promise<void> {
  const clean = await cleanOf(swept, how !== "DEL");
  for (const { effect, point, where } of crashSites(await effectsOf(swept, "ADD"))) {
    const node = await stage(swept);
    const process = node.machine.spawn();
    process.crashAt(effect, point);
    expect(await callIn(node, process, { verb: "ADD" }), where).toBe("crash");
    await remedy(node, how, where);
    expect(await comparable(node), where).toEqual(clean);
    if (how !== "DEL") await addContainer(node, victim);
    await addAgain(node, where);
  }
}

async function killedDels(swept: SweepCase): Promise<void> {
  const clean = await cleanOf(swept);
  for (const { effect, point, where } of crashSites(await effectsOf(swept, "DEL"))) {
    const { node, result } = await stageWhole(swept);
    const process = node.machine.spawn();
    process.crashAt(effect, point);
    expect(await callIn(node, process, { verb: "DEL", prevResult: result }), where).toBe("crash");
    await succeedIn(node, { verb: "DEL", prevResult: result }, where);
    expect(await comparable(node), where).toEqual(clean);
  }
}

async function failingAdds(swept: SweepCase, code: string): Promise<void> {
  const clean = await cleanOf(swept, false, "undone");
  for (const [number, effect] of (await effectsOf(swept, "ADD")).entries()) {
    const where = `${code} at effect ${number}: ${effect}`;
    const node = await stage(swept);
    const process = node.machine.spawn();
    process.failAt(number, code);
    await expectUndone(node, await callIn(node, process, { verb: "ADD" }), clean, where);
  }
}

async function expectUndone(node: SweepNode, ended: SweepEnd, clean: NodeLeft, where: string): Promise<void> {
  expect(ended, where).not.toBe("crash");
  if (ended !== "crash" && !ended.ok) expect(await comparable(node, "undone"), where).toEqual(clean);
  await succeedIn(node, { verb: "DEL" }, where);
  const left = node.swept.afterDel?.(clean) ?? clean;
  expect(await comparable(node), `${where}, after DEL`).toEqual(left);
  await addAgain(node, where);
}

async function failingDels(swept: SweepCase, code: string): Promise<void> {
  const clean = await cleanOf(swept);
  for (const [number, effect] of (await effectsOf(swept, "DEL")).entries()) {
    const where = `${code} at effect ${number}: ${effect}`;
    const { node, result } = await stageWhole(swept);
    const process = node.machine.spawn();
    process.failAt(number, code);
    const ended = await callIn(node, process, { verb: "DEL", prevResult: result });
    expect(ended, where).not.toBe("crash");
    if (ended !== "crash" && ended.ok) expect(await comparable(node), where).toEqual(clean);
    await succeedIn(node, { verb: "DEL", prevResult: result }, where);
    expect(await comparable(node), where).toEqual(clean);
  }
}

/** The kernel has done what it was asked, and its answer does not arrive whole. */
async function spoiledAdds(swept: SweepCase, how: Disturbance): Promise<void> {
  const clean = await cleanOf(swept);
  for (let at = 0; ; at++) {
    const node = await stage(swept);
    node.spoil(at, how);
    const ended = await callIn(node, node.machine.spawn(), { verb: "ADD" });
    if (node.changes() <= at) return;
    const where = `${how} answer to change ${at}`;
    expect(ended, where).not.toBe("crash");
    await succeedIn(node, { verb: "DEL" }, where);
    expect(await comparable(node), where).toEqual(clean);
    await addAgain(node, where);
  }
}

async function spoiledDels(swept: SweepCase, how: Disturbance): Promise<void> {
  const clean = await cleanOf(swept);
  for (let at = 0; ; at++) {
    const { node, result } = await stageWhole(swept);
    node.spoil(at, how);
    const ended = await callIn(node, node.machine.spawn(), { verb: "DEL", prevResult: result });
    if (node.changes() <= at) return;
    const where = `${how} answer to change ${at}`;
    if (ended !== "crash" && ended.ok) expect(await comparable(node), where).toEqual(clean);
    await succeedIn(node, { verb: "DEL", prevResult: result }, where);
    expect(await comparable(node), where).toEqual(clean);
  }
}
