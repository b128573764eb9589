import * as fs from "node:fs";
import {
  call,
  checkFlat,
  collect,
  makeSandbox,
  prepare,
  readDisk,
  removeSandbox,
  strayFiles,
} from "./calls.ts";
import { makeChance } from "./chance.ts";
import {
  type Acknowledged,
  after,
  type WorkAttachment,
  type WorkEvent,
  type WorkNetwork,
  workNetworks,
} from "./events.ts";
import { losses, remains } from "./on-disk.ts";

/**
 * What runs in the machine: it judges what the last power cut has left, does what a runtime does after a boot, judges again,
 * and then adds, deletes and collects until the power is cut.
 */

interface Orders {
  readonly boot: number;
  readonly seed: number;
  readonly attachments: readonly WorkAttachment[];
  /** Delete everything, and end. */
  readonly last: boolean;
}

const mostOfANetwork = 4;
const orders = JSON.parse(fs.readFileSync("/inputs/orders.json", "utf8")) as Orders;
const chance = makeChance(orders.seed);
const journal = fs.openSync(process.env.JOURNAL ?? "", "w");
let acknowledged: Acknowledged = new Map(orders.attachments.map((each) => [each.id, each]));
let made = 0;

/** The line is on the host when this returns. */
function tell(event: WorkEvent): void {
  fs.writeSync(journal, `${JSON.stringify(event)}\n`);
  acknowledged = after(acknowledged, event).now;
}

function known(network?: WorkNetwork, state?: "held" | "loose"): WorkAttachment[] {
  return [...acknowledged.values()].filter(
    (each) => (network ?? each.network) === each.network && (state ?? each.state) === each.state,
  );
}

function look(when: string, settled: boolean, more: readonly string[] = []): void {
  const disk = readDisk();
  const there = remains(acknowledged, disk);
  const problems = [...losses(acknowledged, disk), ...(settled ? there : []), ...more];
  const held = known(undefined, "held").length;
  tell({ event: "judged", when, held, returned: settled ? 0 : there.length, problems });
}

async function add(network: WorkNetwork): Promise<void> {
  made += 1;
  const id = `b${orders.boot}c${made}`;
  if (network === "pods") makeSandbox(id);
  tell({ event: "begin", verb: "ADD", id, network });
  const { ok, addresses, said } = await call("ADD", network, id);
  tell(ok ? { event: "added", id, addresses } : { event: "failed", verb: "ADD", id, said });
}

async function del({ id, network }: WorkAttachment): Promise<void> {
  tell({ event: "begin", verb: "DEL", id, network });
  const { ok, said } = await call("DEL", network, id);
  removeSandbox(id);
  tell(ok ? { event: "deleted", id } : { event: "failed", verb: "DEL", id, said });
}

/** Frees what is loose. Nothing of the network is under way meanwhile. */
async function gc(network: WorkNetwork): Promise<void> {
  const gone = known(network, "loose").map(({ id }) => id);
  tell({ event: "collect", network });
  const valid = known(network, "held").map(({ id }) => id);
  const { ok, said } = await collect(network, valid);
  tell(ok ? { event: "collected", ids: gone } : { event: "failed", verb: "GC", id: network, said });
}

/** After a boot the runtime deletes some of what it knows, and GC has the rest that it does not want. */
async function settle(everything: boolean): Promise<void> {
  await Promise.all(
    workNetworks.map(async (network) => {
      for (const each of known(network)) {
        const wanted = each.state === "held" && !everything && chance.below(3) > 0;
        if (!wanted && chance.below(2) > 0) await del(each);
        else if (!wanted) tell({ event: "forgotten", id: each.id });
      }
      await gc(network);
    }),
  );
}

/** Two calls at a time of a network. GC waits for them, and nothing begins beside it, as the specification asks of a runtime. */
async function work(network: WorkNetwork): Promise<never> {
  const underWay = new Set<Promise<void>>();
  let collecting: Promise<void> = Promise.resolve();
  const next = (): Promise<void> => {
    const held = known(network, "held");
    const victim = held[chance.below(held.length)];
    const grow = chance.below(mostOfANetwork) >= held.length;
    if (grow || victim === undefined) return add(network);
    if (chance.below(4) > 0) return del(victim);
    tell({ event: "forgotten", id: victim.id });
    return Promise.resolve();
  };
  const caller = async (): Promise<never> => {
    for (;;) {
      await collecting;
      const action = next();
      underWay.add(action);
      await action;
      underWay.delete(action);
    }
  };
  const collector = async (): Promise<never> => {
    for (;;) {
      await new Promise((resolve) => setTimeout(resolve, 500 + chance.below(2000)));
      collecting = Promise.all(underWay).then(() => gc(network));
      await collecting;
    }
  };
  await Promise.all([caller(), caller(), collector()]);
  throw new Error("the work has ended");
}

prepare();
look(`after cut ${orders.boot}`, false);
await settle(orders.last);
look(`settled after cut ${orders.boot}`, true, orders.boot % 5 === 0 || orders.last ? checkFlat() : []);
if (orders.last) {
  const left = strayFiles().map((name) => `${name} is left`);
  tell({ event: "judged", when: "at the end", held: 0, returned: 0, problems: left });
} else {
  tell({ event: "working" });
  await Promise.all(workNetworks.map(work));
}
