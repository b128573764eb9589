import { expect, test } from "vitest";
import { must, mustFail } from "../../sys/outcome-testing.ts";
import { pluginCall } from "../link/invocation-testing.ts";
import { parseDummy } from "./config.ts";

test("an address plugin is all that it needs", () => {
  expect(must(parseDummy(pluginCall({ ipam: { type: "static" } }))).ipam).toBe("static");
});

test.each([{}, { ipam: {} }, { ipam: { type: "" } }])("refuses %j", (raw) => {
  expect(mustFail(parseDummy(pluginCall(raw))).msg).toContain(
    "dummy interface requires an IPAM configuration",
  );
});
