import { describe, expect, test } from "vitest";
import { printTime } from "../print-time.ts";
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
  write,
  writeConfig,
} from "./ipam-testing.ts";

const at = useFolder();

const live = holdingOf("default/web/eth0", ["10.60.0.5"]);
const held = holdingOf("blue/db-0/net1", ["10.60.0.7"], { state: "held", heldUntilMs: nowMs + hourMs });
const expired = holdingOf("blue/db-1/net1", ["10.60.0.8"], { state: "held", heldUntilMs: nowMs });
const quarantined = holdingOf("blue/db-2/net1", ["10.60.0.9"], { state: "quarantine", node: "node-b" });
const everything = [live, held, expired, quarantined];

/** Expects that the command is refused and the store is unchanged. */
async function refuses(args: readonly string[], id: string): Promise<string> {
  const before = await dump(at.store);
  const { exitCode, stdout, stderr } = await at.run(...args);
  expect({ exitCode, stdout }).toEqual({ exitCode: 1, stdout: "" });
  expect(stderr).toContain(`, ${id})\n`);
  expect(await dump(at.store)).toEqual(before);
  return stderr;
}

async function holdingAt(address: string): Promise<Record<string, unknown>> {
  return JSON.parse((await at.run("why", address, "--json")).stdout).holding;
}

describe("hawser ipam reserve", () => {
  test("from everybody: an address alone, whose MAC is nobody's", async () => {
    expect((await at.run("reserve", "10.60.0.11,10.60.0.12")).stdout).toBe(
      "Reserved 10.60.0.11 for nobody.\nReserved 10.60.0.12 for nobody.\n",
    );
    expect(await keysIn(at.store)).toEqual([
      "ip/pods/40a3c000b",
      "ip/pods/40a3c000c",
      "own/pods/reserved:10.60.0.11",
      "own/pods/reserved:10.60.0.12",
    ]);
    expect(await holdingAt("10.60.0.11")).toMatchObject({ state: "reserved", mac: "" });
  });

  test("for a pod: with the MAC that it will have", async () => {
    const { mac } = JSON.parse((await at.run("predict", "blue/db-9/net1", "--json")).stdout);
    expect((await at.run("reserve", "10.60.0.11", "--for", "blue/db-9/net1", "--json")).exitCode).toBe(0);
    expect(await holdingAt("10.60.0.11")).toMatchObject({
      identity: "blue/db-9/net1",
      state: "reserved",
      mac,
    });
    expect(JSON.parse((await at.run("predict", "blue/db-9/net1", "--json")).stdout)).toMatchObject({
      basis: "recorded",
      addresses: [{ address: "10.60.0.11" }],
    });
  });

  test("one of each range set, in whichever order", async () => {
    at.config = writeConfig(at.folder, { ranges: dualRanges });
    await refuses(["reserve", "10.60.0.11", "--for", "blue/db-9/net1"], "cli.one-of-each");
    await refuses(["reserve", "10.60.0.11,10.60.0.12", "--for", "blue/db-9/net1"], "cli.one-of-each");
    expect((await at.run("reserve", "fd00:60::b,10.60.0.11", "--for", "blue/db-9/net1")).stdout).toBe(
      "Reserved 10.60.0.11 fd00:60::b for blue/db-9/net1.\n",
    );
  });

  test("an expired hold makes room, with all that it had", async () => {
    await put(at.store, expired);
    expect((await at.run("reserve", "10.60.0.8")).exitCode).toBe(0);
    expect(await keysIn(at.store)).toEqual(["ip/pods/40a3c0008", "own/pods/reserved:10.60.0.8"]);
  });

  test("what a pod has, or what waits for it, can be made to stay its own", async () => {
    await put(at.store, ...everything);
    expect((await at.run("reserve", "10.60.0.5", "--for", "default/web/eth0")).stdout).toBe(
      "Reserved 10.60.0.5 for default/web/eth0, which uses it now.\n",
    );
    expect(await holdingAt("10.60.0.5")).toMatchObject({
      state: "live",
      reserved: true,
      containerId: "c-web",
    });
    expect((await at.run("reserve", "10.60.0.7", "--for", "blue/db-0/net1")).exitCode).toBe(0);
    const waiting = await holdingAt("10.60.0.7");
    expect(waiting).toMatchObject({ state: "reserved" });
    expect(waiting).not.toHaveProperty("heldUntil");
    expect((await keysIn(at.store)).filter((key) => key.startsWith("hold/"))).toEqual([
      `hold/pods/${String(nowMs).padStart(15, "0")}/blue/db-1/net1`,
    ]);
  });

  test("two at once: one has it, the other is told", async () => {
    const both = ["a/one/eth0", "a/two/eth0"].map((owner) => at.run("reserve", "10.60.0.11", "--for", owner));
    const codes = (await Promise.all(both)).map(({ exitCode }) => exitCode);
    expect(codes.toSorted()).toEqual([0, 1]);
    expect((await at.run("check")).exitCode).toBe(0);
    expect(await keysIn(at.store)).toHaveLength(3);
  });

  test.each([
    [["10.60.0.5"], "cli.taken", "it is used by default/web/eth0"],
    [["10.60.0.7"], "cli.taken", "it is held by blue/db-0/net1"],
    [["10.60.0.9"], "cli.taken", "it is quarantined by blue/db-2/net1"],
    [["10.60.0.7", "--for", "default/web/eth0"], "cli.taken", "it has 10.60.0.5 already"],
    [["10.60.0.1"], "cli.never", "is a gateway of pool pods"],
    [["10.60.0.60"], "cli.never", "is excluded from pool pods"],
    [["10.99.0.1"], "cli.never", "is in none of the ranges of pool pods"],
    [["10.60.0.20,"], "cli.address", 'read ""'],
    [["10.60.0.20", "--for", "web"], "cli.identity", "NAMESPACE/POD/INTERFACE"],
  ])("refuses %j: %s", async (args, id, why) => {
    await put(at.store, ...everything);
    expect(await refuses(["reserve", ...args], id)).toContain(why);
  });
});

describe("hawser ipam unreserve", () => {
  test("what is only reserved is free again", async () => {
    await at.run("reserve", "10.60.0.11", "--for", "blue/db-9/net1");
    expect((await at.run("unreserve", "10.60.0.11")).stdout).toBe("10.60.0.11 is not reserved any more.\n");
    expect(await keysIn(at.store)).toEqual([]);
  });

  test("who uses it keeps it", async () => {
    await put(at.store, { ...live, reserved: true });
    expect((await at.run("unreserve", "10.60.0.5", "--json")).exitCode).toBe(0);
    const left = await holdingAt("10.60.0.5");
    expect(left).toMatchObject({ state: "live", containerId: "c-web" });
    expect(left).not.toHaveProperty("reserved");
  });

  test.each([
    ["10.60.0.5", "cli.not-reserved"],
    ["10.60.0.7", "cli.not-reserved"],
    ["10.60.0.20", "cli.nothing-there"],
  ])("refuses %s: %s", async (address, id) => {
    await put(at.store, ...everything);
    await refuses(["unreserve", address], id);
  });
});

describe("hawser ipam release", () => {
  test("asks, and frees all that its owner has", async () => {
    const dual = holdingOf("blue/db-3/net1", ["10.60.0.13", "fd00:60::d"], { state: "held" });
    await put(at.store, live, dual);
    const before = await keysIn(at.store);
    const asked: string[] = [];
    const { exitCode, stdout } = await runIpam(["release", "10.60.0.13", "--config", at.config], {
      answer: true,
      asked,
    });
    expect({ exitCode, stdout }).toEqual({
      exitCode: 0,
      stdout: "Released 10.60.0.13 fd00:60::d of blue/db-3/net1.\n",
    });
    expect(asked).toEqual(["Release 10.60.0.13 fd00:60::d of blue/db-3/net1 (held)?"]);
    expect(await keysIn(at.store)).toEqual(before.filter((key) => !/000d$|db-3|:13$/.test(key)));
    expect(await keysIn(at.store)).toHaveLength(4);
  });

  test.each([
    ["no", false, "it was not confirmed"],
    ["nobody is there", undefined, "nobody is there to be asked"],
  ])("%s: nothing happens", async (_case, answer, why) => {
    await put(at.store, held);
    const before = await dump(at.store);
    const changes = answer === undefined ? {} : { answer };
    const { exitCode, stderr } = await runIpam(["release", "10.60.0.7", "--config", at.config], changes);
    expect(exitCode).toBe(1);
    expect(stderr).toContain(why);
    expect(stderr).toContain(", cli.unconfirmed)");
    expect(await dump(at.store)).toEqual(before);
  });

  test("--yes asks nothing", async () => {
    await put(at.store, held);
    const asked: string[] = [];
    const { stdout } = await runIpam(["release", "10.60.0.7", "--yes", "--json", "--config", at.config], {
      asked,
    });
    const result = { released: true, quarantined: false, was: "held" };
    expect(JSON.parse(stdout)).toEqual({ pool: "pods", address: "10.60.0.7", ...result });
    expect({ asked, left: await keysIn(at.store) }).toEqual({ asked: [], left: [] });
  });

  test("a live one is refused, by force put into quarantine, and by force again freed", async () => {
    await put(at.store, ...everything);
    const before = await keysIn(at.store);
    const said = await refuses(["release", "10.60.0.5", "--yes"], "cli.live");
    expect(said).toContain("container c-web of default/web/eth0 uses it on node node-a");
    const asked: string[] = [];
    const force = ["release", "10.60.0.5", "--force", "--config", at.config];
    const first = await runIpam(force, { answer: true, asked });
    expect(first).toMatchObject({ exitCode: 0, stderr: "" });
    expect(first.stdout).toContain("10.60.0.5 of default/web/eth0 is in quarantine");
    expect(first.stdout).toContain("DEL, or a GC or reboot of node node-a, frees it.");
    expect(await keysIn(at.store)).toEqual(before);
    const { sinceMs, containerId, generation } = live;
    expect(await holdingAt("10.60.0.5")).toMatchObject({ state: "quarantine", containerId, generation });
    const history = (await holdingAt("10.60.0.5")).history as { what: string; at: string }[];
    expect(history.map(({ what }) => what)).toEqual(["claimed", "quarantined"]);
    expect((await at.run("why", "10.60.0.5")).stdout).toContain(`since       ${printTime(sinceMs)}`);
    const second = await refuses(["release", "10.60.0.5", "--yes"], "cli.live");
    expect(second).toContain("in quarantine, and container c-web of default/web/eth0 may still use it");
    expect((await runIpam(force, { answer: true, asked })).stdout).toBe(
      "Released 10.60.0.5 of default/web/eth0.\n",
    );
    expect((await keysIn(at.store)).filter((key) => key.includes("web") || key.endsWith("0005"))).toEqual([]);
    expect(asked).toEqual([
      "Put 10.60.0.5 of default/web/eth0 into quarantine?",
      "Release 10.60.0.5 of default/web/eth0 (quarantined)?",
    ]);
  });

  test("for machines: what was done, and what it was", async () => {
    await put(at.store, live);
    const release = async () =>
      JSON.parse((await at.run("release", "10.60.0.5", "--force", "--yes", "--json")).stdout);
    const about = { pool: "pods", address: "10.60.0.5" };
    expect(await release()).toEqual({ ...about, released: false, quarantined: true, was: "used" });
    expect(await release()).toEqual({ ...about, released: true, quarantined: false, was: "quarantined" });
  });

  test("a live one whose DEL comes while we ask is not put into quarantine", async () => {
    await put(at.store, live);
    const { exitCode, stderr } = await runIpam(["release", "10.60.0.5", "--force", "--config", at.config], {
      answer: true,
      whenAsked: () => put(at.store, { ...live, state: "held" }),
    });
    expect(exitCode).toBe(1);
    expect(stderr).toContain(", cli.changed)");
    expect(await holdingAt("10.60.0.5")).toMatchObject({ state: "held" });
  });

  test("one that cannot be read only by force, and it alone", async () => {
    await put(at.store, live);
    await write(at.store, [{ kind: "put", key: "ip/pods/40a3c0014", value: "?" }]);
    await refuses(["release", "10.60.0.20", "--yes"], "cli.unreadable");
    expect((await at.run("release", "10.60.0.20", "--yes", "--force")).stdout).toBe("Released 10.60.0.20.\n");
    expect(await keysIn(at.store)).toHaveLength(4);
  });

  test("what bears its owner's name by another transaction is left alone", async () => {
    await put(at.store, held);
    // The pod has returned with another address. Only this key was left behind.
    await put(at.store, holdingOf("blue/db-0/net1", ["10.60.0.20"]));
    expect((await at.run("release", "10.60.0.7", "--yes")).exitCode).toBe(0);
    const keys = await keysIn(at.store);
    expect(keys).not.toContain("ip/pods/40a3c0007");
    expect(keys).toContain("own/pods/blue/db-0/net1");
    expect(keys).toContain("ip/pods/40a3c0014");
  });

  test("what changes while we ask is left alone", async () => {
    await put(at.store, held);
    const taken = holdingOf("blue/db-0/net1", ["10.60.0.7"], { generation: 2 });
    const { exitCode, stderr } = await runIpam(["release", "10.60.0.7", "--config", at.config], {
      answer: true,
      whenAsked: () => put(at.store, taken),
    });
    expect(exitCode).toBe(1);
    expect(stderr).toContain(", cli.changed)");
    expect(await holdingAt("10.60.0.7")).toMatchObject({ generation: 2 });
  });

  test("what nobody has", async () => {
    await refuses(["release", "10.60.0.20", "--yes"], "cli.nothing-there");
  });
});
