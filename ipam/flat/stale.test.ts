import { describe, expect, test } from "vitest";
import {
  Crash,
  createMachine,
  type FakeMachine,
  type FakeProcess,
  type MachineOptions,
} from "../../sys/fake.ts";
import { crashPoints } from "../../sys/fake-crashes.ts";
import { add } from "./add.ts";
import { del } from "./del.ts";
import { type FlatCall, invocationOf } from "./flat-testing.ts";
import { gc } from "./gc.ts";
import { keysOf } from "./pool/keys.ts";
import { audit } from "./pool/pool-testing.ts";
import { added, addTo, reboot, run, scene, tiny, type VerbScene } from "./simulation/verb-scene.ts";
import { openLocalStore } from "./store/local-store.ts";
import type { Entry } from "./store/store.ts";

const machineId = { files: { "/etc/machine-id": `${"ab12".repeat(8)}\n` } };
const ipam = { hold: "0" };
const pods = ["ns/a", "ns/b"].map((pod) => ({ containerId: `c-${pod.slice(3)}`, pod, ipam }));
const other = { containerId: "c9", pod: "ns/other", ipam };

describe("after a reboot", () => {
  async function rebooted(options: MachineOptions = machineId): Promise<VerbScene> {
    const at = scene(options);
    for (const pod of pods) await added(at, pod);
    await added(at, { ...other, containerId: "elsewhere", pod: "ns/else", ipam: { ...ipam, node: "node2" } });
    await added(at, {
      ...other,
      containerId: "green",
      pod: "ns/green",
      network: "green",
      ipam: { ...ipam, pool: "net" },
    });
    return reboot(at);
  }

  const attached = (at: VerbScene): string[] =>
    at.memory.entries().flatMap(({ key }) => (key.startsWith("att/") ? [key.split("/")[3] ?? ""] : []));

  test.each<[string, (at: VerbScene) => Promise<unknown>, readonly string[]]>([
    ["ADD", (at) => added(at, other), ["c9", "elsewhere", "green"]],
    ["DEL", (at) => run(at, del, other), ["elsewhere", "green"]],
    ["GC without a list", (at) => run(at, gc, { containerId: "", ipam }), ["elsewhere", "green"]],
    [
      "GC: what the runtime lists stays",
      (at) => {
        const valid = [{ containerID: "c-a", ifname: "eth0" }];
        return run(at, gc, { containerId: "", ipam, more: { "cni.dev/valid-attachments": valid } });
      },
      ["c-a", "elsewhere", "green"],
    ],
  ])(
    "%s frees what this network's containers of an earlier boot of this node have",
    async (_verb, act, left) => {
      const at = await rebooted();
      await act(at);
      expect(attached(at).toSorted()).toEqual(left);
      expect(audit("net", at.memory.entries())).toEqual([]);
    },
  );

  test("a pool that is full of them has room again", async () => {
    const at = scene(machineId);
    const full = { ...ipam, ranges: tiny };
    for (let n = 0; n < 5; n++) await added(at, { containerId: `c${n}`, pod: `ns/p${n}`, ipam: full });
    expect(await addTo(at, { ...other, ipam: full })).toMatchObject({ ok: false });
    const after = reboot(at);
    await added(after, { ...other, ipam: full });
    expect(attached(after)).toEqual(["c9"]);
  });

  test("a container that is attached again after it keeps its address, whoever came first", async () => {
    for (const first of pods) {
      const at = await rebooted();
      await added(at, first);
      for (const pod of pods) await added(at, pod);
      await run(at, gc, { containerId: "", ipam });
      expect(attached(at)).toEqual(expect.arrayContaining(["c-a", "c-b"]));
    }
  });

  test("the late DEL changes nothing", async () => {
    const at = await rebooted();
    await added(at, { ...pods[0], containerId: "next", pod: "ns/a", ipam });
    const before = at.memory.entries();
    expect(await run(at, del, { containerId: "c-a", pod: "ns/a", ipam })).toMatchObject({ ok: true });
    expect(at.memory.entries()).toEqual(before);
  });

  test("it is looked for once in a boot", async () => {
    const at = await rebooted();
    await added(at, other);
    const before = at.memory.roundTrips();
    await added(at, { ...other, containerId: "c10", pod: "ns/ten" });
    expect(at.memory.roundTrips() - before).toBe(1);
  });

  test("a few at once, and the rest with the next operations", async () => {
    const at = scene(machineId);
    for (let n = 0; n < 40; n++) await added(at, { containerId: `d${n}`, pod: `ns/p${n}`, ipam });
    const after = reboot(at);
    const counts: number[] = [];
    for (let n = 0; n < 3; n++) {
      await run(after, del, other);
      counts.push(attached(after).length);
    }
    expect(counts).toEqual([24, 8, 0]);
  });

  test.each<[string, MachineOptions]>([
    ["a machine without an ID", {}],
    ["a machine whose ID is not settled yet", { files: { "/etc/machine-id": "uninitialized\n" } }],
  ])("%s: it is no evidence", async (_what, options) => {
    const at = await rebooted(options);
    await added(at, other);
    await run(at, gc, { containerId: "", ipam });
    expect(attached(at)).toHaveLength(5);
  });

  test("two machines that were given one name free nothing of each other's by it", async () => {
    const at = await rebooted();
    const twin = scene({ files: { "/etc/machine-id": `${"cd34".repeat(8)}\n` } });
    await added({ ...twin, memory: at.memory, open: at.open }, other);
    expect(attached(at)).toHaveLength(5);
  });
});

describe("the first operation after a reboot, with the store in a folder", () => {
  const dir = "/var/lib/cni/hawser-flat";
  const newcomer = { containerId: "new", pod: "ns/new", ipam };

  async function call(process: FakeProcess, who: Omit<FlatCall, "verb">) {
    return await add(process.sys, invocationOf({ ...who, verb: "ADD" }));
  }

  async function stage(): Promise<FakeMachine> {
    const machine = createMachine(machineId);
    for (const pod of pods) expect(await call(machine.spawn(), pod)).toMatchObject({ ok: true });
    machine.crash({ lose: "unsynced" });
    return machine;
  }

  async function entriesOf(machine: FakeMachine): Promise<readonly Entry[]> {
    const all = { kind: "range", from: "", to: "~", limit: 1e6 } as const;
    const store = openLocalStore(machine.spawn().sys, dir);
    const reply = await store.txn({ compare: [], success: [all], failure: [] });
    const first = reply.ok ? reply.value.replies[0] : undefined;
    if (first?.kind !== "entries") throw new Error("the store cannot be read");
    return first.entries;
  }

  test("stopped or failed at any effect: what it freed is whole, and the next one does the rest", async () => {
    const measured = (await stage()).spawn();
    expect(await call(measured, newcomer)).toMatchObject({ ok: true });
    const count = measured.effects().length;
    expect(measured.effects()).toContainEqual(expect.stringContaining("/.boot/net@net"));
    for (let effect = 0; effect < count; effect++) {
      for (const when of [...crashPoints, "ENOSPC"] as const) {
        const machine = await stage();
        const process = machine.spawn();
        if (when === "ENOSPC") process.failAt(effect, when);
        else process.crashAt(effect, when);
        const where = `effect ${effect}: ${measured.effects()[effect]}, ${when}`;
        await call(process, newcomer).catch((error: unknown) => {
          if (!(error instanceof Crash)) throw error;
        });
        machine.kill(process.pid);
        expect(audit("net", await entriesOf(machine)), where).toEqual([]);
        expect(await call(machine.spawn(), newcomer), where).toMatchObject({ ok: true });
        const left = (await entriesOf(machine)).filter(({ key }) => key.startsWith("att/"));
        expect(
          left.map(({ key }) => key),
          where,
        ).toEqual([keysOf("net").att("node1", "new", "eth0")]);
      }
    }
  });
});
