import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { must } from "../sys/outcome-testing.ts";
import { foldedTwins, foldKey } from "./fold.ts";
import { parseJson } from "./json.ts";

/** Go's encoding/json takes two keys for the same field if strings.EqualFold says so. One of the keys is ASCII here. */
describe("a key is folded as Go folds it", () => {
  test.each([
    ["ipam", "ipam"],
    ["Ipam", "ipam"],
    ["IPAM", "ipam"],
    ["cniVersion", "cniversion"],
    ["mas\u017Fer", "masser"],
    ["\u017Ftore", "store"],
    ["\u212Aey", "key"],
    ["\u212Aube\u017F", "kubes"],
    ["type\u0000", "type\u0000"],
    ["ip_am", "ip_am"],
    ["ip-am", "ip-am"],
    ["", ""],
  ])("%j to %j", (key, folded) => {
    expect(foldKey(key)).toBe(folded);
  });

  test.each([
    ["\u0130pam", "a capital i with a dot, of which toLowerCase makes two characters"],
    ["\u0131pam", "a small i without a dot, of which toUpperCase makes an I"],
    ["\uFF49pam", "a full-width i"],
    ["\u0456pam", "a Cyrillic i"],
    ["\uFB01eld", "a ligature, of which toUpperCase makes two letters"],
  ])("%j stays as it is: %s", (key) => {
    expect(foldKey(key)).toBe(key);
  });

  test("folding twice is folding once, and the case of ASCII letters never counts", () => {
    fc.assert(
      fc.property(fc.string({ unit: "binary" }), (key) => {
        const folded = foldKey(key);
        expect(foldKey(folded)).toBe(folded);
        expect(foldKey(key.replace(/[a-z]/g, (letter) => letter.toUpperCase()))).toBe(folded);
      }),
    );
  });
});

describe("twins are keys that Go takes for another", () => {
  test.each([
    { text: '{"type": "x", "ipam": {}}', twins: [] },
    { text: '{"Ipam": {}}', twins: [["Ipam", "ipam"]] },
    { text: '{"ipam": {}, "Ipam": {}}', twins: [["Ipam", "ipam"]] },
    { text: '{"Ipam": {}, "ipam": {}}', twins: [["Ipam", "ipam"]] },
    {
      text: '{"TYPE": 1, "IPAM": 1}',
      twins: [
        ["TYPE", "type"],
        ["IPAM", "ipam"],
      ],
    },
    { text: '{"ma\u017Fter": 1}', twins: [["ma\u017Fter", "master"]] },
    {
      text: '{"own": 1, "Own": 2, "OWN": 3}',
      twins: [
        ["Own", "own"],
        ["OWN", "own"],
      ],
    },
    { text: '{"__proto__": 1, "__PROTO__": 2}', twins: [["__PROTO__", "__proto__"]] },
    { text: '{"constructor": 1, "toString": 2}', twins: [] },
    { text: '{"inner": {"Ipam": 1}}', twins: [] },
  ])("$text", ({ text, twins }) => {
    const object = must(parseJson(text));
    const found = foldedTwins(object as never, ["type", "ipam", "master"]);
    expect(found.map(({ key, known }) => [key, known])).toEqual(twins);
  });
});
