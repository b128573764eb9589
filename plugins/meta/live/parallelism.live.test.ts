import * as fs from "node:fs";
import { join } from "node:path";
import { expect, test, vi } from "vitest";
import { addNamespace, useBed } from "../../../tools/testbed/bed.ts";
import { answerOf, call, errorOf, expectSilence, start } from "../../../tools/testbed/call.ts";
import { suite } from "../../../tools/testbed/executables.ts";
import { linkNames, links, type PrintedResult } from "../../../tools/testbed/kernel-state.ts";
import { addresses, effects, leftovers, locks, records } from "../../../tools/testbed/leftovers.ts";
import { bridge, define, hawser } from "../../../tools/testbed/networks.ts";
import {
  addPlugin,
  answer,
  awaitFile,
  callNames,
  makeEffect,
  removeEffect,
  someResult,
} from "../../../tools/testbed/script-plugin.ts";

/**
 * Operations at the same time. On different containers they are independent of each other. On one container they run one after
 * the other.
 */

const howMany = 40;

suite("many containers at once", ["root", "bridge", "host-local"], (executable) => {
  const bed = useBed({ node: true });

  test(`${howMany} ADDs, then ${howMany} DELs: unique addresses, nothing left`, async () => {
    define(bed(), "storage", bridge(bed(), 92));
    const config = hawser(bed(), { delegate: bridge(bed(), 91), networks: ["storage"] });
    const pods = Array.from({ length: howMany }, (_, index) => ({
      containerId: `c${index}`,
      namespace: addNamespace(bed()),
    }));
    const all = (verb: "ADD" | "DEL") =>
      pods.map(({ containerId, namespace }) =>
        call(bed(), executable, { verb, config, containerId, netns: namespace.path }),
      );

    const results = (await Promise.all(all("ADD"))).map((ended) => answerOf<PrintedResult>(ended));
    const given = results.flatMap(({ ips = [] }) => ips.map(({ address }) => address));
    expect(new Set(given).size).toBe(2 * howMany);
    for (const [index, { namespace }] of pods.entries()) {
      const found = links(namespace.name).flatMap((link) => link.addresses);
      expect(found).toEqual(results[index]?.ips?.map(({ address }) => address));
    }
    expect(addresses(bed())).toHaveLength(2 * howMany);
    expect(records(bed())).toHaveLength(howMany);

    for (const ended of await Promise.all(all("DEL"))) expectSilence(ended);
    expect(pods.flatMap(({ namespace }) => linkNames(namespace.name))).toEqual([]);
    expect(linkNames(bed().node ?? "")).toEqual(["br91", "br92", "switch0", "uplink0"]);
    expect(leftovers(bed())).toEqual([]);
  });

  test("ADDs of some beside DELs of others: each is left as its own operation says", async () => {
    const config = hawser(bed(), { delegate: bridge(bed(), 91) });
    const pods = Array.from({ length: 16 }, (_, index) => ({
      containerId: `c${index}`,
      netns: addNamespace(bed()).path,
    }));
    const [leaving, coming] = [pods.slice(0, 8), pods.slice(8)];
    for (const pod of leaving) answerOf(await call(bed(), executable, { verb: "ADD", config, ...pod }));
    const dels = leaving.map((pod) => call(bed(), executable, { verb: "DEL", config, ...pod }));
    const adds = coming.map((pod) => call(bed(), executable, { verb: "ADD", config, ...pod }));
    for (const ended of await Promise.all(dels)) expectSilence(ended);
    for (const ended of await Promise.all(adds)) answerOf(ended);
    const expected = coming.map(({ containerId }) => `pods/${containerId}@eth0.json`).sort();
    expect(records(bed())).toEqual(expected);
    expect(
      addresses(bed())
        .map((each) => each.split(" ")[1])
        .sort(),
    ).toEqual(coming.map(({ containerId }) => containerId).sort());
  });
});

suite("one container", [], (executable) => {
  const bed = useBed({ node: false });

  /** A network whose ADD goes on only after `release`. */
  function heldUp(): { config: object; release: () => void } {
    const go = join(bed().root, "go");
    addPlugin(bed(), "main", { ADD: [makeEffect, awaitFile(go), answer(someResult())], DEL: [removeEffect] });
    return { config: hawser(bed(), { delegate: { type: "main" } }), release: () => fs.writeFileSync(go, "") };
  }

  const patiently = { timeout: 30_000, interval: 5 };
  const isWaiting = (pid: number) => (): boolean =>
    locks(bed()).some((lock) => lock.includes(`-${pid}-`) && lock.includes("waits for"));

  test("a second ADD waits for the first, and is then refused cleanly", async () => {
    const { config, release } = heldUp();
    const first = start(bed(), executable, { verb: "ADD", config });
    await vi.waitUntil(() => effects(bed()).length === 1, patiently);
    const second = start(bed(), executable, { verb: "ADD", config });
    await vi.waitUntil(isWaiting(second.pid), patiently);
    release();
    answerOf(await first.ended);
    expect(errorOf(await second.ended)).toMatchObject({ code: 104, msg: expect.stringContaining("already") });
    expect(callNames(bed())).toEqual(["ADD main eth0"]);
    expect(effects(bed())).toEqual(["main@c1@eth0"]);
    expect(records(bed())).toEqual(["pods/c1@eth0.json"]);
  });

  test("a DEL during ADD waits for it, and then leaves nothing", async () => {
    const { config, release } = heldUp();
    const first = start(bed(), executable, { verb: "ADD", config });
    await vi.waitUntil(() => effects(bed()).length === 1, patiently);
    const second = start(bed(), executable, { verb: "DEL", config });
    await vi.waitUntil(isWaiting(second.pid), patiently);
    expect(effects(bed())).toEqual(["main@c1@eth0"]);
    release();
    answerOf(await first.ended);
    expectSilence(await second.ended);
    expect(callNames(bed()).slice(0, 2)).toEqual(["ADD main eth0", "DEL main eth0"]);
    expect(leftovers(bed())).toEqual([]);
  });

  test("a GC during ADD spares what is not listed yet; the next one does not", async () => {
    const { config, release } = heldUp();
    const first = start(bed(), executable, { verb: "ADD", config });
    await vi.waitUntil(() => effects(bed()).length === 1, patiently);
    const told = { ...config, "cni.dev/valid-attachments": [] };
    expectSilence(await call(bed(), executable, { verb: "GC", config: told }));
    release();
    answerOf(await first.ended);
    expect(effects(bed())).toEqual(["main@c1@eth0"]);
    expectSilence(await call(bed(), executable, { verb: "GC", config: told }));
    expect(leftovers(bed())).toEqual([]);
  });

  test("an ADD for another container does not wait", async () => {
    const { config, release } = heldUp();
    addPlugin(bed(), "quick");
    const first = start(bed(), executable, { verb: "ADD", config });
    await vi.waitUntil(() => effects(bed()).length === 1, patiently);
    const other = { ...config, delegate: { type: "quick" } };
    answerOf(await call(bed(), executable, { verb: "ADD", config: other, containerId: "c2" }));
    expect(effects(bed())).toEqual(["main@c1@eth0", "quick@c2@eth0"]);
    release();
    answerOf(await first.ended);
  });

  test("a second network of the container may not take an interface that the first has", async () => {
    for (const type of ["main", "side"]) addPlugin(bed(), type);
    define(bed(), "blue", { cniVersion: "1.1.0", name: "blue", type: "side" });
    const first = hawser(bed(), { delegate: { type: "main" }, networks: ["blue"] });
    answerOf(await call(bed(), executable, { verb: "ADD", config: first }));
    const second = { ...first, name: "other" };
    const error = errorOf(await call(bed(), executable, { verb: "ADD", config: second, ifname: "eth1" }));
    expect(error).toMatchObject({ code: 103, msg: expect.stringContaining("net1") });
    expect(effects(bed())).toEqual(["main@c1@eth0", "side@c1@net1"]);
    expect(records(bed())).toEqual(["pods/c1@eth0.json"]);
  });
});
