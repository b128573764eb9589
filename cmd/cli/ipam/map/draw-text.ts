import { printAddress } from "../../../../cni/address.ts";
import { paint, type Terminal } from "../../terminal.ts";
import { type Cell, dominant, type Picture, rowsOf, type Taken, takenIn } from "./picture.ts";

const letters: Readonly<Record<Taken, string>> = { used: "U", held: "H", reserved: "R", quarantined: "Q" };
const colours = { used: "green", held: "yellow", reserved: "bold", quarantined: "red" } as const;

/** Draws a picture as lines. Each begins with an address. The marks differ without colours, too. */
export function drawLines(terminal: Terminal, picture: Picture): string[] {
  const rows = rowsOf(picture);
  const labels = rows.map(([cell]) => printAddress({ family: picture.family, value: cell?.first ?? 0n }));
  const width = Math.max(...labels.map((label) => label.length));
  return rows.map((row, index) => {
    const label = (labels[index] ?? "").padEnd(width);
    return `${label}  ${row.map((cell) => painted(terminal, picture, cell)).join("")}`.trimEnd();
  });
}

function painted(terminal: Terminal, { block }: Picture, cell: Cell): string {
  const mark = block === 1n ? markOfAddress(cell) : markOfBlock(cell);
  const most = dominant(cell);
  return paint(terminal, most === undefined ? "dim" : colours[most], mark);
}

function markOfAddress(cell: Cell): string {
  const taken = dominant(cell);
  if (taken !== undefined) return letters[taken];
  if (!cell.inside) return " ";
  return cell.usable === 0n ? "x" : ".";
}

/** Says in tenths how full a cell is, so that one digit suffices. */
function markOfBlock(cell: Cell): string {
  const taken = takenIn(cell);
  if (taken === 0) return !cell.inside ? " " : cell.usable === 0n ? "x" : ".";
  if (BigInt(taken) >= cell.usable) return "#";
  const tenths = Number((BigInt(taken) * 10n) / cell.usable);
  return String(Math.max(1, tenths));
}

const blanks = "A blank is the network's or the broadcast address, or another outside of the ranges.";

/** Says what the marks mean that occur in the pictures. */
export function legendOf(terminal: Terminal, pictures: readonly Picture[]): string {
  const single = pictures.some(({ block }) => block === 1n);
  const blocks = pictures.some(({ block }) => block !== 1n);
  const marks = [
    ...(single ? [`${paint(terminal, "green", "U")} used`] : []),
    ...(single ? [`${paint(terminal, "yellow", "H")} held`] : []),
    ...(single ? [`${paint(terminal, "bold", "R")} reserved`] : []),
    ...(single ? [`${paint(terminal, "red", "Q")} quarantined`] : []),
    ...(blocks ? ["1-9 tenths taken", "# full"] : []),
    `${paint(terminal, "dim", ".")} free`,
    `${paint(terminal, "dim", "x")} excluded or gateway`,
  ];
  const hasBlanks = pictures.some(({ cells }) => cells.some((cell) => !cell.inside && takenIn(cell) === 0));
  return `${marks.join("   ")}${hasBlanks ? `\n${blanks}` : ""}`;
}
