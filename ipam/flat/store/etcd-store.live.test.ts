import { execFile } from "node:child_process";
import * as fs from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { linux } from "../../../sys/linux.ts";
import type { Outcome } from "../../../sys/outcome.ts";
import { makeAuthority } from "../../../tools/testbed/certificates.ts";
import {
  type EtcdCluster,
  type EtcdOptions,
  etcdBinaries,
  startEtcd,
  turnOnUsers,
} from "../../../tools/testbed/etcd.ts";
import { defaultPrefix, type EtcdSettings } from "./etcd-config.ts";
import { memoryPlace } from "./etcd-memory.ts";
import { defaultLimits } from "./etcd-session.ts";
import { openEtcd } from "./etcd-store.ts";
import type { StoreFault, Txn, TxnReply } from "./store.ts";
import { storeContract } from "./store-contract.ts";

const binaries = etcdBinaries();
if (binaries.length === 0) test.skip("etcd (skipped: there is no etcd-server on this machine)", () => {});

let folder: string;
beforeEach(() => {
  folder = fs.mkdtempSync(join(tmpdir(), "hawser-etcd-"));
});
afterEach(() => {
  fs.rmSync(folder, { recursive: true });
});

const nodeHere = () => ({ folder: join(folder, "node"), name: "" });

function settingsFor({ endpoints }: EtcdCluster, change: Partial<EtcdSettings> = {}): EtcdSettings {
  const files = { caFile: "", certFile: "", keyFile: "", username: "", passwordFile: "" };
  return { endpoints, ...files, prefix: defaultPrefix, ...change };
}

const claim = (key: string, value = "v"): Txn => ({
  compare: [{ kind: "absent", key }],
  success: [{ kind: "put", key, value }],
  failure: [{ kind: "get", key }],
});
const get = (key: string): Txn => ({ compare: [], success: [{ kind: "get", key }], failure: [] });

/** `put`, `there`, or what went wrong. */
function said(reply: Outcome<TxnReply, StoreFault>): string {
  if (!reply.ok) return `${reply.error.kind}: ${reply.error.msg} ${reply.error.details}`;
  return reply.value.succeeded ? "put" : "there";
}

/** Each call runs in a process of its own, like the plugin. The process has to end by itself. */
const repository = join(import.meta.dirname, "../../..");
const engines: readonly [string, readonly string[]][] = [
  ["node", [process.execPath, "--no-warnings"]],
  ["bun", [join(repository, "node_modules/.bin/bun"), "run"]],
];

async function inProcess(command: readonly string[], settings: EtcdSettings, key: string): Promise<string> {
  const file = join(folder, "program.ts");
  fs.writeFileSync(
    file,
    `import { linux } from "${repository}/sys/linux.ts";
     import { openEtcd } from "${repository}/ipam/flat/store/etcd-store.ts";
     const store = openEtcd(linux, ${JSON.stringify(settings)}, ${JSON.stringify({ folder: join(folder, "node"), name: "" })});
     const reply = await store.txn(${JSON.stringify(claim(key))});
     console.log(reply.ok ? "ok" : reply.error.kind + ": " + reply.error.msg + " " + reply.error.details);`,
  );
  const [executable = "", ...options] = command;
  const done = await promisify(execFile)(executable, [...options, file], { timeout: 30_000 });
  return done.stdout.trim();
}

/** A cluster for the suite around. */
function useEtcd(path: string, options: () => EtcdOptions | Promise<EtcdOptions>): () => EtcdCluster {
  let cluster: EtcdCluster | undefined;
  beforeAll(async () => {
    cluster = await startEtcd({ name: "", path }, await options());
  });
  afterAll(() => cluster?.stop());
  return () => {
    if (cluster === undefined) throw new Error("a cluster is there only within a test");
    return cluster;
  };
}

describe.each(binaries)("$name", (binary) => {
  const { path } = binary;

  storeContract(binary.name, async () => {
    const cluster = await startEtcd(binary);
    const node = fs.mkdtempSync(join(tmpdir(), "hawser-etcd-"));
    return {
      open: () => openEtcd(linux, settingsFor(cluster), { folder: node, name: "" }),
      close: async () => {
        await cluster.stop();
        fs.rmSync(node, { recursive: true });
      },
    };
  });

  describe("a single member", () => {
    const etcd = useEtcd(path, () => ({ flags: ["--quota-backend-bytes", "600000"] }));
    const open = (change: Partial<EtcdSettings> = {}) =>
      openEtcd(linux, settingsFor(etcd(), change), nodeHere());

    test("every reply tells its time", async () => {
      const reply = await open().txn(get("x"));
      const atMs = reply.ok ? (reply.value.atMs ?? 0) : 0;
      expect(Math.abs(Date.now() - atMs)).toBeLessThan(60_000);
    });

    test("prefixes keep two users of one etcd apart", async () => {
      expect(said(await open({ prefix: "/one" }).txn(claim("same")))).toBe("put");
      expect(said(await open({ prefix: "/two/deep" }).txn(claim("same")))).toBe("put");
      expect(said(await open({ prefix: "/one" }).txn(claim("same")))).toBe("there");
    });

    test("what it does not take it refuses with its reason", async () => {
      const twice: Txn = {
        compare: [],
        success: [...claim("x").success, ...claim("x").success],
        failure: [],
      };
      expect(said(await open().txn(twice))).toMatch(/^refused: .*duplicate key/);
      expect(
        said(await open({ prefix: "/hawser", endpoints: [`${etcd().endpoints[0]}/nowhere`] }).txn(get("x"))),
      ).toMatch(/^refused: .*404.*enable-grpc-gateway/s);
    });

    test("a full database is an operator's alarm, and reads go on", async () => {
      const big = "x".repeat(200_000);
      let last = "";
      // etcd looks at its size when it commits: up to 100 ms after the write that passes the limit.
      for (let number = 0; number < 300 && !last.startsWith("refused"); number++) {
        last = said(await open().txn(claim(`big${number}`, big)));
      }
      expect(last).toMatch(/^refused: .*database space exceeded.*alarm disarm/s);
      expect(said(await open().txn(get("big0")))).toBe("put");
    });
  });

  describe("three members", () => {
    let etcd: EtcdCluster;
    beforeEach(async () => {
      etcd = await startEtcd(binary, { members: 3 });
    });
    afterEach(() => etcd.stop());
    const quick = { ...defaultLimits, tryMs: 1000, silenceMs: 3000, pauseMs: 100 };
    const open = () => openEtcd(linux, settingsFor(etcd), nodeHere(), quick);
    /** Reads again after a write with an unknown outcome, as the plugin does. */
    const insist = async (key: string): Promise<string> => {
      const store = open();
      for (let tries = 0; ; tries++) {
        const answer = said(await store.txn(claim(key)));
        if (!answer.startsWith("unknown") || tries > 20) return answer;
      }
    };

    test("one killed: claims go on, at the first of the others, and the next process begins there", async () => {
      expect(await insist("before")).toBe("put");
      await etcd.members[0]?.stop();
      expect(await insist("after")).toMatch(/put|there/);
      const memory = fs.readFileSync(
        memoryPlace(settingsFor(etcd), join(folder, "node"), undefined).path,
        "utf8",
      );
      expect(etcd.endpoints.slice(1)).toContain(JSON.parse(memory).endpoint);
      const next = open();
      expect(said(await next.txn(get("after")))).toBe("put");
      expect(next.roundTrips()).toBe(1);
    });

    test("one that is silent: the write is unknown in time, and is done or found elsewhere", async () => {
      etcd.members[0]?.pause();
      const store = open();
      const first = said(await store.txn(claim("a")));
      expect(first).toMatch(/^unknown: .*no answer within 1000 ms/);
      expect(await insist("a")).toMatch(/put|there/);
      etcd.members[0]?.resume();
    });

    test("two killed: a fault in time, nothing half-done; back again: as if nothing had been", async () => {
      expect(await insist("kept")).toBe("put");
      await etcd.members[0]?.stop();
      await etcd.members[1]?.stop();
      const [write, read] = await Promise.all([open().txn(claim("lost")), open().txn(get("kept"))]);
      expect(said(write)).toMatch(/^(unknown|unreachable): /);
      expect(said(read)).toMatch(/^unreachable: /);
      for (const endpoint of etcd.endpoints) expect(said(read)).toContain(endpoint);
      await Promise.all(etcd.members.slice(0, 2).map((member) => member.start()));
      expect(await insist("kept")).toBe("there");
      // The outcome was unknown. All of the write is there, or nothing of it.
      expect(await insist("lost")).toMatch(/put|there/);
      expect(await insist("lost")).toBe("there");
    });
  });

  describe("users", () => {
    const etcd = useEtcd(path, () => ({}));
    const password = (): Partial<EtcdSettings> => {
      fs.writeFileSync(join(folder, "password"), "secret\n", { mode: 0o600 });
      return { username: "cni", passwordFile: join(folder, "password") };
    };
    const open = (change: Partial<EtcdSettings> = {}) =>
      openEtcd(linux, settingsFor(etcd(), change), nodeHere());

    test("before, during and after authentication is turned on", async () => {
      expect(said(await open(password()).txn(claim("a")))).toBe("put");
      await turnOnUsers(etcd(), { name: "cni", password: "secret", prefix: defaultPrefix });
      expect(said(await open().txn(get("a")))).toMatch(
        /^refused: .*user name is empty.*store\.etcd\.username/s,
      );
      const first = open(password());
      expect(said(await first.txn(claim("a")))).toBe("there");
      const later = open(password());
      expect(said(await later.txn(claim("b")))).toBe("put");
      expect(later.roundTrips()).toBe(1);
      const path = memoryPlace(settingsFor(etcd(), password()), join(folder, "node"), undefined).path;
      expect(fs.statSync(path).mode & 0o777).toBe(0o600);
      // This request changes the authorisation itself. A request in flight may be judged by the old one.
      const { token } = await etcd().post("/v3/auth/authenticate", { name: "root", password: "root" });
      await etcd().post("/v3/auth/user/changepw", { name: "cni", password: "secret" }, String(token));
      expect(said(await later.txn(claim("c")))).toBe("put");
    });

    test("more than the role allows, and a wrong password", async () => {
      expect(said(await open({ ...password(), prefix: "/other" }).txn(claim("a")))).toMatch(
        /^refused: .*permission denied.*grant-permission/s,
      );
      fs.rmSync(join(folder, "node"), { recursive: true });
      const settings = password();
      fs.writeFileSync(join(folder, "password"), "wrong");
      expect(said(await open(settings).txn(claim("a")))).toMatch(/^refused: .*authentication failed/);
    });

    test("a member restarted, its tokens gone: the write is done once, with a new token", async () => {
      expect(said(await open(password()).txn(get("a")))).toBe("put");
      await etcd().members[0]?.stop();
      await etcd().members[0]?.start();
      expect(said(await open(password()).txn(claim("d")))).toBe("put");
      const again = open(password());
      expect(said(await again.txn(claim("d")))).toBe("there");
      expect(again.roundTrips()).toBe(1);
    });
  });

  describe("TLS", () => {
    let certificates: string;
    beforeAll(() => {
      certificates = fs.mkdtempSync(join(tmpdir(), "hawser-tls-"));
    });
    afterAll(() => fs.rmSync(certificates, { recursive: true }));

    test("mutual, with a certificate of the server's that is no client's: the error names it", async () => {
      const own = join(certificates, "server-only");
      fs.mkdirSync(own);
      const authority = makeAuthority(own);
      const server = authority.issue("server", "/CN=server", "IP:127.0.0.1", "serverAuth");
      const client = authority.issue("pods", "/O=pods", "DNS:pods");
      const cluster = await startEtcd(binary, { tls: { authority, server, client } });
      try {
        const store = openEtcd(
          linux,
          settingsFor(cluster, { caFile: authority.caFile, ...client }),
          nodeHere(),
        );
        expect(said(await store.txn(claim("a")))).toMatch(
          /^(unreachable|unknown): .*clientAuth beside serverAuth/s,
        );
      } finally {
        await cluster.stop();
      }
    });

    describe.each(["of the server", "mutual"])("%s", (which) => {
      const tls = () => {
        const own = join(certificates, which.replaceAll(" ", "-"));
        fs.mkdirSync(own, { recursive: true });
        const authority = makeAuthority(own);
        const server = authority.issue("server", "/CN=server", "IP:127.0.0.1");
        const client = authority.issue("pods", "/O=pods", "DNS:pods");
        const root = authority.issue("root", "/CN=root", "DNS:root");
        return { authority, server, client, root, other: makeAuthority(own, "other") };
      };
      let made: ReturnType<typeof tls>;
      const etcd = useEtcd(path, () => {
        made = tls();
        const { authority, server, client } = made;
        return { tls: which === "mutual" ? { authority, server, client } : { authority, server } };
      });
      const settings = (change: Partial<EtcdSettings> = {}): EtcdSettings => {
        const pair = which === "mutual" ? made.client : {};
        return settingsFor(etcd(), { caFile: made.authority.caFile, ...pair, ...change });
      };

      test.each(engines)("%s is served, or told why not", async (engine, command) => {
        expect(await inProcess(command, settings(), engine)).toBe("ok");
        const wrong = settings({ caFile: made.other.caFile });
        expect(await inProcess(command, wrong, engine)).toMatch(
          /^unreachable: .*not of the authority in caFile/,
        );
        const plain = settings({ endpoints: etcd().endpoints.map((url) => url.replace("https", "http")) });
        // If a server closes the connection in silence, it may have read the request.
        expect(await inProcess(command, plain, engine)).toMatch(/^(unknown|unreachable): .*https/);
        if (which !== "mutual") return;
        const none = { certFile: "", keyFile: "" };
        expect(await inProcess(command, settings(none), engine)).toMatch(
          /^unreachable: .*wants another certFile/,
        );
      });

      if (which === "mutual")
        test.each(engines)(
          "%s with users: a CN is refused with advice, an empty one served",
          async (engine, command) => {
            if (engine === engines[0]?.[0]) {
              await turnOnUsers(etcd(), { name: "cni", password: "secret", prefix: defaultPrefix });
            }
            fs.writeFileSync(join(folder, "password"), "secret");
            const user = { username: "cni", passwordFile: join(folder, "password") };
            const named = await inProcess(command, settings({ ...user, ...made.root }), engine);
            expect(named).toMatch(/^refused: .*CommonName.*empty CN/);
            expect(await inProcess(command, settings(user), engine)).toBe("ok");
          },
        );
    });
  });
});
