import { describe, expect, test } from "vitest";
import type { CniError } from "../../cni/errors.ts";
import { Crash, type CrashPoint, createMachine, type FakeMachine, type FakeProcess } from "../../sys/fake.ts";
import type { Outcome } from "../../sys/outcome.ts";
import { must } from "../../sys/outcome-testing.ts";
import { createFakeEtcd, type FakeEtcd } from "../../tools/testbed/fake-etcd.ts";
import { add } from "./add.ts";
import { del } from "./del.ts";
import { type FlatCall, invocationOf } from "./flat-testing.ts";
import { gc } from "./gc.ts";
import { audit } from "./pool/pool-testing.ts";
import { status } from "./status.ts";
import { defaultPrefix } from "./store/etcd-config.ts";
import type { Entry } from "./store/store.ts";

/** A node whose etcd wants a user, so that every effect there is occurs: endpoints, token, lock, journal. */
interface Scene {
  readonly machine: FakeMachine;
  readonly etcd: FakeEtcd;
}

function scene(): Scene {
  const etcd = createFakeEtcd();
  etcd.user = "cni:secret";
  const files = { "/etc/password": "secret\n" };
  return { etcd, machine: createMachine({ files, http: (request) => etcd.handle(request) }) };
}

const ipam = {
  ranges: [[{ subnet: "10.60.0.0/24" }], [{ subnet: "fd00:60::/64" }]],
  store: {
    etcd: { endpoints: ["https://a:2379", "https://b:2379"], username: "cni", passwordFile: "/etc/password" },
  },
  hold: "0",
};
const callOf = (verb: FlatCall["verb"], containerId: string): ReturnType<typeof invocationOf> =>
  invocationOf({ verb, containerId, pod: "ns/web", ipam });

type Act = (process: FakeProcess) => Promise<Outcome<unknown, CniError>>;
const adding: Act = ({ sys }) => add(sys, callOf("ADD", "c1"));
const deleting: Act = ({ sys }) => del(sys, callOf("DEL", "c1"));

async function run(machine: FakeMachine, act: Act): Promise<readonly string[]> {
  const process = machine.spawn();
  must(await act(process));
  return process.effects();
}

/** The mishaps of one effect. */
type Mishap = (process: FakeProcess, effect: number) => void;
const crash =
  (when: CrashPoint): Mishap =>
  (process, effect) =>
    process.crashAt(effect, when);
const mishaps: readonly [string, Mishap][] = [
  ["crash before", crash("before")],
  ["crash amid", crash("half")],
  ["crash after", crash("after")],
  ["not done, no way there", (process, effect) => process.failAt(effect, "EHOSTUNREACH")],
  ["not done, nobody knows", (process, effect) => process.failAt(effect, "ECONNRESET")],
  ["done, the answer lost", (process, effect) => process.loseReplyAt(effect)],
];

/** Runs an operation with a mishap at one of its effects. Returns how it ended. */
async function mishap({ machine }: Scene, act: Act, strike: Mishap, effect: number): Promise<string> {
  const process = machine.spawn();
  strike(process, effect);
  try {
    const done = await act(process);
    return done.ok ? "done" : `code ${done.error.code}`;
  } catch (error) {
    if (error instanceof Crash) return "crashed";
    throw error;
  }
}

const entriesIn = ({ etcd }: Scene): Entry[] =>
  etcd.store.entries().map((entry) => ({ ...entry, key: entry.key.slice(`${defaultPrefix}/`.length) }));
const leftIn = (here: Scene): string[] =>
  entriesIn(here).flatMap(({ key }) => (key.startsWith("pool/") ? [] : [key]));

test.each(mishaps)(
  "ADD, at each of its effects: %s: nothing half-done, and the same address again",
  async (_what, strike) => {
    const expected = await add(scene().machine.spawn().sys, callOf("ADD", "c1"));
    const effects = await run(scene().machine, adding);
    expect(effects.filter((each) => each.startsWith("http")).length).toBeGreaterThanOrEqual(3);
    for (const effect of effects.keys()) {
      const here = scene();
      const ended = await mishap(here, adding, strike, effect);
      expect(audit("net", entriesIn(here)), `${ended} at ${effects[effect]}`).toEqual([]);
      if (ended === "done") expect(leftIn(here).length).toBe(5);
      // The runtime tries again, another pod comes in between.
      await run(here.machine, ({ sys }) =>
        add(sys, invocationOf({ verb: "ADD", containerId: "c2", pod: "ns/db", ipam })),
      );
      expect(await add(here.machine.spawn().sys, callOf("ADD", "c1"))).toEqual(expected);
      expect(audit("net", entriesIn(here))).toEqual([]);
      await run(here.machine, deleting);
      expect(leftIn(here).filter((key) => key.includes("web"))).toEqual([]);
      expect(leftIn(here).length).toBe(5);
    }
  },
);

test.each(mishaps)(
  "DEL, at each of its effects: %s: nothing half-done, and done by the next",
  async (_what, strike) => {
    const before = scene();
    await run(before.machine, adding);
    const effects = await run(before.machine, deleting);
    for (const effect of effects.keys()) {
      const here = scene();
      await run(here.machine, adding);
      const ended = await mishap(here, deleting, strike, effect);
      expect(audit("net", entriesIn(here)), `${ended} at ${effects[effect]}`).toEqual([]);
      if (ended === "done") expect(leftIn(here)).toEqual([]);
      await run(here.machine, deleting);
      expect(leftIn(here)).toEqual([]);
      await run(here.machine, deleting);
    }
  },
);

test.each(mishaps)(
  "GC, at each of its effects: %s: what is valid stays, the rest goes by the next",
  async (_what, strike) => {
    const valid = [{ containerID: "c1", ifname: "eth0" }];
    const more = { "cni.dev/valid-attachments": valid };
    const collecting: Act = ({ sys }) => gc(sys, invocationOf({ verb: "GC", containerId: "", ipam, more }));
    const start = async (): Promise<Scene> => {
      const here = scene();
      await run(here.machine, adding);
      await run(here.machine, ({ sys }) =>
        add(sys, invocationOf({ verb: "ADD", containerId: "c2", pod: "ns/db", ipam })),
      );
      return here;
    };
    const effects = await run((await start()).machine, collecting);
    for (const effect of effects.keys()) {
      const here = await start();
      const ended = await mishap(here, collecting, strike, effect);
      expect(audit("net", entriesIn(here)), `${ended} at ${effects[effect]}`).toEqual([]);
      await run(here.machine, collecting);
      expect(leftIn(here).length).toBe(5);
      expect(leftIn(here).join()).toContain("own/net/ns/web/eth0");
    }
  },
);

test("a token that etcd never answers any more (a restored snapshot) stops no verb", async () => {
  const etcd = createFakeEtcd();
  etcd.user = "cni:secret";
  let hung = "";
  const machine = createMachine({
    files: { "/etc/password": "secret\n" },
    http: async (request) => {
      if (hung !== "" && request.headers.authorization === hung) await machine.clock.sleep(1e9);
      return await etcd.handle(request);
    },
  });
  const more = { "cni.dev/valid-attachments": [] };
  const acts: Act[] = [
    adding,
    ({ sys }) => status(sys, callOf("STATUS", "")),
    deleting,
    ({ sys }) => gc(sys, invocationOf({ verb: "GC", containerId: "", ipam, more })),
  ];
  for (const act of acts) {
    await run(machine, act);
    hung = [...etcd.tokens].at(-1) ?? "";
    const startMs = machine.clock.monotonicMs();
    await run(machine, act);
    expect(machine.clock.monotonicMs() - startMs).toBeLessThan(6000);
    expect([...etcd.tokens].at(-1)).not.toBe(hung);
  }
});

describe("under etcd's NOSPACE alarm", () => {
  const second = invocationOf({ verb: "ADD", containerId: "c2", pod: "ns/db", ipam });

  test("a repeated ADD is answered as before, another is refused with the remedy, DEL is journalled", async () => {
    const { machine, etcd } = scene();
    const given = await add(machine.spawn().sys, callOf("ADD", "c1"));
    expect(given.ok).toBe(true);
    etcd.alarm = true;
    expect(await add(machine.spawn().sys, callOf("ADD", "c1"))).toEqual(given);
    const refused = { ok: false, error: { id: "ipam.store-refused" } };
    expect(await add(machine.spawn().sys, second)).toMatchObject(refused);
    // Another sandbox of the same pod needs a write.
    expect(await add(machine.spawn().sys, callOf("ADD", "c3"))).toMatchObject(refused);
    const held = invocationOf({
      verb: "DEL",
      containerId: "c1",
      pod: "ns/web",
      ipam: { ...ipam, hold: "1h" },
    });
    expect(await del(machine.spawn().sys, held)).toMatchObject(refused);
    // Its release waits in the journal, and is done before the container gets anything again.
    expect(await add(machine.spawn().sys, callOf("ADD", "c1"))).toMatchObject(refused);
    etcd.alarm = false;
    expect(await add(machine.spawn().sys, callOf("ADD", "c1"))).toEqual(given);
  });

  test.each([
    [[], true],
    [["full"], true],
    [["unreachable"], false],
  ])("STATUS sees it, and notReadyWhen %j decides", async (notReadyWhen, isReady) => {
    const { machine, etcd } = scene();
    await run(machine, adding);
    etcd.alarm = true;
    const process = machine.spawn();
    const asked = invocationOf({ verb: "STATUS", containerId: "", ipam: { ...ipam, notReadyWhen } });
    const outcome = await status(process.sys, asked);
    expect(outcome).toMatchObject(isReady ? { ok: true } : { error: { code: 50, id: "ipam.store-refused" } });
    expect(`${process.warnings.join()}${JSON.stringify(outcome)}`).toContain("alarm disarm");
    expect(process.warnings).toHaveLength(isReady ? 1 : 0);
    expect(entriesIn({ machine, etcd }).some(({ key }) => key === "health")).toBe(false);
  });

  test("STATUS of a healthy etcd sends it nothing that is written", async () => {
    const { machine, etcd } = scene();
    await run(machine, adding);
    const before = etcd.store.entries();
    const asked = etcd.requests.length;
    await run(machine, ({ sys }) => status(sys, callOf("STATUS", "")));
    expect(etcd.store.entries()).toEqual(before);
    expect(etcd.requests.slice(asked).map((each) => each.replace(/^https:\/\/.:2379| .*/g, ""))).toEqual([
      "/v3/kv/txn",
      "/v3/kv/txn",
      "/v3/kv/txn",
      "/health",
    ]);
  });
});
