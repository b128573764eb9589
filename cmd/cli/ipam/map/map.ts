import { type Cidr, parseCidr } from "../../../../cni/address.ts";
import { type CniError, cniError, failWith } from "../../../../cni/errors.ts";
import { type Outcome, ok } from "../../../../sys/outcome.ts";
import type { Sys } from "../../../../sys/sys.ts";
import { type Context, defineCommand } from "../../command.ts";
import { printFailure } from "../../failure.ts";
import { text, type ValuesOf } from "../../option.ts";
import type { Person } from "../../person.ts";
import { paint, plain, printDocument, type Terminal } from "../../terminal.ts";
import { countEntries, readHoldings } from "../read.ts";
import { findPool } from "../target.ts";
import { exampleConfig, exitsOfLooks, targetConflicts, targetOptions } from "../target-options.ts";
import { jsonCount, printCount } from "../words.ts";
import { svgOf } from "./draw-svg.ts";
import { drawLines, legendOf } from "./draw-text.ts";
import { dominant, type Picture, type PictureShape, picturesOf, printCell, takenIn } from "./picture.ts";

const wideEnough = 84;
const svgShape: PictureShape = { columns: 64, mostRows: 32 };
const fileMode = 0o644;

const options = {
  ...targetOptions,
  svg: text("draw to this file"),
  within: text("only this part, as a CIDR"),
};
type MapOptions = ValuesOf<typeof options>;

export const mapCommand = defineCommand({
  summary: "Draw a pool, in the terminal or as SVG",
  takes: "[--within CIDR] [--svg FILE]",
  about: ["Draws a pool: a mark for each address, or for each block of a large one."],
  options,
  conflicts: targetConflicts,
  examples: [
    ["in the terminal", `hawser ipam map ${exampleConfig}`],
    ["a part of a large pool", `hawser ipam map ${exampleConfig} --within 10.60.3.0/24`],
    ["as a picture", `hawser ipam map ${exampleConfig} --svg pool.svg`],
  ],
  exits: exitsOfLooks,
  run,
});

/** Errors: `cli.write`, `cli.within`, `cli.ranges`. */
async function run(sys: Sys, { terminal, person }: Context, options: MapOptions): Promise<number> {
  const pictures = await draw(sys, terminal, options, person);
  if (!pictures.ok) return printFailure(terminal, pictures.error, options.json);
  const { title, drawn } = pictures.value;
  if (options.svg !== undefined) {
    const written = sys.files.write(options.svg, svgOf(title, drawn), { mode: fileMode });
    if (!written.ok) {
      const error = cniError("ioFailure", "cli.write", `write ${options.svg}: ${written.error.message}`);
      return printFailure(terminal, error, options.json);
    }
  }
  if (options.json) printDocument(terminal, { title, svg: options.svg, pictures: drawn.map(documentOf) });
  else if (options.svg !== undefined) terminal.print(`${plain(title)}: drawn to ${plain(options.svg)}`);
  else printPictures(terminal, title, drawn);
  return 0;
}

interface Drawn {
  readonly title: string;
  readonly drawn: readonly Picture[];
}

async function draw(
  sys: Sys,
  terminal: Terminal,
  options: MapOptions,
  person: Person,
): Promise<Outcome<Drawn, CniError>> {
  const within = options.within === undefined ? ok(undefined) : readCidr(options.within);
  if (!within.ok) return within;
  const found = await findPool(sys, options);
  if (!found.ok) return found;
  const pool = found.value;
  const holdings = await readHoldings(pool.store, pool.keys, countEntries(person, pool.name));
  if (!holdings.ok) return holdings;
  const shape = options.svg === undefined ? terminalShape(terminal) : svgShape;
  const drawn = picturesOf(pool.sets, holdings.value, sys.clock.nowMs(), shape, within.value);
  const title = `Pool ${pool.name} in ${pool.store.label}`;
  if (drawn.length > 0) return ok({ title, drawn });
  const doing = `draw pool ${pool.name}`;
  return within.value === undefined
    ? failWith(
        "invalidConfig",
        "cli.ranges",
        `${doing}: its ranges are not known`,
        "Name its configuration by --config.",
      )
    : failWith(
        "invalidConfig",
        "cli.within",
        `${doing}: none of its ranges has an address in ${options.within}`,
      );
}

function readCidr(text: string): Outcome<Cidr, CniError> {
  const cidr = parseCidr(text);
  if (cidr !== undefined) return ok(cidr);
  return failWith("invalidConfig", "cli.within", `read --within ${text}: it is no network like 10.1.0.0/24`);
}

function terminalShape({ columns }: Terminal): PictureShape {
  return { columns: columns !== undefined && columns < wideEnough ? 32 : 64, mostRows: 32 };
}

function printPictures(terminal: Terminal, title: string, pictures: readonly Picture[]): void {
  terminal.print(paint(terminal, "bold", plain(title)));
  for (const picture of pictures) {
    const { block } = picture;
    const scale = block === 1n ? "one address a mark" : `${printCount(block)} addresses a mark`;
    terminal.print(`\n${picture.title}, ${scale}`);
    terminal.print(drawLines(terminal, picture).join("\n"));
  }
  terminal.print(`\n${legendOf(terminal, pictures)}`);
}

/** Leaves out cells without a taken address, since most of a large pool is empty. */
function documentOf(picture: Picture): Record<string, unknown> {
  const cells = picture.cells.filter((cell) => takenIn(cell) > 0);
  return {
    part: picture.title,
    addressesPerCell: jsonCount(picture.block),
    cells: cells.map((cell) => ({
      cell: printCell(picture, cell),
      mostly: dominant(cell),
      usable: jsonCount(cell.usable),
      ...cell.taken,
    })),
  };
}
