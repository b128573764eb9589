import * as fs from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { type Bed, namesIn, useBed } from "../../tools/testbed/bed.ts";
import { call, type Ended, type Operation } from "../../tools/testbed/call.ts";
import { type Executable, pluginDir, suite } from "../../tools/testbed/executables.ts";

/**
 * hawser-host-local and the reference plugin get the same requests, and must give the same answers and files. The differences
 * are listed below, each with the reason. Then both run at once on one data folder.
 */

const theirs: Executable = { name: "reference", path: join(pluginDir, "host-local") };

/** Our executable under the reference's name. */
function ours(bed: Bed, executable: Executable): Executable {
  const path = join(bed.binDir, "host-local");
  if (!fs.existsSync(path)) fs.symlinkSync(executable.path, path);
  return { name: executable.name, path };
}

interface Request extends Omit<Operation, "config"> {
  readonly ipam: object;
  /** Beside `ipam`. */
  readonly more?: object;
}

function configOf(dataDir: string, { ipam, more }: Request): object {
  return {
    cniVersion: "1.1.0",
    name: "n",
    type: "bridge",
    ipam: { type: "host-local", dataDir, ...ipam },
    ...more,
  };
}

/** The answer as a caller sees it: the document of a success, or only that it failed, because codes and words are our own. */
function seen({ exitCode, stdout }: Ended): unknown {
  if (exitCode !== 0) return "failure";
  return stdout === "" ? "silence" : JSON.parse(stdout);
}

/** Names and contents of a data folder, as far as the reference knows them. */
function filesIn(dataDir: string): string[] {
  const folder = join(dataDir, "n");
  return namesIn(folder)
    .filter((name) => name !== "lock" && !name.startsWith("."))
    .sort()
    .map((name) => `${name}: ${JSON.stringify(fs.readFileSync(join(folder, name), "utf8"))}`);
}

/** Both programs, each with a data folder of its own. */
function sides(bed: Bed, executable: Executable) {
  const mine = { program: ours(bed, executable), dataDir: join(bed.root, "mine") };
  const reference = { program: theirs, dataDir: join(bed.root, "reference") };
  const ask = async (request: Request) => {
    const [one, other] = await Promise.all(
      [mine, reference].map(({ program, dataDir }) =>
        call(bed, program, { ...request, config: configOf(dataDir, request) }),
      ),
    );
    if (one === undefined || other === undefined) throw new Error("both programs answer");
    return { mine: one, reference: other };
  };
  const put = (name: string, text: string): void => {
    for (const { dataDir } of [mine, reference]) {
      fs.mkdirSync(join(dataDir, "n"), { recursive: true });
      fs.writeFileSync(join(dataDir, "n", name), text);
    }
  };
  return { mine, reference, ask, put };
}

/** Numbers from 0 to below `limit`, the same for the same seed. */
function chance(seed: number): (limit: number) => number {
  let state = seed;
  return (limit) => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return Math.floor((state / 2 ** 32) * limit);
  };
}

function oneOf<T>(random: (limit: number) => number, list: readonly T[]): T {
  const chosen = list[random(list.length)];
  if (chosen === undefined) throw new Error("an empty list");
  return chosen;
}

const poolsOfIpam: readonly object[] = [
  { ranges: [[{ subnet: "10.1.0.0/29" }]] },
  { subnet: "10.1.0.0/29", rangeStart: "10.1.0.3", gateway: "10.1.0.6" },
  {
    ranges: [
      [
        { subnet: "10.1.0.0/29", rangeEnd: "10.1.0.3" },
        { subnet: "10.2.0.0/29", rangeStart: "10.2.0.4" },
      ],
    ],
  },
  {
    ranges: [[{ subnet: "10.1.0.0/29" }], [{ subnet: "fd00::/125", gateway: "fd00::4" }]],
    routes: [{ dst: "0.0.0.0/0" }],
  },
  { subnet: "fd00::/124", rangeStart: "fd00::8", routes: [{ dst: "fd01::/16", gw: "fd00::9", priority: 5 }] },
];

const askedFor = ["10.1.0.5", "10.1.0.4/8", "10.2.0.5", "fd00::5", "10.1.0.1", "10.9.0.1", "x"];

/** The next request in a random life of six containers: an ADD of one that has nothing, or a DEL of any. */
function nextRequest(random: (limit: number) => number, ipam: object, live: Set<string>): Request {
  const containerId = `c${random(6)}`;
  const ifname = oneOf(random, ["eth0", "eth0", "net1"]);
  const key = `${containerId} ${ifname}`;
  if (live.has(key) || random(4) === 0) {
    live.delete(key);
    return { verb: "DEL", containerId, ifname, ipam };
  }
  const asks = random(4);
  const ip = oneOf(random, askedFor);
  if (asks === 0) return { verb: "ADD", containerId, ifname, ipam, args: `IP=${ip}` };
  if (asks === 1) return { verb: "ADD", containerId, ifname, ipam, more: { runtimeConfig: { ips: [ip] } } };
  return { verb: "ADD", containerId, ifname, ipam };
}

const someSeed = Number(process.env.HAWSER_TEST_SEED ?? Date.now() % 1_000_000);

suite("host-local and the reference", ["host-local"], (executable) => {
  const bed = useBed({ node: false });

  test.each([1, 2, 3, 4, someSeed])("answer a random life alike, seed %i", async (seed) => {
    const random = chance(seed);
    const ipam = poolsOfIpam[seed % poolsOfIpam.length] ?? {};
    const { mine, reference, ask } = sides(bed(), executable);
    const live = new Set<string>();
    for (let step = 0; step < 40; step++) {
      const request = nextRequest(random, ipam, live);
      const asked = `seed ${seed}, step ${step}: ${JSON.stringify(request)}`;
      const answers = await ask(request);
      const where = `${asked} ${JSON.stringify(answers)}`;
      expect(seen(answers.mine), where).toEqual(seen(answers.reference));
      if (request.verb === "ADD" && answers.mine.exitCode === 0)
        live.add(`${request.containerId} ${request.ifname}`);
      // An ADD that fails moves the reference's markers all the same, which changes what is given next.
      if (answers.reference.exitCode !== 0) copyMarkers(reference.dataDir, mine.dataDir);
      expect(filesIn(mine.dataDir), where).toEqual(filesIn(reference.dataDir));
    }
  });

  const range = { subnet: "10.1.0.0/24" };
  test.each<[string, object, object?, string?]>([
    ["no range", {}],
    ["an empty list", { ranges: [] }],
    ["an empty set", { ranges: [[]] }],
    ["a range that is not in a set", { ranges: [range] }],
    ["a subnet that is none", { ranges: [[{ subnet: "10.1.0.0" }]] }],
    ["a subnet that is missing", { ranges: [[{ rangeStart: "10.1.0.5" }]] }],
    ["host bits", { ranges: [[{ subnet: "10.1.0.1/24" }]] }],
    ["a /31", { ranges: [[{ subnet: "10.1.0.0/31" }]] }],
    ["a /30", { ranges: [[{ subnet: "10.1.0.0/30" }]] }],
    ["a /126", { ranges: [[{ subnet: "fd00::/126" }]] }],
    ["a start outside", { ranges: [[{ ...range, rangeStart: "10.2.0.1" }]] }],
    ["an end outside", { ranges: [[{ ...range, rangeEnd: "10.2.0.1" }]] }],
    ["an end before the start", { ranges: [[{ ...range, rangeStart: "10.1.0.9", rangeEnd: "10.1.0.8" }]] }],
    ["the network's own address to start at", { ranges: [[{ ...range, rangeStart: "10.1.0.0" }]] }],
    [
      "the broadcast address to end at",
      { ranges: [[{ ...range, rangeStart: "10.1.0.255", rangeEnd: "10.1.0.255" }]] },
    ],
    ["empty bounds", { ranges: [[{ ...range, rangeStart: "", rangeEnd: "", gateway: "" }]] }],
    ["names in another case", { Ranges: [[{ SUBNET: "10.1.0.0/24", rangestart: "10.1.0.9" }]] }],
    ["a gateway outside", { ranges: [[{ ...range, gateway: "10.2.0.1" }]] }],
    ["a gateway that is none", { ranges: [[{ ...range, gateway: "10.1.0" }]] }],
    ["mixed families", { ranges: [[range, { subnet: "fd00::/64" }]] }],
    ["an overlap within a set", { ranges: [[range, { subnet: "10.1.0.0/25" }]] }],
    ["an overlap between sets", { ranges: [[range], [{ subnet: "10.1.0.0/25" }]] }],
    ["a range beside a list that overlaps", { ...range, ranges: [[range]] }],
    ["a start without a subnet beside a list", { rangeStart: "10.7.0.1", ranges: [[range]] }],
    [
      "ranges of the runtime",
      { ranges: [[range]] },
      { runtimeConfig: { ipRanges: [[{ subnet: "10.5.0.0/24" }]] } },
    ],
    [
      "addresses of the runtime for every set",
      { ranges: [[range], [{ subnet: "fd00::/64" }]] },
      { runtimeConfig: { ips: ["fd00::7/64", "10.1.0.7"] } },
    ],
    ["addresses in args", { ranges: [[range]] }, { args: { cni: { ips: ["10.1.0.7/24"] } } }],
    ["an IPv4-mapped address", { ranges: [[range]] }, { args: { cni: { ips: ["::ffff:10.1.0.7"] } } }],
    ["an empty address", { ranges: [[range]] }, { args: { cni: { ips: [""] } } }],
    ["leading zeros", { ranges: [[range]] }, {}, "IP=10.1.0.07"],
    ["an empty IP=", { ranges: [[range]] }, {}, "IP="],
    ["an unknown argument", { ranges: [[range]] }, {}, "FOO=1"],
    ["an unknown argument to ignore", { ranges: [[range]] }, {}, "IgnoreUnknown=1;FOO=1"],
    ["an argument without a value", { ranges: [[range]] }, {}, "IgnoreUnknown=1;FOO"],
    ["a trailing semicolon", { ranges: [[range]] }, {}, "IgnoreUnknown=1;"],
    ["an IgnoreUnknown that is neither", { ranges: [[range]] }, {}, "IgnoreUnknown=maybe"],
    [
      "routes",
      {
        ranges: [[range]],
        routes: [{ dst: "10.9.0.5/8" }, { dst: "FD00::/8", gw: "", mtu: 0, scope: 0, table: 7 }],
      },
    ],
    ["a route to nowhere", { ranges: [[range]], routes: [{ dst: "10.9.0.5" }] }],
    [
      "two sets of a family before 0.3.0",
      { ranges: [[range], [{ subnet: "10.2.0.0/24" }]] },
      { cniVersion: "0.2.0" },
    ],
    ["both families before 0.3.0", { ranges: [[range], [{ subnet: "fd00::/64" }]] }, { cniVersion: "0.2.0" }],
    ["results of 0.3.1", { ranges: [[range]], routes: [{ dst: "0.0.0.0/0" }] }, { cniVersion: "0.3.1" }],
    ["a resolv.conf that is missing", { ranges: [[range]], resolvConf: "/nowhere/resolv.conf" }],
    ["a list that is a text", { ranges: "10.1.0.0/24" }],
    ["no ipam at all", {}, { ipam: null }],
  ])("answer alike with %s", async (_case, ipam, more = {}, args = "") => {
    const { mine, reference, ask } = sides(bed(), executable);
    const answers = await ask({ verb: "ADD", ipam, more, args });
    expect(seen(answers.mine), JSON.stringify(answers)).toEqual(seen(answers.reference));
    const addresses = (dataDir: string) => filesIn(dataDir).filter((file) => !file.startsWith("last"));
    expect(addresses(mine.dataDir)).toEqual(addresses(reference.dataDir));
  });

  test("read a resolv.conf alike", async () => {
    const path = join(bed().root, "resolv.conf");
    fs.writeFileSync(
      path,
      "#x\nnameserver 10.1.0.53 y\n domain a\nsearch b c\nsearch d\noptions\noptions e:1 f\nsortlist g\n",
    );
    const { ask } = sides(bed(), executable);
    const answers = await ask({ verb: "ADD", ipam: { ranges: [[range]], resolvConf: path } });
    expect(answers.mine.exitCode).toBe(0);
    expect(seen(answers.mine)).toEqual(seen(answers.reference));
  });

  test("free each other's addresses, and those of old", async () => {
    const { mine, reference, ask, put } = sides(bed(), executable);
    const ipam = { ranges: [[range]] };
    put("10.1.0.77", "c7");
    await ask({ verb: "ADD", containerId: "c1", ipam });
    fs.renameSync(mine.dataDir, `${mine.dataDir}-moved`);
    fs.renameSync(reference.dataDir, mine.dataDir);
    fs.renameSync(`${mine.dataDir}-moved`, reference.dataDir);
    for (const containerId of ["c1", "c7"]) {
      const answers = await ask({ verb: "DEL", containerId, ipam });
      expect([answers.mine, answers.reference].map(seen)).toEqual(["silence", "silence"]);
    }
    expect(filesIn(mine.dataDir)).toEqual([`last_reserved_ip.0: "10.1.0.2"`]);
    expect(filesIn(reference.dataDir)).toEqual(filesIn(mine.dataDir));
  });

  /** The ledger of differences. Each shows the reference's answer too, so that a better reference ends its entry. */
  describe("differ where the reference is wrong:", () => {
    const ipam = { ranges: [[{ subnet: "10.1.0.0/29" }]] };
    const dual = { ranges: [[{ subnet: "10.1.0.0/29" }], [{ subnet: "fd00::/125" }]] };
    const addresses = (ended: Ended): string =>
      ended.exitCode === 0
        ? (JSON.parse(ended.stdout) as { ips: { address: string }[] }).ips
            .map(({ address }) => address)
            .join(" ")
        : "failure";
    const held = (dataDir: string): string[] =>
      filesIn(dataDir).flatMap((file) => (file.startsWith("last") ? [] : [file.split(": ")[0] ?? ""]));

    test("ADD is to be idempotent: a second one has the same answer", async () => {
      const { ask } = sides(bed(), executable);
      await ask({ verb: "ADD", ipam });
      const answers = await ask({ verb: "ADD", ipam });
      expect([addresses(answers.mine), addresses(answers.reference)]).toEqual(["10.1.0.2/29", "failure"]);
    });

    test("a second ADD with IP= gives no second address", async () => {
      const { mine, reference, ask } = sides(bed(), executable);
      await ask({ verb: "ADD", ipam });
      const answers = await ask({ verb: "ADD", ipam, args: "IP=10.1.0.5" });
      expect([addresses(answers.mine), addresses(answers.reference)]).toEqual(["failure", "10.1.0.5/29"]);
      expect([held(mine.dataDir), held(reference.dataDir)]).toEqual([["10.1.0.2"], ["10.1.0.2", "10.1.0.5"]]);
    });

    test("a second ADD with IP= does not free what the live attachment has", async () => {
      const { mine, reference, ask } = sides(bed(), executable);
      await ask({ verb: "ADD", ipam: dual });
      await ask({ verb: "ADD", ipam: dual, args: "IP=10.1.0.5" });
      expect([held(mine.dataDir), held(reference.dataDir)]).toEqual([["10.1.0.2", "fd00::2"], []]);
    });

    test("DEL of a container that is named like the marker's text leaves the marker", async () => {
      const { mine, reference, ask } = sides(bed(), executable);
      await ask({ verb: "ADD", ipam });
      await ask({ verb: "DEL", containerId: "10.1.0.2", ipam });
      expect([filesIn(mine.dataDir).length, filesIn(reference.dataDir).length]).toEqual([2, 1]);
    });

    test("CHECK consults prevResult", async () => {
      const { ask } = sides(bed(), executable);
      const added = await ask({ verb: "ADD", ipam });
      const check = (prevResult: object | undefined) => ask({ verb: "CHECK", ipam, more: { prevResult } });
      const answers = [
        await check(JSON.parse(added.mine.stdout) as object),
        await check({ cniVersion: "1.1.0", ips: [] }),
        await check(undefined),
      ];
      expect(answers.map(({ mine }) => seen(mine))).toEqual(["silence", "failure", "failure"]);
      expect(answers.map(({ reference }) => seen(reference))).toEqual(["silence", "silence", "silence"]);
    });

    test("DEL works although the configuration has become invalid", async () => {
      const { mine, reference, ask } = sides(bed(), executable);
      await ask({ verb: "ADD", ipam });
      const answers = await ask({ verb: "DEL", ipam: { ranges: [] } });
      expect([seen(answers.mine), seen(answers.reference)]).toEqual(["silence", "failure"]);
      expect([held(mine.dataDir), held(reference.dataDir)]).toEqual([[], ["10.1.0.2"]]);
    });

    test("STATUS fails when the configuration is wrong, and where that is wanted when no address is left", async () => {
      const { ask, put } = sides(bed(), executable);
      for (const host of [2, 3, 4, 5, 6]) put(`10.1.0.${host}`, `c${host}\r\neth0`);
      const full = await ask({ verb: "STATUS", ipam });
      expect([full.mine.exitCode, full.reference.exitCode]).toEqual([0, 0]);
      expect(full.mine.stderr).toContain("[ipam.exhausted]");
      const wanted = await ask({ verb: "STATUS", ipam: { ...ipam, notReadyWhen: ["full"] } });
      expect([JSON.parse(wanted.mine.stdout).code, wanted.reference.exitCode]).toEqual([50, 0]);
      const wrong = await ask({ verb: "STATUS", ipam: { ranges: [] } });
      expect([JSON.parse(wrong.mine.stdout).code, wrong.reference.exitCode]).toEqual([50, 0]);
    });

    test("GC frees what is not valid, and what a crash left empty once it is old", async () => {
      const { mine, reference, ask, put } = sides(bed(), executable);
      for (const [name, text] of [
        ["10.1.0.2", "c2\r\neth0"],
        ["10.1.0.3", "c3\r\neth0"],
        ["10.1.0.4", ""],
        ["10.1.0.5", ""],
      ] as const)
        put(name, text);
      const anHourAgo = Date.now() / 1000 - 3600;
      for (const { dataDir } of [mine, reference])
        fs.utimesSync(join(dataDir, "n", "10.1.0.4"), anHourAgo, anHourAgo);
      const answers = await ask({
        verb: "GC",
        ipam,
        more: { "cni.dev/valid-attachments": [{ containerID: "c2", ifname: "eth0" }] },
      });
      expect([seen(answers.mine), seen(answers.reference)]).toEqual(["silence", "silence"]);
      expect([held(mine.dataDir), held(reference.dataDir)]).toEqual([
        ["10.1.0.2", "10.1.0.5"],
        ["10.1.0.2", "10.1.0.3", "10.1.0.4", "10.1.0.5"],
      ]);
    });

    test("an ADD that cannot write the marker leaves no reservation behind a failure", async () => {
      const { mine, reference, ask } = sides(bed(), executable);
      for (const { dataDir } of [mine, reference])
        fs.mkdirSync(join(dataDir, "n", "last_reserved_ip.0", "x"), { recursive: true });
      const answers = await ask({ verb: "ADD", ipam });
      expect([addresses(answers.mine), addresses(answers.reference)]).toEqual(["10.1.0.2/29", "failure"]);
      const left = ({ dataDir }: { dataDir: string }) =>
        namesIn(join(dataDir, "n")).filter((name) => name.startsWith("10."));
      expect([left(mine), left(reference)]).toEqual([["10.1.0.2"], ["10.1.0.2"]]);
    });

    test("a start behind the end gives no addresses of other networks", async () => {
      const { ask } = sides(bed(), executable);
      const answers = await ask({
        verb: "ADD",
        ipam: { ranges: [[{ subnet: "10.1.0.0/24", rangeStart: "10.1.0.255" }]] },
      });
      const second = await ask({
        verb: "ADD",
        containerId: "c2",
        ipam: { ranges: [[{ subnet: "10.1.0.0/24", rangeStart: "10.1.0.255" }]] },
      });
      expect([addresses(answers.mine), addresses(second.mine)]).toEqual(["failure", "failure"]);
      expect([addresses(answers.reference), addresses(second.reference)]).toEqual([
        "10.1.0.255/24",
        "10.1.1.0/24",
      ]);
    });

    test("the gateway of another range of the set is nobody's address", async () => {
      const { ask } = sides(bed(), executable);
      const shared = [
        { subnet: "10.1.0.0/29", rangeEnd: "10.1.0.1", gateway: "10.1.0.2" },
        { subnet: "10.1.0.0/29", rangeStart: "10.1.0.2", gateway: "10.1.0.6" },
      ];
      await ask({ verb: "ADD", ipam: { ranges: [shared] } });
      const answers = await ask({ verb: "ADD", containerId: "c2", ipam: { ranges: [shared] } });
      expect([addresses(answers.mine), addresses(answers.reference)]).toEqual(["10.1.0.3/29", "10.1.0.2/29"]);
    });

    test.each<[string, object, object]>([
      ["a gateway of the other family", { ranges: [[{ subnet: "10.1.0.0/29", gateway: "fd00::1" }]] }, {}],
      [
        "a route without a destination",
        { ranges: [[{ subnet: "10.1.0.0/29" }]], routes: [{ gw: "10.1.0.1" }] },
        {},
      ],
    ])("%s is refused", async (_case, wrong, more) => {
      const { ask } = sides(bed(), executable);
      const answers = await ask({ verb: "ADD", ipam: wrong, more });
      expect([answers.mine.exitCode, answers.reference.exitCode]).toEqual([1, 0]);
    });

    test("null among the requested addresses is an error, and no panic", async () => {
      const { ask } = sides(bed(), executable);
      const answers = await ask({ verb: "ADD", ipam, more: { runtimeConfig: { ips: [null] } } });
      expect([answers.mine.exitCode, answers.reference.exitCode]).toEqual([1, 2]);
    });

    test("IP= may ask for an address of each set", async () => {
      const { ask } = sides(bed(), executable);
      const answers = await ask({ verb: "ADD", ipam: dual, args: "IP=10.1.0.5,fd00::5" });
      expect([addresses(answers.mine), addresses(answers.reference)]).toEqual([
        "10.1.0.5/29 fd00::5/125",
        "failure",
      ]);
    });
  });

  describe("on one data folder at once", () => {
    /** The folder of one test. A failed test may leave processes running, which must not use the next test's folder. */
    const site = () => {
      const here = bed();
      return {
        programs: [ours(here, executable), theirs],
        shared: (
          program: Executable | undefined,
          verb: "ADD" | "CHECK" | "DEL",
          containerId: string,
          ipam: object,
          more = {},
        ) =>
          call(here, program ?? theirs, {
            verb,
            containerId,
            config: configOf(here.dataDir, { verb, ipam, more }),
          }),
        addressesIn: () => namesIn(join(here.dataDir, "n")).filter((name) => /^[0-9a-f.:]+$/.test(name)),
      };
    };
    const given = ({ stdout }: Ended): string[] =>
      (JSON.parse(stdout) as { ips: { address: string }[] }).ips.map(
        ({ address }) => address.split("/")[0] ?? "",
      );

    test("48 ADDs exhaust 29 addresses of two families exactly, each given once; DEL by the other program frees them", async () => {
      const ipam = { ranges: [[{ subnet: "10.1.0.0/27" }], [{ subnet: "fd00::/64" }]] };
      const { programs, shared, addressesIn } = site();
      const ends = await Promise.all(
        Array.from({ length: 48 }, (_, index) => shared(programs[index % 2], "ADD", `c${index}`, ipam)),
      );
      const addresses = ends.filter(({ exitCode }) => exitCode === 0).flatMap(given);
      expect(addresses).toHaveLength(2 * 29);
      expect(new Set(addresses).size).toBe(2 * 29);
      expect(addressesIn()).toEqual([...addresses].sort());
      const failures = ends.filter(({ exitCode }) => exitCode !== 0);
      for (const { stdout } of failures)
        expect(stdout).toContain("no IP addresses available in range set: 10.1.0.1-10.1.0.30");
      for (const index of [0, 1])
        expect(ends.some(({ exitCode }, at) => exitCode === 0 && at % 2 === index)).toBe(true);
      const freed = await Promise.all(
        Array.from({ length: 48 }, (_, index) => shared(programs[(index + 1) % 2], "DEL", `c${index}`, ipam)),
      );
      expect(freed.filter(({ exitCode }) => exitCode !== 0)).toEqual([]);
      expect(addressesIn()).toEqual([]);
    });

    test("containers come and go through either program, and no two that live share an address", async () => {
      const ipam = { ranges: [[{ subnet: "10.1.0.0/26" }]] };
      const { programs, shared, addressesIn } = site();
      const holders = new Map<string, string>();
      const live = async (worker: number): Promise<void> => {
        for (let round = 0; round < 5; round++) {
          const containerId = `c${worker}-${round}`;
          const added = await shared(programs[(worker + round) % 2], "ADD", containerId, ipam);
          expect(added, containerId).toMatchObject({ exitCode: 0 });
          for (const address of given(added)) {
            expect(holders.get(address), `${address} of ${containerId}`).toBeUndefined();
            holders.set(address, containerId);
          }
          const prevResult = JSON.parse(added.stdout) as object;
          const checked = await shared(programs[0], "CHECK", containerId, ipam, { prevResult });
          expect(checked, containerId).toMatchObject({ exitCode: 0, stdout: "" });
          for (const address of given(added)) holders.delete(address);
          const freed = await shared(programs[(worker + 3 * round) % 2], "DEL", containerId, ipam);
          expect(freed, containerId).toMatchObject({ exitCode: 0, stdout: "" });
        }
      };
      await Promise.all(Array.from({ length: 24 }, (_, worker) => live(worker)));
      expect(addressesIn()).toEqual([]);
    });

    test("20 ADDs of one attachment at once are one", async () => {
      const { programs, shared, addressesIn } = site();
      const ipam = { ranges: [[{ subnet: "10.1.0.0/26" }]] };
      const ends = await Promise.all(
        Array.from({ length: 20 }, () => shared(programs[0], "ADD", "c1", ipam)),
      );
      expect(new Set(ends.map(({ stdout }) => stdout)).size).toBe(1);
      expect(ends.map(({ exitCode }) => exitCode)).toEqual(ends.map(() => 0));
      expect(addressesIn()).toEqual(["10.1.0.2"]);
    });
  });
});

function copyMarkers(from: string, to: string): void {
  for (const name of namesIn(join(from, "n")).filter((each) => each.startsWith("last_reserved_ip."))) {
    fs.mkdirSync(join(to, "n"), { recursive: true });
    fs.copyFileSync(join(from, "n", name), join(to, "n", name));
  }
}
