import { expect, test } from "vitest";
import type { JsonObject } from "../../../cni/json.ts";
import { createFake } from "../../../sys/fake.ts";
import { createFakeEtcd } from "../../../tools/testbed/fake-etcd.ts";
import { checkPools } from "./check-pools.ts";

const taken = Object.fromEntries(
  [2, 3, 4, 5, 6].map((host) => [`/var/lib/cni/networks/n/10.1.0.${host}`, `c${host}\r\neth0`]),
);
const small = { type: "host-local", ranges: [[{ subnet: "10.1.0.0/29" }]] };
const endpoints = ["https://a:2379"];
const flat = { type: "hawser-flat", node: "n1", ranges: [[{ subnet: "10.1.0.0/29" }]] };

async function check(ipam: JsonObject, more: JsonObject = {}, alarm?: boolean) {
  const etcd = createFakeEtcd();
  etcd.alarm = alarm === true;
  const http = alarm === undefined ? {} : { http: etcd.handle };
  const fake = createFake({ files: taken, ...http });
  const before = fake.machine.disk.paths();
  const plugin = { cniVersion: "1.0.0", name: "n", type: "bridge", ipam, ...more };
  const findings = await checkPools(fake.sys, [{ user: "primary network n", plugins: [plugin] }]);
  expect(fake.machine.disk.paths()).toEqual(before);
  expect(fake.warnings).toEqual([]);
  return findings.map(({ level, what, why, todo }) => `${level} ${what} ${why} ${todo}`.trim());
}

const bounded = (ranges: object): JsonObject => ({ ...small, ...ranges });

test.each<[string, JsonObject, RegExp | undefined]>([
  ["a pool with room", bounded({ ranges: [[{ subnet: "10.1.0.0/28" }]] }), undefined],
  [
    "a full one of the reference's",
    small,
    /^problem primary network n: host-local: no IP .*5 of 5.*more ranges/,
  ],
  ["a full one of ours", { ...small, type: "hawser-host-local" }, /^problem .*\[ipam\.exhausted\]/],
  ["no IPAM", {}, undefined],
  ["another's IPAM", { type: "dhcp" }, undefined],
  ["what the reference plugin is to judge", { type: "host-local" }, undefined],
  ["a configuration that every ADD refuses", { ...flat, ranges: [] }, /^problem .*ipam\.ranges: is missing/],
  [
    "a store that is away",
    { ...flat, store: { etcd: { endpoints } } },
    /^problem primary network n: hawser-flat: .*no endpoint answered.*Look after the store/,
  ],
])("%s", async (_what, ipam, finding) => {
  const findings = await check(ipam);
  expect(findings).toEqual(finding === undefined ? [] : [expect.stringMatching(finding)]);
});

test("etcd's alarm is told, though reads go on; without it all is well", async () => {
  const ipam = { ...flat, store: { etcd: { endpoints } } };
  expect(await check(ipam, {}, true)).toEqual([
    expect.stringMatching(/^problem .*space exceeded.*alarm disarm/),
  ]);
  expect(await check(ipam, {}, false)).toEqual([expect.stringMatching(/^ok /)]);
});

test("ranges that the runtime adds are not missed", async () => {
  const ipam = { type: "hawser-host-local" };
  expect(await check(ipam, { capabilities: { ipRanges: true } })).toEqual([]);
  expect(await check(ipam)).toEqual([expect.stringMatching(/^problem .*no IP ranges specified/)]);
});

test.each([
  ["http://10.0.0.1:2379", true],
  ["http://127.0.0.1:2379", false],
  ["https://10.0.0.1:2379", false],
])("etcd at %s: warned of: %s", async (endpoint, isWarned) => {
  const ipam = { ...flat, store: { etcd: { endpoints: [endpoint] } } };
  const findings = await check(ipam, {}, false);
  expect(findings.filter((each) => /^warning .*without TLS, at http:\/\/10/.test(each))).toHaveLength(
    isWarned ? 1 : 0,
  );
});
