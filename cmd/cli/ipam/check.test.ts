import { describe, expect, test } from "vitest";
import { type Holding, printHolding } from "../../../ipam/flat/pool/holding.ts";
import { keysOf } from "../../../ipam/flat/pool/keys.ts";
import { keysOfHolding } from "../../../ipam/flat/pool/stored.ts";
import { saveRecord, writeFile } from "../command-testing.ts";
import {
  dump,
  holdingOf,
  hourMs,
  keysIn,
  node,
  nowMs,
  pool,
  put,
  runIpam,
  useFolder,
  write,
} from "./ipam-testing.ts";

const at = useFolder();

const keys = keysOf(pool);
const web = holdingOf("default/web/eth0", ["10.60.0.5"]);
const db = holdingOf("blue/db-0/net1", ["10.60.0.7"], { state: "held", heldUntilMs: nowMs + hourMs });

interface Said {
  readonly severity: string;
  readonly kind: string;
  readonly subject: string;
  readonly what: string;
  readonly repair?: string;
  readonly result?: string;
}

function check(...args: string[]) {
  return runIpam(["check", "--config", at.config, "--state-dir", `${at.folder}/state`, ...args]);
}

async function findings(...args: string[]): Promise<Said[]> {
  return JSON.parse((await check("--json", ...args)).stdout).findings;
}

const remove = (key: string) => write(at.store, [{ kind: "delete", key }]);
const set = (key: string, value: string) => write(at.store, [{ kind: "put", key, value }]);

/** Checks, repairs, and checks again: nothing is left. */
async function repaired(): Promise<void> {
  const { exitCode } = await check("--repair", "--yes");
  expect(exitCode).toBe(0);
  expect(await findings()).toEqual([]);
}

test("a sound store: no problem, exit status 0, nothing changed", async () => {
  await put(at.store, web, db);
  const before = await dump(at.store);
  expect(await check()).toEqual({
    exitCode: 0,
    stderr: "",
    stdout: "Pool pods: 2 owners, 8 keys: 0 problems, 0 warnings\n",
  });
  expect(await dump(at.store)).toEqual(before);
});

describe("the store against itself", () => {
  test.each(keysOfHolding(keys, web))("%s is missing: written anew", async (key) => {
    await put(at.store, web, db);
    await remove(key);
    const [finding, ...more] = await findings();
    expect(more).toEqual([]);
    expect(finding).toMatchObject({
      severity: "problem",
      kind: "keys-disagree",
      subject: "default/web/eth0",
    });
    expect(finding?.what).toContain(`missing: ${key}`);
    await repaired();
    expect((await dump(at.store)).filter(({ value }) => value === printHolding(web))).toHaveLength(4);
  });

  test("a repair makes all keys of an owner agree in revision, as fences need it", async () => {
    await put(at.store, web);
    await remove(keys.own(web.identity));
    await repaired();
    expect(new Set((await dump(at.store)).map(({ modRevision }) => modRevision)).size).toBe(1);
  });

  test("a key of another revision", async () => {
    await put(at.store, web);
    await set(keys.mac(web.mac), printHolding({ ...web, generation: 0 }));
    expect((await findings())[0]?.what).toContain(`of another revision: ${keys.mac(web.mac)}`);
    await repaired();
  });

  test("a key that was left over, though its owner has moved on", async () => {
    await put(at.store, web);
    await set("ip/pods/40a3c0014", printHolding({ ...web, addresses: ["40a3c0014"], generation: 0 }));
    expect((await findings())[0]?.what).toContain("left over: ip/pods/40a3c0014");
    await repaired();
    expect(await keysIn(at.store)).not.toContain("ip/pods/40a3c0014");
  });

  test("remains of a hold are removed, those of a live one are not", async () => {
    await put(at.store, db);
    await remove(keys.own(db.identity));
    await remove("ip/pods/40a3c0007");
    expect((await findings())[0]?.repair).toBe("remove the remains of blue/db-0/net1");
    await repaired();
    expect(await keysIn(at.store)).toEqual([]);
  });

  test("an unreadable value among sound ones is overwritten", async () => {
    await put(at.store, web);
    await set("ip/pods/40a3c0005", "?");
    expect(await findings()).toHaveLength(1);
    await repaired();
  });

  test("an unreadable value alone is left to the operator", async () => {
    await set("ip/pods/40a3c0014", "?");
    const [finding] = await findings();
    expect(finding).toMatchObject({ kind: "unreadable", subject: "10.60.0.20" });
    expect(finding).not.toHaveProperty("repair");
    const { exitCode, stdout } = await check("--repair", "--yes");
    expect(exitCode).toBe(1);
    expect(stdout).toContain("hawser ipam release 10.60.0.20 --force");
    expect(stdout).toContain("Nothing to repair.");
    expect(await keysIn(at.store)).toEqual(["ip/pods/40a3c0014"]);
  });

  test("two owners of one address: nobody is helped by guessing", async () => {
    const other = holdingOf("blue/two/net1", ["10.60.0.5"], { mac: "02:00:00:00:00:99" });
    await put(at.store, other, web);
    const before = await dump(at.store);
    const found = await findings("--repair", "--yes");
    expect(found).toHaveLength(1);
    expect(found[0]).toMatchObject({ kind: "two-owners", subject: "blue/two/net1" });
    expect(found[0]?.what).toContain("ip/pods/40a3c0005 is default/web/eth0's");
    expect(await dump(at.store)).toEqual(before);
  });

  test("two owners of one MAC address", async () => {
    await put(at.store, holdingOf("blue/two/net1", ["10.60.0.6"], { mac: web.mac }), web);
    expect((await findings()).map(({ kind }) => kind)).toEqual(["two-owners"]);
  });

  test("addresses that the ranges do not give are a warning, and no failure", async () => {
    await put(at.store, holdingOf("a/old/eth0", ["10.61.0.5"]), holdingOf("a/x/eth0", ["10.60.0.61"]));
    const found = await findings();
    expect(found.map(({ severity, what }) => [severity, what])).toEqual([
      ["warning", "10.61.0.5 is outside of the ranges"],
      ["warning", "10.60.0.61 is excluded"],
    ]);
    expect((await check()).exitCode).toBe(0);
  });

  test("several definitions: those that are not this configuration's can go", async () => {
    await set("pool/pods/def/aa", "{}");
    await set("pool/pods/def/bb", "{}");
    const [finding] = await findings();
    expect(finding).toMatchObject({ kind: "definitions", what: expect.stringContaining("in 2 ways") });
    expect(finding).not.toHaveProperty("repair");
  });

  test("what is set right while we look is no finding", async () => {
    await put(at.store, web);
    await remove(keys.mac(web.mac));
    // The progress ends with an empty line: everything was read, and no finding was looked at again.
    let ended = Promise.resolve();
    const onProgress = (line: string) => {
      if (line === "") ended = put(at.store, web);
    };
    const { stdout } = await runIpam(["check", "--config", at.config], { onProgress });
    await ended;
    expect(stdout).toBe("Pool pods: 1 owners, 3 keys: 0 problems, 0 warnings\n");
  });
});

describe("repair", () => {
  test("shows what it would do, and asks", async () => {
    await put(at.store, web);
    await remove(keys.mac(web.mac));
    const before = await dump(at.store);
    const dry = await check();
    expect(dry.exitCode).toBe(1);
    expect(dry.stdout).toContain("  --repair would write all keys of default/web/eth0 anew.\n");
    expect(dry.stdout).toContain("1 problem, 0 warnings");
    const asked: string[] = [];
    const args = ["check", "--config", at.config, "--repair"];
    const { exitCode, stderr } = await runIpam(args, { answer: false, asked });
    expect(exitCode).toBe(1);
    expect(asked).toEqual(["Repair 1 of these in pool pods?"]);
    expect(stderr).toContain(", cli.unconfirmed)");
    expect(await dump(at.store)).toEqual(before);
  });

  test("what changes while we ask is left alone, and stays a problem", async () => {
    await put(at.store, web);
    await remove(keys.mac(web.mac));
    const newer: Holding = { ...web, generation: 2 };
    const { exitCode, stdout } = await runIpam(["check", "--config", at.config, "--repair"], {
      answer: true,
      whenAsked: () => put(at.store, newer),
    });
    expect(exitCode).toBe(1);
    expect(stdout).toContain("changed meanwhile default/web/eth0, and was left alone");
    expect((await dump(at.store)).filter(({ value }) => value === printHolding(newer))).toHaveLength(4);
  });
});

describe("the store against this node", () => {
  const chain = {
    name: pool,
    cniVersion: "1.1.0",
    plugins: [{ type: "bridge", name: pool, cniVersion: "1.1.0", ipam: { type: "hawser-flat", node } }],
  };

  function attach(containerId: string, address: string): void {
    const result = {
      cniVersion: "1.1.0",
      interfaces: [{ name: "eth0", sandbox: "/x" }],
      ips: [{ address, interface: 0 }],
    };
    const steps = [{ role: "primary", network: "delegate", ifname: "eth0", chain, result }];
    saveRecord(`${at.folder}/state`, containerId, { steps });
  }

  test("an attachment that the store has", async () => {
    await put(at.store, web);
    attach("c-web", "10.60.0.5/26");
    expect(await findings()).toEqual([]);
  });

  test("the store was lost: it is rebuilt from what runs", async () => {
    attach("c-web", "10.60.0.5/26");
    const [finding] = await findings();
    expect(finding).toMatchObject({
      kind: "lost",
      subject: "container c-web (eth0)",
      repair: "record 10.60.0.5 for default/web/eth0",
    });
    await repaired();
    const { holding } = JSON.parse(
      (await runIpam(["why", "10.60.0.5", "--json", "--config", at.config])).stdout,
    );
    expect(holding).toMatchObject({
      identity: "default/web/eth0",
      state: "live",
      containerId: "c-web",
      node,
    });
  });

  test("an attachment whose address is another's by now", async () => {
    await put(at.store, holdingOf("blue/thief/eth0", ["10.60.0.5"]));
    attach("c-web", "10.60.0.5/26");
    const [finding] = await findings();
    expect(finding).toMatchObject({ kind: "lost", what: expect.stringContaining("but for blue/thief/eth0") });
    expect(finding).not.toHaveProperty("repair");
  });

  test("an attachment with another address than the store's", async () => {
    await put(at.store, web);
    attach("c-web", "10.60.0.6/26");
    expect(await findings()).toMatchObject([
      { kind: "drift", what: "it was given 10.60.0.6, the store has 10.60.0.5 for it" },
    ]);
  });

  test("a record in the store that hawser does not know: perhaps another plugin's", async () => {
    await put(
      at.store,
      web,
      holdingOf("a/x/eth0", ["10.60.0.9"]),
      holdingOf("a/y/eth0", ["10.60.0.10"], { node: "node-b" }),
    );
    attach("c-web", "10.60.0.5/26");
    expect(await findings()).toMatchObject([
      { severity: "warning", kind: "unknown", subject: "container c-x (eth0)" },
    ]);
  });

  test("the runtime's list decides: what is not on it is freed, as its DEL would", async () => {
    await put(
      at.store,
      web,
      holdingOf("a/x/eth0", ["10.60.0.9"]),
      holdingOf("a/y/eth0", ["10.60.0.10"], { node: "node-b" }),
    );
    const valid = `${at.folder}/valid.json`;
    writeFile(valid, { "cni.dev/valid-attachments": [{ containerID: "c-web", ifname: "eth0" }] });
    const found = await findings("--valid", valid);
    expect(found).toMatchObject([
      { kind: "leaked", subject: "container c-x (eth0)", repair: "free 10.60.0.9" },
    ]);
    expect((await check("--valid", valid, "--repair", "--yes")).exitCode).toBe(0);
    const { holdings } = JSON.parse((await runIpam(["list", "--json", "--config", at.config])).stdout);
    expect(holdings.map((each: Holding) => [each.identity, each.state])).toEqual([
      ["default/web/eth0", "live"],
      ["a/x/eth0", "held"],
      ["a/y/eth0", "live"],
    ]);
  });

  test("under the name that the node had: what containers left there is freed, and nothing else is looked at", async () => {
    const running = holdingOf("a/y/eth0", ["10.60.0.10"], { node: "node-old" });
    await put(at.store, web, holdingOf("a/x/eth0", ["10.60.0.9"], { node: "node-old" }), running);
    attach("c-web", "10.60.0.5/26");
    const valid = `${at.folder}/valid.json`;
    writeFile(valid, [{ containerID: "c-web" }, { containerID: "c-y" }]);
    expect(await findings("--valid", valid)).toEqual([]);
    const found = await findings("--valid", valid, "--node", "node-old");
    expect(found).toMatchObject([
      { kind: "leaked", subject: "container c-x (eth0)", repair: "free 10.60.0.9" },
    ]);
    await check("--valid", valid, "--node", "node-old", "--repair", "--yes");
    const { holdings } = JSON.parse((await runIpam(["list", "--json", "--config", at.config])).stdout);
    expect(holdings.map((each: Holding) => each.state)).toEqual(["live", "held", "live"]);
  });

  test("a container that is not on the list is not missed in the store: its DEL is to come", async () => {
    attach("c-web", "10.60.0.5/26");
    const valid = `${at.folder}/valid.json`;
    writeFile(valid, "[]");
    expect(await findings("--valid", valid)).toEqual([]);
  });

  test.each([
    ["{", "cli.valid"],
    [[{ id: 1 }], "cli.valid"],
    [undefined, "cli.file"],
  ])("a list that is none: %j", async (content, id) => {
    const path = `${at.folder}/valid.json`;
    if (content !== undefined) writeFile(path, content);
    const { exitCode, stderr } = await check("--valid", path);
    expect(exitCode).toBe(1);
    expect(stderr).toContain(`, ${id})`);
  });
});
