import { expect, test } from "vitest";
import { parseNetworkConfig } from "../../cni/config.ts";
import { parseEnvironment } from "../../cni/environment.ts";
import type { Invocation } from "../../cni/plugin.ts";
import { parseSbrConfig, tableOf } from "./config.ts";

function invocation(fields: object): Invocation {
  const environment = parseEnvironment({ CNI_COMMAND: "STATUS" });
  const config = parseNetworkConfig(
    JSON.stringify({ cniVersion: "1.1.0", name: "n", type: "sbr", ...fields }),
  );
  if (!environment.ok || !config.ok) throw new Error("the test's own configuration is wrong");
  return { environment: environment.value, config: config.value };
}

test("all fields are read, in any case", () => {
  const fields = { Table: 4_294_967_295, gateways: ["10.1.0.1", "fd00::1"], addsourcehints: true };
  expect(parseSbrConfig(invocation(fields))).toEqual({
    ok: true,
    value: {
      table: 4_294_967_295,
      gateways: [
        { family: "4", value: 0x0a01_0001n },
        { family: "6", value: 0xfd00_0000_0000_0000_0000_0000_0000_0001n },
      ],
      addSourceHints: true,
    },
  });
});

test("no field is needed", () => {
  const nothing = { ok: true, value: { table: undefined, gateways: [], addSourceHints: false } };
  expect(parseSbrConfig(invocation({}))).toEqual(nothing);
  expect(parseSbrConfig(invocation({ table: null, gateways: null, addSourceHints: null }))).toEqual(nothing);
});

test.each<[object, string]>([
  [{ table: 0 }, "table: is 0, not a whole number from 1 to 4294967295"],
  [{ table: "100" }, 'table: is "100", not a whole number from 1 to 4294967295'],
  [{ table: 2 ** 32 }, "table: is 4294967296, not a whole number"],
  [{ gateways: "10.1.0.1" }, "gateways: is a string, not an array"],
  [{ gateways: ["10.1.0.1/24"] }, 'gateways[0]: "10.1.0.1/24" is no IP address'],
  [{ gateways: ["fd00::1", "10.1.0.1", "fd00::2"] }, "gateways[2]: is the second gateway of IPv6"],
  [{ addSourceHints: "true" }, "addSourceHints: is a string, not true or false"],
])("%j is refused", (fields, why) => {
  const error = { code: 7, id: "link.config", msg: expect.stringContaining(why) };
  expect(parseSbrConfig(invocation(fields))).toMatchObject({ ok: false, error });
});

test("DEL takes the table of a configuration that is wrong elsewhere, and none of a wrong table", () => {
  expect(tableOf({ table: 7, gateways: 5 })).toBe(7);
  expect(tableOf({ table: "7" })).toBeUndefined();
  expect(tableOf({})).toBeUndefined();
});
