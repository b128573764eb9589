import { vi } from "vitest";
import type { Bed } from "../../../tools/testbed/bed.ts";
import type { Ended, Running } from "../../../tools/testbed/call.ts";
import { addPlugin, callNames, removeEffect } from "../../../tools/testbed/script-plugin.ts";

export const patiently = { timeout: 30_000, interval: 5 };

/** Installs the plugins of a node: `main` and `side` are well-behaved, and `slow` runs these lines on ADD. */
export function addPluginsAnd(bed: Bed, slow: readonly string[]): void {
  for (const type of ["main", "side"]) addPlugin(bed, type);
  addPlugin(bed, "slow", { ADD: slow, DEL: [removeEffect] });
}

/** Kills hawser after it has made this call of a delegate, such as `ADD slow`. The delegate goes on. */
export async function killAt(bed: Bed, running: Running, call: string): Promise<Ended> {
  await vi.waitUntil(() => callNames(bed).some((name) => name.startsWith(call)), patiently);
  running.kill("SIGKILL");
  return running.ended;
}
