import { describe, expect, test } from "vitest";
import { parseNetworkConfig } from "../../cni/config.ts";
import { parseEnvironment } from "../../cni/environment.ts";
import { printJson } from "../../cni/json.ts";
import type { Invocation } from "../../cni/plugin.ts";
import { Crash, createMachine, type FakeMachine, type FakeProcess } from "../../sys/fake.ts";
import { crashSites } from "../../sys/fake-crashes.ts";
import { must } from "../../sys/outcome-testing.ts";
import type { Sys } from "../../sys/sys.ts";
import { strayAgeMs } from "./address-files.ts";
import { hostLocal } from "./plugin.ts";

/**
 * ADD, DEL and GC are stopped (a kill) or get an error at every single effect. Then no address may be given twice. After DEL or
 * GC nothing of the container may be left, and its neighbour must have what it had.
 */

type Verb = "add" | "del" | "gc";

const folder = "/data/n";
const victim = "victim";
const neighbour = "neighbour";
const config = {
  cniVersion: "1.1.0",
  name: "n",
  type: "bridge",
  ipam: {
    type: "host-local",
    dataDir: "/data",
    ranges: [[{ subnet: "10.1.0.0/29" }], [{ subnet: "fd00::/125" }]],
  },
  "cni.dev/valid-attachments": [{ containerID: neighbour, ifname: "eth0" }],
};
/** How many addresses the smaller set, that of IPv4, may give. */
const size = 5;

function invocation(verb: Verb, containerId: string): Invocation {
  const environment = parseEnvironment({
    CNI_COMMAND: verb.toUpperCase(),
    CNI_CONTAINERID: containerId,
    CNI_NETNS: "/ns",
    CNI_IFNAME: "eth0",
    CNI_PATH: "/bin",
  });
  const network = parseNetworkConfig(printJson(config));
  return { environment: must(environment), config: must(network) };
}

function call(sys: Sys, verb: Verb, containerId: string) {
  return hostLocal[verb](sys, invocation(verb, containerId));
}

/** Runs a verb in a process of its own, which ends with it. */
async function succeed(machine: FakeMachine, verb: Verb, containerId: string): Promise<string[]> {
  const process = machine.spawn();
  const outcome = await call(process.sys, verb, containerId);
  machine.kill(process.pid);
  if (!outcome.ok) throw new Error(`${verb} of ${containerId}: ${outcome.error.msg}`);
  return (outcome.value?.ips ?? []).map(({ address }) => address.split("/")[0] ?? "");
}

/** How the verb ended: in a value, or in the death of its process. */
async function endOf(
  machine: FakeMachine,
  process: FakeProcess,
  verb: Verb,
): Promise<"ok" | "error" | "crash"> {
  try {
    return (await call(process.sys, verb, victim)).ok ? "ok" : "error";
  } catch (error) {
    if (error instanceof Crash) return "crash";
    throw error;
  } finally {
    machine.kill(process.pid);
  }
}

/** Makes a node. `seed` decides what a power loss takes. Its folders are old, so that they survive one. */
async function stage(verb: Verb, seed = 1): Promise<FakeMachine> {
  const machine = createMachine({ seed, files: { [`${folder}/last_reserved_ip.0`]: "10.1.0.1" } });
  await succeed(machine, "add", neighbour);
  if (verb !== "add") await succeed(machine, "add", victim);
  return machine;
}

async function effectsOf(verb: Verb): Promise<readonly string[]> {
  const machine = await stage(verb);
  const process = machine.spawn();
  expect(await endOf(machine, process, verb)).toBe("ok");
  return process.effects();
}

/** The address files by name, with their text, and hidden files, which may not be left over. */
function files(machine: FakeMachine): Map<string, string> {
  const names = machine.disk.list(folder);
  const kept = (names.ok ? names.value : []).filter((name) => name !== ".locks" && !name.startsWith("last_"));
  return new Map(
    kept.map((name) => {
      const text = machine.disk.read(`${folder}/${name}`);
      return [name, text.ok ? text.value : ""];
    }),
  );
}

const whole = new Map([
  ["10.1.0.2", "neighbour\r\neth0"],
  ["fd00::2", "neighbour\r\neth0"],
]);

type Remedy = "del" | "gc" | "del after a power loss" | "gc after a power loss";
const remedies: readonly Remedy[] = ["del", "gc", "del after a power loss", "gc after a power loss"];

async function remedy(how: Remedy, machine: FakeMachine): Promise<void> {
  // Files that were not synced are gone, also links. The neighbour's container is gone, too.
  if (how.endsWith("power loss")) machine.crash({ lose: "some" });
  await succeed(machine, how.startsWith("del") ? "del" : "gc", victim);
  // GC clears the locks of the dead as well.
  const locks = machine.disk.list(`${folder}/.locks`);
  if (how.startsWith("gc")) expect(locks.ok ? locks.value : []).toEqual([]);
}

/** Gives all free addresses: each one once, and none that is taken. */
async function expectExact(machine: FakeMachine, where: string): Promise<void> {
  const taken = [...files(machine).keys()].filter((name) => name.startsWith("10."));
  const given: string[] = [];
  for (let count = taken.length; count < size; count++) {
    const [address = ""] = await succeed(machine, "add", `filler${count}`);
    given.push(address);
  }
  expect(new Set([...taken, ...given]).size, where).toBe(size);
  const full = await call(machine.spawn().sys, "add", "late");
  expect(full, where).toMatchObject({ ok: false, error: { id: "ipam.exhausted" } });
}

describe.each<Verb>(["add", "del", "gc"])("%s", (verb) => {
  test.each(remedies)("killed at any effect: %s leaves nothing, and the neighbour whole", async (how) => {
    const effects = await effectsOf(verb);
    expect(effects.length).toBeGreaterThan(6);
    for (const { effect, point, where } of crashSites(effects)) {
      const machine = await stage(verb, effect);
      const process = machine.spawn();
      process.crashAt(effect, point);
      expect(await endOf(machine, process, verb), where).toBe("crash");
      await remedy(how, machine);
      const left = files(machine);
      if (how.endsWith("power loss")) for (const name of whole.keys()) left.delete(name);
      else expect(left, where).toEqual(whole);
      expect(
        [...left.keys()].filter((name) => !whole.has(name)),
        where,
      ).toEqual([]);
      await expectExact(machine, where);
    }
  });

  test.each(["EIO", "ENOSPC", "EROFS"])(
    "failed by %s at any effect: DEL leaves nothing, and the neighbour whole",
    async (code) => {
      for (const [number, effect] of (await effectsOf(verb)).entries()) {
        const where = `${verb}: ${code} at effect ${number}: ${effect}`;
        const machine = await stage(verb);
        const process = machine.spawn();
        process.failAt(number, code);
        const ended = await endOf(machine, process, verb);
        expect(ended, where).not.toBe("crash");
        // A failed ADD takes nothing, even if no DEL follows.
        if (verb === "add" && ended === "error")
          expect(
            [...files(machine).keys()].filter((name) => !name.startsWith(".")),
            where,
          ).toEqual([...whole.keys()]);
        await succeed(machine, "del", victim);
        expect(files(machine), where).toEqual(whole);
        await expectExact(machine, where);
      }
    },
  );
});

test.each(["/data/n", "/var/lib/cni/networks/new"])(
  "what an ADD has given in %s survives a power cut, with its owner",
  async (data) => {
    for (const lose of ["unsynced", "some"] as const) {
      const machine = createMachine({ seed: 3 });
      const process = machine.spawn();
      const ipam = { ...config.ipam, dataDir: data };
      const network = must(parseNetworkConfig(printJson({ ...config, ipam })));
      const given = must(await hostLocal.add(process.sys, { ...invocation("add", victim), config: network }));
      machine.crash({ lose });
      for (const { address } of given?.ips ?? [])
        expect(machine.disk.read(`${data}/n/${address.split("/")[0]}`), lose).toEqual({
          ...{ ok: true, value: "victim\r\neth0" },
        });
    }
  },
);

test("an ADD that is killed at any effect is repeated with success, and holds one address of each set", async () => {
  for (const { effect, point, where } of crashSites(await effectsOf("add"))) {
    const machine = await stage("add");
    const process = machine.spawn();
    process.crashAt(effect, point);
    await endOf(machine, process, "add");
    const given = await succeed(machine, "add", victim);
    const held = [...files(machine)].filter(
      ([name, text]) => text.startsWith(victim) && !name.startsWith("."),
    );
    expect(held.map(([name]) => name).sort(), where).toEqual(given.sort());
    expect(given, where).toHaveLength(2);
  }
});

/** The reference plugin's steps, each of which may come between any two of ours. */
function referenceAdd(machine: FakeMachine, address: string): { create: () => boolean; write: () => void } {
  const path = `${folder}/${address}`;
  return {
    create: () => machine.disk.write(path, "", { mode: 0o600, exclusive: true }).ok,
    write: () => void machine.disk.write(path, "reference\r\neth0", { mode: 0o600 }),
  };
}

describe("between any two calls of an ADD", () => {
  async function callsOf(): Promise<number> {
    const machine = await stage("add");
    let count = 0;
    await call(machine.spawn({ onCall: () => void count++ }).sys, "add", victim);
    return count;
  }

  /** Runs an ADD of the victim, and something else before its call number `at`. */
  async function interrupted(machine: FakeMachine, at: number, act: () => void) {
    let count = 0;
    const process = machine.spawn({
      onCall: () => {
        if (count++ === at) act();
      },
    });
    return call(process.sys, "add", victim);
  }

  test("another ADD gets other addresses", async () => {
    const calls = await callsOf();
    expect(calls).toBeGreaterThan(15);
    for (let at = 0; at < calls; at++) {
      const machine = await stage("add");
      let other: Promise<string[]> = Promise.resolve([]);
      const mine = await interrupted(machine, at, () => {
        other = succeed(machine, "add", "other");
      });
      const given = mine.ok ? (mine.value?.ips ?? []).map(({ address }) => address.split("/")[0]) : [];
      const all = [...given, ...(await other)];
      expect(all, `call ${at}`).toHaveLength(4);
      expect(new Set([...all, ...whole.keys()]).size, `call ${at}`).toBe(6);
    }
  });

  test("a second one for the same attachment gets the same addresses", async () => {
    for (let at = 0; at < (await callsOf()); at++) {
      const machine = await stage("add");
      let other: Promise<string[]> = Promise.resolve([]);
      const mine = await interrupted(machine, at, () => {
        other = succeed(machine, "add", victim);
      });
      const given = mine.ok ? (mine.value?.ips ?? []).map(({ address }) => address.split("/")[0]) : [];
      expect(await other, `call ${at}`).toEqual(given);
      expect(files(machine).size, `call ${at}`).toBe(4);
    }
  });

  test("the reference may take the address, written or not yet", async () => {
    for (let at = 0; at < (await callsOf()); at++) {
      for (const writes of [true, false]) {
        const machine = await stage("add");
        const reference = referenceAdd(machine, "10.1.0.3");
        let got = false;
        const mine = await interrupted(machine, at, () => {
          got = reference.create();
          if (got && writes) reference.write();
        });
        const first = mine.ok ? mine.value?.ips?.[0]?.address : undefined;
        expect(first, `call ${at}`).toBe(got ? "10.1.0.4/29" : "10.1.0.3/29");
      }
    }
  });

  test("addresses may go and come: the last free one is found", async () => {
    for (let at = 0; at < (await callsOf()); at++) {
      const machine = await stage("add");
      for (const host of [3, 4, 5])
        machine.disk.write(`${folder}/10.1.0.${host}`, "other\r\neth0", { mode: 0o600 });
      const mine = await interrupted(machine, at, () => {
        // At any time one address is free, but never the same for long.
        machine.disk.remove(`${folder}/10.1.0.4`);
        machine.disk.write(`${folder}/10.1.0.6`, "other\r\neth0", { mode: 0o600, exclusive: true });
      });
      const first = mine.ok ? mine.value?.ips?.[0]?.address : undefined;
      expect(["10.1.0.4/29", "10.1.0.6/29"], `call ${at}`).toContain(first);
    }
  });
});

test("what a killed program of the reference leaves is never given, and GC frees it once it is old", async () => {
  const machine = await stage("add");
  referenceAdd(machine, "10.1.0.3").create();
  await expectExact(machine, "with an empty file");
  await machine.clock.sleep(strayAgeMs + 1);
  await succeed(machine, "gc", victim);
  expect(files(machine)).toEqual(whole);
});
