import stringWidth from "string-width";
import { plain } from "./terminal.ts";

const gap = "  ";
/** A narrower column would say nothing. */
const narrowest = 8;
/** Finds what a person sees as one character, which may be several code points. */
const characters = new Intl.Segmenter();

/**
 * Makes lines of aligned columns under a header. With `columns`, the widest columns are cut until a line fits. A path
 * is cut at its beginning, any other text at its end.
 */
export function formatTable(
  header: readonly string[],
  rows: readonly (readonly string[])[],
  columns?: number,
): string[] {
  const lines = [header, ...rows].map((row) => row.map(plain));
  const natural = header.map((_, index) => Math.max(...lines.map((line) => stringWidth(line[index] ?? ""))));
  const widths = columns === undefined ? natural : narrow(natural, columns);
  return lines.map((line) =>
    widths
      .map((width, index) => cutToColumns(line[index] ?? "", width))
      .map((cell, index) => cell + " ".repeat((widths[index] ?? 0) - stringWidth(cell)))
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

function cutToColumns(text: string, width: number): string {
  if (stringWidth(text) <= width) return text;
  const parts = Array.from(characters.segment(text), ({ segment }) => segment);
  return text.startsWith("/")
    ? `…${fitting(parts.toReversed(), width - 1)
        .toReversed()
        .join("")}`
    : `${fitting(parts, width - 1).join("")}…`;
}

/** As many of the first characters as fit into `width` columns. Some characters take two. */
function fitting(parts: readonly string[], width: number): string[] {
  const kept: string[] = [];
  let left = width;
  for (const part of parts) {
    left -= stringWidth(part);
    if (left < 0) break;
    kept.push(part);
  }
  return kept;
}
