import stringWidth from "string-width";
import { expect, test } from "vitest";
import { formatTable } from "./table.ts";

const header = ["NAME", "DEFINED IN"];

test("columns are aligned and lines end at their last character", () => {
  expect(
    formatTable(header, [
      ["a", "/x"],
      ["longer-name", ""],
    ]),
  ).toEqual(["NAME         DEFINED IN", "a            /x", "longer-name"]);
});

test("without a terminal nothing is cut", () => {
  const long = "x".repeat(300);
  expect(formatTable(header, [[long, long]])[1]).toBe(`${long}  ${long}`);
});

test("the widest column is cut until a line fits: text at its end, a path at its beginning", () => {
  const rows = [["a-network-with-a-long-name", "/etc/cni/hawser/net.d/default/storage.conf"]];
  const [top, line] = formatTable(header, rows, 40);
  expect(top).toBe("NAME                 DEFINED IN");
  expect(line).toBe("a-network-with-a-l…  …fault/storage.conf");
});

test("no column becomes narrower than eight characters", () => {
  expect(formatTable(header, [["0123456789", "/0123456789"]], 5)[1]).toBe("0123456…  …3456789");
});

test("a cell cannot move the cursor", () => {
  expect(formatTable(["A"], [["x\u001b[2J\ny"]])[1]).toBe("x?[2J?y");
});

test.each([
  ["a wide script", "東京の網", "/x"],
  ["an emoji of several code points", "👩‍🚀-net", "/x"],
  ["a letter with its accent behind it", "cafe\u0301", "/x"],
])("%s takes its columns", (_case, name, path) => {
  const [top = "", line = ""] = formatTable(
    ["NAME", "IN"],
    [
      [name, path],
      ["twelve-chars", "/y"],
    ],
  );
  expect(top.indexOf("IN")).toBe(14);
  expect(stringWidth(line.slice(0, line.indexOf("/")))).toBe(14);
});

test("a character of two columns is not cut in half", () => {
  const [, line = ""] = formatTable(["A", "B"], [["一二三四五六七八九", "/一二三四五六七八九"]], 24);
  expect(line).toBe("一二三四五…  …五六七八九");
  expect(stringWidth(line)).toBeLessThanOrEqual(24);
});
