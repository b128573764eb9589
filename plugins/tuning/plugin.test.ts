import { expect, test } from "vitest";
import { createFake } from "../../sys/fake.ts";
import { chainedCall } from "../link/chained-testing.ts";
import { allowListPath } from "./allow-list.ts";
import { tuning } from "./plugin.ts";

const folder = "/run/cni/tuning";

/** A file as the reference plugin writes it, or as ours does for a network. */
function kept(network?: string): string {
  return JSON.stringify({ mtu: 1500, ...(network !== undefined && { network }) }, undefined, 1);
}

test.each<[string, object, object]>([
  ["a wrong field", { mtu: "x" }, { id: "link.config" }],
  ["a sysctl that the node's list denies", { sysctl: { "net.core.x": "1" } }, { id: "tuning.sysctl-denied" }],
  ["no prevResult", {}, { code: 7, id: "config.prev-result" }],
])("ADD with %s is refused, and changes nothing", async (_, config, error) => {
  const fake = createFake({ files: { [allowListPath]: "^net\\.ipv4\\." } });
  expect(await tuning.add(fake.sys, chainedCall("ADD", config, { result: null }))).toMatchObject({
    ok: false,
    error,
  });
  expect(fake.effects()).toEqual([]);
});

test("DEL without a namespace removes the file, and succeeds again", async () => {
  const fake = createFake({
    files: { [`${folder}/c1_eth0.json`]: kept(), [`${folder}/c2_eth0.json`]: kept() },
  });
  const call = chainedCall("DEL", { mtu: "wrong by now" }, { netns: "" });
  for (let times = 0; times < 2; times++) expect(await tuning.del(fake.sys, call)).toEqual({ ok: true });
  expect(fake.sys.files.list(folder)).toEqual({ ok: true, value: ["c2_eth0.json"] });
});

test("GC removes files of this network's dead attachments, and what an ADD has left that was killed", async () => {
  const names = ["c1_eth0", "c2_eth0", "c3_eth0", "c4_eth0"].map((name) => `${folder}/${name}.json`);
  const networks = ["n", "n", "other", undefined];
  const files = Object.fromEntries(names.map((name, index) => [name, kept(networks[index])]));
  const fake = createFake({ files: { ...files, [`${folder}/.c5_eth0.json`]: "{", [`${folder}/note`]: "" } });
  const valid = { "cni.dev/valid-attachments": [{ containerID: "c1", ifname: "eth0" }] };
  const call = chainedCall("GC", valid, { result: null });
  expect(await tuning.gc(fake.sys, call)).toEqual({ ok: true });
  expect(fake.sys.files.list(folder)).toMatchObject({ value: expect.arrayContaining([".c5_eth0.json"]) });
  await fake.sys.clock.sleep(120_000);
  expect(await tuning.gc(fake.sys, call)).toEqual({ ok: true });
  const left = ["c1_eth0.json", "c3_eth0.json", "c4_eth0.json", "note"];
  expect(fake.sys.files.list(folder)).toEqual({ ok: true, value: left });
});

test("GC without a folder, or without a list, has nothing to do", async () => {
  const { sys } = createFake();
  const valid = { "cni.dev/valid-attachments": [] };
  expect(await tuning.gc(sys, chainedCall("GC", valid, { result: null }))).toEqual({ ok: true });
  expect(await tuning.gc(sys, chainedCall("GC", {}, { result: null }))).toEqual({ ok: true });
});

test("STATUS tells what fails every ADD", async () => {
  const ask = async (config: object, list?: string) => {
    const { sys } = createFake({ files: list === undefined ? {} : { [allowListPath]: list } });
    return tuning.status(sys, chainedCall("STATUS", config, { result: null }));
  };
  const sysctl = { "net.core.x": "1" };
  expect(await ask({ sysctl })).toEqual({ ok: true });
  expect(await ask({ mtu: "x" })).toMatchObject({ error: { code: 50, id: "link.config" } });
  expect(await ask({}, "(")).toMatchObject({ error: { code: 50, id: "tuning.allow-list" } });
  expect(await ask({ sysctl }, "^net.ipv4")).toMatchObject({
    error: { code: 50, id: "tuning.sysctl-denied" },
  });
});
