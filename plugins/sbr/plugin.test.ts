import { expect, test } from "vitest";
import { createFake } from "../../sys/fake.ts";
import { chainedCall } from "../link/chained-testing.ts";
import { sbr } from "./plugin.ts";

test.each<[string, object, object, object]>([
  ["a wrong field", { table: 0 }, {}, { code: 7, id: "link.config" }],
  ["no prevResult", {}, { result: null }, { code: 7, id: "config.prev-result" }],
  ["no address", {}, { result: {} }, { code: 7, id: "config.prev-result" }],
])("ADD with %s is refused, and changes nothing", async (_, config, options, error) => {
  const fake = createFake();
  expect(await sbr.add(fake.sys, chainedCall("ADD", config, options))).toMatchObject({ ok: false, error });
  expect(fake.effects()).toEqual([]);
});

test("CHECK without prevResult, and GC with a wrong list, are errors", async () => {
  const { sys } = createFake();
  expect(await sbr.check(sys, chainedCall("CHECK", {}, { result: null }))).toMatchObject({
    error: { id: "config.prev-result" },
  });
  const gc = chainedCall("GC", { "cni.dev/valid-attachments": 5 }, { result: null });
  expect(await sbr.gc(sys, gc)).toMatchObject({ error: { id: "config.valid-attachments" } });
  expect(await sbr.gc(sys, chainedCall("GC", {}, { result: null }))).toEqual({ ok: true });
});

test("STATUS fails for a wrong configuration", async () => {
  const { sys } = createFake();
  expect(await sbr.status(sys, chainedCall("STATUS", {}, { result: null }))).toEqual({ ok: true });
  const wrong = chainedCall("STATUS", { gateways: ["x"] }, { result: null });
  expect(await sbr.status(sys, wrong)).toMatchObject({ error: { code: 50, id: "link.config" } });
});
