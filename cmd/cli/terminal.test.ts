import { expect, test } from "vitest";
import { guarded, paint, type Terminal } from "./terminal.ts";

function keeping(colours: boolean): { terminal: Terminal; said: string[] } {
  const said: string[] = [];
  const keep = (text: string) => void said.push(text);
  return { terminal: guarded({ print: keep, complain: keep, columns: undefined, colours }), said };
}

test.each([
  [false, "a\\u001b[2Jb\n\tc"],
  [true, "a\\u001b[2Jb\n\tc"],
])("nothing gets to a terminal that it would obey (colours: %s)", (colours, shown) => {
  const { terminal, said } = keeping(colours);
  terminal.print("a\u001b[2Jb\n\tc");
  terminal.complain("a\u001b[2Jb\n\tc");
  expect(said).toEqual([shown, shown]);
});

test("but our own colours do, where there are any", () => {
  const { terminal, said } = keeping(true);
  terminal.print(paint(terminal, "red", "a\u009b2J"));
  expect(said).toEqual(["\u001b[31ma\\u009b2J\u001b[0m"]);
  const plain = keeping(false);
  plain.terminal.print("\u001b[31mred");
  expect(plain.said).toEqual(["\\u001b[31mred"]);
});
