import { describe, expect, test } from "vitest";
import { type JsonObject, without } from "../../../cni/json.ts";
import { parseHolding, readHolding } from "./holding.ts";

const claimed = { what: "claimed", identity: "ns/web/eth0", containerId: "c1", node: "n1", atMs: 5 };
const least = {
  identity: "ns/web/eth0",
  state: "live",
  containerId: "c1",
  ifname: "eth0",
  node: "n1",
  network: "pods",
  addresses: ["40a010005"],
  mac: "",
  generation: 1,
  sinceMs: 5,
  history: [claimed],
};
const most = { uid: "u", boot: "b", macAsked: true, heldUntilMs: 9, reserved: true };

function parsed(value: JsonObject): unknown {
  return parseHolding(JSON.stringify(value));
}

describe("a holding", () => {
  test("has what it needs, and what it may have beside", () => {
    expect(parsed(least)).toEqual(least);
    expect(parsed({ ...least, ...most, later: 1 })).toEqual({ ...least, ...most });
  });

  test.each(Object.keys(least))("is none without %s", (key) => {
    expect(parsed(without(least, key))).toBeUndefined();
    expect(parsed({ ...least, [key]: null })).toBeUndefined();
    expect(parsed({ ...least, [key]: {} })).toBeUndefined();
  });

  test.each([
    ["a state that there is not", { state: "gone" }],
    ["no addresses", { addresses: [] }],
    ["an address that is no text", { addresses: ["40a010005", 1] }],
  ])("is none with %s", (_case, more) => {
    expect(parsed({ ...least, ...more })).toBeUndefined();
  });

  test.each(["", "{", "[]", "null", "1"])("is no such text: %j", (text) => {
    expect(parseHolding(text)).toBeUndefined();
  });

  test.each(Object.keys(most))("is as if it had no %s when that is wrong", (key) => {
    const { [key]: _wrong, ...rest } = { ...least, ...most } as JsonObject;
    expect(parsed({ ...rest, [key]: [] })).toEqual(rest);
  });

  test.each<[string, JsonObject]>([
    ["is empty", {}],
    ["has no owner", without(claimed, "identity")],
    ["has no container", without(claimed, "containerId")],
    ["has a node that is no text", { ...claimed, node: 1 }],
    ["has no time", without(claimed, "atMs")],
    ["is of a kind that there is not", { ...claimed, what: "sold" }],
  ])("stays, without an event that %s; to import it is a mistake", (_case, event) => {
    const value = { ...least, history: [event, claimed] };
    expect(parsed(value)).toEqual(least);
    expect(readHolding(value)).toBeUndefined();
    expect(readHolding(least)).toEqual(least);
  });
});
