import { expect, test } from "vitest";
import { createRecordingNode } from "../meta-testing.ts";

const ready = "/run/flannel/subnet.env";
const config = {
  cniVersion: "1.1.0",
  name: "multus",
  type: "multus",
  readinessindicatorfile: ready,
  delegates: [{ cniVersion: "1.1.0", type: "flannel", name: "cbr0" }],
};
const valid = { "cni.dev/valid-attachments": [] };

function node(files: Record<string, string> = {}) {
  return createRecordingNode(["flannel"], files);
}

test.each(["ADD", "GC"] as const)("%s waits for the file", async (verb) => {
  const { call, calls, machine } = node();
  let looks = 0;
  const appear = {
    onCall: (line: string) => {
      if (line === `stat ${ready}` && ++looks === 4) machine.disk.write(ready, "", { mode: 0o644 });
    },
  };
  machine.disk.makeFolder("/run/flannel", 0o755);
  const startMs = machine.clock.monotonicMs();
  expect(await call(verb, config, { extra: valid, ...appear })).toMatchObject({ ok: true });
  expect(calls.map((each) => each.verb)).toEqual([verb]);
  expect(machine.clock.monotonicMs() - startMs).toBe(3000);
});

test.each(["ADD", "GC"] as const)("%s gives up after 45 seconds, with nothing done", async (verb) => {
  const { call, calls, machine } = node();
  const outcome = await call(verb, config, { extra: valid });
  expect(outcome).toMatchObject({ ok: false, error: { id: "meta.not-ready", code: 11 } });
  expect(machine.clock.monotonicMs()).toBe(45_000);
  expect(calls).toEqual([]);
});

test("ADD gives up at its own deadline", async () => {
  const { call, machine } = node();
  expect(await call("ADD", { ...config, timeout: "7s" })).toMatchObject({ error: { id: "meta.not-ready" } });
  expect(machine.clock.monotonicMs()).toBe(7000);
});

test("ADD gives up when it is asked to stop", async () => {
  const { call, machine } = node();
  const outcome = await call("ADD", config, {
    processAt: (process) => {
      process.stop("SIGTERM");
    },
  });
  expect(outcome).toMatchObject({ error: { id: "meta.not-ready" } });
  expect(machine.clock.monotonicMs()).toBe(0);
});

test("STATUS says at once whether the file is there", async () => {
  const { call, machine } = node();
  expect(await call("STATUS", config)).toMatchObject({
    ok: false,
    error: { id: "meta.not-ready", code: 50 },
  });
  expect(machine.clock.monotonicMs()).toBe(0);
  expect(await node({ [ready]: "" }).call("STATUS", config)).toMatchObject({ ok: true });
});

test("DEL does not wait for the file", async () => {
  const { call, calls, machine } = node({ [ready]: "" });
  await call("ADD", config);
  machine.disk.remove(ready);
  expect(await call("DEL", config)).toMatchObject({ ok: true });
  expect(calls.map(({ verb }) => verb)).toEqual(["ADD", "DEL"]);
});
