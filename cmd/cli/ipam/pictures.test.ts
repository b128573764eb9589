import { expect, test } from "vitest";
import { parseCidr } from "../../../cni/address.ts";
import { newNotes } from "../../../cni/readers.ts";
import type { RangeSet } from "../../../ipam/range.ts";
import { readRangeSets } from "../../../ipam/range-config.ts";
import type { Terminal } from "../terminal.ts";
import { holdingOf, hourMs, nowMs } from "./ipam-testing.ts";
import { svgOf } from "./map/draw-svg.ts";
import { drawLines, legendOf } from "./map/draw-text.ts";
import { picturesOf } from "./map/picture.ts";

const shape = { columns: 32, mostRows: 8 };
const terminal: Terminal = { print: () => {}, complain: () => {}, columns: undefined, colours: false };

function setsOf(...ranges: Record<string, unknown>[]): RangeSet[] {
  const notes = newNotes();
  const sets = readRangeSets([JSON.parse(JSON.stringify(ranges))], "ranges", { strict: true }, notes);
  expect(notes.problems).toEqual([]);
  return sets;
}

const small = setsOf({ subnet: "10.60.0.0/26", exclude: ["10.60.0.60/30"] });
const holdings = [
  holdingOf("a/web/eth0", ["10.60.0.5"]),
  holdingOf("a/held/eth0", ["10.60.0.7"], { state: "held", heldUntilMs: nowMs + hourMs }),
  holdingOf("a/gone/eth0", ["10.60.0.8"], { state: "held", heldUntilMs: nowMs }),
  holdingOf("a/kept/eth0", ["10.60.0.9"], { state: "reserved" }),
  holdingOf("a/lost/eth0", ["10.60.0.33"], { state: "quarantine" }),
  holdingOf("a/old/eth0", ["10.61.0.1"]),
];

function lines(sets: RangeSet[], owners = holdings, within?: string): string[] {
  return picturesOf(sets, owners, nowMs, shape, within === undefined ? undefined : parseCidr(within)).flatMap(
    (picture) => [`${picture.title} by ${picture.block}`, ...drawLines(terminal, picture)],
  );
}

test("an address a mark: each condition has its letter, an expired hold is free", () => {
  expect(lines(small)).toEqual([
    "10.60.0.0/26 by 1",
    "10.60.0.0    x...U.H.R......................",
    "10.60.0.32  .Q..........................xxx",
  ]);
});

test("a part of a pool", () => {
  expect(lines(small, holdings, "10.60.0.4/30")).toEqual(["10.60.0.4/30 by 1", "10.60.0.4  .U.H"]);
  expect(lines(small, holdings, "10.99.0.0/24")).toEqual([]);
});

test("a range that is little of its subnet is drawn without the rest of it", () => {
  const part = setsOf({ subnet: "10.60.0.0/16", rangeStart: "10.60.0.5", rangeEnd: "10.60.0.8" });
  expect(lines(part)).toEqual(["10.60.0.0/16 by 1", "10.60.0.5  U.H."]);
});

test("a block a mark: tenths of it that are taken, and what is full", () => {
  const large = setsOf({ subnet: "10.60.0.0/20", exclude: ["10.60.0.32/28"] });
  const full = Array.from({ length: 16 }, (_each, n) => holdingOf(`a/f${n}/eth0`, [`10.60.1.${n}`]));
  const half = Array.from({ length: 8 }, (_each, n) => holdingOf(`a/h${n}/eth0`, [`10.60.1.${16 + n}`]));
  expect(lines(large, [...full, ...half, holdingOf("a/one/eth0", ["10.60.1.32"])]).slice(0, 3)).toEqual([
    "10.60.0.0/20 by 16",
    "10.60.0.0   ..x.............#51.............",
    "10.60.2.0   ................................",
  ]);
});

test("a v6 /64 in as many marks, with one address to be seen", () => {
  const vast = setsOf({ subnet: "fd00:60::/64" });
  const [title, first] = lines(vast, [holdingOf("a/six/eth0", ["fd00:60::5"])]);
  expect(title).toBe(`fd00:60::/64 by ${2n ** 56n}`);
  expect(first).toMatch(/^fd00:60:: +1\.{31}$/);
});

test("colours are added to letters, never in their place", () => {
  const [picture] = picturesOf(small, holdings, nowMs, shape, undefined);
  if (picture === undefined) throw new Error("there is a picture");
  const [plain = ""] = drawLines(terminal, picture);
  const [coloured = ""] = drawLines({ ...terminal, colours: true }, picture);
  expect(coloured).toContain("\u001b[32mU\u001b[0m");
  // biome-ignore lint/suspicious/noControlCharactersInRegex: that is what is looked for.
  expect(coloured.replaceAll(/\u001b\[\d*m/g, "")).toBe(plain);
  expect(legendOf(terminal, [picture])).toBe(
    "U used   H held   R reserved   Q quarantined   . free   x excluded or gateway\n" +
      "A blank is the network's or the broadcast address, or another outside of the ranges.",
  );
  const [inside] = picturesOf(small, holdings, nowMs, shape, {
    address: { family: "4", value: 0x0a3c0004n },
    prefix: 30,
  });
  expect(inside && legendOf(terminal, [inside]), "nothing is named that is not there").not.toContain("blank");
});

test("the SVG has a cell for each mark, with a tooltip, and is well-formed", () => {
  const pictures = picturesOf(small, holdings, nowMs, shape, undefined);
  const svg = svgOf('Pool "a" & <b>', pictures);
  const tips = [...svg.matchAll(/<g><title>([^<]*)<\/title>/g)].map(([, tip]) => tip);
  // The network's own address, and the broadcast address, are in no range.
  expect(tips).toHaveLength(62);
  expect(tips).toContain("10.60.0.5: used");
  expect(tips).toContain("10.60.0.8: free");
  expect(tips).toContain("10.60.0.62: excluded");
  expect(svg).toContain('<title id="title">Pool &quot;a&quot; &amp; &lt;b&gt;</title>');
  expect(svg.match(/<g>/g)).toHaveLength(svg.match(/<\/g>/g)?.length ?? 0);
});

test("a block's cell is filled as far as it is taken", () => {
  const large = setsOf({ subnet: "10.60.0.0/20" });
  const half = Array.from({ length: 8 }, (_each, n) => holdingOf(`a/h${n}/eth0`, [`10.60.1.${n}`]));
  const svg = svgOf("x", picturesOf(large, half, nowMs, shape, undefined));
  expect(svg).toContain("<title>10.60.1.0/28: 8 used</title>");
  expect(svg).toMatch(
    /10\.60\.1\.0\/28: 8 used<\/title><rect [^>]*\/><rect [^>]*height="6" fill="#0072b2"\/>/,
  );
});
