import { expect, test } from "vitest";
import type { CniError } from "../../cni/errors.ts";
import { isObject, type JsonObject } from "../../cni/json.ts";
import type { Plugin } from "../../cni/plugin.ts";
import type { CniResult } from "../../cni/types.ts";
import { getLink, type LinkChange, setLink } from "../../net/links.ts";
import type { KernelOptions } from "../../net/simulation/kernel-model.ts";
import { createKernel, homePath, type SimulatedKernel } from "../../net/simulation/simulated-kernel.ts";
import { talk } from "../../net/talk.ts";
import { Crash, createFake, exited, type Fake, type FakeProcess, type Handler } from "../../sys/fake.ts";
import type { Outcome } from "../../sys/outcome.ts";
import { must } from "../../sys/outcome-testing.ts";
import { type CallOptions, pluginCall } from "./invocation-testing.ts";

/** The namespace of the container of tests. */
export const podPath = "/run/netns/c1";

/** A machine with a kernel, a container and an IPAM plugin `ipam`, which gives 10.1.0.5/24 and fd00::5/64. */
export interface AttachScene {
  readonly kernel: SimulatedKernel;
  /** When the links that are to be up are so. */
  readonly ready: Promise<unknown>;
  readonly fake: Fake;
  /** The containers that have addresses. */
  readonly held: Set<string>;
  /** Calls one verb in a process of its own, or in this one. */
  call(
    verb: keyof Verbs,
    raw: JsonObject,
    options?: CallOptions,
    process?: FakeProcess,
  ): Promise<Outcome<unknown, CniError>>;
  add(raw: JsonObject, options?: CallOptions): Promise<CniResult>;
}

type Verbs = Pick<Plugin, "add" | "del" | "check" | "gc" | "status">;

export interface SceneOptions {
  readonly kernel?: KernelOptions;
  readonly files?: Readonly<Record<string, string>>;
  readonly prepare?: (kernel: SimulatedKernel) => void;
  /** Links of the node that are up. */
  readonly up?: readonly string[];
}

export function createScene(
  plugin: Plugin,
  { kernel: options = {}, files = {}, prepare, up = [] }: SceneOptions = {},
): AttachScene {
  const kernel = createKernel(options);
  kernel.addNamespace(podPath);
  prepare?.(kernel);
  const ready = Promise.all(up.map((name) => changeLink({ kernel }, name, { up: true })));
  const held = new Set<string>();
  const fake = createFake({ network: kernel, files, executables: { "/bin/ipam": ipamWith(held) } });
  const call: AttachScene["call"] = async (verb, raw, callOptions = {}, process = fake.machine.spawn()) => {
    await ready;
    const command = verb.toUpperCase() as "ADD" | "DEL" | "CHECK" | "GC" | "STATUS";
    return plugin[verb](process.sys, pluginCall(raw, { netns: podPath, ...callOptions, command }));
  };
  const add: AttachScene["add"] = async (raw, callOptions) =>
    must(await call("add", raw, callOptions)) as CniResult;
  return { kernel, ready, fake, held, call, add };
}

const given = {
  cniVersion: "1.1.0",
  ips: [
    { address: "10.1.0.5/24", gateway: "10.1.0.1" },
    { address: "fd00::5/64", gateway: "fd00::1" },
  ],
  routes: [{ dst: "0.0.0.0/0" }],
  dns: { nameservers: ["10.1.0.53"] },
};

function ipamWith(held: Set<string>): Handler {
  return ({ env, stdin }) => {
    const key = `${env.CNI_CONTAINERID}/${env.CNI_IFNAME}`;
    const config: unknown = JSON.parse(stdin);
    const ipam = isObject(config as JsonObject)
      ? (config as { ipam?: { refuses?: boolean } }).ipam
      : undefined;
    if (env.CNI_COMMAND === "ADD" && ipam?.refuses === true)
      return exited(1, JSON.stringify({ cniVersion: "1.1.0", code: 106, msg: "no address is left" }));
    if (env.CNI_COMMAND === "ADD") held.add(key);
    if (env.CNI_COMMAND === "DEL") held.delete(key);
    return exited(0, env.CNI_COMMAND === "ADD" ? JSON.stringify(given) : "");
  };
}

/** An `ipam` section of the IPAM plugin of tests. */
export const ipam: JsonObject = { type: "ipam" };

/** What is on the machine, without what a device may remember of its time in a container. */
function stateOf({ kernel, held }: AttachScene): unknown {
  return { kernel: kernel.state(), held: [...held] };
}

/**
 * Kills an ADD and a DEL before and after each of their effects, and lets each effect fail. DEL leaves nothing each time, also
 * when it is called twice, and a later ADD works.
 */
export function survivesEverywhere(plugin: Plugin, raw: JsonObject, options: SceneOptions = {}): void {
  const scene = (): AttachScene => createScene(plugin, options);
  const before = async (): Promise<unknown> => {
    const now = scene();
    await now.ready;
    return stateOf(now);
  };
  const isClean = async (now: AttachScene, what: string): Promise<void> => {
    now.kernel.reap();
    for (let times = 0; times < 2; times++) expect(await now.call("del", raw), what).toEqual({ ok: true });
    expect(stateOf(now), what).toEqual(await before());
    expect(await now.call("add", raw), what).toMatchObject({ ok: true });
  };
  const effectsOf = async (verb: "add" | "del"): Promise<readonly string[]> => {
    const now = scene();
    if (verb === "del") await now.add(raw);
    const process = now.fake.machine.spawn();
    must(await now.call(verb, raw, {}, process));
    return process.effects();
  };

  test.each(["add", "del"] as const)(
    "a kill at each effect of %s leaves nothing behind DEL",
    async (verb) => {
      const effects = await effectsOf(verb);
      for (const [at, effect] of effects.entries()) {
        for (const when of ["before", "after"] as const) {
          const now = scene();
          if (verb === "del") await now.add(raw);
          const process = now.fake.machine.spawn();
          process.crashAt(at, when);
          await expect(now.call(verb, raw, {}, process)).rejects.toThrow(Crash);
          await isClean(now, `${verb} killed ${when} ${effect}`);
        }
      }
      expect(effects.length).toBeGreaterThan(1);
    },
  );

  test.each(["add", "del"] as const)(
    "a failure of each effect of %s leaves nothing behind DEL",
    async (verb) => {
      for (const [at, effect] of (await effectsOf(verb)).entries()) {
        const now = scene();
        if (verb === "del") await now.add(raw);
        const process = now.fake.machine.spawn();
        process.failAt(at, "ENOMEM");
        const outcome = await now.call(verb, raw, {}, process);
        // A setting that tells neighbours of the interface is not worth a pod.
        if (!outcome.ok && verb === "add")
          expect(stateOf(now), `after ${effect} failed`).toEqual(await before());
        else if (outcome.ok) expect(process.warnings.length, effect).toBeGreaterThan(0);
        await isClean(now, `${verb} whose ${effect} failed`);
      }
    },
  );
}

/** Changes a link of a namespace, as an operator would. */
export async function changeLink(
  { kernel }: Pick<AttachScene, "kernel">,
  name: string,
  change: LinkChange,
  path = homePath,
): Promise<void> {
  const namespace = must(await kernel.open(path));
  const socket = must(namespace.socket("route"));
  must(talk(socket, setLink(must(talk(socket, getLink(name))).index, change)));
  namespace.close();
}

/** The names of the links of a namespace, without its loopback. */
export function linksIn({ kernel }: AttachScene, path = podPath): string[] {
  return Object.keys(kernel.state()[path]?.links ?? {}).filter((name) => name !== "lo");
}

export { homePath };
