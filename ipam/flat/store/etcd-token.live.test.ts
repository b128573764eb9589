import * as fs from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { printJson } from "../../../cni/json.ts";
import { linux } from "../../../sys/linux.ts";
import { type EtcdCluster, etcdBinaries, startEtcd, turnOnUsers } from "../../../tools/testbed/etcd.ts";
import { startProxy } from "../../../tools/testbed/http-proxy.ts";
import { defaultPrefix, type EtcdSettings } from "./etcd-config.ts";
import { memoryPlace } from "./etcd-memory.ts";
import { openEtcd } from "./etcd-store.ts";
import type { Store, Txn } from "./store.ts";

const binaries = etcdBinaries();
if (binaries.length === 0) test.skip("etcd (skipped: there is no etcd-server on this machine)", () => {});

const get: Txn = { compare: [], success: [{ kind: "get", key: "x" }], failure: [] };
const put: Txn = {
  compare: [{ kind: "absent", key: "x" }],
  success: [{ kind: "put", key: "x", value: "1" }],
  failure: [{ kind: "get", key: "x" }],
};

describe.each(binaries)("$name", (binary) => {
  let etcd: EtcdCluster;
  let folder: string;
  beforeEach(async () => {
    folder = fs.mkdtempSync(join(tmpdir(), "hawser-etcd-"));
    etcd = await startEtcd(binary, { members: 3 });
    await turnOnUsers(etcd, { name: "cni", password: "secret", prefix: defaultPrefix });
    fs.writeFileSync(join(folder, "password"), "secret", { mode: 0o600 });
  });
  afterEach(async () => {
    await etcd.stop();
    fs.rmSync(folder, { recursive: true });
  });
  const settings = (endpoints = etcd.endpoints): EtcdSettings => {
    const files = { caFile: "", certFile: "", keyFile: "", passwordFile: join(folder, "password") };
    return { endpoints, ...files, username: "cni", prefix: defaultPrefix };
  };
  const nodeOf = (name: string) => ({ folder: join(folder, name), name });
  const open = (name: string): Store => openEtcd(linux, settings(), nodeOf(name));
  const tokenOf = (name: string): string =>
    JSON.parse(fs.readFileSync(memoryPlace(settings(), join(folder, name), undefined).path, "utf8")).token;

  test("a token of an etcd whose data were lost is replaced, by reads and by writes", async () => {
    for (const txn of [get, put]) {
      await open("n").txn(get);
      const path = memoryPlace(settings(), join(folder, "n"), undefined).path;
      const memory = JSON.parse(fs.readFileSync(path, "utf8"));
      // A token as it was before a snapshot was restored. Its index is one that this etcd reaches only in years.
      const former = memory.token.replace(/\.\d+$/, ".99999999");
      fs.writeFileSync(path, printJson({ ...memory, token: former }), { mode: 0o600 });
      const store = open("n");
      const first = await store.txn(txn);
      if (!first.ok) expect(first.error.kind).toBe("unknown");
      expect(await store.txn(txn)).toMatchObject({ ok: true });
      expect(tokenOf("n")).not.toBe(former);
      const later = open("n");
      expect(await later.txn(get)).toMatchObject({ ok: true });
      expect(later.roundTrips()).toBe(1);
    }
  });

  test("40 nodes without a token at once: each gets one, by one authentication", async () => {
    const proxies = await Promise.all(etcd.endpoints.map((endpoint) => startProxy(endpoint)));
    try {
      const endpoints = proxies.map(({ url }) => url);
      const nodes = Array.from({ length: 40 }, (_each, number) => nodeOf(`n${number}`));
      const started = Date.now();
      const done = await Promise.all(
        nodes.map((node) => openEtcd(linux, settings(endpoints), node).txn(get)),
      );
      const asked = proxies.map(({ paths }) => paths.filter((path) => path.includes("authenticate")).length);
      console.info(
        `40 tokens of ${binary.name}: ${Date.now() - started} ms, by member ${asked.join(", ")} ${JSON.stringify(Object.fromEntries([...new Set(proxies.flatMap((p) => p.paths))].map((path) => [path, proxies.flatMap((p) => p.paths).filter((e) => e === path).length])))}`,
      );
      expect(done.filter((each) => !each.ok)).toEqual([]);
      expect(asked.reduce((sum, each) => sum + each, 0)).toBe(40);
      expect(Math.min(...asked)).toBeGreaterThan(5);
    } finally {
      await Promise.all(proxies.map((proxy) => proxy.stop()));
    }
  });

  test("a member that was stopped costs whoever has no token no more than its time", async () => {
    const [first] = etcd.members;
    first?.pause();
    try {
      const nodes = ["n1", "n2", "n3", "n4", "n5", "n6"];
      const done = await Promise.all(nodes.map((node) => open(node).txn(get)));
      expect(done.filter((each) => !each.ok)).toEqual([]);
    } finally {
      first?.resume();
    }
  });
});
