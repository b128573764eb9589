import { describe, expect, test } from "vitest";
import { createFake, type Fake } from "../../../sys/fake.ts";
import { ok } from "../../../sys/outcome.ts";
import { createFakeEtcd, type FakeEtcd, saying } from "../../../tools/testbed/fake-etcd.ts";
import type { EtcdSettings } from "./etcd-config.ts";
import { memoryPlace } from "./etcd-memory.ts";
import { defaultLimits, type EtcdNode } from "./etcd-session.ts";
import { openEtcd } from "./etcd-store.ts";
import type { Store, Txn } from "./store.ts";
import { storeContract } from "./store-contract.ts";

const folder = "/var/lib/cni/node";
const node: EtcdNode = { folder, name: "" };
const plain: EtcdSettings = {
  endpoints: ["http://a:2379", "http://b:2379", "http://c:2379"],
  caFile: "",
  certFile: "",
  keyFile: "",
  username: "",
  passwordFile: "",
  prefix: "/hawser",
};
const withUser: EtcdSettings = { ...plain, username: "cni", passwordFile: "/etc/password" };

const put: Txn = {
  compare: [{ kind: "absent", key: "a" }],
  success: [{ kind: "put", key: "a", value: "1" }],
  failure: [{ kind: "get", key: "a" }],
};
const get: Txn = { compare: [], success: [{ kind: "get", key: "a" }], failure: [] };

interface Scene {
  readonly fake: Fake;
  readonly etcd: FakeEtcd;
  /** A process of the node that opens the store. */
  open(settings?: EtcdSettings): Store;
  /** Paths of the requests, with the endpoint's letter: `a /v3/kv/txn`. */
  asked(): string[];
}

function scene(settings: EtcdSettings = plain): Scene {
  const etcd = createFakeEtcd();
  const files = { "/etc/password": "secret\n", "/etc/other": "x" };
  const fake = createFake({ http: (request) => etcd.handle(request), files });
  return {
    fake,
    etcd,
    open: (changed = settings) => openEtcd(fake.machine.spawn().sys, changed, node),
    asked: () => etcd.requests.map((each) => each.replace(/^http:\/\/(.):2379/, "$1 ").replace(/ {2}/, " ")),
  };
}

storeContract("etcd's gateway on a simulated machine", () => {
  const { open } = scene();
  return { open: () => open(), close: () => {} };
});

describe("failover", () => {
  /** The behaviour of each endpoint, by its letter. */
  const as = (
    etcd: FakeEtcd,
    ends: Record<string, () => ReturnType<NonNullable<FakeEtcd["intercept"]>>>,
  ): void => {
    etcd.intercept = ({ url }) => ends[url.slice(7, 8)]?.();
  };
  const refusing = () =>
    ({ ok: false, error: { code: "ECONNREFUSED", message: "nobody", sent: "no" } }) as const;
  const losing = () =>
    ({ ok: false, error: { code: "ECONNRESET", message: "gone", sent: "maybe" } }) as const;

  test("a write goes on to the next endpoint when the first cannot have seen it, and the node remembers which", async () => {
    const { etcd, open, asked, fake } = scene();
    as(etcd, { a: refusing, b: () => saying(503, "etcdserver: no leader") });
    const store = open();
    expect(await store.txn(put)).toMatchObject({ ok: true, value: { succeeded: true } });
    expect(asked().map((each) => each[0])).toEqual(["a", "b", "c"]);
    expect(store.roundTrips()).toBe(3);
    const path = memoryPlace(plain, folder, undefined).path;
    expect(fake.machine.disk.stat(path)).toMatchObject({ value: { mode: 0o600 } });
    await open().txn(get);
    expect(asked().map((each) => each[0])).toEqual(["a", "b", "c", "c"]);
  });

  test.each([
    ["the answer is lost", losing],
    ["503 after a time-out within the cluster", () => saying(503, "etcdserver: request timed out")],
    ["504", () => saying(504, "context deadline exceeded")],
    ["502 of something between", () => ok({ status: 502, body: "<html>" })],
  ])("a write that may have been done is not repeated: %s", async (_what, end) => {
    const { etcd, open, asked } = scene();
    as(etcd, { a: end });
    const store = open();
    expect(await store.txn(put)).toMatchObject({ ok: false, error: { kind: "unknown" } });
    expect(asked().length).toBe(1);
    // A procedure that starts over asks the next endpoint.
    expect(await store.txn(put)).toMatchObject({ ok: true });
    expect(asked()[1]).toBe("b /v3/kv/txn");
  });

  test.each([
    ["lost", losing],
    ["timed out within the cluster", () => saying(503, "etcdserver: request timed out")],
  ])("a read is: %s", async (_what, end) => {
    const { etcd, open, asked } = scene();
    as(etcd, { a: end, b: end });
    expect(await open().txn(get)).toMatchObject({ ok: true });
    expect(asked().length).toBe(3);
  });

  test("when nobody is there every endpoint is tried twice, and each is named", async () => {
    const { etcd, open, asked } = scene();
    as(etcd, { a: refusing, b: refusing, c: refusing });
    const reply = await open().txn(put);
    expect(reply).toMatchObject({ ok: false, error: { kind: "unreachable" } });
    for (const { endpoints } of [plain])
      for (const endpoint of endpoints) expect(JSON.stringify(reply)).toContain(endpoint);
    expect(asked().length).toBe(6);
  });

  test("silence costs a try its time, then the operation: what comes after it is not asked any more", async () => {
    const { fake } = scene();
    const never = createFake({ http: () => fake.machine.clock.sleep(1e9).then(() => saying(500, "")) });
    const limits = { ...defaultLimits, tryMs: 1000, silenceMs: 2500, pauseMs: 100 };
    const store = openEtcd(never.sys, plain, node, limits);
    expect(await store.txn(put)).toMatchObject({ ok: false, error: { kind: "unknown" } });
    expect(never.sys.clock.monotonicMs()).toBe(1000);
    expect(await store.txn(get)).toMatchObject({ ok: false, error: { kind: "unreachable" } });
    expect(never.sys.clock.monotonicMs()).toBe(2500);
    const asked = store.roundTrips();
    const silenced = await store.txn(put);
    expect(silenced).toMatchObject({ ok: false, error: { kind: "unreachable" } });
    expect(JSON.stringify(silenced)).toMatch(
      /http:\/\/a:2379.*http:\/\/b:2379.*nobody has answered for 2500 ms/,
    );
    expect([never.sys.clock.monotonicMs(), store.roundTrips()]).toEqual([2500, asked]);
  });

  test("an answer begins the time anew", async () => {
    const { etcd } = scene();
    let slow = true;
    const halting = createFake({
      http: async (request) => {
        if (slow) await halting.machine.clock.sleep(1e9);
        return await etcd.handle(request);
      },
    });
    const limits = { ...defaultLimits, tryMs: 1000, silenceMs: 1500, pauseMs: 100 };
    const store = openEtcd(halting.sys, { ...plain, endpoints: plain.endpoints.slice(0, 1) }, node, limits);
    expect(await store.txn(put)).toMatchObject({ ok: false, error: { kind: "unknown" } });
    slow = false;
    expect(await store.txn(get)).toMatchObject({ ok: true });
    slow = true;
    expect(await store.txn(put)).toMatchObject({ ok: false, error: { kind: "unknown" } });
    expect(halting.sys.clock.monotonicMs()).toBe(2000);
  });
});

describe("a user's token", () => {
  test("is fetched once for the node, kept for root alone, and read by every later process", async () => {
    const { etcd, open, asked, fake } = scene(withUser);
    etcd.user = "cni:secret";
    expect(await open().txn(put)).toMatchObject({ ok: true });
    const first = asked();
    expect(first).toEqual(["a /v3/auth/authenticate", "a /v3/kv/txn token1"]);
    const later = open();
    await later.txn(get);
    expect(asked().slice(2)).toEqual(["a /v3/kv/txn token1"]);
    expect(later.roundTrips()).toBe(1);
    expect(fake.machine.disk.stat(memoryPlace(withUser, folder, undefined).path)).toMatchObject({
      value: { mode: 0o600 },
    });
    expect(fake.machine.disk.stat(folder)).toMatchObject({ value: { mode: 0o700 } });
  });

  test("is fetched by one of many processes that start at once", async () => {
    const { etcd, open, asked } = scene(withUser);
    etcd.user = "cni:secret";
    await Promise.all(Array.from({ length: 10 }, () => open().txn(get)));
    expect(asked().filter((each) => each.includes("authenticate")).length).toBe(1);
  });

  test.each([
    ["401", () => saying(401, "etcdserver: invalid auth token", 16)],
    ["400, etcd before 3.6", () => saying(400, "etcdserver: user name is empty", 3)],
    ["the auth store has changed", () => saying(400, "etcdserver: revision of auth store is old", 3)],
    [
      "3.6's shape",
      () => ok({ status: 401, body: '{"code":16, "message":"etcdserver: invalid auth token"}' }),
    ],
  ])("that has gone is replaced, and the write done once: %s", async (_what, end) => {
    const { etcd, open, asked } = scene(withUser);
    etcd.user = "cni:secret";
    await open().txn(get);
    etcd.intercept = ({ headers }) => (headers.authorization === "token1" ? end() : undefined);
    expect(await open().txn(put)).toMatchObject({ ok: true, value: { succeeded: true } });
    expect(asked().slice(2)).toEqual([
      "a /v3/kv/txn token1",
      "a /v3/auth/authenticate",
      "a /v3/kv/txn token4",
    ]);
    await open().txn(get);
    expect(asked().at(-1)).toBe("a /v3/kv/txn token4");
  });

  test("an empty answer is taken for one: a read is repeated with a new token, a write is unknown", async () => {
    const { etcd, open, asked } = scene(withUser);
    etcd.user = "cni:secret";
    await open().txn(get);
    etcd.intercept = ({ headers }) =>
      headers.authorization === "token1" ? ok({ status: 200, body: "" }) : undefined;
    const store = open();
    expect(await store.txn(put)).toMatchObject({ ok: false, error: { kind: "unknown" } });
    expect(await store.txn(put)).toMatchObject({ ok: true });
    expect(asked().slice(3)).toEqual(["a /v3/auth/authenticate", "a /v3/kv/txn token4"]);
    etcd.intercept = ({ headers }) =>
      headers.authorization === "token4" ? ok({ status: 200, body: "{}" }) : undefined;
    expect(await open().txn(get)).toMatchObject({ ok: true });
  });

  test("without a folder a process fetches its own, and leaves nothing on the node", async () => {
    const { etcd, fake, asked } = scene(withUser);
    etcd.user = "cni:secret";
    for (const _process of [1, 2]) {
      const store = openEtcd(fake.machine.spawn().sys, withUser, { folder: "", name: "" });
      for (const txn of [put, get]) expect(await store.txn(txn)).toMatchObject({ ok: true });
    }
    expect(asked().filter((each) => each.includes("authenticate"))).toHaveLength(2);
    expect(fake.machine.disk.paths().toSorted()).toEqual(["/etc/", "/etc/other", "/etc/password"]);
  });

  test("that no renewal makes valid is given up", async () => {
    const { etcd, open, asked } = scene(withUser);
    etcd.user = "cni:secret";
    etcd.intercept = ({ url }) =>
      url.endsWith("/txn") ? saying(401, "etcdserver: invalid auth token") : undefined;
    expect(await open().txn(put)).toMatchObject({ ok: false, error: { kind: "unreachable" } });
    expect(asked().length).toBe(6);
  });

  test("is not asked for again where etcd authenticates nobody, until it does", async () => {
    const { etcd, open, asked } = scene(withUser);
    expect(await open().txn(put)).toMatchObject({ ok: true });
    await open().txn(get);
    expect(asked()).toEqual(["a /v3/auth/authenticate", "a /v3/kv/txn", "a /v3/kv/txn"]);
    etcd.user = "cni:secret";
    expect(await open().txn(get)).toMatchObject({ ok: true });
    expect(asked().length).toBe(6);
  });

  test("a password that is wrong or cannot be read is refused, and never shown", async () => {
    const { etcd, open } = scene(withUser);
    etcd.user = "cni:another";
    const wrong = await open().txn(put);
    expect(wrong).toMatchObject({ ok: false, error: { kind: "refused" } });
    expect(JSON.stringify(wrong)).toMatch(/authentication failed.*passwordFile/);
    expect(JSON.stringify(wrong)).not.toContain("secret");
    const missing = await open({ ...withUser, passwordFile: "/etc/none" }).txn(put);
    expect(JSON.stringify(missing)).toMatch(/refused.*\/etc\/none/);
  });

  test("none configured, one wanted: the error says what to set", async () => {
    const { etcd, open } = scene();
    etcd.user = "cni:secret";
    const reply = await open().txn(put);
    expect(JSON.stringify(reply)).toMatch(/refused.*user name is empty.*store\.etcd\.username/);
  });
});

describe("what etcd refuses, the error says what to do about", () => {
  test.each([
    [404, "Not Found\n", /enable-grpc-gateway.*listen-client-http-urls/],
    [404, '{"code":5, "message":"Not Found"}', /enable-grpc-gateway/],
    [400, "CommonName of client sending a request against gateway will be ignored", /empty CN/],
    [429, '{"error":"etcdserver: mvcc: database space exceeded","code":8}', /alarm disarm/],
    [429, '{"code":8, "message":"etcdserver: mvcc: database space exceeded"}', /alarm disarm/],
    [403, '{"code":7, "message":"etcdserver: permission denied"}', /grant-permission/],
    [400, '{"code":3, "message":"etcdserver: request is too large"}', /request is too large/],
    [307, "", /307/],
  ])("%i %s", async (status, body, advice) => {
    const { etcd, open, asked } = scene();
    etcd.intercept = () => ok({ status, body });
    const reply = await open().txn(put);
    expect(reply).toMatchObject({ ok: false, error: { kind: "refused" } });
    expect(JSON.stringify(reply)).toMatch(advice);
    expect(asked().length).toBe(1);
  });

  test.each([
    ["no JSON", "<html>"],
    ["no header", '{"responses":[{"response_range":{}}]}'],
    ["too few responses", '{"header":{},"succeeded":true}'],
    ["another response", '{"header":{},"succeeded":true,"responses":[{"response_delete_range":{}}]}'],
    [
      "a key outside of the prefix",
      '{"header":{},"succeeded":true,"responses":[{"response_range":{"kvs":[{"key":"eA==","mod_revision":"1"}]}}]}',
    ],
  ])("an answer with %s is none: a read fails, a write is unknown", async (_what, body) => {
    const { etcd, open } = scene();
    etcd.intercept = () => ok({ status: 200, body });
    expect(await open().txn(get)).toMatchObject({ ok: false, error: { kind: "refused" } });
    expect(await open().txn(put)).toMatchObject({ ok: false, error: { kind: "unknown" } });
  });
});

describe("certificates", () => {
  const https: EtcdSettings = { ...plain, endpoints: ["https://a:2379"] };

  test("are read, and given only to https endpoints", async () => {
    const pem = "-----BEGIN X-----\n";
    const tls: unknown[] = [];
    const files = { "/ca": `${pem}ca`, "/cert": `${pem}cert`, "/key": `${pem}key` };
    const fake = createFake({
      files,
      http: (request) => {
        tls.push(request.tls);
        return { ok: false, error: { code: "ECONNREFUSED", message: "", sent: "no" } };
      },
    });
    const endpoints = ["https://a:2379", "http://b:2379"];
    const settings = { ...https, endpoints, caFile: "/ca", certFile: "/cert", keyFile: "/key" };
    await openEtcd(fake.sys, settings, node).txn(get);
    const given = { ca: `${pem}ca`, cert: `${pem}cert`, key: `${pem}key` };
    expect(tls).toEqual([given, undefined, given, undefined]);
  });

  test.each([
    ["/none", /refused.*\/none: ENOENT/],
    ["/etc/other", /refused.*\/etc\/other is no PEM file/],
  ])("%s is refused before anything is asked", async (caFile, reason) => {
    const { open, asked } = scene();
    expect(JSON.stringify(await open({ ...https, caFile }).txn(get))).toMatch(reason);
    expect(asked()).toEqual([]);
  });

  test.each([
    ["UNABLE_TO_VERIFY_LEAF_SIGNATURE", /not of the authority in caFile/],
    ["ERR_TLS_CERT_ALTNAME_INVALID", /does not name this host/],
    ["CERT_HAS_EXPIRED", /not valid at this time/],
    ["EPROTO", /wants another certFile/],
    ["FailedToOpenSocket", /cannot be used/],
  ])("%s is explained", async (code, reason) => {
    const { etcd, open } = scene();
    etcd.intercept = () => ({ ok: false, error: { code, message: "no", sent: "no" } });
    expect(JSON.stringify(await open(https).txn(get))).toMatch(reason);
  });

  test.each([
    ["etcd 3.4", '{"error":"connection closed","message":"connection closed","code":14}'],
    [
      "3.5",
      '{"error":"connection error: desc = \\"error reading server preface: remote error: tls: bad certificate\\"","code":14}',
    ],
    [
      "3.6",
      '{"code":14,"message":"connection error: desc = \\"error reading server preface: remote error: tls: bad certificate\\""}',
    ],
    [
      "3.6, as it writes",
      '{"code":14,"message":"connection error: desc = \\"transport: failed to write client preface: write tcp 127.0.0.1:1->127.0.0.1:2: write: connection reset by peer\\""}',
    ],
  ])("a server's certificate that is no client's is named, and nothing was done: %s", async (_what, body) => {
    const { etcd, open } = scene();
    etcd.intercept = () => ok({ status: 503, body });
    const reply = await open(https).txn(put);
    expect(reply).toMatchObject({ ok: false, error: { kind: "unreachable" } });
    expect(JSON.stringify(reply)).toMatch(/503 connection .*clientAuth beside serverAuth/);
  });

  test.each([
    "write tcp 127.0.0.1:34640->127.0.0.1:46817: write: broken pipe",
    "read tcp 127.0.0.1:34640->127.0.0.1:46817: read: connection reset by peer",
    'connection error: desc = "error reading from server: read tcp 127.0.0.1:1->127.0.0.1:2: read: connection reset by peer"',
  ])("the same where nobody knows what was done: %s", async (message) => {
    const { etcd, open } = scene();
    etcd.intercept = () => saying(503, message, 14);
    const reply = await open(https).txn(put);
    expect(reply).toMatchObject({ ok: false, error: { kind: "unknown" } });
    expect(JSON.stringify(reply)).toMatch(/clientAuth beside serverAuth/);
  });

  test("https at a port without TLS, and the other way round", async () => {
    const { etcd, open } = scene();
    etcd.intercept = () => ({ ok: false, error: { code: "ECONNRESET", message: "", sent: "maybe" } });
    expect(JSON.stringify(await open().txn(get))).toMatch(/does it want https/);
  });
});

test("a folder that takes no file costs nothing but a warning", async () => {
  const { etcd, fake } = scene(withUser);
  etcd.user = "cni:secret";
  const process = fake.machine.spawn();
  const readonly = {
    ...process.sys.files,
    write: () => ({ ok: false, error: { code: "EROFS", message: "EROFS" } }) as const,
  };
  const store = openEtcd({ ...process.sys, files: readonly }, withUser, node);
  expect(await store.txn(put)).toMatchObject({ ok: true });
  expect(process.warnings.join()).toMatch(/EROFS/);
});

test("every request says what it accepts: by that etcd knows its gateway's requests from its own", async () => {
  const { etcd, open } = scene();
  const accepted: unknown[] = [];
  etcd.intercept = ({ headers }) => {
    accepted.push(headers.accept);
    return undefined;
  };
  await open().txn(get);
  expect(accepted).toEqual(["application/json"]);
});

test.each([
  ["Fri, 27 Nov 2026 17:30:32 GMT", Date.UTC(2026, 10, 27, 17, 30, 32)],
  ["soon", undefined],
  [undefined, undefined],
])("a reply tells etcd's own time: %s", async (date, atMs) => {
  const { etcd, open } = scene();
  const body = '{"header":{},"succeeded":true,"responses":[{"response_range":{}}]}';
  etcd.intercept = () => ok({ status: 200, body, ...(date === undefined ? {} : { date }) });
  const reply = await open().txn(get);
  expect(reply.ok && reply.value.atMs).toBe(atMs);
});

test("it names its endpoints for people", () => {
  expect(scene().open().label).toBe("etcd at http://a:2379, http://b:2379, http://c:2379");
});
