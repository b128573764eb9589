import { expect } from "vitest";
import type { CniResult } from "../../../cni/types.ts";
import { createFake, type Fake, type MachineOptions } from "../../../sys/fake.ts";
import { fail, type Outcome } from "../../../sys/outcome.ts";
import { must } from "../../../sys/outcome-testing.ts";
import { add } from "../add.ts";
import { check } from "../check.ts";
import type { del } from "../del.ts";
import { type FlatCall, invocationOf } from "../flat-testing.ts";
import { gc } from "../gc.ts";
import { audit } from "../pool/pool-testing.ts";
import { status } from "../status.ts";
import { createMemoryStore, type MemoryStore } from "../store/memory-store.ts";
import type { Store, StoreFault } from "../store/store.ts";
import type { OpenStore } from "../teardown-config.ts";

/** For tests of the verbs: a node with a store that can fail. */
export interface VerbScene {
  readonly fake: Fake;
  readonly memory: MemoryStore;
  fault: StoreFault | undefined;
  readonly open: OpenStore;
}

export function scene(options: MachineOptions = {}): VerbScene {
  const memory = createMemoryStore();
  const store: Store = {
    ...memory,
    txn: async (txn) => (made.fault === undefined ? await memory.txn(txn) : fail(made.fault)),
  };
  const made: VerbScene = { fake: createFake(options), memory, fault: undefined, open: async () => store };
  return made;
}

export const away: StoreFault = { kind: "unreachable", msg: "no endpoint answered", details: "Start it." };
export const tiny = [[{ subnet: "10.0.0.0/29" }]];
export const journal = "/var/lib/cni/hawser-flat-journal";

export async function addTo(at: VerbScene, call: Omit<FlatCall, "verb">) {
  at.fake.machine.clock.advance(1);
  return await add(at.fake.sys, invocationOf({ ...call, verb: "ADD" }), at.open);
}

export async function added(at: VerbScene, call: Omit<FlatCall, "verb">): Promise<CniResult> {
  const outcome = must(await addTo(at, call));
  expect(audit(call.ipam?.pool === undefined ? "net" : String(call.ipam.pool), at.memory.entries())).toEqual(
    [],
  );
  return outcome;
}

export async function run<T>(
  at: VerbScene,
  verb: (
    ...args: Parameters<typeof del>
  ) => Promise<Outcome<T, { id: string; msg: string; details: string; code: number }>>,
  call: Omit<FlatCall, "verb">,
) {
  at.fake.machine.clock.advance(1);
  const name = verb === check ? "CHECK" : verb === gc ? "GC" : verb === status ? "STATUS" : "DEL";
  return await verb(at.fake.sys, invocationOf({ ...call, verb: name }), at.open);
}

export const addressesOf = (result: CniResult): string[] => (result.ips ?? []).map(({ address }) => address);
export const web = { containerId: "c1", pod: "ns/web" };

/** The same node after a power loss. */
export function reboot(at: VerbScene): VerbScene {
  const { machine } = at.fake;
  machine.crash({ lose: "unsynced" });
  return { ...at, fake: { ...machine.spawn(), machine } };
}
