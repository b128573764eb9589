import * as os from "node:os";
import { afterEach, beforeEach } from "vitest";
import { parseAddress } from "../../../cni/address.ts";
import { printJson } from "../../../cni/json.ts";
import type { Holding } from "../../../ipam/flat/pool/holding.ts";
import { codeOfAddress, keysOf } from "../../../ipam/flat/pool/keys.ts";
import { keysOfHolding } from "../../../ipam/flat/pool/stored.ts";
import { openLocalStore } from "../../../ipam/flat/store/local-store.ts";
import type { Entry, Op, Store } from "../../../ipam/flat/store/store.ts";
import { linux } from "../../../sys/linux.ts";
import { must } from "../../../sys/outcome-testing.ts";
import type { Sys } from "../../../sys/sys.ts";
import { asRoot, listen, type Printed, temporaryFolder, writeFile } from "../command-testing.ts";
import { hawser } from "../commands.ts";
import { parseUsage } from "../usage.ts";

/** The time of the tests: 2026-08-02 12:00:00Z. */
export const nowMs = Date.UTC(2026, 7, 2, 12, 0, 0);
export const hourMs = 3_600_000;
export const node = "node-a";
export const pool = "pods";

/** A process on this machine at that time. */
export const stopped: Sys = { ...asRoot(linux), clock: { ...linux.clock, nowMs: () => nowMs } };

export interface Changes {
  readonly sys?: Sys;
  /** The person's answer. Undefined: there is no person. */
  readonly answer?: boolean;
  readonly asked?: string[];
  /** What happens while the person is asked. */
  readonly whenAsked?: () => Promise<void>;
  readonly onProgress?: (line: string) => void;
  readonly columns?: number;
  readonly colours?: boolean;
}

/** Runs `hawser ipam` with these arguments. */
export async function runIpam(args: readonly string[], changes: Changes = {}): Promise<Printed> {
  const { asked, whenAsked, answer, onProgress, sys = stopped, ...rest } = changes;
  const usage = await parseUsage(hawser, ["ipam", ...args], { columns: 110, version: "" });
  if (usage.kind === "wrong") return { exitCode: 2, stdout: "", stderr: usage.message };
  if (usage.kind !== "command") throw new Error("it is no ipam command");
  const { context, printed } = listen({
    ...rest,
    person: {
      confirm: async (question) => {
        asked?.push(question);
        await whenAsked?.();
        return answer;
      },
      progress: (line) => onProgress?.(line),
    },
  });
  return printed(await usage.run(sys, context));
}

export const ranges = [[{ subnet: "10.60.0.0/26", exclude: ["10.60.0.60/30"] }]];
export const dualRanges = [...ranges, [{ subnet: "fd00:60::/120" }]];

/** A folder's configuration file, whose store is in the folder too. */
export function writeConfig(folder: string, changes: Record<string, unknown> = {}): string {
  const ipam = { type: "hawser-flat", node, ranges, store: { dir: `${folder}/store` }, ...changes };
  const path = `${folder}/pods.json`;
  writeFile(path, { cniVersion: "1.1.0", name: pool, type: "bridge", ipam });
  return path;
}

export function openStore(folder: string): Store {
  return openLocalStore(linux, `${folder}/store`);
}

/** What each test starts with: a folder with an empty store and the configuration that names the store. */
export interface PoolScene {
  folder: string;
  config: string;
  store: Store;
  /** Runs `hawser ipam` for that configuration. */
  readonly run: (...args: string[]) => Promise<Printed>;
}

/** Makes a new scene for each test of a file. */
export function useFolder(): PoolScene {
  const at: PoolScene = {
    folder: "",
    config: "",
    store: openStore(""),
    run: (...args) => runIpam([...args, "--config", at.config]),
  };
  let remove = (): void => {};
  beforeEach(() => {
    const made = temporaryFolder(os.tmpdir());
    remove = made.remove;
    at.folder = made.path;
    at.config = writeConfig(at.folder);
    at.store = openStore(at.folder);
  });
  afterEach(() => remove());
  return at;
}

export function codeOfText(text: string): string {
  const address = parseAddress(text);
  if (address === undefined) throw new Error(`${text} is no address`);
  return codeOfAddress(address);
}

/** A pod's interface with its addresses, live since an hour. */
export function holdingOf(
  identity: string,
  addresses: readonly string[],
  changes: Partial<Holding> = {},
): Holding {
  const sinceMs = nowMs - hourMs;
  const containerId = `c-${identity.split("/")[1] ?? "x"}`;
  return {
    identity,
    state: "live",
    containerId,
    ifname: identity.split("/")[2] ?? "eth0",
    node,
    network: pool,
    addresses: addresses.map(codeOfText),
    mac: `02:00:00:00:00:${String(addresses[0]).slice(-2).replace(".", "0").replace(":", "1")}`,
    generation: 1,
    sinceMs,
    history: [{ what: "claimed", identity, containerId, node, atMs: sinceMs }],
    ...changes,
  };
}

/** Writes holdings as claims would. A test may also write what is no holding. */
export async function put(store: Store, ...holdings: readonly Holding[]): Promise<void> {
  for (const holding of holdings) {
    const value = printJson(holding);
    await write(
      store,
      keysOfHolding(keysOf(pool), holding).map((key) => ({ kind: "put", key, value })),
    );
  }
}

export async function write(store: Store, ops: readonly Op[]): Promise<void> {
  must(await store.txn({ compare: [], success: ops, failure: [] }));
}

/** Everything in a store. */
export async function dump(store: Store): Promise<Entry[]> {
  const all = { kind: "range", from: "", to: "\uffff", limit: 10_000 } as const;
  const reply = must(await store.txn({ compare: [], success: [all], failure: [] }));
  const [entries] = reply.replies;
  return entries?.kind === "entries" ? [...entries.entries] : [];
}

export async function keysIn(store: Store): Promise<string[]> {
  return (await dump(store)).map(({ key }) => key);
}
