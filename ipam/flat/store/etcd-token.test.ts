import { describe, expect, test } from "vitest";
import { createFake, type Fake } from "../../../sys/fake.ts";
import type { HttpAttempt, HttpRequest } from "../../../sys/http.ts";
import { createFakeEtcd, type FakeEtcd, saying } from "../../../tools/testbed/fake-etcd.ts";
import type { EtcdSettings } from "./etcd-config.ts";
import { defaultLimits } from "./etcd-session.ts";
import { openEtcd } from "./etcd-store.ts";
import type { Store, Txn } from "./store.ts";

const settings: EtcdSettings = {
  endpoints: ["http://a:2379", "http://b:2379", "http://c:2379"],
  caFile: "",
  certFile: "",
  keyFile: "",
  username: "cni",
  passwordFile: "/etc/password",
  prefix: "/hawser",
};
const get: Txn = { compare: [], success: [{ kind: "get", key: "a" }], failure: [] };
const put: Txn = {
  compare: [{ kind: "absent", key: "a" }],
  success: [{ kind: "put", key: "a", value: "1" }],
  failure: [{ kind: "get", key: "a" }],
};

interface Scene {
  readonly fake: Fake;
  readonly etcd: FakeEtcd;
  /** Time that a request takes before etcd looks at it. */
  delayMs: (request: HttpRequest) => number;
  /** A process of a node that opens the store. */
  open(node?: string, changed?: Partial<EtcdSettings>): Store;
  /** Paths of the requests since this was last asked, with the endpoint's letter: `a /v3/kv/txn token1`. */
  asked(): string[];
}

const never = 1e9;

function scene(): Scene {
  const etcd = createFakeEtcd();
  etcd.user = "cni:secret";
  const slow = async (request: HttpRequest): Promise<HttpAttempt> => {
    const delayMs = made.delayMs(request);
    if (delayMs > 0) await made.fake.machine.clock.sleep(delayMs);
    return await etcd.handle(request);
  };
  let told = 0;
  const made: Scene = {
    fake: createFake({ http: slow, files: { "/etc/password": "secret\n" } }),
    etcd,
    delayMs: () => 0,
    open: (node = "", changed = {}) => {
      const place = { folder: `/var/lib/${node}/.etcd`, name: node };
      return openEtcd(made.fake.machine.spawn().sys, { ...settings, ...changed }, place);
    },
    asked: () => {
      const since = etcd.requests.slice(told);
      told = etcd.requests.length;
      return since.map((each) => each.replace(/^http:\/\/(.):2379/, "$1 ").replace(/ {2}/, " "));
    },
  };
  return made;
}

const isAuthentication = (path: string): boolean => path.includes("authenticate");
const endpointsOf = (asked: readonly string[]): string => asked.map((each) => each[0]).join("");

describe("a remembered token that etcd never answers (its data were put back from a snapshot)", () => {
  /** A node with a token of the former etcd: requests with it hang at every member. */
  async function restored(): Promise<Scene> {
    const here = scene();
    await here.open().txn(get);
    here.delayMs = ({ headers }) => (headers.authorization === "token1" ? never : 0);
    here.etcd.tokens.clear();
    here.asked();
    return here;
  }

  test.each([
    ["a read", get, true],
    ["a write, which nobody knows of and which is looked after", put, false],
  ])("is replaced within one operation: %s", async (_what, txn, isDone) => {
    const here = await restored();
    const store = here.open();
    expect(await store.txn(txn)).toMatchObject(isDone ? { ok: true } : { error: { kind: "unknown" } });
    expect(await store.txn(txn)).toMatchObject({ ok: true });
    expect(here.fake.sys.clock.monotonicMs()).toBeLessThan(5000);
    expect(here.asked().filter(isAuthentication)).toHaveLength(1);
    // The same holds for every later process of the node.
    const later = here.open();
    expect(await later.txn(get)).toMatchObject({ ok: true });
    expect(later.roundTrips()).toBe(1);
  });

  test("by one process for all that meet it at once", async () => {
    const here = await restored();
    const done = await Promise.all(Array.from({ length: 20 }, () => here.open().txn(get)));
    expect(done.every((each) => each.ok)).toBe(true);
    expect(here.asked().filter(isAuthentication)).toHaveLength(1);
  });

  test("with a single endpoint, too", async () => {
    const here = scene();
    const single = { endpoints: ["http://a:2379"] };
    await here.open("", single).txn(get);
    here.delayMs = ({ headers }) => (headers.authorization === "token1" ? never : 0);
    expect(await here.open("", single).txn(get)).toMatchObject({ ok: true });
  });
});

test("a member that is silent costs no token: the next one is asked whether it is worth anything", async () => {
  const here = scene();
  await here.open().txn(get);
  here.asked();
  here.delayMs = ({ url }) => (url.startsWith("http://a") ? never : 0);
  const store = here.open();
  expect(await store.txn(put)).toMatchObject({ ok: false, error: { kind: "unknown" } });
  expect(await store.txn(put)).toMatchObject({ ok: true });
  expect(here.asked()).toEqual(["b /v3/kv/range token1", "b /v3/kv/txn token1"]);
  // The node also notes that the endpoint is in doubt. So the next process does not wait for it.
  await here.open().txn(get);
  expect(here.asked()).toEqual(["b /v3/kv/txn token1"]);
});

test("when all are silent it ends in time, and says so", async () => {
  const here = scene();
  await here.open().txn(get);
  const startMs = here.fake.sys.clock.monotonicMs();
  here.delayMs = () => never;
  const reply = await here.open().txn(get);
  expect(JSON.stringify(reply)).toMatch(/unreachable.*http:\/\/a:2379.*nobody has answered for 6000 ms/);
  expect(here.fake.sys.clock.monotonicMs() - startMs).toBeLessThanOrEqual(7000);
});

describe("a remembered token's age", () => {
  test.each([
    ["is that of a day", 86_400_000],
    ["is not known: the clock was put back", -86_400_000],
  ])("%s: it is fetched anew", async (_what, passedMs) => {
    const here = scene();
    await here.open().txn(get);
    here.asked();
    here.fake.machine.clock.advance(passedMs);
    await here.open().txn(get);
    expect(here.asked().map((each) => each.split(" ")[1])).toEqual(["/v3/auth/authenticate", "/v3/kv/txn"]);
  });

  test("is below an hour and a quarter, and not the same on all nodes", async () => {
    const here = scene();
    const ages = new Set<number>();
    for (let node = 0; node < 20; node++) {
      await here.open(`n${node}`).txn(get);
      const folder = `/var/lib/n${node}/.etcd`;
      const names = here.fake.sys.files.list(folder);
      const name = names.ok ? names.value.find((each) => each.endsWith(".json")) : undefined;
      const text = here.fake.sys.files.read(`${folder}/${name}`);
      ages.add(JSON.parse(text.ok ? text.value : "{}").untilMs - here.fake.sys.clock.nowMs());
    }
    expect(ages.size).toBeGreaterThan(10);
    expect(Math.max(...ages)).toBeLessThanOrEqual(4_500_000);
    expect(Math.min(...ages)).toBeGreaterThan(2_000_000);
  });
});

describe("many nodes without a token at once", () => {
  /** Each bcrypt takes a quarter of a second of the only core, even if nobody waits for it any more. */
  function withOneCore(here: Scene): void {
    let busyUntilMs = 0;
    const { clock } = here.fake.machine;
    const { handle } = here.etcd;
    Object.assign(here.etcd, {
      handle: async (request: HttpRequest) => {
        if (isAuthentication(request.url)) {
          busyUntilMs = Math.max(busyUntilMs, clock.nowMs()) + 250;
          // The computations share the core, so each ends when all end.
          while (clock.nowMs() < busyUntilMs) await clock.sleep(busyUntilMs - clock.nowMs());
        }
        return await handle(request);
      },
    });
  }

  test.each([3, 10, 20, 40])("%i: each gets one, by one bcrypt", async (count) => {
    const here = scene();
    withOneCore(here);
    const nodes = Array.from({ length: count }, (_each, number) => `node${number}`);
    const done = await Promise.all(nodes.map((node) => here.open(node).txn(get)));
    expect(done.filter((each) => !each.ok)).toEqual([]);
    expect(here.asked().filter(isAuthentication)).toHaveLength(count);
  });

  test("200: those that are too late say why, and make no second bcrypt", async () => {
    const here = scene();
    withOneCore(here);
    const nodes = Array.from({ length: 200 }, (_each, number) => `node${number}`);
    const done = await Promise.all(nodes.map((node) => here.open(node).txn(get)));
    for (const each of done)
      if (!each.ok)
        expect(each.error).toMatchObject({
          kind: "unreachable",
          details: expect.stringContaining("--bcrypt-cost"),
        });
    expect(here.asked().filter(isAuthentication).length).toBeLessThanOrEqual(200);
    expect(here.fake.sys.clock.monotonicMs()).toBeLessThan(60_000);
  });

  test("the processes of one node wait for the one that asks, however long etcd takes", async () => {
    const here = scene();
    here.delayMs = ({ url }) => (isAuthentication(url) ? 12_000 : 0);
    const done = await Promise.all(Array.from({ length: 20 }, () => here.open("n").txn(get)));
    expect(done.every((each) => each.ok)).toBe(true);
    expect(here.asked().filter(isAuthentication)).toHaveLength(1);
  });

  test("they begin at different endpoints, each node always at the same", async () => {
    const here = scene();
    const firsts = new Map<string, number>();
    for (let node = 0; node < 60; node++) {
      await here.open(`node${node}`).txn(get);
      const used = endpointsOf(here.asked());
      firsts.set(used, (firsts.get(used) ?? 0) + 1);
      await here.open(`node${node}`, { username: "", passwordFile: "" }).txn(get);
      expect(endpointsOf(here.asked())).toBe(used[0]);
    }
    expect([...firsts.keys()].toSorted()).toEqual(["aa", "bb", "cc"]);
    expect(Math.min(...firsts.values())).toBeGreaterThan(10);
  });

  test("configurations that differ in the order of their endpoints share a token", async () => {
    const here = scene();
    const [a = "", b = "", c = ""] = settings.endpoints;
    for (const endpoints of [
      [a, b, c],
      [c, a, b],
      [b, c, a, a],
    ])
      expect(await here.open("n", { endpoints }).txn(get)).toMatchObject({ ok: true });
    expect(here.asked().filter(isAuthentication)).toHaveLength(1);
  });
});

describe("whoever has no token", () => {
  test("leaves a member that is not there, and waits for one that is", async () => {
    const here = scene();
    // The member takes connections and answers nothing, like a process that was stopped.
    here.delayMs = ({ url }) => (url.startsWith("http://a") ? never : isAuthentication(url) ? 5000 : 0);
    expect(await here.open().txn(get)).toMatchObject({ ok: true });
    expect(here.fake.sys.clock.monotonicMs()).toBeLessThan(9000);
    expect(here.asked().filter(isAuthentication)).toEqual(["b /v3/auth/authenticate"]);
  });

  test("goes on when etcd says that it could not, and is told by each why not", async () => {
    const here = scene();
    here.delayMs = ({ url }) => (isAuthentication(url) ? 7000 : 0);
    here.etcd.intercept = ({ url }) =>
      isAuthentication(url) ? saying(503, "etcdserver: request timed out") : undefined;
    const reply = await here.open().txn(get);
    expect(JSON.stringify(reply)).toMatch(
      /unreachable.*a:2379: 503 .*request timed out.*b:2379: 503.*c:2379: .*no quorum/,
    );
    expect(here.fake.sys.clock.monotonicMs()).toBeLessThanOrEqual(defaultLimits.tokenMs + 3000);
  });

  test("is refused at once with a wrong password", async () => {
    const here = scene();
    here.etcd.user = "cni:another";
    expect(await here.open().txn(get)).toMatchObject({ ok: false, error: { kind: "refused" } });
    expect(here.asked()).toHaveLength(1);
  });
});
