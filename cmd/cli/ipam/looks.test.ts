import * as fs from "node:fs";
import { describe, expect, test } from "vitest";
import { snapshot, writeFile } from "../command-testing.ts";
import {
  dualRanges,
  holdingOf,
  hourMs,
  nowMs,
  put,
  ranges,
  runIpam,
  useFolder,
  write,
  writeConfig,
} from "./ipam-testing.ts";

const at = useFolder();

async function fill(): Promise<void> {
  await put(
    at.store,
    holdingOf("default/web/eth0", ["10.60.0.5"]),
    holdingOf("blue/db-0/net1", ["10.60.0.7"], { state: "held", heldUntilMs: nowMs + hourMs }),
    holdingOf("blue/db-1/net1", ["10.60.0.8"], { state: "held", heldUntilMs: nowMs - 1 }),
    holdingOf("blue/db-2/net1", ["10.60.0.9"], { state: "quarantine", node: "node-b" }),
    holdingOf("container:c9/net1", ["10.60.0.10"]),
    holdingOf("reserved:10.60.0.11", ["10.60.0.11"], {
      state: "reserved",
      containerId: "",
      node: "",
      mac: "",
    }),
  );
}

describe("hawser ipam show", () => {
  test("by range set, node and namespace", async () => {
    await fill();
    expect(await at.run("show")).toEqual({
      exitCode: 0,
      stderr: "",
      stdout: `\
Pool pods in folder ${at.folder}/store
  RANGES                SIZE  USED  HELD  RESERVED  QUARANTINED  FREE  EXCLUDED
  10.60.0.1-10.60.0.62  58    2     1     1         1            53    4

  NODE    USED  HELD  RESERVED  QUARANTINED
  node-a  2     1     0         0
  -       0     0     1         0
  node-b  0     0     0         1

  NAMESPACE  USED  HELD  RESERVED  QUARANTINED
  blue       0     1     0         1
  (no pod)   1     0     0         0
  (nobody)   0     0     1         0
  default    1     0     0         0

Note: 1 of the free ones still wait for a pod that stayed away; whoever needs them gets them.

`,
    });
  });

  test("for machines", async () => {
    await fill();
    const { pools } = JSON.parse((await at.run("show", "--json")).stdout);
    expect(pools).toHaveLength(1);
    expect(pools[0]).toMatchObject({ pool: "pods", owners: 6, outside: 0, definitions: 0 });
    expect(pools[0].sets).toEqual([
      {
        ranges: "10.60.0.1-10.60.0.62",
        size: 58,
        used: 2,
        held: 1,
        reserved: 1,
        quarantined: 1,
        free: 53,
        expired: 1,
        excluded: 4,
      },
    ]);
  });

  test("an exhausted set is told", async () => {
    const only = writeConfig(at.folder, {
      ranges: [[{ subnet: "10.60.0.0/29", rangeStart: "10.60.0.5", rangeEnd: "10.60.0.5" }]],
    });
    await put(at.store, holdingOf("default/web/eth0", ["10.60.0.5"]));
    expect((await runIpam(["show", "--config", only])).stdout).toContain(
      "Note: 10.60.0.5-10.60.0.5 is exhausted: an ADD of a new pod fails.",
    );
  });

  test("a store that is not there yet is an empty pool, and is not made", async () => {
    const before = snapshot(at.folder);
    const { exitCode, stdout } = await at.run("show");
    expect(exitCode).toBe(0);
    expect(stdout).toMatch(
      /Pool pods in folder \S+\/store \(not there yet\)\n {2}RANGES .*\n {2}\S+ +58 +0 /,
    );
    expect(snapshot(at.folder)).toEqual(before);
  });

  test("by its store alone: pools are those that are defined there, with their ranges", async () => {
    const value = JSON.stringify({ ranges: [[{ subnet: "10.60.0.0/26" }]] });
    await write(at.store, [
      { kind: "put", key: "pool/pods/def/aa", value },
      { kind: "put", key: "pool/other/def/aa", value: "{}" },
    ]);
    const { stdout } = await runIpam(["show", "--dir", `${at.folder}/store`]);
    expect(stdout).toMatch(
      /^Pool other .*\n {2}Its ranges are not known: name its configuration by --config\./,
    );
    expect(stdout).toMatch(/\nPool pods .*\n {2}RANGES .*\n {2}10\.60\.0\.1-10\.60\.0\.62 +61 +0 /);
  });

  test("what does not answer is an error", async () => {
    const nowhere = writeConfig(at.folder, { store: { etcd: { endpoints: ["http://127.0.0.1:1"] } } });
    const { exitCode, stderr } = await runIpam(["show", "--config", nowhere]);
    expect(exitCode).toBe(1);
    expect(stderr).toMatch(
      /^hawser: read etcd at http:\/\/127\.0\.0\.1:1: .*\(code 11, ipam\.store-unreachable\)\n$/s,
    );
  });
});

describe("which pool", () => {
  test("the node's own configurations and definitions are looked through", async () => {
    writeFile(`${at.folder}/confs/10-a.conflist`, {
      cniVersion: "1.1.0",
      name: "a",
      plugins: [
        {
          type: "bridge",
          ipam: { type: "hawser-flat", ranges: dualRanges, store: { dir: `${at.folder}/s` } },
        },
      ],
    });
    writeFile(`${at.folder}/confs/notes.txt`, "{");
    writeFile(`${at.folder}/confs/20-broken.conf`, "{");
    writeFile(`${at.folder}/defs/default/b.json`, fs.readFileSync(at.config, "utf8"));
    const places = ["--conf-dir", `${at.folder}/confs`, "--definitions-dir", `${at.folder}/defs`];
    const { pools } = JSON.parse((await runIpam(["show", "--json", ...places])).stdout);
    expect(pools.map((each: { pool: string }) => each.pool)).toEqual(["a", "pods"]);
    const { exitCode, stderr } = await runIpam(["list", ...places]);
    expect(exitCode).toBe(1);
    expect(stderr).toContain(
      "there are a, pods\n        Name one by --pool.\n        (code 7, cli.which-pool)",
    );
    expect((await runIpam(["list", "--pool", "a", ...places])).stdout).toBe(
      "Nobody has an address in pool a.\n",
    );
  });

  test("of the node's configurations one whose ranges are wrong still says where its pool is", async () => {
    await fill();
    const ipam = {
      type: "hawser-flat",
      ranges: [[{ subnet: "10.60.0.1/26" }]],
      store: { dir: `${at.folder}/store` },
    };
    writeFile(`${at.folder}/confs/pods.conf`, { cniVersion: "1.1.0", name: "pods", type: "bridge", ipam });
    const places = ["--conf-dir", `${at.folder}/confs`, "--definitions-dir", "/nowhere"];
    expect((await runIpam(["why", "10.60.0.5", ...places])).stdout).toContain("default/web/eth0");
  });

  const bridge = { type: "bridge", ipam: { type: "hawser-flat", ranges } };
  const base = { cniVersion: "1.1.0", name: "pods" };
  const wrong: [string, object, string, number][] = [
    [
      "a subnet with host bits",
      { ...bridge, ipam: { ...bridge.ipam, ranges: [[{ subnet: "10.60.0.1/26" }]] } },
      "ipam.config",
      7,
    ],
    ["no ranges", { ...bridge, ipam: { type: "hawser-flat" } }, "ipam.config", 7],
    ["an unknown field", { ...bridge, ipam: { ...bridge.ipam, rnages: 1 } }, "ipam.config", 7],
    ["a store that is none", { ...bridge, ipam: { ...bridge.ipam, store: 7 } }, "ipam.config", 7],
    ["an unknown version", { ...bridge, cniVersion: "9.9.9" }, "config.version", 1],
    ["a name that is none", { ...bridge, name: "../x" }, "config.name", 7],
    ["a plugin of a list without a type", { plugins: [bridge, {}] }, "config.plugins", 7],
    [
      "an unknown field of hawser's",
      { type: "hawser", delegate: bridge, delegat: 1 },
      "config.unknown-field",
      2,
    ],
    ["hawser without a primary", { plugins: [{ type: "hawser" }, bridge] }, "config.no-primary", 7],
    [
      "hawser as its own delegate",
      { type: "hawser", delegate: { plugins: [bridge, { type: "hawser" }] } },
      "meta.recursion",
      7,
    ],
    [
      "a definition without JSON",
      { kind: "NetworkAttachmentDefinition", metadata: { name: "x" }, spec: { config: "{" } },
      "kube.bad-definition",
      7,
    ],
  ];

  describe.each(wrong)("what every ADD refuses is refused: %s", (_case, document, id, code) => {
    test.each([
      ["show"],
      ["list"],
      ["map"],
      ["why", "10.60.0.5"],
      ["predict", "a/b/eth0"],
      ["reserve", "10.60.0.5"],
      ["unreserve", "10.60.0.5"],
      ["release", "10.60.0.5", "--yes"],
      ["check"],
      ["check", "--repair", "--yes"],
      ["export"],
      ["import", "/dev/null", "--dry-run"],
    ])("%s", async (...args) => {
      writeFile(`${at.folder}/wrong.json`, { ...base, ...document });
      const { exitCode, stdout, stderr } = await runIpam([...args, "--config", `${at.folder}/wrong.json`]);
      expect({ exitCode, stdout }).toEqual({ exitCode: 1, stdout: "" });
      expect(stderr).toContain(`(code ${code}, ${id})`);
    });
  });

  test.each([
    [["show", "--config", "/nowhere/f"], "cli.file"],
    [["show"], "cli.no-flat"],
    [["list", "--dir", "relative"], "ipam.config"],
    [["list", "--pool", "no/name", "--dir", "/nowhere"], "ipam.config"],
    [["list", "--dir", "/nowhere"], "cli.which-pool"],
  ])("%j: %s", async (args, id) => {
    const { exitCode, stdout, stderr } = await runIpam(args);
    expect({ exitCode, stdout }).toEqual({ exitCode: 1, stdout: "" });
    expect(stderr).toContain(`, ${id})`);
  });

  test("a configuration without it, or with another pool", async () => {
    expect((await at.run("list", "--pool", "other")).stderr).toContain("has no pool other");
    writeFile(`${at.folder}/other.json`, { name: "x", type: "bridge", ipam: { type: "host-local" } });
    const { stderr } = await runIpam(["list", "--config", `${at.folder}/other.json`]);
    expect(stderr).toContain("other.json has no ipam of type hawser-flat");
  });
});

describe("hawser ipam map", () => {
  test("in the terminal", async () => {
    await fill();
    expect(await at.run("map")).toEqual({
      exitCode: 0,
      stderr: "",
      stdout: `\
Pool pods in folder ${at.folder}/store

10.60.0.0/26, one address a mark
10.60.0.0   x...U.H.QUR................................................xxx

U used   H held   R reserved   Q quarantined   . free   x excluded or gateway
A blank is the network's or the broadcast address, or another outside of the ranges.
`,
    });
  });

  test("as a file, which says the same", async () => {
    await fill();
    const svg = `${at.folder}/pool.svg`;
    const { exitCode, stdout } = await at.run("map", "--svg", svg);
    expect(exitCode).toBe(0);
    expect(stdout).toBe(`Pool pods in folder ${at.folder}/store: drawn to ${svg}\n`);
    expect(fs.readFileSync(svg, "utf8")).toContain("<title>10.60.0.9: quarantined</title>");
  });

  test("for machines: the cells that are taken", async () => {
    await fill();
    const { pictures } = JSON.parse((await at.run("map", "--json")).stdout);
    expect(pictures[0].cells[0]).toEqual({
      cell: "10.60.0.5",
      mostly: "used",
      usable: 1,
      used: 1,
      held: 0,
      reserved: 0,
      quarantined: 0,
    });
    expect(pictures[0].cells).toHaveLength(5);
  });

  test.each([
    [["--within", "10.60.0.0"], "cli.within"],
    [["--within", "10.99.0.0/24"], "cli.within"],
    [["--svg", "/nowhere/deep/pool.svg"], "cli.write"],
  ])("refuses %j: %s", async (args, id) => {
    const { exitCode, stderr } = await at.run("map", ...args);
    expect(exitCode).toBe(1);
    expect(stderr).toContain(`, ${id})`);
  });

  test("of ranges that nobody knows there is no picture", async () => {
    const { stderr } = await runIpam(["map", "--dir", `${at.folder}/store`, "--pool", "pods"]);
    expect(stderr).toContain(", cli.ranges)");
  });
});

describe("hawser ipam list", () => {
  test("in the order of addresses", async () => {
    await fill();
    expect((await at.run("list")).stdout).toBe(`\
ADDRESSES   STATE        OWNER              NODE    CONTAINER  MAC                SINCE                 UNTIL
10.60.0.5   used         default/web/eth0   node-a  c-web      02:00:00:00:00:05  2026-08-02 11:00:00Z  -
10.60.0.7   held         blue/db-0/net1     node-a  c-db-0     02:00:00:00:00:07  2026-08-02 11:00:00Z  2026-08-02 13:00:00Z
10.60.0.8   expired      blue/db-1/net1     node-a  c-db-1     02:00:00:00:00:08  2026-08-02 11:00:00Z  2026-08-02 11:59:59Z
10.60.0.9   quarantined  blue/db-2/net1     node-b  c-db-2     02:00:00:00:00:09  2026-08-02 11:00:00Z  -
10.60.0.10  used         container:c9/net1  node-a  c-net1     02:00:00:00:00:10  2026-08-02 11:00:00Z  -
10.60.0.11  reserved     nobody             -       -          -                  2026-08-02 11:00:00Z  -
`);
  });

  test.each([
    [["--state", "held"], ["10.60.0.7"]],
    [["--state", "expired"], ["10.60.0.8"]],
    [["--node", "node-b"], ["10.60.0.9"]],
    [["--namespace", "blue", "--state", "used"], []],
    [["--namespace", "default"], ["10.60.0.5"]],
  ])("%j: %j", async (args, addresses) => {
    await fill();
    const { holdings } = JSON.parse((await at.run("list", "--json", ...args)).stdout);
    expect(holdings.flatMap((each: { addresses: string[] }) => each.addresses)).toEqual(addresses);
  });

  test("thousands are read in pages, and whoever watches is told", async () => {
    const many = Array.from({ length: 1100 }, (_each, n) => ({
      kind: "put" as const,
      key: `own/pods/a/p${String(n).padStart(4, "0")}/eth0`,
      value: JSON.stringify(holdingOf(`a/p${n}/eth0`, ["10.60.0.5"])),
    }));
    await write(at.store, many);
    const progress: string[] = [];
    const { stdout } = await runIpam(["list", "--json", "--config", at.config], {
      onProgress: (line) => void progress.push(line),
    });
    expect(JSON.parse(stdout).holdings).toHaveLength(1100);
    expect(progress).toEqual(["pool pods: 500 records read", "pool pods: 1000 records read", ""]);
  });
});

describe("hawser ipam why", () => {
  test("the life of an address", async () => {
    await fill();
    expect((await at.run("why", "10.60.0.7")).stdout).toBe(`\
10.60.0.7 waits for blue/db-0/net1, which went 1 hour ago
  addresses   10.60.0.7
  MAC         02:00:00:00:00:07
  node        node-a
  network     pods
  container   c-db-0
  interface   net1
  since       2026-08-02 11:00:00Z
  until       2026-08-02 13:00:00Z
  generation  1

WHEN                  WHAT     OWNER           CONTAINER  NODE
2026-08-02 11:00:00Z  claimed  blue/db-0/net1  c-db-0     node-a
`);
  });

  test("an event in a store that is none is not told, and hides nothing else", async () => {
    const { history, ...web } = holdingOf("default/web/eth0", ["10.60.0.5"]);
    await put(at.store, { ...web, history: [...JSON.parse("[{}]"), ...history] });
    const { exitCode, stdout, stderr } = await at.run("why", "10.60.0.5");
    expect({ exitCode, stderr }).toEqual({ exitCode: 0, stderr: "" });
    expect(stdout.split("\n\n")[1]).toBe(`\
WHEN                  WHAT     OWNER             CONTAINER  NODE
2026-08-02 11:00:00Z  claimed  default/web/eth0  c-web      node-a
`);
  });

  test.each([
    ["10.60.0.5", "10.60.0.5 has been used by default/web/eth0 for 1 hour"],
    ["10.60.0.8", "10.60.0.8 is free: it waited for blue/db-1/net1 until 2026-08-02 11:59:59Z"],
    ["10.60.0.9", "10.60.0.9 is in quarantine: whether blue/db-2/net1 still uses it nobody knows"],
    ["10.60.0.11", "10.60.0.11 is reserved for nobody"],
    ["10.60.0.12", "10.60.0.12 is free"],
    ["10.60.0.1", "10.60.0.1 is a gateway of pool pods: nobody is given it"],
    ["10.60.0.61", "10.60.0.61 is excluded from pool pods: nobody is given it"],
    ["10.99.0.1", "10.99.0.1 is in none of the ranges of pool pods: nobody is given it"],
  ])("%s", async (address, verdict) => {
    await fill();
    expect((await at.run("why", address)).stdout.split("\n")[0]).toBe(verdict);
    expect(JSON.parse((await at.run("why", address, "--json")).stdout)).toMatchObject({ address, verdict });
  });

  test("a record that cannot be read is told as such", async () => {
    await write(at.store, [{ kind: "put", key: "ip/pods/40a3c0014", value: "?" }]);
    const { exitCode, stdout } = await at.run("why", "10.60.0.20");
    expect(exitCode).toBe(0);
    expect(stdout).toContain("10.60.0.20 is taken by a record that nobody can read");
  });

  test("what is no address is refused", async () => {
    expect((await at.run("why", "10.60.0.07")).stderr).toContain("(code 7, cli.address)");
  });
});

describe("hawser ipam predict", () => {
  test("the same for the same pod, before there is one", async () => {
    at.config = writeConfig(at.folder, { ranges: dualRanges });
    const predict = async () =>
      JSON.parse((await runIpam(["predict", "blue/db-9/net1", "--json", "--config", at.config])).stdout);
    const before = await predict();
    expect(before).toMatchObject({ identity: "blue/db-9/net1", basis: "preferred" });
    expect(before.addresses).toEqual([
      { address: "10.60.0.20", free: true },
      { address: "fd00:60::e4", free: true },
    ]);
    expect(before.mac).toMatch(/^02(:[0-9a-f]{2}){5}$/);
    await put(at.store, holdingOf("other/pod/eth0", ["10.60.0.20"]));
    const after = await predict();
    expect(after.addresses[0]).toEqual({
      address: "10.60.0.20",
      free: false,
      owner: "used by other/pod/eth0",
    });
    expect(after.mac).toBe(before.mac);
  });

  test("what it has already stays its own", async () => {
    await fill();
    expect((await at.run("predict", "blue/db-0/net1")).stdout).toBe(`\
blue/db-0/net1 in pool pods
  address  10.60.0.7  recorded for it
  MAC      02:00:00:00:00:07
`);
  });

  test.each(["web", "a/b", "a/b/c/d", "a//eth0", "../b/eth0"])(
    "%s is no pod's interface",
    async (identity) => {
      expect((await at.run("predict", identity)).stderr).toContain("(code 7, cli.identity)");
    },
  );
});
