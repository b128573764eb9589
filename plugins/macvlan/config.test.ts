import { expect, test } from "vitest";
import type { JsonObject } from "../../cni/json.ts";
import { must, mustFail } from "../../sys/outcome-testing.ts";
import { pluginCall } from "../link/invocation-testing.ts";
import { parseMacvlan } from "./config.ts";

const parse = (raw: JsonObject, args = "") => parseMacvlan(pluginCall(raw, { args }));

test("nothing but an address plugin", () => {
  expect(must(parse({ ipam: { type: "host-local" } }))).toEqual({
    ipam: "host-local",
    master: "",
    linkInContainer: false,
    mode: "bridge",
    broadcastQueue: undefined,
    mtu: undefined,
    mac: undefined,
    dns: undefined,
  });
});

test("every field, in the spelling that a Go program takes, too", () => {
  const raw = {
    Master: "eth1",
    mode: "vepa",
    mtu: 1400,
    mac: "02-00-00-00-00-01",
    bcqueuelen: 5,
    linkincontainer: true,
  };
  expect(must(parse(raw))).toMatchObject({
    ipam: undefined,
    master: "eth1",
    linkInContainer: true,
    mode: "vepa",
    broadcastQueue: 5,
    mtu: 1400,
    mac: Uint8Array.of(2, 0, 0, 0, 0, 1),
  });
});

test.each([
  ["CNI_ARGS before the configuration", {}, "MAC=02:00:00:00:00:02", 2],
  ["the runtime before both", { runtimeConfig: { mac: "02:00:00:00:00:03" } }, "MAC=02:00:00:00:00:02", 3],
])("the MAC address: %s", (_rule, more, args, last) => {
  expect(must(parse({ mac: "02:00:00:00:00:01", ...more }, args)).mac).toEqual(
    Uint8Array.of(2, 0, 0, 0, 0, last),
  );
});

test("passes over a hardware address in args, as the reference plugin does", () => {
  const raw = { args: { cni: { mac: "02:00:00:00:00:42" } } };
  expect(must(parse(raw)).mac).toBeUndefined();
  expect(must(parse({ ...raw, mac: "02:00:00:00:00:01" })).mac).toEqual(Uint8Array.of(2, 0, 0, 0, 0, 1));
});

test.each<[JsonObject, string]>([
  [{ mode: "no-such" }, "mode: is a string, not one of private, vepa, bridge, passthru"],
  [{ master: 5 }, "master: is a number, not a string"],
  [{ master: "a/b" }, 'master: "a/b" cannot name an interface'],
  [{ master: "x".repeat(128) }, "master: "],
  [{ linkInContainer: "yes" }, "linkInContainer: is a string, not true or false"],
  [{ bcqueuelen: -1 }, "bcqueuelen: is -1, not a whole number from 0 to 4294967295"],
  [{ mtu: -1 }, "mtu: is -1, not a whole number"],
  [{ mac: "no" }, 'mac: "no" is no hardware address'],
])("refuses %j", (raw, why) => {
  const error = mustFail(parse(raw));
  expect(error).toMatchObject({ id: "link.config", code: 7 });
  expect(error.msg).toContain(why);
});

test("tells every problem at once", () => {
  expect(mustFail(parse({ mode: "x", master: true, mac: "y" })).msg.split("; ")).toHaveLength(3);
});
