import { describe, expect, test } from "vitest";
import { load, save } from "../../cni/attachments.ts";
import { printJson } from "../../cni/json.ts";
import { createMachine, exited, type FakeMachine, type FakeProcess, type Handler } from "../../sys/fake.ts";
import { crashSites } from "../../sys/fake-crashes.ts";
import { callIn, endOf, heldBy } from "./crash-testing.ts";

/**
 * ADD, DEL and GC are stopped (a kill) or fail (an error) at each of their effects. After DEL, its retry or GC, nothing of the
 * container may be left, and its neighbour must be as it was.
 */

/**
 * What delegates have made, as `network/container/interface`. It survives kills and reboots, since it lies outside of our own
 * files.
 */
type World = Set<string>;

interface Scene {
  readonly machine: FakeMachine;
  readonly world: World;
}

const stateDir = "/var/lib/cni/hawser";
const victim = "victim";
const neighbour = "neighbour";

function scene(parallel: boolean): Scene & { config: object } {
  const world: World = new Set();
  const delegate: Handler = (request) => {
    const { CNI_COMMAND: verb, CNI_CONTAINERID, CNI_IFNAME } = request.env;
    const config = JSON.parse(request.stdin) as { name: string; type: string };
    const made = `${config.name}/${config.type}/${CNI_CONTAINERID}/${CNI_IFNAME}`;
    if (verb === "DEL") world.delete(made);
    if (verb === "GC") collectWorld(world, config);
    if (verb !== "ADD") return exited(0, "");
    if (world.has(made)) return exited(1, printJson({ cniVersion: "1.1.0", code: 999, msg: "it exists" }));
    world.add(made);
    return exited(0, printJson({ cniVersion: "1.1.0", interfaces: [{ name: CNI_IFNAME, sandbox: "/ns" }] }));
  };
  const machine = createMachine({
    executables: { "/bin/cni/main": delegate, "/bin/cni/port": delegate, "/bin/cni/side": delegate },
    files: {
      "/net.d/default/one.json": printJson({ cniVersion: "1.1.0", name: "one", type: "side" }),
      "/net.d/default/two.json": printJson({ cniVersion: "1.1.0", name: "two", type: "side" }),
    },
  });
  const config = {
    cniVersion: "1.1.0",
    name: "pods",
    type: "hawser",
    definitionsDir: "/net.d",
    stateDir,
    parallel,
    networks: ["one"],
    delegate: { plugins: [{ type: "main" }, { type: "port" }] },
    runtimeConfig: { "io.kubernetes.cri.pod-annotations": { "k8s.v1.cni.cncf.io/networks": "two@data" } },
  };
  return { machine, world, config };
}

function collectWorld(world: World, config: { name: string; type: string }): void {
  const valid = (config as Record<string, unknown>)["cni.dev/valid-attachments"] as {
    containerID: string;
    ifname: string;
  }[];
  for (const made of world) {
    const [name, type, containerID, ifname] = made.split("/");
    if (name !== config.name || type !== config.type) continue;
    if (!valid.some((each) => each.containerID === containerID && each.ifname === ifname)) world.delete(made);
  }
}

const call = (process: FakeProcess, verb: "ADD" | "DEL" | "GC", containerId: string, config: object) =>
  callIn(process, { verb, containerId, config });

type Configured = Scene & { readonly config: object };

/** How the verb ends for the victim. GC's list names the neighbour alone. */
const outcomeOf = ({ machine, config }: Configured, process: FakeProcess, verb: "ADD" | "DEL" | "GC") =>
  endOf(machine, process, { verb, containerId: victim, config: verb === "GC" ? withList(config) : config });

async function succeed(
  machine: FakeMachine,
  verb: "ADD" | "DEL" | "GC",
  containerId: string,
  config: object,
): Promise<void> {
  const outcome = await call(machine.spawn(), verb, containerId, config);
  expect(outcome, `${verb} of ${containerId}`).toMatchObject({ ok: true });
}

const of = (containerId: string, made: Scene) => heldBy(containerId, made, `${stateDir}/pods`);

const whole = (id: string) =>
  [
    `one/side/${id}/net1`,
    `pods/main/${id}/eth0`,
    `pods/port/${id}/eth0`,
    `two/side/${id}/data`,
    `${id}@eth0.json`,
  ].sort();

/** A machine with a neighbour on it, and with the victim if the verb needs it. */
async function stage(verb: "ADD" | "DEL" | "GC", parallel: boolean) {
  const made = scene(parallel);
  await succeed(made.machine, "ADD", neighbour, made.config);
  if (verb !== "ADD") await succeed(made.machine, "ADD", victim, made.config);
  return made;
}

const valid = [{ containerID: neighbour, ifname: "eth0" }];
const withList = (config: object) => ({ ...config, "cni.dev/valid-attachments": valid });

async function countEffects(verb: "ADD" | "DEL" | "GC", parallel: boolean): Promise<readonly string[]> {
  const made = await stage(verb, parallel);
  const process = made.machine.spawn();
  expect(await outcomeOf(made, process, verb)).toBe("ok");
  return process.effects();
}

type Remedy = "DEL" | "GC" | "DEL after a power loss" | "GC after a power loss";
const remedies: readonly Remedy[] = ["DEL", "GC", "DEL after a power loss", "GC after a power loss"];

async function remedy(how: Remedy, { machine, config }: Configured): Promise<void> {
  if (how.endsWith("power loss")) machine.crash({ lose: "unsynced" });
  if (how.startsWith("DEL")) await succeed(machine, "DEL", victim, config);
  else await succeed(machine, "GC", victim, withList(config));
}

describe.each([false, true])("parallel: %s", (parallel) => {
  describe.each(["ADD", "DEL", "GC"] as const)("%s", (verb) => {
    test.each(remedies)("killed at any effect: %s leaves nothing, and the neighbour whole", async (how) => {
      const effects = await countEffects(verb, parallel);
      expect(effects.length).toBeGreaterThan(8);
      for (const { effect, point, where } of crashSites(effects)) {
        const made = await stage(verb, parallel);
        const process = made.machine.spawn();
        process.crashAt(effect, point);
        const ended = await outcomeOf(made, process, verb);
        // In parallel, a delegate may make the last effect after nobody waits for it. Then the kill comes too late.
        expect(ended, where).not.toBe("error");
        await remedy(how, made);
        expect(of(victim, made), where).toEqual([]);
        expect(of(neighbour, made), where).toEqual(whole(neighbour));
        await succeed(made.machine, "ADD", victim, made.config);
        expect(of(victim, made), where).toEqual(whole(victim));
      }
    });

    test.each(["EIO", "ENOSPC"])(
      "any effect failing with %s: what could not be undone is undone by DEL",
      async (code) => {
        const effects = await countEffects(verb, parallel);
        for (const [number, effect] of effects.entries()) {
          const where = `${verb} with ${code} at effect ${number}: ${effect}`;
          const made = await stage(verb, parallel);
          const process = made.machine.spawn();
          process.failAt(number, code);
          const ended = await outcomeOf(made, process, verb);
          expect(ended, where).not.toBe("crash");
          if (verb === "ADD" && ended === "ok") expect(of(victim, made), where).toEqual(whole(victim));
          if (verb === "DEL" && ended === "ok") expect(of(victim, made), where).toEqual([]);
          // A failed ADD undoes itself: containerd may never call DEL for it.
          if (verb === "ADD" && ended === "error")
            expect(
              of(victim, made).filter((it) => it.includes("/")),
              where,
            ).toEqual([]);
          await succeed(made.machine, "DEL", victim, made.config);
          expect(of(victim, made), where).toEqual([]);
          expect(of(neighbour, made), where).toEqual(whole(neighbour));
        }
      },
    );
  });
});

describe("GC", () => {
  test("spares what was added while it ran, in our records and in the delegates' valid sets", async () => {
    const made = await stage("GC", false);
    const { machine, world } = made;
    let isAdded = false;
    // The newcomer's ADD comes after the stale container is gone and before the delegates are asked.
    const process = machine.spawn({
      onCall: (call) => {
        if (isAdded || !call.startsWith("remove") || !call.endsWith(`${victim}@eth0.json`)) return;
        isAdded = true;
        for (const kind of ["one/side/newcomer/net1", "pods/main/newcomer/eth0"]) world.add(kind);
        addRecord(machine, "newcomer");
      },
    });
    expect(await outcomeOf(made, process, "GC")).toBe("ok");
    expect(isAdded).toBe(true);
    expect([...world].filter((it) => it.includes("newcomer"))).toHaveLength(2);
    expect(of("newcomer", made)).toContain("newcomer@eth0.json");
    expect(of(victim, made)).toEqual([]);
  });

  test("keeps a torn record as long as some delegate was left alone", async () => {
    const made = await stage("GC", false);
    const path = `${stateDir}/pods/${victim}@eth0.json`;
    made.machine.disk.write(path, "torn", { mode: 0o600 });
    const unknown = [...valid, { containerID: "from-before-us", ifname: "eth0" }];
    await succeed(made.machine, "GC", victim, { ...made.config, "cni.dev/valid-attachments": unknown });
    expect(made.machine.disk.list(`${stateDir}/pods`)).toMatchObject({
      value: expect.arrayContaining([expect.stringContaining(`${victim}@eth0.json`)]),
    });
    await succeed(made.machine, "GC", victim, withList(made.config));
    expect(of(victim, made)).toEqual([]);
  });
});

/** Adds the record that a complete ADD has left: a copy of the neighbour's, under another name. */
function addRecord(machine: FakeMachine, containerId: string): void {
  const key = { network: "pods", ifname: "eth0" };
  const found = load(machine.spawn().sys, stateDir, { ...key, containerId: neighbour });
  if (found.kind !== "record") throw new Error("the neighbour has no record");
  const record = { ...found.record, containerId, sinceMs: 1 };
  expect(save(machine.spawn().sys, stateDir, { ...key, containerId }, record, "commit").ok).toBe(true);
}

describe("one container in two networks", () => {
  const second = (config: object) => ({ ...config, name: "other", networks: ["one"], runtimeConfig: {} });

  test("the second's ADD does not take, and its DEL does not undo, the first's interface", async () => {
    const made = scene(false);
    await succeed(made.machine, "ADD", victim, made.config);
    const add = await call(made.machine.spawn(), "ADD", victim, second(made.config));
    expect(add).toMatchObject({ ok: false, error: { id: "meta.name-collision" } });
    await succeed(made.machine, "DEL", victim, second(made.config));
    expect(of(victim, made)).toEqual(whole(victim));
  });
});

describe("DEL", () => {
  const broken: [string, object][] = [
    ["an unknown field", { network: ["one"] }],
    ["a wrong timeout", { timeout: "for ever" }],
    ["networks that are gone", { networks: ["gone"] }],
    ["an annotation that is none", { runtimeConfig: { "io.kubernetes.cri.pod-annotations": 7 } }],
    ["a delegate that is none", { delegate: {} }],
    ["a delegate whose file is gone", { delegate: { name: "gone" } }],
  ];

  test.each(broken)(
    "of a recorded container works although the configuration has %s",
    async (_case, mistake) => {
      const made = scene(false);
      await succeed(made.machine, "ADD", victim, made.config);
      await succeed(made.machine, "DEL", victim, { ...made.config, ...mistake });
      expect(of(victim, made)).toEqual([]);
    },
  );

  test.each(broken)(
    "comes twice, and succeeds twice, although the configuration has %s",
    async (_case, mistake) => {
      const made = scene(false);
      await succeed(made.machine, "ADD", victim, made.config);
      await succeed(made.machine, "DEL", victim, made.config);
      await succeed(made.machine, "DEL", victim, { ...made.config, ...mistake });
    },
  );

  test("of a container from before us deletes the primary although the rest of the configuration is wrong", async () => {
    const made = scene(false);
    made.world.add(`pods/main/${victim}/eth0`);
    await succeed(made.machine, "DEL", victim, { ...made.config, network: ["one"] });
    expect([...made.world]).toEqual([]);
  });

  test("does not take a read error for a torn record", async () => {
    const made = await stage("DEL", false);
    const path = `${stateDir}/pods/${victim}@eth0.json`;
    const process = made.machine.spawn();
    process.failReads(path, "EMFILE");
    expect(await outcomeOf(made, process, "DEL")).toBe("error");
    expect(of(victim, made)).toEqual(whole(victim));
    await succeed(made.machine, "DEL", victim, made.config);
    expect(of(victim, made)).toEqual([]);
  });

  test("finds plugins where ADD found them, when binDir has been changed since", async () => {
    const made = scene(false);
    const without = { ...made.config, binDir: "/bin/cni" };
    const nowhere = { containerId: victim, variables: { CNI_PATH: "/nowhere" } };
    const add = await callIn(made.machine.spawn(), { ...nowhere, verb: "ADD", config: without });
    expect(add).toMatchObject({ ok: true });
    const del = await callIn(made.machine.spawn(), { ...nowhere, verb: "DEL", config: made.config });
    expect(del).toMatchObject({ ok: true });
    expect(of(victim, made)).toEqual([]);
  });

  test("refuses the record of a newer hawser, and leaves it", async () => {
    const made = await stage("DEL", false);
    const key = { network: "pods", containerId: victim, ifname: "eth0" };
    const found = load(made.machine.spawn().sys, stateDir, key);
    if (found.kind !== "record") throw new Error("there is no record");
    save(made.machine.spawn().sys, stateDir, key, { ...found.record, format: 2 }, "commit");
    const outcome = await call(made.machine.spawn(), "DEL", victim, made.config);
    expect(outcome).toMatchObject({ ok: false, error: { id: "records.format" } });
    expect(of(victim, made)).toEqual(whole(victim));
  });
});

test.each(["self", "operation"] as const)(
  "hawser does not run as a delegate of hawser (%s)",
  async (given) => {
    const { machine, config } = scene(false);
    const process = machine.spawn();
    // Hawser 0.1.0 gave the identity of its process in this variable. This version gives a secret behind the identity.
    const HAWSER_OPERATION = machine.spawn().sys.processes[given]();
    const variables = { HAWSER_OPERATION };
    const outcome = await callIn(process, { verb: "ADD", containerId: victim, config, variables });
    expect(outcome).toMatchObject({ ok: false, error: { id: "meta.recursion" } });
  },
);
