import { plain } from "./terminal.ts";

const gap = "  ";
/** A column that is cut further tells nothing. */
const narrowest = 8;

/**
 * Lines of aligned columns under a header. With `columns`, the widest columns are cut until a line fits: a path at its
 * beginning, anything else at its end.
 */
export function formatTable(
  header: readonly string[],
  rows: readonly (readonly string[])[],
  columns?: number,
): string[] {
  const lines = [header, ...rows].map((row) => row.map(plain));
  const natural = header.map((_, index) => Math.max(...lines.map((line) => lengthOf(line[index] ?? ""))));
  const widths = columns === undefined ? natural : narrow(natural, columns);
  return lines.map((line) =>
    widths
      .map((width, index) => cut(line[index] ?? "", width))
      .map((cell, index) => cell + " ".repeat((widths[index] ?? 0) - lengthOf(cell)))
      .join(gap)
      .trimEnd(),
  );
}

function narrow(natural: readonly number[], columns: number): number[] {
  const widths = [...natural];
  const total = () => widths.reduce((sum, width) => sum + width, gap.length * (widths.length - 1));
  while (total() > columns) {
    const widest = Math.max(...widths);
    if (widest <= narrowest) break;
    widths[widths.indexOf(widest)] = widest - 1;
  }
  return widths;
}

function cut(text: string, width: number): string {
  const characters = Array.from(text);
  if (characters.length <= width) return text;
  return text.startsWith("/")
    ? `…${characters.slice(characters.length - width + 1).join("")}`
    : `${characters.slice(0, width - 1).join("")}…`;
}

function lengthOf(text: string): number {
  return Array.from(text).length;
}
