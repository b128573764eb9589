import { parseAddress } from "../../../../cni/address.ts";
import { isObject, type JsonObject, parseJson, printJson } from "../../../../cni/json.ts";
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

function readLine(line: string): Outcome<Holding, string> {
  const json = parseJson(line);
  if (!json.ok || !isObject(json.value)) return { ok: false, error: "it is no JSON object" };
  const codes = codesOf(json.value);
  const holding = codes === undefined ? undefined : readHolding({ ...json.value, addresses: codes });
  return holding === undefined ? { ok: false, error: "it is no owner's record" } : ok(holding);
}

function codesOf({ addresses }: JsonObject): string[] | undefined {
  if (!Array.isArray(addresses)) return undefined;
  const parsed = addresses.map((text) => (typeof text === "string" ? parseAddress(text) : undefined));
  const known = parsed.flatMap((address) => address ?? []);
  return known.length === parsed.length ? known.map(codeOfAddress) : undefined;
}
