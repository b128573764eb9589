import { parseArgs } from "../../../cni/environment.ts";
import type { CniError } from "../../../cni/errors.ts";
import { fieldOf, readObject, show } from "../../../cni/fields.ts";
import { canonicalHardware, hardwareOctets } from "../../../cni/hardware.ts";
import type { Json } from "../../../cni/json.ts";
import type { Invocation } from "../../../cni/plugin.ts";
import { newNotes, refuse } from "../../../cni/readers.ts";
import { fail, type Outcome, ok } from "../../../sys/outcome.ts";
import { invalidIpam } from "../../ipam-config.ts";

/**
 * Reads the MAC address that the main plugin is going to set: `runtimeConfig.mac`, else `args.cni.mac`, else CNI_ARGS `MAC=`,
 * as in bridge and macvlan. It is recorded, so that no two interfaces have the same. Errors: `ipam.config`.
 */
export function askedMac({ config, environment }: Invocation): Outcome<string | undefined, CniError> {
  const notes = newNotes();
  const cni = readObject(readObject(config.raw, "args", "args", notes), "cni", "args.cni", notes);
  const runtimeConfig = readObject(config.raw, "runtimeConfig", "runtimeConfig", notes);
  const places: [string, Json | undefined][] = [
    ["runtimeConfig.mac", fieldOf(runtimeConfig, "mac")],
    ["args.cni.mac", fieldOf(cni, "mac")],
    ["CNI_ARGS MAC", parseArgs(environment.args).get("MAC")],
  ];
  const [place, text] = places.find(([, value]) => value !== undefined && value !== "") ?? ["", ""];
  const isMac = typeof text === "string" && (text === "" || hardwareOctets(text) !== undefined);
  if (!isMac) refuse(notes, place, `${show(text ?? "")} is no MAC address`);
  if (notes.problems.length > 0) return fail(invalidIpam(config, notes));
  return ok(typeof text === "string" && text !== "" ? canonicalHardware(text) : undefined);
}
