import * as fs from "node:fs";
import { describe, expect, test } from "vitest";
import { writeFile } from "../command-testing.ts";
import {
  dualRanges,
  dump,
  holdingOf,
  hourMs,
  keysIn,
  nowMs,
  put,
  runIpam,
  useFolder,
  writeConfig,
} from "./ipam-testing.ts";

const at = useFolder();

const web = holdingOf("default/web/eth0", ["10.60.0.5"]);
const db = holdingOf("blue/db-0/net1", ["10.60.0.7"], { state: "held", heldUntilMs: nowMs + hourMs });

interface Owner {
  readonly identity: string;
  readonly addresses: string[];
  readonly verdict: string;
  readonly why?: string;
}

async function imported(
  source: string,
  ...args: string[]
): Promise<{ exitCode: number; owners: Owner[]; problems: string[]; notes: string[]; reserved: string[] }> {
  const { exitCode, stdout } = await at.run("import", source, "--yes", "--json", ...args);
  return { exitCode, ...JSON.parse(stdout) };
}

async function listed(): Promise<[string, string, string][]> {
  const { holdings } = JSON.parse((await at.run("list", "--json")).stdout);
  return holdings.map((each: Owner & { condition: string }) => [
    each.addresses.join(),
    each.condition,
    each.identity,
  ]);
}

describe("hawser ipam export", () => {
  test("and import: an empty store has the same owners again", async () => {
    await put(at.store, web, db);
    const { stdout } = await at.run("export");
    const [header = "", ...lines] = stdout.trimEnd().split("\n");
    expect(JSON.parse(header)).toEqual({ format: "hawser-flat/1", pool: "pods", atMs: nowMs });
    expect(lines.map((line) => JSON.parse(line).addresses)).toEqual([["10.60.0.7"], ["10.60.0.5"]]);
    const before = await keysIn(at.store);
    const file = `${at.folder}/pool.jsonl`;
    expect((await at.run("export", "--output", file)).stdout).toBe(
      `2 owners of pool pods written to ${file}\n`,
    );
    expect(fs.readFileSync(file, "utf8")).toBe(stdout);
    at.config = writeConfig(at.folder, { store: { dir: `${at.folder}/another` } });
    expect((await imported(file)).exitCode).toBe(0);
    const other = await runIpam(["why", "10.60.0.5", "--json", "--config", at.config]);
    expect(JSON.parse(other.stdout).holding).toMatchObject({
      state: "live",
      containerId: "c-web",
      generation: 1,
    });
    expect(await listed()).toEqual([
      ["10.60.0.5", "used", "default/web/eth0"],
      ["10.60.0.7", "held", "blue/db-0/net1"],
    ]);
    at.config = writeConfig(at.folder);
    expect(await keysIn(at.store)).toEqual(before);
  });

  test("what cannot be written is told", async () => {
    const { exitCode, stderr } = await at.run("export", "--output", "/nowhere/deep/f");
    expect(exitCode).toBe(1);
    expect(stderr).toContain(", cli.write)");
  });
});

describe("hawser ipam import", () => {
  function exportFile(...holdings: object[]): string {
    const lines = [{ format: "hawser-flat/1" }, ...holdings].map((each) => JSON.stringify(each));
    const path = `${at.folder}/in.jsonl`;
    writeFile(path, `${lines.join("\n")}\n`);
    return path;
  }
  const line = (identity: string, address: string, more: object = {}) => ({
    ...holdingOf(identity, ["10.60.0.5"], { state: "held" }),
    addresses: [address],
    mac: `02:00:00:00:01:${String(address.split(".")[3]).padStart(2, "0")}`,
    ...more,
  });

  test("conflicts are told one by one, and the rest is imported", async () => {
    await put(at.store, web, db);
    const source = exportFile(
      line("default/web/eth0", "10.60.0.5"),
      line("blue/db-0/net1", "10.60.0.20"),
      line("a/thief/eth0", "10.60.0.5"),
      line("a/new/eth0", "10.60.0.21"),
      line("a/twin/eth0", "10.60.0.21"),
      line("a/gone/eth0", "10.60.0.22", { heldUntilMs: nowMs }),
      line("a/out/eth0", "10.99.0.1"),
      line("a/gateway/eth0", "10.60.0.1"),
      line("a/excluded/eth0", "10.60.0.61"),
    );
    const { exitCode, owners, problems } = await imported(source);
    expect({ exitCode, problems }).toEqual({ exitCode: 1, problems: [] });
    expect(owners.map(({ identity, verdict, why }) => [identity, verdict, why])).toEqual([
      ["default/web/eth0", "there already", undefined],
      ["blue/db-0/net1", "conflict", "it has 10.60.0.7 already"],
      ["a/thief/eth0", "conflict", "10.60.0.5 is default/web/eth0's"],
      ["a/new/eth0", "new", undefined],
      ["a/twin/eth0", "conflict", "10.60.0.21 is a/new/eth0's"],
      ["a/gone/eth0", "expired", undefined],
      ["a/out/eth0", "conflict", "10.99.0.1 is in none of the ranges"],
      ["a/gateway/eth0", "conflict", "10.60.0.1 is a gateway"],
      ["a/excluded/eth0", "conflict", "10.60.0.61 is excluded"],
    ]);
    expect((await listed()).map(([address]) => address)).toEqual(["10.60.0.5", "10.60.0.7", "10.60.0.21"]);
  });

  test("a MAC address that is taken is left out; its pod gets another", async () => {
    await put(at.store, web);
    expect((await imported(exportFile(line("a/new/eth0", "10.60.0.21", { mac: web.mac })))).exitCode).toBe(0);
    expect(JSON.parse((await at.run("why", "10.60.0.21", "--json")).stdout).holding.mac).toBe("");
  });

  test("--dry-run, a no, and nobody to ask: the plan is shown and nothing is done", async () => {
    await put(at.store, web);
    const before = await dump(at.store);
    const source = exportFile(line("a/new/eth0", "10.60.0.21"), line("a/thief/eth0", "10.60.0.5"));
    const dry = await at.run("import", source, "--dry-run");
    expect(dry).toEqual({
      exitCode: 1,
      stderr: "",
      stdout: `\
CONFLICT      ADDRESSES  WHY
a/thief/eth0  10.60.0.5  10.60.0.5 is default/web/eth0's
Pool pods: 1 new, 1 conflict.
`,
    });
    const no = await runIpam(["import", source, "--config", at.config], { answer: false });
    expect(no.stderr).toContain("Import 1 owners into pool pods? it was not confirmed: nothing was changed");
    expect((await at.run("import", source)).stderr).toContain(", cli.unconfirmed)");
    expect(await dump(at.store)).toEqual(before);
  });

  test("what is taken while we ask is a conflict", async () => {
    const source = exportFile(line("a/new/eth0", "10.60.0.21"));
    const { exitCode, stdout } = await runIpam(["import", source, "--config", at.config], {
      answer: true,
      whenAsked: () => put(at.store, holdingOf("a/first/eth0", ["10.60.0.21"])),
    });
    expect(exitCode).toBe(1);
    expect(stdout).toContain("Not imported: a/new/eth0: it was taken meanwhile\n");
    expect((await listed()).map(([, , identity]) => identity)).toEqual(["a/first/eth0"]);
  });

  test("hundreds in a few round trips, and whoever watches is told", async () => {
    at.config = writeConfig(at.folder, { ranges: [[{ subnet: "10.60.0.0/22" }]] });
    const addresses = Array.from({ length: 250 }, (_each, n) => `10.60.${1 + (n >> 7)}.${n & 127}`);
    const source = exportFile(...addresses.map((address) => line(`a/${address}/eth0`, address, { mac: "" })));
    const progress: string[] = [];
    const onProgress = (text: string) => void progress.push(text);
    const { exitCode } = await runIpam(["import", source, "--yes", "--config", at.config], { onProgress });
    expect(exitCode).toBe(0);
    expect((await listed()).map(([address]) => address)).toEqual(addresses);
    expect(progress.filter((text) => text.includes("owners"))).toEqual([
      "100 of 250 owners",
      "200 of 250 owners",
      "250 of 250 owners",
    ]);
  });

  test("lines that say nothing are problems, with their numbers", async () => {
    const { exitCode, problems, owners } = await imported(
      exportFile(
        line("a/new/eth0", "10.60.0.21"),
        { addresses: ["x"] },
        { addresses: ["10.60.0.9"] },
        [],
        line("a/odd/eth0", "10.60.0.22", { history: JSON.parse("[{}]") }),
      ),
    );
    expect(exitCode).toBe(1);
    expect(owners.map(({ verdict }) => verdict)).toEqual(["new"]);
    expect(problems).toEqual([
      "line 3: it is no owner's record",
      "line 4: it is no owner's record",
      "line 5: it is no JSON object",
      "line 6: it is no owner's record",
    ]);
  });

  test("of an export, what was in use and cannot come back to its owner is kept from everybody", async () => {
    await put(at.store, web);
    const source = exportFile(
      line("default/web/eth0", "10.60.0.20", { state: "live" }),
      line("a/held/eth0", "10.60.0.5"),
      line("a/both/eth0", "10.60.0.21", { addresses: ["10.60.0.21", "fd00::9"], state: "live" }),
    );
    const { owners, reserved } = await imported(source);
    expect(owners.map(({ addresses, verdict }) => [addresses.join(), verdict])).toEqual([
      ["10.60.0.20", "conflict"],
      ["10.60.0.5", "conflict"],
      ["10.60.0.21", "new"],
      ["fd00::9", "conflict"],
    ]);
    expect(reserved).toEqual(["10.60.0.20"]);
  });

  test("a pool whose ranges nobody knows is not imported into: a gateway might be given away", async () => {
    const source = exportFile(line("a/gateway/eth0", "10.60.0.1"));
    for (const args of [["--dry-run"], ["--yes"]]) {
      const { exitCode, stderr } = await runIpam([
        "import",
        source,
        "--dir",
        `${at.folder}/none`,
        "--pool",
        "pods",
        ...args,
      ]);
      expect(exitCode).toBe(1);
      expect(stderr).toContain(", cli.ranges)");
    }
  });

  test("an export of a later format is refused as a whole", async () => {
    writeFile(`${at.folder}/in.jsonl`, '{"format":"hawser-flat/9"}\n{}\n');
    expect(await imported(`${at.folder}/in.jsonl`)).toMatchObject({
      exitCode: 1,
      problems: ["line 1: its format is hawser-flat/9"],
    });
  });

  test.each([
    [["/nowhere/f"], "cli.file"],
    [["F", "--hold", "soon"], "cli.hold"],
  ])("refuses %j: %s", async (args, id) => {
    const source = exportFile();
    const { exitCode, stderr } = await at.run("import", ...args.map((arg) => (arg === "F" ? source : arg)));
    expect(exitCode).toBe(1);
    expect(stderr).toContain(`, ${id})`);
  });

  test("what is neither of the three", async () => {
    writeFile(`${at.folder}/in`, "a: [b\nc: {");
    expect((await at.run("import", `${at.folder}/in`)).stderr).toContain(", cli.source)");
    writeFile(`${at.folder}/in`, "a: b\n");
    expect((await imported(`${at.folder}/in`)).problems).toEqual(["it holds no IPPool of whereabouts"]);
  });
});

describe("whereabouts", () => {
  const ippool = (range: string, allocations: object) => ({
    apiVersion: "whereabouts.cni.cncf.io/v1alpha1",
    kind: "IPPool",
    metadata: { name: range.replaceAll(/[/:]/g, "-") },
    spec: { range, allocations },
  });
  const four = ippool("10.60.0.0/26", {
    "5": { id: "c1", podref: "default/web", ifname: "net2" },
    "7": { id: "c2", podref: "blue/db-0" },
    "8": { id: "c3", podref: "nobody" },
    x: { id: "c4", podref: "a/b" },
  });
  const six = ippool("fd00:60::/120", { "9": { id: "c1", podref: "default/web", ifname: "net2" } });

  test("offsets become addresses that wait for their pods, for ever", async () => {
    writeFile(`${at.folder}/in.json`, { apiVersion: "v1", kind: "List", items: [four] });
    const { exitCode, owners, problems } = await imported(`${at.folder}/in.json`);
    expect(exitCode).toBe(1);
    expect(owners.map(({ identity, addresses }) => [identity, addresses.join()])).toEqual([
      ["default/web/net2", "10.60.0.5"],
      ["blue/db-0/net1", "10.60.0.7"],
    ]);
    expect(problems).toEqual([
      "IPPool 10.60.0.0-26: allocation 8 names no pod",
      "IPPool 10.60.0.0-26: allocation x names no pod",
    ]);
    const { holding } = JSON.parse((await at.run("why", "10.60.0.7", "--json")).stdout);
    expect(holding).toMatchObject({ state: "held", containerId: "c2", node: "" });
    expect(holding).not.toHaveProperty("heldUntil");
    expect(holding.history).toMatchObject([{ what: "imported" }]);
  });

  test("both families of a pod become one owner, in YAML, for as long as is said", async () => {
    at.config = writeConfig(at.folder, { ranges: dualRanges });
    const { stringify } = await import("yaml");
    writeFile(`${at.folder}/in.yaml`, [six, four].map((each) => stringify(each)).join("---\n"));
    const { owners } = await imported(`${at.folder}/in.yaml`, "--hold", "72h");
    expect(owners[0]).toEqual({
      identity: "default/web/net2",
      addresses: ["10.60.0.5", "fd00:60::9"],
      verdict: "new",
    });
    const { holding } = JSON.parse((await at.run("why", "fd00:60::9", "--json")).stdout);
    expect(holding).toMatchObject({ heldUntil: "2026-08-05 12:00:00Z" });
  });

  test("two addresses of one range set cannot be one interface's", async () => {
    const twice = ippool("10.60.0.0/26", { "5": { podref: "a/b" }, "6": { podref: "a/b" } });
    writeFile(`${at.folder}/in.json`, twice);
    expect((await imported(`${at.folder}/in.json`)).owners).toMatchObject([
      { verdict: "conflict", why: "10.60.0.5 10.60.0.6 are more than one of a range set" },
    ]);
  });

  test("another network's address costs a pod nothing; its pool is left out with a note", async () => {
    const other = ippool("10.70.0.0/24", { "20": { podref: "default/old" }, "21": { podref: "a/b" } });
    const mine = ippool("10.60.0.0/26", { "20": { podref: "default/old" } });
    writeFile(`${at.folder}/in.json`, { items: [other, mine, six] });
    const { exitCode, owners, notes, problems, reserved } = await imported(`${at.folder}/in.json`);
    expect({ exitCode, problems, reserved }).toEqual({ exitCode: 0, problems: [], reserved: [] });
    expect(owners).toEqual([{ identity: "default/old/net1", addresses: ["10.60.0.20"], verdict: "new" }]);
    expect(notes).toEqual([
      "IPPool 10.70.0.0-24: left out, no range of this pool has an address of 10.70.0.0/24",
      "IPPool fd00-60---120: left out, no range of this pool has an address of fd00:60::/120",
    ]);
    writeFile(`${at.folder}/in.json`, { items: [other] });
    expect(await imported(`${at.folder}/in.json`)).toMatchObject({
      exitCode: 1,
      problems: ["none of its IPPools has an address of this pool's ranges"],
    });
  });

  test("an address that the pool does not give costs its pod no other", async () => {
    at.config = writeConfig(at.folder, { ranges: [[{ subnet: "10.60.0.0/26" }]] });
    const wide = ippool("10.60.0.0/24", {
      "20": { podref: "default/old" },
      "120": { podref: "default/old" },
      "1": { podref: "a/gateway" },
    });
    writeFile(`${at.folder}/in.json`, wide);
    const { owners, reserved } = await imported(`${at.folder}/in.json`);
    expect(owners).toEqual([
      {
        identity: "a/gateway/net1",
        addresses: ["10.60.0.1"],
        verdict: "conflict",
        why: "10.60.0.1 is a gateway",
      },
      { identity: "default/old/net1", addresses: ["10.60.0.20"], verdict: "new" },
      {
        identity: "default/old/net1",
        addresses: ["10.60.0.120"],
        verdict: "conflict",
        why: "10.60.0.120 is in none of the ranges",
      },
    ]);
    // The pool never gives these.
    expect(reserved).toEqual([]);
  });

  test("what is in use and cannot be held for its pod is kept from everybody", async () => {
    const own = { state: "held", heldUntilMs: nowMs + hourMs } as const;
    await put(
      at.store,
      holdingOf("a/moved/net1", ["10.60.0.30"], own),
      holdingOf("a/gone/net1", ["10.60.0.9"], { ...own, heldUntilMs: nowMs - 1, mac: "02:00:00:00:09:09" }),
    );
    const pool = ippool("10.60.0.0/26", {
      "5": { podref: "a/b" },
      "6": { podref: "a/b" },
      "7": { podref: "nobody" },
      "8": { podref: "a/moved" },
      "9": {},
      "30": { podref: "a/thief" },
      "2": { podref: "a/fine" },
    });
    writeFile(`${at.folder}/in.json`, pool);
    const dry = await at.run("import", `${at.folder}/in.json`, "--dry-run");
    expect(dry.stdout).toContain(
      "to be reserved from everybody: 10.60.0.5 10.60.0.6 10.60.0.7 10.60.0.8 10.60.0.9\n",
    );
    expect(dry.stdout).toContain("Pool pods: 1 new, 3 conflict, 5 addresses to reserve.");
    const { exitCode, reserved } = await imported(`${at.folder}/in.json`);
    expect({ exitCode, reserved }).toEqual({
      exitCode: 1,
      reserved: ["10.60.0.5", "10.60.0.6", "10.60.0.7", "10.60.0.8", "10.60.0.9"],
    });
    expect((await listed()).map(([address, condition]) => `${address} ${condition}`)).toEqual([
      "10.60.0.2 held",
      "10.60.0.5 reserved",
      "10.60.0.6 reserved",
      "10.60.0.7 reserved",
      "10.60.0.8 reserved",
      "10.60.0.9 reserved",
      "10.60.0.30 held",
    ]);
    const again = await imported(`${at.folder}/in.json`);
    expect(again.reserved).toEqual([]);
    expect(await at.run("check")).toMatchObject({ exitCode: 0 });
  });

  test("a hold that has expired stands in nobody's way, its own pod's least of all", async () => {
    const expired = { state: "held", heldUntilMs: nowMs - 1 } as const;
    await put(
      at.store,
      holdingOf("a/own/net1", ["10.60.0.20"], expired),
      holdingOf("a/other/net1", ["10.60.0.21"], expired),
    );
    const pool = ippool("10.60.0.0/26", { "20": { podref: "a/own" }, "21": { podref: "a/new" } });
    writeFile(`${at.folder}/in.json`, pool);
    expect((await imported(`${at.folder}/in.json`)).exitCode).toBe(0);
    expect(await listed()).toEqual([
      ["10.60.0.20", "held", "a/own/net1"],
      ["10.60.0.21", "held", "a/new/net1"],
    ]);
    expect(await at.run("check")).toMatchObject({ exitCode: 0 });
  });

  test("what is taken while we ask is kept from everybody, too, where its pod uses it", async () => {
    writeFile(`${at.folder}/in.json`, ippool("10.60.0.0/26", { "20": { podref: "a/b" } }));
    const { stdout } = await runIpam(["import", `${at.folder}/in.json`, "--config", at.config], {
      answer: true,
      whenAsked: () => put(at.store, holdingOf("a/b/net1", ["10.60.0.21"])),
    });
    expect(stdout).toContain("Not imported: a/b/net1: it was taken meanwhile\n");
    expect(stdout).toContain("Reserved 1 address from everybody.");
    expect((await listed()).map(([address, condition]) => `${address} ${condition}`)).toEqual([
      "10.60.0.20 reserved",
      "10.60.0.21 used",
    ]);
  });

  test("a pool without a range, and an offset beyond the family", async () => {
    const wrong = [ippool("10.60.0.0", {}), ippool("10.60.0.0/26", { "9999999999": { podref: "a/b" } })];
    writeFile(`${at.folder}/in.json`, { items: wrong });
    expect((await imported(`${at.folder}/in.json`)).problems).toEqual([
      "IPPool 10.60.0.0: it has no range",
      "IPPool 10.60.0.0-26: allocation 9999999999 names no pod",
    ]);
  });
});

describe("host-local", () => {
  test("containers are named by the runtime's results, or stay containers", async () => {
    const data = `${at.folder}/networks/pods`;
    writeFile(`${data}/10.60.0.5`, "c1\r\neth0");
    writeFile(`${data}/10.60.0.6`, "c2\r\neth0");
    writeFile(`${data}/10.60.0.7`, "c3");
    writeFile(`${data}/10.60.0.8`, "");
    writeFile(`${data}/last_reserved_ip.0`, "10.60.0.8");
    writeFile(`${data}/lock`, "");
    const results = `${at.folder}/results`;
    const pod = [
      ["IgnoreUnknown", "1"],
      ["K8S_POD_NAMESPACE", "default"],
      ["K8S_POD_NAME", "web"],
    ];
    writeFile(`${results}/pods-c1-eth0`, {
      kind: "cniCacheV1",
      containerId: "c1",
      ifName: "eth0",
      cniArgs: pod,
    });
    writeFile(`${results}/pods-c2-eth0`, "{");
    const args = ["--results", results, "--ifname", "eth0", "--hold", "1h"];
    const { exitCode, owners, problems } = await imported(data, ...args);
    expect(exitCode).toBe(1);
    expect(problems).toEqual([`${data}/10.60.0.8: it names no container`]);
    expect(owners.map(({ identity, addresses }) => [identity, addresses.join()])).toEqual([
      ["default/web/eth0", "10.60.0.5"],
      ["container:c2/eth0", "10.60.0.6"],
      ["container:c3/eth0", "10.60.0.7"],
    ]);
    // An empty file reserves its address from everybody, and so does the import.
    expect((await listed()).map(([address, condition]) => `${address} ${condition}`)).toEqual([
      "10.60.0.5 held",
      "10.60.0.6 held",
      "10.60.0.7 held",
      "10.60.0.8 reserved",
    ]);
    expect(await keysIn(at.store)).toHaveLength(14);
  });
});
