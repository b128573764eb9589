import { describe, expect, test } from "vitest";
import { printAddress } from "../cni/address.ts";
import type { JsonObject } from "../cni/json.ts";
import { newNotes, problemTexts } from "../cni/readers.ts";
import { readRangeSets } from "./range-config.ts";
import { askedAddresses, assignRequests, readRequests, strictArgs } from "./requested.ts";

describe("CNI_ARGS", () => {
  test.each<[string, string, [string, string][] | string]>([
    ["none", "", []],
    ["a known key", "IP=10.1.0.5", [["IP", "10.1.0.5"]]],
    ["an empty value", "IP=", [["IP", ""]]],
    [
      "unknown keys that are to be ignored",
      "IgnoreUnknown=1;K8S_POD_NAME=web",
      [
        ["IgnoreUnknown", "1"],
        ["K8S_POD_NAME", "web"],
      ],
    ],
    [
      "the same in words",
      "IgnoreUnknown=True;X=1",
      [
        ["IgnoreUnknown", "True"],
        ["X", "1"],
      ],
    ],
    ["an unknown key", "IP=10.1.0.5;IPS=1", "unknown args IPS"],
    ["an unknown key that is not to be ignored", "IgnoreUnknown=0;X=1", "unknown args X"],
    ["a piece without a value", "IgnoreUnknown=1;IP", `invalid pair "IP"`],
    ["a trailing semicolon", "IP=10.1.0.5;", `invalid pair ""`],
    ["a second equals sign", "IP=10.1.0.5=x", "invalid pair"],
    ["an IgnoreUnknown that is neither", "IgnoreUnknown=yes", `IgnoreUnknown is "yes"`],
  ])("with %s", (_case, args, expected) => {
    const read = strictArgs(args, ["IP"]);
    if (typeof expected !== "string") expect(read).toEqual({ ok: true, value: new Map(expected) });
    else
      expect(read).toMatchObject({
        ok: false,
        error: { id: "ipam.args", code: 4, msg: expect.stringContaining(expected) },
      });
  });
});

function asked(raw: JsonObject, ip = "") {
  const notes = newNotes();
  const network = { cniVersion: "1.1.0" as const, name: "n", type: "t", raw };
  return { ...askedAddresses(network, new Map([["IP", ip]]), notes), problems: problemTexts(notes) };
}

describe("requested addresses", () => {
  test("are read from all three places", () => {
    const raw = { args: { cni: { ips: ["10.1.0.6"] } }, runtimeConfig: { ips: ["10.1.0.7/24"] } };
    expect(asked(raw, "10.1.0.4, 10.1.0.5")).toEqual({
      envArgs: [
        { place: "CNI_ARGS IP", text: "10.1.0.4" },
        { place: "CNI_ARGS IP", text: "10.1.0.5" },
      ],
      configArgs: [{ place: "args.cni.ips[0]", text: "10.1.0.6" }],
      capability: [{ place: "runtimeConfig.ips[0]", text: "10.1.0.7/24" }],
      problems: [],
    });
  });

  test.each<[string, JsonObject, string[]]>([
    ["args", { args: 1 }, ["args: is a number, not an object"]],
    ["args.cni", { args: { cni: [] } }, ["args.cni: is an array, not an object"]],
    [
      "lists",
      { args: { cni: { ips: "x" } }, runtimeConfig: { ips: {} } },
      ["args.cni.ips: is a string, not an array", "runtimeConfig.ips: is an object, not an array"],
    ],
    [
      "entries",
      { runtimeConfig: { ips: [null, "10.1.0.5", 5] } },
      ["runtimeConfig.ips[0]: is null, not a string", "runtimeConfig.ips[2]: is a number, not a string"],
    ],
    ["nothing, null being absent", { args: null, runtimeConfig: { ips: null } }, []],
  ])("of wrong %s are noted", (_case, raw, problems) => {
    expect(asked(raw).problems).toEqual(problems);
  });

  test("count once each, whatever their prefix; what is none is noted", () => {
    const notes = newNotes();
    const texts = ["10.1.0.5/24", "10.1.0.5", "::ffff:10.1.0.5", "fd00::5", "10.1.0", ""];
    const requests = readRequests(
      texts.map((text, index) => ({ place: `p${index}`, text })),
      notes,
    );
    expect(requests.map(({ place, address }) => `${place} ${printAddress(address)}`)).toEqual([
      "p0 10.1.0.5",
      "p3 fd00::5",
    ]);
    expect(problemTexts(notes)).toEqual([`p4: invalid IP address "10.1.0"`, `p5: invalid IP address ""`]);
  });
});

describe("requests are assigned", () => {
  const sets = readRangeSets(
    [[{ subnet: "10.1.0.0/24" }, { subnet: "10.2.0.0/24", gateway: "10.2.0.9" }], [{ subnet: "fd00::/64" }]],
    "ranges",
    { strict: false },
    newNotes(),
  );
  const assign = (...texts: string[]) =>
    assignRequests(
      sets,
      readRequests(
        texts.map((text) => ({ place: "IP", text })),
        newNotes(),
      ),
    );

  test.each<[string, string[], (string | undefined)[]]>([
    ["to nobody when there are none", [], [undefined, undefined]],
    ["to the set that has them", ["fd00::7", "10.2.0.7"], ["10.2.0.7", "fd00::7"]],
    ["to one set only", ["fd00::7"], [undefined, "fd00::7"]],
  ])("%s", (_case, texts, expected) => {
    const assigned = assign(...texts);
    expect(assigned.ok && assigned.value.map((address) => address && printAddress(address))).toEqual(
      expected,
    );
  });

  test.each<[string, string[], string, string]>([
    [
      "a second address of one set",
      ["10.1.0.7", "10.2.0.7"],
      "ipam.requested-outside",
      "failed to allocate all requested IPs: 10.2.0.7",
    ],
    [
      "an address of no set",
      ["10.9.0.7"],
      "ipam.requested-outside",
      "failed to allocate all requested IPs: 10.9.0.7",
    ],
    ["a gateway", ["10.2.0.9"], "ipam.requested-gateway", "requested ip 10.2.0.9 is subnet's gateway"],
  ])("but not %s", (_case, texts, id, words) => {
    expect(assign(...texts)).toMatchObject({
      ok: false,
      error: { id, code: 7, msg: expect.stringContaining(words) },
    });
  });
});
