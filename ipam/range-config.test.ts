import { describe, expect, test } from "vitest";
import { printAddress } from "../cni/address.ts";
import type { Json } from "../cni/json.ts";
import { newNotes, problemTexts } from "../cni/readers.ts";
import { printRangeSet, usableSpans } from "./range.ts";
import { noteOverlaps, readRangeSets } from "./range-config.ts";

function read(ranges: Json, strict = false) {
  const notes = newNotes();
  const sets = readRangeSets(ranges, "ipam.ranges", { strict }, notes);
  noteOverlaps(sets.flat(), notes);
  return { sets, problems: problemTexts(notes) };
}

const at = "ipam.ranges[0][0]";

describe("ranges", () => {
  test.each<[string, Json, string, string]>([
    ["an IPv4 subnet", { subnet: "10.1.0.0/16" }, "10.1.0.1-10.1.255.254", "10.1.0.1"],
    ["the smallest one", { subnet: "10.1.0.4/30" }, "10.1.0.5-10.1.0.6", "10.1.0.5"],
    ["an IPv6 subnet", { subnet: "fd00::/64" }, "fd00::1-fd00::ffff:ffff:ffff:ffff", "fd00::1"],
    ["all of IPv4", { subnet: "0.0.0.0/0" }, "0.0.0.1-255.255.255.254", "0.0.0.1"],
    [
      "bounds of its own",
      { subnet: "10.1.0.0/24", rangeStart: "10.1.0.9", rangeEnd: "10.1.0.9", gateway: "10.1.0.254" },
      "10.1.0.9-10.1.0.9",
      "10.1.0.254",
    ],
    [
      "the network's own address, as the reference has it",
      { subnet: "10.1.0.0/24", rangeStart: "10.1.0.0" },
      "10.1.0.0-10.1.0.254",
      "10.1.0.1",
    ],
    [
      "a gateway elsewhere",
      { subnet: "fd00::/64", gateway: "fe80::1" },
      "fd00::1-fd00::ffff:ffff:ffff:ffff",
      "fe80::1",
    ],
    [
      "empty fields",
      { subnet: "10.1.0.0/24", rangeStart: "", rangeEnd: null, gateway: "" },
      "10.1.0.1-10.1.0.254",
      "10.1.0.1",
    ],
    [
      "names in another case, which Go reads",
      { Subnet: "10.1.0.0/24", rangestart: "10.1.0.9" },
      "10.1.0.9-10.1.0.254",
      "10.1.0.1",
    ],
  ])("of %s", (_case, range, bounds, gateway) => {
    const { sets, problems } = read([[range]]);
    expect(problems).toEqual([]);
    expect(sets.map(printRangeSet)).toEqual([bounds]);
    const told = sets[0]?.map(({ family, gateway: value = 0n }) => printAddress({ family, value }));
    expect(told).toEqual([gateway]);
  });

  test.each<[string, Json, string[]]>([
    ["no array", "x", ["ipam.ranges: is a string, not an array"]],
    ["no array of arrays", [{ subnet: "10.1.0.0/24" }], ["ipam.ranges[0]: is an object, not an array"]],
    ["an empty set", [[]], ["ipam.ranges[0]: empty range set"]],
    ["no object", [["10.1.0.0/24"]], [`${at}: is a string, not an object`]],
    ["no subnet", [[{}]], [`${at}.subnet: is missing`]],
    ["a subnet that is a number", [[{ subnet: 10 }]], [`${at}.subnet: is a number, not a string`]],
    [
      "an address for a subnet",
      [[{ subnet: "10.1.0.0" }]],
      [`${at}.subnet: "10.1.0.0" is no network like 10.1.0.0/16`],
    ],
    [
      "host bits",
      [[{ subnet: "10.1.0.7/24" }]],
      [`${at}.subnet: network 10.1.0.7/24 has host bits set; the network address is 10.1.0.0/24`],
    ],
    [
      "a /31",
      [[{ subnet: "10.1.0.0/31" }]],
      [`${at}.subnet: network 10.1.0.0/31 too small to allocate from`],
    ],
    ["a /127", [[{ subnet: "fd00::/127" }]], [`${at}.subnet: network fd00::/127 too small to allocate from`]],
    [
      "everything at once",
      [
        [
          { subnet: "10.1.0.0/24", rangeStart: "10.2.0.1", rangeEnd: "10.3.0.1" },
          { subnet: "fd00::/64", gateway: "x" },
        ],
      ],
      [
        `${at}.rangeStart: 10.2.0.1 is not in network 10.1.0.0/24`,
        `${at}.rangeEnd: 10.3.0.1 is not in network 10.1.0.0/24`,
        `ipam.ranges[0][1].gateway: "x" is no IP address`,
      ],
    ],
    [
      "an end before the start",
      [[{ subnet: "10.1.0.0/24", rangeStart: "10.1.0.9", rangeEnd: "10.1.0.8" }]],
      [`${at}.rangeEnd: 10.1.0.8 is before the range's start 10.1.0.9`],
    ],
    [
      "a start behind the end that is the default",
      [[{ subnet: "10.1.0.0/24", rangeStart: "10.1.0.255" }]],
      [`${at}.rangeEnd: 10.1.0.254 is before the range's start 10.1.0.255`],
    ],
    [
      "bounds of the other family",
      [[{ subnet: "10.1.0.0/24", rangeStart: "fd00::1", gateway: "fd00::2" }]],
      [
        `${at}.rangeStart: fd00::1 is not IPv4 as its subnet is`,
        `${at}.gateway: fd00::2 is not IPv4 as its subnet is`,
      ],
    ],
    [
      "two families in one set",
      [[{ subnet: "10.1.0.0/24" }, { subnet: "fd00::/64" }]],
      ["ipam.ranges[0][1].subnet: mixed address families: the set began with IPv4"],
    ],
    [
      "an overlap within a set",
      [[{ subnet: "10.1.0.0/24" }, { subnet: "10.1.0.0/25" }]],
      [`ipam.ranges[0][1]: 10.1.0.1-10.1.0.126 overlaps with 10.1.0.1-10.1.0.254 of ${at}`],
    ],
    [
      "an overlap between sets",
      [[{ subnet: "10.1.0.0/24" }], [{ subnet: "10.1.0.0/16", rangeStart: "10.1.0.254" }]],
      [`ipam.ranges[1][0]: 10.1.0.254-10.1.255.254 overlaps with 10.1.0.1-10.1.0.254 of ${at}`],
    ],
  ])("refuse %s", (_case, ranges, problems) => {
    expect(read(ranges).problems).toEqual(problems);
  });

  test("that only touch do not overlap", () => {
    const halves = [
      { subnet: "10.1.0.0/24", rangeEnd: "10.1.0.99" },
      { subnet: "10.1.0.0/24", rangeStart: "10.1.0.100" },
    ];
    expect(read([halves]).problems).toEqual([]);
  });
});

describe("strict ranges", () => {
  test.each<[string, Json, string[]]>([
    [
      "the network's own address",
      { subnet: "10.1.0.0/24", rangeStart: "10.1.0.0" },
      [`${at}.rangeStart: 10.1.0.0 is the address of the network itself`],
    ],
    [
      "the broadcast address",
      { subnet: "10.1.0.0/24", rangeEnd: "10.1.0.255" },
      [`${at}.rangeEnd: 10.1.0.255 is the broadcast address`],
    ],
    [
      "an IPv4 gateway elsewhere",
      { subnet: "10.1.0.0/24", gateway: "10.9.0.1" },
      [`${at}.gateway: 10.9.0.1 is not in network 10.1.0.0/24`],
    ],
    [
      "a range that is the gateway",
      { subnet: "10.1.0.0/24", rangeEnd: "10.1.0.1" },
      [`${at}: nothing is left to give: all of it is excluded or the gateway`],
    ],
    [
      "all excluded",
      { subnet: "10.1.0.0/30", exclude: ["10.1.0.2", "10.1.0.0/31"] },
      [`${at}: nothing is left to give: all of it is excluded or the gateway`],
    ],
    [
      "exclusions that are none",
      { subnet: "10.1.0.0/24", exclude: ["x", 7, "10.1.0.1/24", "10.2.0.0/24", "fd00::1"] },
      [
        `${at}.exclude[0]: "x" is neither an IP address nor a network`,
        `${at}.exclude[1]: 7 is neither an IP address nor a network`,
        `${at}.exclude[2]: "10.1.0.1/24" has host bits set`,
        `${at}.exclude[3]: "10.2.0.0/24" is not in network 10.1.0.0/24`,
        `${at}.exclude[4]: "fd00::1" is not in network 10.1.0.0/24`,
      ],
    ],
    [
      "exclusions that are no list",
      { subnet: "10.1.0.0/24", exclude: "10.1.0.1" },
      [`${at}.exclude: is a string, not an array`],
    ],
  ])("refuse %s", (_case, range, problems) => {
    expect(read([[range]], true).problems).toEqual(problems);
  });

  test.each<[string, Json]>([
    ["IPv4, in a word", { subnet: "10.1.0.0/30", gateway: "none" }],
    ["IPv4, by false", { subnet: "10.1.0.0/30", gateway: false }],
    ["IPv6", { subnet: "fd00::/126", gateway: "none" }],
  ])("without a gateway give their first address: %s", (_case, range) => {
    const { sets, problems } = read([[range]], true);
    expect(problems).toEqual([]);
    const [first] = sets[0] ?? [];
    expect(first?.gateway).toBe(undefined);
    expect(usableSpans(sets[0] ?? []).map((span) => span.first)).toEqual([first?.first]);
    // Only hawser-flat reads this field. The reference plugin does not, so its replacement refuses it.
    expect(read([[range]]).problems).toEqual([expect.stringContaining(`${at}.gateway: `)]);
  });

  test.each<[string, Json]>([
    ["another word", "no"],
    ["true", true],
    ["zero", 0],
  ])("do not take for none: %s", (_case, gateway) => {
    expect(read([[{ subnet: "10.1.0.0/24", gateway }]], true).problems).toEqual([
      expect.stringContaining(`${at}.gateway: `),
    ]);
  });

  test("take a link-local gateway of IPv6", () => {
    expect(read([[{ subnet: "fd00::/64", gateway: "fe80::1" }]], true).problems).toEqual([]);
  });
});
