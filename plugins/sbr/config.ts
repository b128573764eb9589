import { type Address, parseAddress } from "../../cni/address.ts";
import type { CniError } from "../../cni/errors.ts";
import { fieldOf, readTexts, show } from "../../cni/fields.ts";
import type { JsonObject } from "../../cni/json.ts";
import type { Invocation } from "../../cni/plugin.ts";
import { flag, type Notes, newNotes, refuse } from "../../cni/readers.ts";
import type { Outcome } from "../../sys/outcome.ts";
import { judged, optional, wholeNumber } from "../link/main-config.ts";

export interface SbrConfig {
  /** The table that rules name. The plugin adds no routes to it. Undefined: it makes a table for each address. */
  readonly table: number | undefined;
  /** They replace the gateways of prevResult: at most one of each family. */
  readonly gateways: readonly Address[];
  /** The main table keeps the subnets' routes, with the address as their preferred source. */
  readonly addSourceHints: boolean;
}

/** Table 0 is "no table" to the kernel. */
const tableField = wholeNumber(1, 0xffff_ffff);

/** Errors: `link.config` with every problem at once. */
export function parseSbrConfig({ config }: Invocation): Outcome<SbrConfig, CniError> {
  const notes = newNotes();
  const table = optional(config.raw, "table", tableField, notes);
  const gateways = readGateways(readTexts(config.raw, "gateways", "", notes), notes);
  const addSourceHints = optional(config.raw, "addSourceHints", flag, notes) ?? false;
  return judged(config, { table, gateways, addSourceHints }, notes);
}

/** The configured table as DEL reads it: of a wrong configuration it takes what can be taken. */
export function tableOf(raw: JsonObject): number | undefined {
  return tableField(fieldOf(raw, "table") ?? null, "table", newNotes());
}

function readGateways(texts: readonly string[], notes: Notes): Address[] {
  const gateways: Address[] = [];
  for (const [index, written] of texts.entries()) {
    const place = `gateways[${index}]`;
    const gateway = parseAddress(written);
    if (gateway === undefined) refuse(notes, place, `${show(written)} is no IP address`);
    else if (gateways.some(({ family }) => family === gateway.family))
      refuse(
        notes,
        place,
        `is the second gateway of IPv${gateway.family}: there is one of each family at most`,
      );
    else gateways.push(gateway);
  }
  return gateways;
}
