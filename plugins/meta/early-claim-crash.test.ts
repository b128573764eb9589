import { describe, expect, test } from "vitest";
import { printJson } from "../../cni/json.ts";
import { createMachine, exited, type FakeMachine, type FakeProcess, type Handler } from "../../sys/fake.ts";
import { crashSites } from "../../sys/fake-crashes.ts";
import { callIn, endOf, heldBy } from "./crash-testing.ts";
import { identityMac } from "./meta-testing.ts";

/**
 * ADD and DEL of a pod whose addresses are claimed before its plugins run are stopped or fail at each effect. No claim and no
 * interface may be left, and the neighbour's must be as they were. One main plugin is like sriov: its DEL does nothing if its
 * ADD has written nothing down. The other is like bridge, macvlan and ptp: its DEL frees in any case.
 */

interface Scene {
  readonly machine: FakeMachine;
  /** `claim/container/interface` and `link/container/interface`. */
  readonly world: Set<string>;
  readonly config: object;
}

const victim = "victim";
const neighbour = "neighbour";
const types = { net1: "careful", net2: "plain" } as const;

function scene(parallel: boolean): Scene {
  const world = new Set<string>();
  const flat: Handler = ({ env }) => {
    const claim = `claim/${env.CNI_CONTAINERID}/${env.CNI_IFNAME}`;
    if (env.CNI_COMMAND === "ADD") world.add(claim);
    if (env.CNI_COMMAND === "DEL") world.delete(claim);
    const interfaces = [{ name: env.CNI_IFNAME, mac: identityMac }];
    return exited(0, env.CNI_COMMAND === "ADD" ? printJson({ cniVersion: "1.0.0", interfaces }) : "");
  };
  const main =
    (isCareful: boolean): Handler =>
    ({ env, stdin }) => {
      const own = `${env.CNI_CONTAINERID}/${env.CNI_IFNAME}`;
      if (env.CNI_COMMAND === "ADD") {
        const { runtimeConfig } = JSON.parse(stdin) as { runtimeConfig?: { mac?: string } };
        expect(runtimeConfig?.mac).toBe(identityMac);
        world.add(`claim/${own}`);
        world.add(`link/${own}`);
        return exited(0, printJson({ cniVersion: "1.0.0", interfaces: [{ name: env.CNI_IFNAME }] }));
      }
      if (env.CNI_COMMAND === "DEL" && (!isCareful || world.has(`link/${own}`))) {
        world.delete(`claim/${own}`);
        world.delete(`link/${own}`);
      }
      return exited(0, "");
    };
  const network = (type: string): string =>
    printJson({
      cniVersion: "1.0.0",
      name: type,
      type,
      capabilities: { mac: true },
      ipam: { type: "hawser-flat" },
    });
  const machine = createMachine({
    executables: {
      "/bin/cni/first": () => exited(0, printJson({ cniVersion: "1.1.0" })),
      ...{ "/bin/cni/hawser-flat": flat, "/bin/cni/careful": main(true), "/bin/cni/plain": main(false) },
    },
    files: { "/d/default/careful.json": network("careful"), "/d/default/plain.json": network("plain") },
  });
  const config = {
    ...{ cniVersion: "1.1.0", name: "pods", type: "hawser", definitionsDir: "/d", stateDir: "/s", parallel },
    ...{ delegate: { type: "first" }, networks: Object.values(types) },
  };
  return { machine, world, config };
}

function call(process: FakeProcess, verb: "ADD" | "DEL" | "GC", containerId: string, config: object) {
  const valid = { "cni.dev/valid-attachments": [{ containerID: neighbour, ifname: "eth0" }] };
  return callIn(process, { verb, containerId, config: verb === "GC" ? { ...config, ...valid } : config });
}

const endOfVictim = ({ machine, config }: Scene, process: FakeProcess, verb: "ADD" | "DEL") =>
  endOf(machine, process, { verb, containerId: victim, config });

async function succeed({ machine, config }: Scene, verb: "ADD" | "DEL" | "GC", id: string): Promise<void> {
  expect(await call(machine.spawn(), verb, id, config), `${verb} of ${id}`).toMatchObject({ ok: true });
}

const of = (id: string, made: Scene) => heldBy(id, made, "/s/pods");

const whole = (id: string): string[] =>
  Object.keys(types)
    .flatMap((ifname) => [`claim/${id}/${ifname}`, `link/${id}/${ifname}`])
    .concat(`${id}@eth0.json`)
    .toSorted();

async function stage(verb: "ADD" | "DEL", parallel: boolean): Promise<Scene> {
  const made = scene(parallel);
  await succeed(made, "ADD", neighbour);
  if (verb === "DEL") await succeed(made, "ADD", victim);
  return made;
}

async function effectsOf(verb: "ADD" | "DEL", parallel: boolean): Promise<readonly string[]> {
  const made = await stage(verb, parallel);
  const process = made.machine.spawn();
  expect(await endOfVictim(made, process, verb)).toBe("ok");
  return process.effects();
}

describe.each([false, true])("parallel: %s", (parallel) => {
  describe.each(["ADD", "DEL"] as const)("%s", (verb) => {
    test.each(["DEL", "GC"] as const)("killed at any effect: %s leaves nothing", async (remedy) => {
      const effects = await effectsOf(verb, parallel);
      if (verb === "ADD") expect(effects.filter((each) => each.includes("hawser-flat"))).toHaveLength(2);
      for (const { effect, point, where } of crashSites(effects)) {
        const made = await stage(verb, parallel);
        const process = made.machine.spawn();
        process.crashAt(effect, point);
        expect(await endOfVictim(made, process, verb), where).not.toBe("error");
        await succeed(made, remedy, victim);
        expect(of(victim, made), where).toEqual([]);
        expect(of(neighbour, made), where).toEqual(whole(neighbour));
        await succeed(made, "ADD", victim);
        expect(of(victim, made), where).toEqual(whole(victim));
      }
    });

    test("failed at any effect: what could not be undone, DEL undoes", async () => {
      const effects = await effectsOf(verb, parallel);
      for (const [number, effect] of effects.entries()) {
        const where = `${verb} with EIO at effect ${number}: ${effect}`;
        const made = await stage(verb, parallel);
        const process = made.machine.spawn();
        process.failAt(number, "EIO");
        const ended = await endOfVictim(made, process, verb);
        expect(ended, where).not.toBe("crash");
        const left = of(victim, made).filter((each) => each.includes("/"));
        if (verb === "ADD" && ended === "error") expect(left, where).toEqual([]);
        if (verb === "DEL" && ended === "ok") expect(left, where).toEqual([]);
        await succeed(made, "DEL", victim);
        expect(of(victim, made), where).toEqual([]);
        expect(of(neighbour, made), where).toEqual(whole(neighbour));
      }
    });
  });
});
