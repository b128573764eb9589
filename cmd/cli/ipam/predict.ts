import { type CniError, failWith } from "../../../cni/errors.ts";
import { hashed } from "../../../ipam/flat/pool/claim.ts";
import { conditionOf, type Holding, isExpired, parseHolding } from "../../../ipam/flat/pool/holding.ts";
import { printCode } from "../../../ipam/flat/pool/keys.ts";
import { spaceOf } from "../../../ipam/flat/pool/space.ts";
import { type Entry, get } from "../../../ipam/flat/store/store.ts";
import { stableMac } from "../../../ipam/hash.ts";
import { type Outcome, ok } from "../../../sys/outcome.ts";
import type { Sys } from "../../../sys/sys.ts";
import { type Context, defineCommand } from "../command.ts";
import { printFailure } from "../failure.ts";
import { argument, type ValuesOf } from "../option.ts";
import { paint, plain, printDocument, type Terminal } from "../terminal.ts";
import { readIdentity } from "./named-address.ts";
import type { Pool } from "./pool.ts";
import { readOnce } from "./read.ts";
import { findPool } from "./target.ts";
import { exampleConfig, exitsOfLooks, targetConflicts, targetOptions } from "./target-options.ts";
import { printOwner } from "./words.ts";

/** The addresses that an identity has, or will get. */
export interface Prediction {
  readonly identity: string;
  readonly mac: string;
  /** `recorded`: the identity has them already and keeps them. `preferred`: its hash prefers them. */
  readonly basis: "recorded" | "preferred";
  readonly addresses: readonly Predicted[];
}

export interface Predicted {
  readonly code: string;
  /** Whether the identity would get the address now. */
  readonly free: boolean;
  readonly owner: string | undefined;
}

const options = {
  identity: argument("NAMESPACE/POD/INTERFACE", "NAMESPACE/POD/INTERFACE"),
  ...targetOptions,
};
type PredictOptions = ValuesOf<typeof options>;

export const predictCommand = defineCommand({
  summary: "Tell what a pod's interface has or will get",
  takes: "NAMESPACE/POD/INTERFACE",
  about: [
    "Tells the addresses and the MAC address that a pod's interface has or prefers,",
    "be there such a pod or not, and whether they are free now. Changes nothing.",
  ],
  options,
  conflicts: targetConflicts,
  examples: [["for a firewall's rules", `hawser ipam predict blue/db-0/net1 ${exampleConfig}`]],
  exits: exitsOfLooks,
  run,
});

async function run(sys: Sys, { terminal }: Context, options: PredictOptions): Promise<number> {
  const identity = readIdentity(options.identity);
  if (!identity.ok) return printFailure(terminal, identity.error, options.json);
  const pool = await findPool(sys, options);
  if (!pool.ok) return printFailure(terminal, pool.error, options.json);
  const predicted = await predict(pool.value, identity.value, sys.clock.nowMs());
  if (!predicted.ok) return printFailure(terminal, predicted.error, options.json);
  if (options.json) printDocument(terminal, documentOf(pool.value, predicted.value));
  else printPrediction(terminal, pool.value, predicted.value);
  return 0;
}

/** Predicts in one round trip to the store. Errors: `cli.ranges` and the store's. */
export async function predict(
  pool: Pool,
  identity: string,
  nowMs: number,
): Promise<Outcome<Prediction, CniError>> {
  const { sets, keys, name } = pool;
  if (sets.length === 0) {
    const hint = "Name its configuration by --config.";
    return failWith(
      "invalidConfig",
      "cli.ranges",
      `predict ${identity}: the pool's ranges are not known`,
      hint,
    );
  }
  const preferred = sets.map((set, index) => hashed(name, identity, spaceOf(set, sets), index, 0));
  const mac = stableMac(name, identity, 0);
  const taken = preferred.map((code) => get(keys.ip(code)));
  const reply = await readOnce(pool.store, { own: get(keys.own(identity)), taken });
  if (!reply.ok) return reply;
  const own = holdingOf(reply.value.own);
  if (own !== undefined) {
    const addresses = own.addresses.map((code) => ({ code, free: true, owner: identity }));
    const isOwn = own.mac !== "" && own.macAsked !== true;
    return ok({ identity, mac: isOwn ? own.mac : mac, basis: "recorded", addresses });
  }
  const addresses = preferred.map((code, index): Predicted => {
    const entry = reply.value.taken[index];
    const isThere = entry !== undefined;
    const holding = holdingOf(entry);
    const free = !isThere || (holding !== undefined && isExpired(holding, nowMs));
    const condition = holding === undefined ? "taken by an unreadable record" : conditionOf(holding, nowMs);
    const owner = holding === undefined ? condition : `${condition} by ${printOwner(holding)}`;
    return { code, free, owner: isThere ? owner : undefined };
  });
  return ok({ identity, mac, basis: "preferred", addresses });
}

function holdingOf(entry: Entry | undefined): Holding | undefined {
  return entry === undefined ? undefined : parseHolding(entry.value);
}

function printPrediction(
  terminal: Terminal,
  pool: Pool,
  { identity, mac, basis, addresses }: Prediction,
): void {
  terminal.print(paint(terminal, "bold", plain(`${identity} in pool ${pool.name}`)));
  for (const each of addresses)
    terminal.print(`  ${"address".padEnd(8)} ${printCode(each.code)}  ${howSure(basis, each)}`);
  terminal.print(`  ${"MAC".padEnd(8)} ${mac}`);
  if (addresses.every(({ free }) => free)) return;
  terminal.print(
    "\nAn ADD goes on to the next address that its hash prefers. To be sure of one: hawser ipam reserve.",
  );
}

function howSure(basis: Prediction["basis"], { free, owner }: Predicted): string {
  if (basis === "recorded") return "recorded for it";
  if (!free) return plain(owner ?? "");
  return owner === undefined ? "free now" : "free now (an expired hold)";
}

function documentOf(pool: Pool, { addresses, ...rest }: Prediction): Record<string, unknown> {
  const shown = addresses.map(({ code, free, owner }) => ({ address: printCode(code), free, owner }));
  return { pool: pool.name, ...rest, addresses: shown };
}
