import { describe, expect, test } from "vitest";
import { parseNetworkConfig } from "../../cni/config.ts";
import { printResult } from "../../cni/convert.ts";
import { parseEnvironment } from "../../cni/environment.ts";
import { type JsonObject, printJson } from "../../cni/json.ts";
import type { Invocation } from "../../cni/plugin.ts";
import { createMachine, type FakeMachine } from "../../sys/fake.ts";
import { must } from "../../sys/outcome-testing.ts";
import { strayAgeMs } from "./address-files.ts";
import { hostLocal } from "./plugin.ts";

type Verb = "add" | "del" | "check" | "status" | "gc";

interface Call {
  readonly verb: Verb;
  readonly id?: string;
  readonly ifname?: string;
  readonly args?: string;
  readonly config?: JsonObject;
}

const folder = "/data/n";
const small = { ranges: [[{ subnet: "10.1.0.0/29" }]] };
const dual = { ranges: [[{ subnet: "10.1.0.0/29" }], [{ subnet: "fd00::/125" }]] };

function invocation({ verb, id = "c1", ifname = "eth0", args = "", config = {} }: Call): Invocation {
  const environment = parseEnvironment({
    CNI_COMMAND: verb.toUpperCase(),
    CNI_CONTAINERID: id,
    CNI_NETNS: "/ns",
    CNI_IFNAME: ifname,
    CNI_PATH: "/bin",
    CNI_ARGS: args,
  });
  const network = parseNetworkConfig(
    printJson({ cniVersion: "1.1.0", name: "n", type: "bridge", ...config }),
  );
  return { environment: must(environment), config: must(network) };
}

/** A node with a data folder, and processes on it that end when their verb does. */
function node(files: Readonly<Record<string, string>> = {}) {
  const machine = createMachine({ files });
  const warnings: string[] = [];
  const run = async (call: Call) => {
    const process = machine.spawn();
    const ipam = { type: "host-local", dataDir: "/data", ...small, ...(call.config?.ipam as object) };
    const outcome = await hostLocal[call.verb](
      process.sys,
      invocation({ ...call, config: { ...call.config, ipam } }),
    );
    warnings.push(...process.warnings);
    machine.kill(process.pid);
    return outcome;
  };
  const add = async (id: string, more: Omit<Call, "verb" | "id"> = {}) => {
    const outcome = await run({ verb: "add", id, ...more });
    if (!outcome.ok) return outcome.error.id;
    return (outcome.value?.ips ?? []).map((ip) => ip.address).join(" ");
  };
  return { machine, run, add, warnings };
}

/** `10.1.0.2 c1 eth0` for each address file, and whatever else lies there. */
function filesOf(machine: FakeMachine): string[] {
  return machine.disk.paths().flatMap((path) => {
    const name = path.slice(folder.length + 1);
    if (!path.startsWith(`${folder}/`) || path.endsWith("/")) return [];
    const text = machine.disk.read(path);
    return [`${name} ${text.ok ? text.value.replace("\r\n", " ") : "?"}`.trim()];
  });
}

describe("ADD", () => {
  test("gives the first address, and keeps it as the reference does", async () => {
    const { machine, run } = node();
    expect(await run({ verb: "add" })).toEqual({
      ok: true,
      value: { ips: [{ address: "10.1.0.2/29", gateway: "10.1.0.1" }], routes: [], dns: {} },
    });
    expect(filesOf(machine)).toEqual(["10.1.0.2 c1 eth0", "last_reserved_ip.0 10.1.0.2"]);
    expect(machine.disk.read(`${folder}/10.1.0.2`)).toEqual({ ok: true, value: "c1\r\neth0" });
    expect(machine.disk.stat(`${folder}/10.1.0.2`)).toMatchObject({ value: { mode: 0o600 } });
    expect(machine.disk.stat(folder)).toMatchObject({ value: { mode: 0o755 } });
  });

  test("goes round: an address that was freed is the last to be given again", async () => {
    const { add, run } = node();
    expect(await add("c1")).toBe("10.1.0.2/29");
    expect(await run({ verb: "del" })).toEqual({ ok: true, value: undefined });
    const rest = [await add("c2"), await add("c3"), await add("c4"), await add("c5"), await add("c6")];
    expect(rest).toEqual(["10.1.0.3/29", "10.1.0.4/29", "10.1.0.5/29", "10.1.0.6/29", "10.1.0.2/29"]);
    expect(await add("c7")).toBe("ipam.exhausted");
  });

  test("goes on where the reference stopped", async () => {
    const { add } = node({
      [`${folder}/last_reserved_ip.0`]: "10.1.0.4",
      [`${folder}/10.1.0.5`]: "other\r\neth0",
    });
    expect(await add("c1")).toBe("10.1.0.6/29");
  });

  test.each(["", "10.1.", "10.9.0.1", "x"])("begins at the start when the marker is %j", async (marker) => {
    const { add } = node({ [`${folder}/last_reserved_ip.0`]: marker });
    expect(await add("c1")).toBe("10.1.0.2/29");
  });

  test("gives one address of each set, with everything else that is configured", async () => {
    const ipam = { ...dual, routes: [{ dst: "0.0.0.0/0" }], resolvConf: "/resolv.conf" };
    const text =
      "# old\nnameserver 10.1.0.53 x\nnameserver fd00::53\ndomain a\ndomain b\nsearch x y\n\tsearch z\noptions\n;options no\noptions ndots:5";
    const { run, machine } = node({ "/resolv.conf": text });
    expect(await run({ verb: "add", config: { ipam } })).toEqual({
      ok: true,
      value: {
        ips: [
          { address: "10.1.0.2/29", gateway: "10.1.0.1" },
          { address: "fd00::2/125", gateway: "fd00::1" },
        ],
        routes: [{ dst: "0.0.0.0/0" }],
        dns: {
          nameservers: ["10.1.0.53", "fd00::53"],
          domain: "b",
          search: ["x", "y", "z"],
          options: ["ndots:5"],
        },
      },
    });
    expect(filesOf(machine)).toContain("fd00::2 c1 eth0");
    expect(filesOf(machine)).toContain("last_reserved_ip.1 fd00::2");
  });

  test("takes ranges from the runtime, then the single one, then the list", async () => {
    const config = {
      ipam: { subnet: "10.2.0.0/24", ranges: [[{ subnet: "10.3.0.0/24" }]] },
      runtimeConfig: { ipRanges: [[{ subnet: "10.4.0.0/24" }]] },
    };
    expect(await node().add("c1", { config })).toBe("10.4.0.2/24 10.2.0.2/24 10.3.0.2/24");
  });

  test.each<[string, string]>([
    ["again", ""],
    ["again, asked for by name", "IP=10.1.0.2"],
  ])("of the same attachment gives the same %s", async (_case, args) => {
    const { add, machine } = node();
    await add("c1", { config: { ipam: dual } });
    const before = filesOf(machine);
    expect(await add("c1", { args, config: { ipam: dual } })).toBe("10.1.0.2/29 fd00::2/125");
    expect(filesOf(machine)).toEqual(before);
  });

  test("of another interface of the container gives another", async () => {
    const { add } = node();
    expect([await add("c1"), await add("c1", { ifname: "net1" })]).toEqual(["10.1.0.2/29", "10.1.0.3/29"]);
  });

  test("completes what an interrupted one began", async () => {
    const { add } = node({ [`${folder}/10.1.0.6`]: "c1\r\neth0" });
    expect(await add("c1", { config: { ipam: dual } })).toBe("10.1.0.6/29 fd00::2/125");
  });

  test("of several addresses that the reference let it have gives the one that is asked for, else the lowest", async () => {
    const { add } = node({ [`${folder}/10.1.0.5`]: "c1\r\neth0", [`${folder}/10.1.0.3`]: "c1\r\neth0" });
    expect(await add("c1")).toBe("10.1.0.3/29");
    expect(await add("c1", { args: "IP=10.1.0.5" })).toBe("10.1.0.5/29");
  });

  test("honours a file of old, which names no interface", async () => {
    const { add } = node({ [`${folder}/10.1.0.6`]: "c1\n" });
    expect(await add("c1")).toBe("10.1.0.6/29");
  });

  test("by a second request for another address changes nothing", async () => {
    const { add, machine } = node();
    await add("c1", { config: { ipam: dual } });
    const before = filesOf(machine);
    expect(await add("c1", { args: "IP=10.1.0.5", config: { ipam: dual } })).toBe("ipam.requested-differs");
    expect(filesOf(machine)).toEqual(before);
  });

  test.each<[string, Partial<Call>, string]>([
    ["through CNI_ARGS", { args: "IP=10.1.0.5" }, "10.1.0.5/29 fd00::2/125"],
    ["with a prefix, which says nothing", { args: "IP=10.1.0.5/8" }, "10.1.0.5/29 fd00::2/125"],
    ["through args.cni.ips", { config: { args: { cni: { ips: ["fd00::5"] } } } }, "10.1.0.2/29 fd00::5/125"],
    [
      "through runtimeConfig.ips, beside CNI_ARGS",
      { args: "IP=10.1.0.5", config: { runtimeConfig: { ips: ["fd00::6"] } } },
      "10.1.0.5/29 fd00::6/125",
    ],
    ["that is the gateway", { args: "IP=10.1.0.9" }, "ipam.requested-outside"],
    [
      "two of one set",
      { args: "IP=10.1.0.5", config: { runtimeConfig: { ips: ["10.1.0.6"] } } },
      "ipam.requested-outside",
    ],
    ["that another has", { args: "IP=10.1.0.3" }, "ipam.requested-taken"],
    [
      "that another has in the second set",
      { args: "IP=10.1.0.5", config: { runtimeConfig: { ips: ["fd00::3"] } } },
      "ipam.requested-taken",
    ],
    ["that cannot be", { args: "IP=x" }, "ipam.config"],
  ])("gives the address that is asked for %s", async (_case, { args = "", config = {} }, expected) => {
    const { add, machine } = node({
      [`${folder}/10.1.0.3`]: "c9\r\neth0",
      [`${folder}/fd00::3`]: "c9\r\neth0",
    });
    expect(await add("c1", { args, config: { ...config, ipam: dual } })).toBe(expected);
    const own = filesOf(machine).filter((file) => file.endsWith("c1 eth0"));
    expect(own).toHaveLength(expected.startsWith("ipam.") ? 0 : 2);
  });

  test("says who has what is asked for", async () => {
    const { run } = node({ [`${folder}/10.1.0.3`]: "c9\r\nnet1" });
    const outcome = await run({ verb: "add", args: "IP=10.1.0.3" });
    const msg =
      "ADD of container c1 (eth0): requested IP address 10.1.0.3 is not available in range set 10.1.0.1-10.1.0.6: container c9 (net1) has it";
    expect(outcome).toMatchObject({ ok: false, error: { code: 106, msg } });
  });

  test("that finds the second set exhausted gives back what it took of the first, and nothing else", async () => {
    const ipam = { ranges: [[{ subnet: "10.1.0.0/29" }], [{ subnet: "fd00::/126", rangeEnd: "fd00::2" }]] };
    const { add, machine } = node();
    await add("c1", { config: { ipam } });
    expect(await add("c2", { config: { ipam } })).toBe("ipam.exhausted");
    expect(filesOf(machine)).toEqual([
      "10.1.0.2 c1 eth0",
      "fd00::2 c1 eth0",
      "last_reserved_ip.0 10.1.0.2",
      "last_reserved_ip.1 fd00::2",
    ]);
  });

  test("explains an exhausted set", async () => {
    const files = {
      "10.1.0.2": "a\r\neth0",
      "10.1.0.3": "a\r\nnet1",
      "10.1.0.4": "b",
      "10.1.0.5": "",
      "10.1.0.6": "c\r\neth0",
      "10.1.0.7": "outside",
    };
    const { run } = node(
      Object.fromEntries(Object.entries(files).map(([name, text]) => [`${folder}/${name}`, text])),
    );
    const outcome = await run({ verb: "add" });
    expect(outcome).toMatchObject({
      ok: false,
      error: {
        code: 106,
        id: "ipam.exhausted",
        msg: "ADD of container c1 (eth0): failed to allocate for range 0: no IP addresses available in range set: 10.1.0.1-10.1.0.6",
        details: expect.stringContaining(
          "5 of 5 addresses are taken, by 3 containers; 1 files name no owner",
        ),
      },
    });
  });

  test("never gives what a file without an owner stands for, and tells of it once it is old", async () => {
    const { add, machine, warnings } = node({ [`${folder}/10.1.0.2`]: "" });
    expect(await add("c1")).toBe("10.1.0.3/29");
    expect(warnings).toEqual([]);
    await machine.clock.sleep(strayAgeMs + 1);
    expect(await add("c2")).toBe("10.1.0.4/29");
    expect(warnings).toEqual([
      `${folder}/10.1.0.2 names no owner: its writer was interrupted. 10.1.0.2 stays taken until GC.`,
    ]);
  });

  test("keeps the address although the marker cannot be written", async () => {
    const { machine, add, warnings } = node();
    machine.disk.makeFolder(`${folder}/last_reserved_ip.0/x`, 0o755);
    expect(await add("c1")).toBe("10.1.0.2/29");
    expect(warnings).toEqual([expect.stringContaining("could not be noted: EISDIR")]);
    expect(filesOf(machine)).toEqual(["10.1.0.2 c1 eth0"]);
  });

  test.each<[string, JsonObject, string]>([
    ["no range", { ranges: [] }, "ipam.ranges: no IP ranges specified"],
    [
      "several problems",
      { ranges: [[{ subnet: "10.1.0.0/31" }], []], routes: 1, dataDir: 7 },
      "ipam.ranges[0][0].subnet: network 10.1.0.0/31 too small to allocate from; ipam.ranges[1]: empty range set; ipam.routes: is a number, not an array; ipam.dataDir: is a number, not a string",
    ],
    [
      "the single range",
      { subnet: "10.1.0.0/24", rangeStart: "10.2.0.1" },
      "ipam.rangeStart: 10.2.0.1 is not in network 10.1.0.0/24",
    ],
    [
      "an overlap of the single range",
      { subnet: "10.1.0.0/24" },
      "ipam.ranges[0][0]: 10.1.0.1-10.1.0.6 overlaps with 10.1.0.1-10.1.0.254 of ipam",
    ],
  ])("refuses %s", async (_case, ipam, words) => {
    const { run, machine } = node();
    const outcome = await run({ verb: "add", config: { ipam } });
    expect(outcome).toMatchObject({
      ok: false,
      error: { code: 7, id: "ipam.config", msg: expect.stringContaining(words) },
    });
    expect(machine.disk.paths()).toEqual([]);
  });

  test("refuses a resolv.conf that is not there, and takes no address", async () => {
    const { add, machine } = node();
    expect(await add("c1", { config: { ipam: { resolvConf: "/no" } } })).toBe("ipam.resolv-conf");
    expect(filesOf(machine)).toEqual([]);
  });

  test("finds two sets of one family too many for CNI 0.2.0, and gives both families", async () => {
    const two = { ranges: [[{ subnet: "10.1.0.0/29" }], [{ subnet: "10.2.0.0/29" }]] };
    expect(await node().add("c1", { config: { cniVersion: "0.2.0", ipam: two } })).toBe("ipam.config");
    const outcome = await node().run({ verb: "add", config: { cniVersion: "0.2.0", ipam: dual } });
    expect(outcome.ok && printResult(outcome.value ?? {}, "0.2.0")).toMatchObject({
      ok: true,
      value: { ip4: { ip: "10.1.0.2/29" }, ip6: { ip: "fd00::2/125" } },
    });
  });
});

describe("DEL", () => {
  const broken: JsonObject = { ipam: { ranges: 7, routes: "x" }, runtimeConfig: 1, args: [] };

  test.each<[string, Partial<Call>]>([
    ["with the same configuration", {}],
    ["with a configuration and CNI_ARGS that have become invalid", { config: broken, args: "nonsense" }],
  ])("frees what the attachment holds, and nothing else, %s", async (_case, more) => {
    const { run, add, machine } = node();
    await add("c1", { config: { ipam: dual } });
    await add("c1", { ifname: "net1" });
    await add("c10");
    expect(await run({ verb: "del", ...more })).toEqual({ ok: true, value: undefined });
    expect(filesOf(machine).filter((file) => !file.startsWith("last"))).toEqual([
      "10.1.0.3 c1 net1",
      "10.1.0.4 c10 eth0",
    ]);
  });

  test("succeeds twice, and before any ADD; that makes nothing", async () => {
    const { run, machine } = node();
    expect(await run({ verb: "del" })).toEqual({ ok: true, value: undefined });
    expect(machine.disk.paths()).toEqual([]);
    await run({ verb: "add" });
    await run({ verb: "del" });
    expect(await run({ verb: "del" })).toEqual({ ok: true, value: undefined });
  });

  test("of a container that is named like the marker's text leaves the marker", async () => {
    const { run, add, machine } = node();
    await add("c1");
    await run({ verb: "del", id: "10.1.0.2" });
    expect(filesOf(machine)).toEqual(["10.1.0.2 c1 eth0", "last_reserved_ip.0 10.1.0.2"]);
  });

  test("frees a file of old only when there is none of this interface", async () => {
    const { run, machine } = node({ [`${folder}/10.1.0.5`]: "c1", [`${folder}/10.1.0.6`]: "c1\r\neth0" });
    await run({ verb: "del" });
    expect(filesOf(machine)).toEqual(["10.1.0.5 c1"]);
    await run({ verb: "del" });
    expect(filesOf(machine)).toEqual([]);
  });

  test("waits for an ADD of the same container that is still at work", async () => {
    const { machine, run } = node();
    let deletion: Promise<unknown> = Promise.resolve();
    const process = machine.spawn({
      onCall: (call) => {
        if (call.startsWith("link")) deletion = run({ verb: "del" });
      },
    });
    const ipam = { dataDir: "/data", ...small };
    const added = hostLocal.add(process.sys, invocation({ verb: "add", config: { ipam } }));
    expect(await added).toMatchObject({ ok: true });
    expect(await deletion).toEqual({ ok: true, value: undefined });
    expect(filesOf(machine)).toEqual(["last_reserved_ip.0 10.1.0.2"]);
  });

  test("makes room on a full disk, where no lock can be written", async () => {
    const { machine, add } = node();
    await add("c1");
    const process = machine.spawn();
    process.failAt(0, "ENOSPC");
    const ipam = { dataDir: "/data", ...small };
    expect(await hostLocal.del(process.sys, invocation({ verb: "del", config: { ipam } }))).toEqual({
      ok: true,
      value: undefined,
    });
    expect(filesOf(machine)).toEqual(["last_reserved_ip.0 10.1.0.2"]);
  });
});

describe("CHECK", () => {
  const check = async (
    prevResult: JsonObject | undefined,
    change: (machine: FakeMachine) => void = () => {},
  ) => {
    const { run, add, machine } = node();
    await add("c1", { config: { ipam: dual } });
    change(machine);
    const config: JsonObject = { ipam: dual, ...(prevResult && { prevResult }) };
    return run({ verb: "check", config });
  };
  const result = (...addresses: string[]) => ({ ips: addresses.map((address) => ({ address })) });

  test("finds what was given, whatever others added", async () => {
    expect(await check(result("192.0.2.1/24", "10.1.0.2/29", "fd00::2/125"))).toEqual({
      ok: true,
      value: undefined,
    });
  });

  test.each<[string, JsonObject, (machine: FakeMachine) => void]>([
    ["an address is not in prevResult", result("10.1.0.2/29"), () => {}],
    [
      "prevResult has another one of the ranges",
      result("10.1.0.2/29", "fd00::2/125", "10.1.0.3/29"),
      () => {},
    ],
    [
      "one reservation is gone",
      result("10.1.0.2/29", "fd00::2/125"),
      ({ disk }) => void disk.remove(`${folder}/fd00::2`),
    ],
    [
      "one reservation is another's",
      result("10.1.0.2/29", "fd00::2/125"),
      ({ disk }) => void disk.write(`${folder}/fd00::2`, "c2\r\neth0", { mode: 0o600 }),
    ],
    [
      "all reservations are gone",
      result("10.1.0.2/29"),
      ({ disk }) => {
        disk.remove(`${folder}/fd00::2`);
        disk.remove(`${folder}/10.1.0.2`);
      },
    ],
  ])("fails when %s", async (_case, prevResult, change) => {
    expect(await check(prevResult, change)).toMatchObject({
      ok: false,
      error: { code: 105, id: "ipam.drift" },
    });
  });

  test("needs prevResult", async () => {
    expect(await check(undefined)).toMatchObject({ ok: false, error: { code: 7, id: "config.prev-result" } });
  });
});

describe("STATUS", () => {
  const full = Object.fromEntries(
    [2, 3, 4, 5, 6].map((host) => [`${folder}/10.1.0.${host}`, host === 6 ? "" : `c${host}\r\neth0`]),
  );

  test.each<[string, Readonly<Record<string, string>>, JsonObject, string | undefined]>([
    ["is ready before any ADD", {}, {}, undefined],
    ["is ready with one address left", Object.fromEntries(Object.entries(full).slice(1)), {}, undefined],
    [
      "is not when a set is exhausted, and the operator says so",
      full,
      { ...dual, notReadyWhen: ["full"] },
      "no IP addresses available in range set 0: 10.1.0.1-10.1.0.6",
    ],
    ["is not when the configuration is wrong", {}, { ranges: [] }, "no IP ranges specified"],
    ["is not without its resolv.conf", {}, { resolvConf: "/no" }, "read the DNS settings in /no: ENOENT"],
    [
      "is not when the data folder is a file, and the operator says so",
      { "/data/n": "x" },
      { notReadyWhen: ["full", "unreachable"] },
      "read the data folder /data/n: ENOTDIR",
    ],
  ])("%s", async (_case, files, ipam, words) => {
    const outcome = await node(files).run({ verb: "status", config: { ipam } });
    if (words === undefined) expect(outcome).toEqual({ ok: true, value: undefined });
    else
      expect(outcome).toMatchObject({ ok: false, error: { code: 50, msg: expect.stringContaining(words) } });
  });

  test.each<[string, Readonly<Record<string, string>>, JsonObject, string]>([
    ["a set is exhausted", full, {}, "[ipam.exhausted]"],
    ["a set is exhausted, and only another want counts", full, { notReadyWhen: ["unreachable"] }, '"full"'],
    ["the data folder is a file", { "/data/n": "x" }, { notReadyWhen: ["full"] }, "[ipam.data-folder]"],
  ])("is ready, and says on stderr that %s", async (_case, files, ipam, words) => {
    const at = node(files);
    expect(await at.run({ verb: "status", config: { ipam } })).toMatchObject({ ok: true });
    expect(at.warnings).toEqual([expect.stringContaining(words)]);
  });

  test.each<[string, unknown]>([
    ["a word that is none", ["full", "empty"]],
    ["no list", "full"],
  ])("takes no notReadyWhen that is %s", async (_case, notReadyWhen) => {
    const outcome = await node({}).run({ verb: "status", config: { ipam: { notReadyWhen } as JsonObject } });
    expect(outcome).toMatchObject({
      ok: false,
      error: { code: 50, id: "ipam.config", msg: expect.stringContaining("ipam.notReadyWhen") },
    });
  });

  test("counts", async () => {
    const outcome = await node(full).run({
      verb: "status",
      config: { ipam: { notReadyWhen: ["full"] } },
    });
    expect(outcome).toMatchObject({
      ok: false,
      error: { details: "5 of 5 addresses are taken, by 4 containers; 1 files name no owner." },
    });
  });
});

describe("GC", () => {
  const valid = (...ids: string[]) => ids.map((containerID) => ({ containerID, ifname: "eth0" }));
  const files = {
    [`${folder}/10.1.0.2`]: "c1\r\neth0",
    [`${folder}/10.1.0.3`]: "c1\r\nnet1",
    [`${folder}/10.1.0.4`]: "c2\r\neth0",
    [`${folder}/10.1.0.5`]: "c3",
    [`${folder}/10.1.0.6`]: "",
    [`${folder}/last_reserved_ip.0`]: "10.1.0.6",
    [`${folder}/lock`]: "",
    "/data/other/10.1.0.2": "c2\r\neth0",
  };
  const always = ["last_reserved_ip.0 10.1.0.6", "lock"];

  test.each<[string, JsonObject, string[]]>([
    [
      "frees what is not valid, interface by interface",
      { "cni.dev/valid-attachments": valid("c1", "c3") },
      ["10.1.0.2 c1 eth0", "10.1.0.5 c3", "10.1.0.6"],
    ],
    [
      "frees everything that has an owner when nothing is valid",
      { "cni.dev/valid-attachments": [] },
      ["10.1.0.6"],
    ],
    [
      "frees nothing without a list",
      {},
      ["10.1.0.2 c1 eth0", "10.1.0.3 c1 net1", "10.1.0.4 c2 eth0", "10.1.0.5 c3", "10.1.0.6"],
    ],
    [
      "frees nothing by a list that is null",
      { "cni.dev/valid-attachments": null },
      ["10.1.0.2 c1 eth0", "10.1.0.3 c1 net1", "10.1.0.4 c2 eth0", "10.1.0.5 c3", "10.1.0.6"],
    ],
    [
      "works with a configuration that has become invalid",
      { ipam: { ranges: 7 }, "cni.dev/valid-attachments": [] },
      ["10.1.0.6"],
    ],
  ])("%s", async (_case, config, left) => {
    const { run, machine } = node(files);
    expect(await run({ verb: "gc", config })).toEqual({ ok: true, value: undefined });
    expect(filesOf(machine)).toEqual([...left, ...always]);
    expect(machine.disk.read("/data/other/10.1.0.2")).toMatchObject({ ok: true });
  });

  test.each([
    ["empty", ""],
    ["of zeros, as a power loss leaves it", "\0\0\0\0"],
    ["torn", "c1\r\neth0\r\neth"],
  ])("frees a file that is %s once it is old, and says so", async (_case, text) => {
    const { run, machine, warnings } = node({ [`${folder}/10.1.0.2`]: text });
    const config = { "cni.dev/valid-attachments": valid("c1") };
    await run({ verb: "gc", config });
    expect(filesOf(machine)).toHaveLength(1);
    await machine.clock.sleep(strayAgeMs + 1);
    await run({ verb: "gc", config });
    expect(filesOf(machine)).toEqual([]);
    expect(warnings).toEqual([`${folder}/10.1.0.2 names no owner: it is freed`]);
  });

  test("goes on past what it cannot free, and tells all of it", async () => {
    const config = { ipam: { dataDir: "/data", ...small }, "cni.dev/valid-attachments": [] };
    const removals = createMachine({ files }).spawn();
    await hostLocal.gc(removals.sys, invocation({ verb: "gc", config }));
    const first = removals.effects().indexOf(`remove ${folder}/10.1.0.2`);
    const fresh = createMachine({ files }).spawn();
    fresh.failAt(first, "EIO");
    fresh.failAt(first + 2, "EIO");
    const outcome = await hostLocal.gc(fresh.sys, invocation({ verb: "gc", config }));
    expect(outcome).toMatchObject({
      ok: false,
      error: {
        id: "ipam.data-folder",
        msg: expect.stringContaining("10.1.0.2"),
        details: expect.stringContaining("10.1.0.4"),
      },
    });
    expect(fresh.sys.files.list(folder)).toMatchObject({
      value: expect.not.arrayContaining(["10.1.0.3", "10.1.0.5"]),
    });
  });
});
