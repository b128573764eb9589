import * as fs from "node:fs";
import { join } from "node:path";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from "vitest";
import type { CniResult } from "../../cni/types.ts";
import { linux } from "../../sys/linux.ts";
import { must } from "../../sys/outcome-testing.ts";
import { type Bed, useBed } from "../../tools/testbed/bed.ts";
import {
  answerOf,
  call,
  type Ended,
  errorOf,
  expectSilence,
  type PluginError,
} from "../../tools/testbed/call.ts";
import { makeAuthority } from "../../tools/testbed/certificates.ts";
import { type EtcdCluster, etcdBinaries, startEtcd, turnOnUsers } from "../../tools/testbed/etcd.ts";
import { type Executable, executables, suite } from "../../tools/testbed/executables.ts";
import { type HttpProxy, startProxy } from "../../tools/testbed/http-proxy.ts";
import { keysOf } from "./pool/keys.ts";
import { audit, holdingAt } from "./pool/pool-testing.ts";
import { defaultPrefix } from "./store/etcd-config.ts";
import { openEtcd } from "./store/etcd-store.ts";
import type { Entry } from "./store/store.ts";

/** The newest etcd that is there. The store's own suite goes through all versions. */
const binary = etcdBinaries().at(-1);
if (binary === undefined) test.skip("hawser-flat on etcd (skipped: there is no etcd-server here)", () => {});

/** One pod's interface on one of the simulated nodes. */
interface Sandbox {
  readonly pod: string;
  readonly node: string;
  readonly containerId: string;
}

interface Scene {
  readonly bed: Bed;
  readonly executable: Executable;
  /** `store.etcd`. */
  etcd: object;
  /** The rest of `ipam`. */
  ipam: object;
}

function configOf({ bed, etcd, ipam }: Scene, node: string): object {
  const journalDir = join(bed.root, "journal", node);
  const own = { type: "hawser-flat", node, journalDir, store: { etcd } };
  return { cniVersion: "1.1.0", name: "pods", type: "bridge", ipam: { ...own, ...ipam } };
}

function perform(
  scene: Scene,
  verb: "ADD" | "DEL" | "CHECK",
  sandbox: Sandbox,
  more: object = {},
): Promise<Ended> {
  const { pod, node, containerId } = sandbox;
  const args = `IgnoreUnknown=1;K8S_POD_NAMESPACE=default;K8S_POD_NAME=${pod}`;
  const config = { ...configOf(scene, node), ...more };
  return call(scene.bed, flatOf(scene), { verb, config, containerId, args });
}

/** The executable under the name that makes it this plugin. */
function flatOf({ bed, executable }: Scene): Executable {
  const path = join(bed.binDir, "hawser-flat");
  if (!fs.existsSync(path)) fs.symlinkSync(executable.path, path);
  return { name: "hawser-flat", path };
}

/** Tries again as long as the error says so. */
async function persist(scene: Scene, verb: "ADD" | "DEL", one: Sandbox): Promise<Ended> {
  const ended = await perform(scene, verb, one);
  return ended.exitCode !== 0 && errorOf(ended).code === 11 ? await persist(scene, verb, one) : ended;
}

function addressOf(ended: Ended): string {
  return answerOf<CniResult>(ended).ips?.[0]?.address ?? "";
}

async function add(scene: Scene, sandbox: Sandbox): Promise<string> {
  return addressOf(await perform(scene, "ADD", sandbox));
}

function sandbox(number: number, node = `node${number % 4}`): Sandbox {
  return { pod: `pod${number}`, node, containerId: `c${number}` };
}

/** Runs all of them, a few at the same time. */
async function atOnce<T, R>(width: number, items: readonly T[], act: (item: T) => Promise<R>): Promise<R[]> {
  const results: R[] = [];
  const rest = [...items.entries()];
  const worker = async (): Promise<void> => {
    for (let next = rest.shift(); next !== undefined; next = rest.shift())
      results[next[0]] = await act(next[1]);
  };
  await Promise.all(Array.from({ length: width }, worker));
  return results;
}

/** Everything under the prefix. */
async function entriesOf(
  { endpoints }: { endpoints: readonly string[] },
  folder: string,
): Promise<readonly Entry[]> {
  const files = { caFile: "", certFile: "", keyFile: "", username: "", passwordFile: "" };
  const store = openEtcd(linux, { endpoints, ...files, prefix: defaultPrefix }, { folder, name: "" });
  const all = { kind: "range", from: " ", to: "~", limit: 100_000 } as const;
  const reply = must(await store.txn({ compare: [], success: [all], failure: [] }));
  const [first] = reply.replies;
  return first?.kind === "entries" ? first.entries : [];
}

function histogram(counts: readonly number[]): string {
  const sorted = [...new Set(counts)].sort((one, other) => one - other);
  return sorted.map((each) => `${each}: ${counts.filter((count) => count === each).length}`).join(", ");
}

if (binary !== undefined) {
  suite("hawser-flat on etcd", [], (executable) => {
    const bed = useBed({ node: false });
    // This tests the protocol, which is the same in all executables. So the first one is enough.
    const isFirst = executable === executables[0];
    const sceneOn = (endpoints: readonly string[], ipam: object): Scene => ({
      bed: bed(),
      executable,
      etcd: { endpoints },
      ipam,
    });

    describe("a single member", () => {
      let cluster: EtcdCluster;
      let proxy: HttpProxy;
      beforeEach(async () => {
        cluster = await startEtcd(binary);
        proxy = await startProxy(cluster.endpoints[0] ?? "");
      });
      afterEach(async () => {
        await proxy.stop();
        await cluster.stop();
      });
      const ranges = (subnet: string) => ({ ranges: [[{ subnet }]] });

      test("an address stays with its pod: new sandbox, another node, v4 and v6 together", async () => {
        const both = { ranges: [[{ subnet: "10.60.0.0/24" }], [{ subnet: "fd00:60::/64" }]] };
        const scene = sceneOn(cluster.endpoints, both);
        const first = await perform(scene, "ADD", { pod: "web", node: "one", containerId: "old" });
        expect(answerOf<CniResult>(first).ips).toHaveLength(2);
        expectSilence(await perform(scene, "DEL", { pod: "web", node: "one", containerId: "old" }));
        const again = await perform(scene, "ADD", { pod: "web", node: "two", containerId: "new" });
        expect(again.stdout).toBe(first.stdout);
        const prevResult = answerOf<CniResult>(again);
        expectSilence(
          await perform(scene, "CHECK", { pod: "web", node: "two", containerId: "new" }, { prevResult }),
        );
        expect(audit("pods", await entriesOf(cluster, bed().stateDir))).toEqual([]);
      });

      test("a pod created anew elsewhere waits while its former node has the address, in quarantine", async () => {
        const scene = sceneOn(cluster.endpoints, ranges("10.60.0.0/24"));
        const old = { pod: "web", node: "one", containerId: "old" };
        const next = { pod: "web", node: "two", containerId: "new" };
        const stateNow = async () =>
          holdingAt(await entriesOf(cluster, bed().stateDir), keysOf("pods").own("default/web/eth0"))?.state;
        const had = await add(scene, old);
        for (const _try of [1, 2]) {
          const refused = errorOf(await perform(scene, "ADD", next));
          expect(refused).toMatchObject({
            code: 11,
            details: expect.stringContaining("ipam.live-elsewhere"),
          });
          expect(await stateNow()).toBe("quarantine");
        }
        expect(await add(scene, old)).toBe(had);
        expectSilence(await perform(scene, "DEL", old));
        expect(await add(scene, next)).toBe(had);
        expectSilence(await perform(scene, "DEL", old));
        expect(await stateNow()).toBe("live");
        expect(audit("pods", await entriesOf(cluster, bed().stateDir))).toEqual([]);
      });

      if (isFirst)
        test.each([
          [20, "10.60.0.0/26", 61],
          [100, "10.60.0.0/25", 125],
        ])(
          "%i at once from four nodes: a pool of N gives N, and after their DELs N again",
          async (width, subnet, size) => {
            const scene = sceneOn(cluster.endpoints, { ...ranges(subnet), hold: "0" });
            for (const round of [0, 1]) {
              const all = Array.from({ length: size + 15 }, (_each, n) => sandbox(1000 * round + n));
              const ended = await atOnce(width, all, (each) => perform(scene, "ADD", each));
              const won = ended.flatMap((one, index) => (one.exitCode === 0 ? [{ one, index }] : []));
              expect(new Set(won.map(({ one }) => addressOf(one))).size).toBe(size);
              expect(won.length).toBe(size);
              for (const lost of ended.filter(({ exitCode }) => exitCode !== 0)) {
                expect(errorOf(lost)).toMatchObject({
                  code: 106,
                  details: expect.stringContaining("ipam.pool-exhausted"),
                });
              }
              expect(audit("pods", await entriesOf(cluster, bed().stateDir))).toEqual([]);
              const released = await atOnce(width, all, (each) => perform(scene, "DEL", each));
              for (const each of released) expectSilence(each);
              const left = (await entriesOf(cluster, bed().stateDir)).map(({ key }) => key);
              expect(left.filter((key) => !key.startsWith("pool/"))).toEqual([]);
            }
          },
        );

      test("round trips: a free preferred address or a known identity takes at most two", async () => {
        const scene = sceneOn([proxy.url], ranges("10.60.0.0/16"));
        const all = Array.from({ length: 25 }, (_each, n) => sandbox(n));
        const tripsOf = async (act: (each: Sandbox) => Promise<void>): Promise<number[]> => {
          const trips: number[] = [];
          for (const each of all) {
            const before = proxy.paths.length;
            await act(each);
            trips.push(proxy.paths.length - before);
          }
          return trips;
        };
        const adding = async (each: Sandbox): Promise<void> => void (await add(scene, each));
        const deleting = async (each: Sandbox): Promise<void> =>
          expectSilence(await perform(scene, "DEL", each));
        const fresh = await tripsOf(adding);
        const repeated = await tripsOf(adding);
        const released = await tripsOf(deleting);
        const moved = await tripsOf((each) =>
          adding({ ...each, node: "another", containerId: `${each.containerId}b` }),
        );
        const spent = { fresh, repeated, released, "known, on another node": moved };
        for (const [what, trips] of Object.entries(spent)) {
          console.info(`round trips of ${executable.name}, ${what}: ${histogram(trips)}`);
        }
        // The very first ADD records the definition, and the first of each node looks for attachments of an earlier boot.
        const nodes = new Set(all.map(({ node }) => node)).size;
        expect(Math.max(...fresh)).toBeLessThanOrEqual(3);
        expect(Math.max(...fresh.slice(nodes), ...moved.slice(1))).toBeLessThanOrEqual(2);
        expect(Math.max(...repeated)).toBe(1);
        expect(Math.max(...released)).toBeLessThanOrEqual(2);
      });

      if (isFirst)
        test("100 at once, in a pool that is nearly full: the histogram of round trips", async () => {
          const scene = sceneOn([proxy.url], { ...ranges("10.60.0.0/25"), hold: "0" });
          const all = Array.from({ length: 125 }, (_each, n) => sandbox(n));
          const given = await atOnce(100, all, (each) => add(scene, each));
          expect(new Set(given).size).toBe(125);
          await expect.poll(() => proxy.perConnection.length).toBeGreaterThanOrEqual(125);
          console.info(
            `round trips of ${executable.name}, 125 for 125 addresses: ${histogram(proxy.perConnection)}`,
          );
          expect(proxy.perConnection.reduce((sum, each) => sum + each, 0)).toBe(proxy.paths.length);
        });

      if (isFirst)
        test("every seventh answer is lost: no duplicate, no address that nobody has, all gone after DEL", async () => {
          const scene = sceneOn([proxy.url], { ...ranges("10.60.0.0/26"), hold: "0" });
          proxy.losesAnswer = (request) => request % 7 === 3;
          const all = Array.from({ length: 61 }, (_each, n) => sandbox(n));
          const adding = async (): Promise<string[]> =>
            (await atOnce(20, all, (each) => persist(scene, "ADD", each))).map(addressOf);
          const given = await adding();
          expect(new Set(given).size).toBe(61);
          expect(await adding()).toEqual(given);
          expect(audit("pods", await entriesOf(cluster, bed().stateDir))).toEqual([]);
          for (const each of await atOnce(20, all, (one) => persist(scene, "DEL", one))) expectSilence(each);
          const left = (await entriesOf(cluster, bed().stateDir)).map(({ key }) => key);
          expect(left.filter((key) => !key.startsWith("pool/"))).toEqual([]);
        });

      test("etcd away: ADD, DEL and STATUS say so; the release is journalled, and done by the next operation", async () => {
        const scene = sceneOn(cluster.endpoints, { ...ranges("10.60.0.0/24"), hold: "0" });
        const gone = sandbox(1, "one");
        await add(scene, gone);
        await cluster.members[0]?.stop();
        const [added, deleted] = [
          await perform(scene, "ADD", sandbox(2, "one")),
          await perform(scene, "DEL", gone),
        ];
        for (const each of [added, deleted]) expect(errorOf(each)).toMatchObject({ code: 11 });
        expect(errorOf(deleted).details).toContain("journalled on this node");
        const config = configOf(scene, "one");
        const status = await call(scene.bed, flatOf(scene), { verb: "STATUS", config });
        expectSilence({ ...status, stderr: "" });
        expect(status.stderr).toContain("[ipam.store-unreachable]");
        const strict = configOf({ ...scene, ipam: { ...scene.ipam, notReadyWhen: ["unreachable"] } }, "one");
        const wanted = await call(scene.bed, flatOf(scene), { verb: "STATUS", config: strict });
        expect(errorOf(wanted)).toMatchObject({ code: 50 });
        await cluster.members[0]?.start();
        await add(scene, sandbox(3, "one"));
        const owners = (await entriesOf(cluster, bed().stateDir))
          .map(({ key }) => key)
          .filter((key) => key.startsWith("own/"));
        expect(owners).toEqual([keysOf("pods").own("default/pod3/eth0")]);
        expectSilence(await call(scene.bed, flatOf(scene), { verb: "STATUS", config }));
      });
    });

    test("three members: one killed, all goes on; two killed, code 11 in time and nothing half-done", async () => {
      const cluster = await startEtcd(binary, { members: 3 });
      try {
        const scene = sceneOn(cluster.endpoints, { ranges: [[{ subnet: "10.60.0.0/24" }]], hold: "0" });
        const before = await add(scene, sandbox(1));
        await cluster.members[0]?.stop();
        const between = await add(scene, sandbox(2));
        await cluster.members[1]?.stop();
        const [added, deleted] = await Promise.all([
          perform(scene, "ADD", sandbox(3)),
          perform(scene, "DEL", sandbox(2)),
        ]);
        for (const each of [added, deleted]) expect(errorOf(each)).toMatchObject({ code: 11 });
        await Promise.all(cluster.members.slice(0, 2).map((member) => member.start()));
        // The runtime tries again.
        expectSilence(await perform(scene, "DEL", sandbox(2)));
        const after = await add(scene, sandbox(3));
        expect(await add(scene, sandbox(1))).toBe(before);
        expect(after).not.toBe(before);
        expect(await add(scene, { ...sandbox(2), containerId: "again" })).toBe(between);
        const entries = await entriesOf(cluster, bed().stateDir);
        expect(audit("pods", entries)).toEqual([]);
        expect(entries.filter(({ key }) => key.startsWith("ip/"))).toHaveLength(3);
      } finally {
        await cluster.stop();
      }
    });

    describe("mutual TLS and users", () => {
      let cluster: EtcdCluster;
      let folder: string;
      beforeAll(async () => {
        folder = fs.mkdtempSync(join(process.env.TMPDIR ?? "/tmp", "hawser-tls-"));
        const authority = makeAuthority(folder);
        const server = authority.issue("server", "/CN=server", "IP:127.0.0.1");
        const client = authority.issue("pods", "/O=pods", "DNS:pods");
        cluster = await startEtcd(binary, { tls: { authority, server, client } });
        await turnOnUsers(cluster, { name: "cni", password: "secret", prefix: defaultPrefix });
        fs.writeFileSync(join(folder, "password"), "secret\n", { mode: 0o600 });
      });
      afterAll(async () => {
        await cluster.stop();
        fs.rmSync(folder, { recursive: true });
      });
      const path = (name: string): string => join(folder, name);
      const secured = (): Scene => ({
        ...sceneOn([], { ranges: [[{ subnet: "10.60.0.0/24" }]], hold: "0" }),
        etcd: {
          endpoints: cluster.endpoints,
          ...{ caFile: path("ca.pem"), certFile: path("pods.pem"), keyFile: path("pods.key") },
          ...{ username: "cni", passwordFile: path("password") },
        },
      });

      test("20 at once with no token yet; a member restarted, its tokens gone", async () => {
        const scene = secured();
        const all = Array.from({ length: 40 }, (_each, n) => sandbox(n, "one"));
        const given = await atOnce(20, all, (each) => add(scene, each));
        expect(new Set(given).size).toBe(40);
        await cluster.members[0]?.stop();
        await cluster.members[0]?.start();
        expect(await atOnce(20, all, (each) => add(scene, each))).toEqual(given);
        for (const each of await atOnce(20, all, (one) => perform(scene, "DEL", one))) expectSilence(each);
      });

      test("30 nodes at once that have no token: every ADD succeeds, every DEL", async () => {
        const scene = secured();
        const all = Array.from({ length: 30 }, (_each, n) => sandbox(n, `new${n}`));
        const given = await atOnce(30, all, (each) => add(scene, each));
        expect(new Set(given).size).toBe(30);
        for (const each of await atOnce(30, all, (one) => perform(scene, "DEL", one))) expectSilence(each);
      });

      test("a token of an etcd that was put back from a snapshot stops no verb of the node", async () => {
        const scene = secured();
        const one = sandbox(1, "restored");
        const given = await add(scene, one);
        const memory = join(bed().root, "journal/restored/.etcd");
        const [name = ""] = fs.readdirSync(memory).filter((each) => each.endsWith(".json"));
        const forget = (): void => {
          const file = join(memory, name);
          const kept = JSON.parse(fs.readFileSync(file, "utf8"));
          const token = kept.token.replace(/\.\d+$/, ".99999999");
          fs.writeFileSync(file, JSON.stringify({ ...kept, token }));
        };
        forget();
        expect(await add(scene, one)).toBe(given);
        forget();
        const config = configOf(scene, "restored");
        expectSilence(await call(scene.bed, flatOf(scene), { verb: "STATUS", config }));
        forget();
        expectSilence(await perform(scene, "DEL", one));
      });

      test.each<[string, object, RegExp]>([
        ["no certificate", { certFile: "", keyFile: "" }, /certFile/],
        ["no user", { username: "", passwordFile: "" }, /user name is empty.*username/],
        ["a file that is not there", { caFile: "/none" }, /\/none: ENOENT/],
        ["keys that are not ours", { prefix: "/other" }, /permission denied.*grant-permission/],
      ])("%s: the error says what to do", async (_what, change, advice) => {
        const scene = secured();
        scene.etcd = { ...scene.etcd, ...change };
        const error: PluginError = errorOf(await perform(scene, "ADD", sandbox(1, "one")));
        expect(`${error.msg} ${error.details}`).toMatch(advice);
      });
    });
  });
}
