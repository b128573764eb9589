import { expect, test } from "vitest";
import { createFake } from "../../sys/fake.ts";
import { must } from "../../sys/outcome-testing.ts";
import { add } from "./add.ts";
import { type FlatConfig, parseFlatConfig, requestedCodes } from "./config.ts";
import { invocationOf } from "./flat-testing.ts";
import { codeOf } from "./pool/keys.ts";
import { addressAt } from "./pool/space.ts";
import { type OpenStore, parseTeardownConfig } from "./teardown-config.ts";

const host = { files: { "/proc/sys/kernel/hostname": "worker-1\n" } };
const subnet = "10.60.0.0/24";

function parse(ipam: Record<string, unknown>, more: Record<string, unknown> = {}) {
  const { config } = invocationOf({
    verb: "STATUS",
    containerId: "",
    ipam: { node: undefined, ...ipam },
    more,
  });
  return parseFlatConfig(createFake(host).sys, config);
}

function parsed(ipam: Record<string, unknown>): FlatConfig {
  return must(parse(ipam));
}

test("what is not said", () => {
  expect(parsed({})).toMatchObject({
    network: "net",
    pool: "net",
    node: "worker-1",
    store: { kind: "local", dir: "/var/lib/cni/hawser-flat" },
    journalDir: "/var/lib/cni/hawser-flat-journal",
    holdMs: 86_400_000,
    identity: "pod",
    onLiveElsewhere: "wait",
    notReadyWhen: [],
    routes: [],
    dns: {},
  });
});

test.each<[string, Record<string, unknown>, object]>([
  ["pool", { pool: "shared" }, { pool: "shared", network: "net" }],
  ["node", { node: "rack1.n2" }, { node: "rack1.n2" }],
  ["hold", { hold: "90m" }, { holdMs: 5_400_000 }],
  ["no hold", { hold: "0" }, { holdMs: 0 }],
  ["hold for ever", { hold: "forever" }, { holdMs: undefined }],
  ["when the node is not ready", { notReadyWhen: ["full"] }, { notReadyWhen: ["full"] }],
  ["policy", { onLiveElsewhere: "takeover" }, { onLiveElsewhere: "takeover" }],
  ["identity", { identity: "container" }, { identity: "container" }],
  ["folder", { store: { dir: "/data/pool/" } }, { store: { kind: "local", dir: "/data/pool" } }],
  [
    "etcd",
    { store: { etcd: { endpoints: ["http://10.0.0.1:2379"] } } },
    { store: { kind: "etcd", settings: { endpoints: ["http://10.0.0.1:2379"], prefix: "/hawser" } } },
  ],
])("%s", (_what, ipam, expected) => {
  expect(parsed(ipam)).toMatchObject(expected);
});

test("what a range set has to give: no network, broadcast, gateway, exclusion, and nothing outside of its bounds", () => {
  const ranges = [
    [
      { subnet: "10.0.0.0/29", gateway: "10.0.0.3" },
      {
        subnet: "10.0.1.0/24",
        rangeStart: "10.0.1.10",
        rangeEnd: "10.0.1.17",
        exclude: ["10.0.1.12/31", "10.0.1.15"],
      },
    ],
    [{ subnet: "fd00::/125" }],
  ];
  const { spaces } = parsed({ ranges });
  const all = spaces.map((space) =>
    Array.from({ length: Number(space.size) }, (_each, n) =>
      codeOf(space.family, addressAt(space, BigInt(n))),
    ),
  );
  const v4 = [1, 2, 4, 5, 6].map((n) => codeOf("4", 0x0a000000n + BigInt(n)));
  const second = [10, 11, 14, 16, 17].map((n) => codeOf("4", 0x0a000100n + BigInt(n)));
  expect(all[0]).toEqual([...v4, ...second]);
  expect(all[1]).toEqual([2, 3, 4, 5, 6, 7].map((n) => codeOf("6", (0xfdn << 120n) + BigInt(n))));
});

test("a gateway that one set tells is given by none; a network of which it is said has none", () => {
  const ranges = [
    [{ subnet: "10.0.0.0/29", rangeStart: "10.0.0.4" }],
    [{ subnet: "10.0.0.0/29", rangeEnd: "10.0.0.3", gateway: "none" }],
    [{ subnet: "10.0.1.0/29", gateway: "none" }],
  ];
  const { spaces, definition } = parsed({ ranges });
  expect(spaces.map(({ size }) => size)).toEqual([3n, 2n, 6n]);
  expect(addressAt(spaces[2] ?? { family: "4", spans: [], size: 0n }, 0n)).toBe(0x0a000101n);
  expect(parsed({ ranges: definition.ranges }).definition).toEqual(definition);
});

test("two ways to write one pool have one definition, two pools have two, and it can be read again", () => {
  const short = parsed({ ranges: [[{ subnet }]] }).definition;
  const long = parsed({
    ranges: [[{ subnet, rangeStart: "10.60.0.1", rangeEnd: "10.60.0.254", gateway: "10.60.0.1" }]],
    hold: "1h",
  }).definition;
  expect(long.hash).toBe(short.hash);
  const excluding = parsed({
    ranges: [[{ subnet, exclude: ["10.60.0.5", "10.60.0.6", "10.60.0.7"] }]],
  }).definition;
  expect(excluding.hash).not.toBe(short.hash);
  expect(excluding.ranges).toMatchObject([[{ exclude: ["10.60.0.5/32", "10.60.0.6/31"] }]]);
  expect(parsed({ ranges: excluding.ranges }).definition).toEqual(excluding);
});

test.each<[string, Record<string, unknown>, string]>([
  ["no ranges", { ranges: undefined }, "ipam.ranges: is missing or empty"],
  ["an empty set", { ranges: [[]] }, "ipam.ranges[0]: empty range set"],
  ["no subnet", { ranges: [[{}]] }, "ipam.ranges[0][0].subnet: is missing"],
  [
    "host bits",
    { ranges: [[{ subnet: "10.60.0.1/24" }]] },
    "ipam.ranges[0][0].subnet: network 10.60.0.1/24 has host bits",
  ],
  [
    "too small",
    { ranges: [[{ subnet: "10.60.0.0/31" }]] },
    "ipam.ranges[0][0].subnet: network 10.60.0.0/31 too small",
  ],
  [
    "the end outside",
    { ranges: [[{ subnet, rangeEnd: "10.61.0.1" }]] },
    "ipam.ranges[0][0].rangeEnd: 10.61.0.1 is not in",
  ],
  [
    "the end before the start",
    { ranges: [[{ subnet, rangeStart: "10.60.0.9", rangeEnd: "10.60.0.8" }]] },
    "rangeEnd: 10.60.0.8 is before",
  ],
  [
    "the gateway outside",
    { ranges: [[{ subnet, gateway: "10.61.0.1" }]] },
    "ipam.ranges[0][0].gateway: 10.61.0.1 is not in",
  ],
  [
    "an exclusion outside",
    { ranges: [[{ subnet, exclude: ["10.61.0.1"] }]] },
    'ipam.ranges[0][0].exclude[0]: "10.61.0.1" is not in',
  ],
  ["an exclusion that is none", { ranges: [[{ subnet, exclude: ["x"] }]] }, "ipam.ranges[0][0].exclude[0]:"],
  [
    "all excluded",
    { ranges: [[{ subnet, exclude: [subnet] }]] },
    "ipam.ranges[0][0]: nothing is left to give",
  ],
  ["two families in a set", { ranges: [[{ subnet }, { subnet: "fd00::/64" }]] }, "mixed address families"],
  ["an overlap", { ranges: [[{ subnet }], [{ subnet: "10.60.0.0/16" }]] }, "overlaps with"],
  ["a misspelt field", { rangse: [] }, "ipam.rangse: is no field that is known"],
  [
    "a misspelt exclusion",
    { ranges: [[{ subnet, excludes: [] }]] },
    "ipam.ranges[0][0].excludes: is no field",
  ],
  ["a pool that is no name", { pool: "a/b" }, 'ipam.pool: "a/b" cannot name a pool'],
  ["a node that is no name", { node: "a b" }, 'ipam.node: "a b" cannot name a node'],
  [
    "a hold that is none",
    { hold: "soon" },
    'ipam.hold: "soon" is neither a duration like "24h" nor "forever"',
  ],
  ["an identity that is none", { identity: "node" }, 'ipam.identity: "node" is none of pod, container'],
  [
    "a policy that is none",
    { onLiveElsewhere: "steal" },
    'ipam.onLiveElsewhere: "steal" is none of wait, new-ip, takeover',
  ],
  [
    "a reason that is none",
    { notReadyWhen: ["full", "away"] },
    'ipam.notReadyWhen[1]: "away" is none of full, unreachable',
  ],
  ["a reason that is no list", { notReadyWhen: "full" }, "ipam.notReadyWhen: is a string, not an array"],
  [
    "two stores",
    { store: { dir: "/a", etcd: { endpoints: ["http://a:1"] } } },
    "ipam.store: has both etcd and dir",
  ],
  ["a relative folder", { store: { dir: "a" } }, 'ipam.store.dir: "a" is no absolute path'],
  ["a folder that climbs", { journalDir: "/a/../b" }, 'ipam.journalDir: "/a/../b" is no absolute path'],
  ["etcd without endpoints", { store: { etcd: {} } }, "ipam.store.etcd.endpoints: is empty"],
  [
    "a misspelt field of etcd",
    { store: { etcd: { endpoints: ["http://a:1"], user: "x" } } },
    "ipam.store.etcd.user: is no field",
  ],
])("refused: %s", async (_what, ipam, problem) => {
  const config = parse(ipam);
  expect(config).toMatchObject({ ok: false, error: { code: 7, id: "ipam.config" } });
  expect(!config.ok && config.error.msg).toContain(problem);
  let opened = false;
  const open: OpenStore = async () => {
    opened = true;
    throw new Error("nothing is to be allocated");
  };
  const sys = createFake(host).sys;
  expect((await add(sys, invocationOf({ verb: "ADD", containerId: "c1", ipam }), open)).ok).toBe(false);
  expect(opened).toBe(false);
});

test("every problem at once", () => {
  const config = parse({
    ranges: [[{ subnet: "x" }], [{ subnet, rangeEnd: "y" }]],
    hold: "z",
    pool: "-",
    rnage: 1,
  });
  const msg = config.ok ? "" : config.error.msg;
  for (const place of [
    "ranges[0][0].subnet",
    "ranges[1][0].rangeEnd",
    "ipam.hold",
    "ipam.pool",
    "ipam.rnage",
  ])
    expect(msg).toContain(place);
});

test("DEL and GC need where things are, and no ranges that make sense", () => {
  const { config } = invocationOf({
    verb: "DEL",
    containerId: "c1",
    ipam: { ranges: "none", routes: 1, hold: "soon", onLiveElsewhere: "?" },
  });
  expect(parseTeardownConfig(createFake(host).sys, config)).toMatchObject({
    ok: true,
    value: { pool: "net", holdMs: 86_400_000 },
  });
  const broken = invocationOf({ verb: "DEL", containerId: "c1", ipam: { store: { dir: "here" } } }).config;
  expect(parseTeardownConfig(createFake(host).sys, broken)).toMatchObject({
    ok: false,
    error: { id: "ipam.config" },
  });
});

test.each<[string, Record<string, unknown>, string, (string | undefined)[]]>([
  ["nothing", {}, "", [undefined, undefined]],
  ["runtimeConfig.ips", { runtimeConfig: { ips: ["10.60.0.9"] } }, "", ["40a3c0009", undefined]],
  ["with a prefix length", { runtimeConfig: { ips: ["10.60.0.9/24"] } }, "", ["40a3c0009", undefined]],
  ["args.cni.ips", { args: { cni: { ips: ["fd00::9"] } } }, "", [undefined, `6fd00${"0".repeat(27)}9`]],
  ["CNI_ARGS", {}, "IP=fd00::9,10.60.0.9", ["40a3c0009", `6fd00${"0".repeat(27)}9`]],
])("requested: %s", (_what, more, args, expected) => {
  const ranges = [[{ subnet }], [{ subnet: "fd00::/64" }]];
  expect(
    requestedCodes(parsed({ ranges }), invocationOf({ verb: "ADD", containerId: "c1", more, args })),
  ).toEqual({
    ok: true,
    value: expected,
  });
});

test.each<[string, string, string]>([
  ["outside of the pool", "10.61.0.1", "ipam.requested-outside"],
  ["the gateway", "10.60.0.1", "ipam.requested-gateway"],
  ["excluded", "10.60.0.9", "ipam.requested-excluded"],
  ["no address", "x", "ipam.config"],
  ["two of one set", "10.60.0.7,10.60.0.8", "ipam.requested-outside"],
])("requested and refused: %s", (_what, ip, id) => {
  const config = parsed({ ranges: [[{ subnet, exclude: ["10.60.0.8/29"] }]] });
  const invocation = invocationOf({ verb: "ADD", containerId: "c1", args: `IP=${ip}` });
  expect(requestedCodes(config, invocation)).toMatchObject({ ok: false, error: { code: 7, id } });
});
