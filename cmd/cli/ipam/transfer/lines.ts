import { parseAddress } from "../../../../cni/address.ts";
import { isObject, parseJson, printJson } from "../../../../cni/json.ts";
import { isNot, isText, list, type Reader, readWhole, refuse } from "../../../../cni/readers.ts";
import { type Holding, readHolding } from "../../../../ipam/flat/pool/holding.ts";
import { codeOfAddress, printCode } from "../../../../ipam/flat/pool/keys.ts";
import { type Outcome, ok } from "../../../../sys/outcome.ts";

/** An export is a header and a line for each owner. Addresses are written as people write them. */
export const exportFormat = "hawser-flat/1";

export function headerLine(pool: string, atMs: number): string {
  return printJson({ format: exportFormat, pool, atMs });
}

export function holdingLine(holding: Holding): string {
  return printJson({ ...holding, addresses: holding.addresses.map(printCode) });
}

/** Whether a text is an export, in this format or a later one. */
export function isExport(text: string): boolean {
  const header = parseJson(text.slice(0, text.indexOf("\n")));
  return header.ok && isObject(header.value) && String(header.value.format).startsWith("hawser-flat/");
}

/** Reads the lines. Every line that cannot be understood is a problem. */
export function readLines(text: string): { holdings: Holding[]; problems: string[] } {
  const [header = "", ...lines] = text.split("\n");
  const json = parseJson(header);
  const format = json.ok && isObject(json.value) ? json.value.format : undefined;
  if (format !== exportFormat) return { holdings: [], problems: [`line 1: its format is ${String(format)}`] };
  const holdings: Holding[] = [];
  const problems: string[] = [];
  for (const [index, line] of lines.entries()) {
    if (line.trim() === "") continue;
    const holding = readLine(line);
    if (holding.ok) holdings.push(holding.value);
    else problems.push(`line ${index + 2}: ${holding.error}`);
  }
  return { holdings, problems };
}

/** Reads an address as people write it. */
const code: Reader<string> = (value, place, notes) => {
  const address = isText(value) ? parseAddress(value) : undefined;
  return address === undefined ? refuse(notes, place, isNot("an address")(value)) : codeOfAddress(address);
};

function readLine(line: string): Outcome<Holding, string> {
  const json = parseJson(line);
  if (!json.ok || !isObject(json.value)) return { ok: false, error: "it is no JSON object" };
  const addresses = readWhole(list(code), json.value.addresses ?? null);
  const holding = addresses && readHolding({ ...json.value, addresses });
  return holding === undefined ? { ok: false, error: "it is no owner's record" } : ok(holding);
}
