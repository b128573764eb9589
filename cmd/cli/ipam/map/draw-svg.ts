import { printAddress } from "../../../../cni/address.ts";
import { printCount } from "../words.ts";
import { type Cell, type Picture, printCell, rowsOf, type Taken, takenIn, takens } from "./picture.ts";

/** Colours that people with colour blindness can tell apart (by Okabe and Ito). */
const fills: Readonly<Record<Taken | "free" | "excluded", string>> = {
  used: "#0072b2",
  held: "#e69f00",
  reserved: "#009e73",
  quarantined: "#d55e00",
  free: "#e8edf2",
  excluded: "#9aa7b4",
};

const cellPx = 12;
const pitchPx = 14;
const marginPx = 24;
const lineHeightPx = 18;
const letterPx = 7.3;

/**
 * Draws pictures of a pool as one SVG document. A cell is filled as far as its block is. Its tooltip says what it is.
 */
export function svgOf(title: string, pictures: readonly Picture[]): string {
  const labelPx = Math.ceil(widestLabel(pictures) * letterPx) + 12;
  const columns = Math.max(...pictures.map((picture) => picture.columns));
  const parts: string[] = [];
  let top = marginPx + 2 * lineHeightPx + 10;
  for (const picture of pictures) {
    parts.push(...paintPicture(picture, top, labelPx));
    top += (rowsOf(picture).length + 1) * pitchPx + 2 * lineHeightPx;
  }
  const width = Math.max(2 * marginPx + labelPx + columns * pitchPx, 640);
  return document(title, width, top, [text(marginPx, marginPx + 6, title, "title"), ...legend(), ...parts]);
}

function document(title: string, width: number, height: number, parts: readonly string[]): string {
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${height}" width="${width}" height="${height}" role="img" aria-labelledby="title">`,
    `<title id="title">${escaped(title)}</title>`,
    "<style>text{font:12px ui-monospace,'DejaVu Sans Mono',monospace;fill:#1f2933}.title{font-size:16px;font-weight:700}</style>",
    `<rect width="${width}" height="${height}" fill="#fbfcfd"/>`,
    ...parts,
    "</svg>",
    "",
  ].join("\n");
}

function legend(): string[] {
  let left = marginPx;
  return [...takens, "free" as const, "excluded" as const].flatMap((name) => {
    const at = left;
    left += cellPx + 8 + (name.length + 2) * letterPx;
    const top = marginPx + lineHeightPx;
    return [square(at, top, cellPx, fills[name]), text(at + cellPx + 5, top + 10, name)];
  });
}

function paintPicture(picture: Picture, top: number, labelPx: number): string[] {
  const { block, title } = picture;
  const scale = block === 1n ? "an address a cell" : `${printCount(block)} addresses a cell`;
  const rows = rowsOf(picture).flatMap((row, index) => {
    const y = top + lineHeightPx + index * pitchPx;
    const label = printAddress({ family: picture.family, value: row[0]?.first ?? 0n });
    const cells = row.flatMap((cell, column) =>
      paintCell(picture, cell, marginPx + labelPx + column * pitchPx, y),
    );
    return [text(marginPx, y + 10, label), ...cells];
  });
  return [text(marginPx, top + 4, `${title}: ${scale}`), ...rows];
}

/** Fills a cell from below, one condition above the other. */
function paintCell(picture: Picture, cell: Cell, x: number, y: number): string[] {
  if (!cell.inside && takenIn(cell) === 0) return [];
  const base = square(x, y, cellPx, cell.usable === 0n ? fills.excluded : fills.free);
  const room = cell.usable > 0n ? Number(cell.usable) : Math.max(1, takenIn(cell));
  let bottom = y + cellPx;
  const bars = takens
    .filter((taken) => cell.taken[taken] > 0)
    .map((taken) => {
      // One address in a million must be visible, too.
      const height = Math.min(Math.max(1, round((cell.taken[taken] / room) * cellPx)), bottom - y);
      bottom -= height;
      return `<rect x="${x}" y="${round(bottom)}" width="${cellPx}" height="${round(height)}" fill="${fills[taken]}"/>`;
    });
  return [`<g><title>${escaped(tooltip(picture, cell))}</title>${base}${bars.join("")}</g>`];
}

function tooltip(picture: Picture, cell: Cell): string {
  const what = takens
    .filter((taken) => cell.taken[taken] > 0)
    .map((taken) => (picture.block === 1n ? taken : `${cell.taken[taken]} ${taken}`));
  const rest = cell.usable === 0n ? "excluded" : "free";
  return `${printCell(picture, cell)}: ${what.length === 0 ? rest : what.join(", ")}`;
}

function widestLabel(pictures: readonly Picture[]): number {
  const labels = pictures.flatMap((picture) =>
    rowsOf(picture).map(([cell]) => printAddress({ family: picture.family, value: cell?.first ?? 0n })),
  );
  return Math.max(...labels.map((label) => label.length));
}

function square(x: number, y: number, size: number, fill: string): string {
  return `<rect x="${x}" y="${y}" width="${size}" height="${size}" rx="1.5" fill="${fill}"/>`;
}

function text(x: number, y: number, content: string, name?: string): string {
  const style = name === undefined ? "" : ` class="${name}"`;
  return `<text x="${x}" y="${y}"${style}>${escaped(content)}</text>`;
}

function round(value: number): number {
  return Math.round(value * 100) / 100;
}

function escaped(content: string): string {
  return content
    .replaceAll("&", "&amp;")
    .replaceAll("<", "&lt;")
    .replaceAll(">", "&gt;")
    .replaceAll('"', "&quot;");
}
