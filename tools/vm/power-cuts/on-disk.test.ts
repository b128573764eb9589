import { expect, test } from "vitest";
import type { WorkAttachment } from "./events.ts";
import { losses, type OnDisk, remains } from "./on-disk.ts";

const pod: WorkAttachment = { id: "p", network: "pods", state: "held", addresses: ["10.0.0.1", "10.0.1.1"] };
const direct: WorkAttachment = { id: "d", network: "direct", state: "held", addresses: ["10.0.0.2"] };
const loose: WorkAttachment = { id: "l", network: "pods", state: "loose", addresses: ["10.0.0.3"] };
const acknowledged = new Map([pod, direct, loose].map((each) => [each.id, each]));

const sound: OnDisk = {
  hostLocal: [
    { id: "p", address: "10.0.0.1" },
    { id: "d", address: "10.0.0.2" },
  ],
  flat: [{ id: "p", address: "10.0.1.1" }],
  records: [{ id: "p", state: "attached", addresses: ["10.0.0.1", "10.0.1.1"] }],
};

test.each<[string, Partial<OnDisk>, string[]]>([
  ["what was acknowledged", {}, []],
  ["something of a loose attachment", { flat: [...sound.flat, { id: "l", address: "10.0.1.3" }] }, []],
  ["no address of it", { flat: [] }, ["p has lost 10.0.1.1"]],
  ["no record of it", { records: [] }, ["p has lost its record"]],
  [
    "a record that says something else",
    { records: [{ id: "p", state: "attached", addresses: ["10.0.0.1"] }] },
    ["the record of p is attached, with 10.0.0.1"],
  ],
  [
    "a record from before the delegates ran",
    { records: [{ id: "p", state: "interrupted", addresses: [] }] },
    [],
  ],
  [
    "a record that nobody can read",
    { records: [...sound.records, { id: "l", state: "corrupt", addresses: [] }] },
    ["the record of l is corrupt"],
  ],
  [
    "an address and a record of what was deleted",
    {
      hostLocal: [...sound.hostLocal, { id: "x", address: "10.0.0.9" }],
      records: [...sound.records, { id: "x", state: "attached", addresses: [] }],
    },
    ["10.0.0.9 is still x's, which was deleted", "x has a record, and was deleted"],
  ],
  [
    "an address twice",
    { flat: [...sound.flat, { id: "d", address: "10.0.1.1" }] },
    ["10.0.1.1 is both p's and d's"],
  ],
])("a disk with %s", (_what, changes, problems) => {
  const disk = { ...sound, ...changes };
  expect([...losses(acknowledged, disk), ...remains(acknowledged, disk)]).toEqual(problems);
});
