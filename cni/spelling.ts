import { canonicalAddress } from "./address.ts";
import { foldKey } from "./fold.ts";
import { canonicalHardware } from "./hardware.ts";
import { isObject, type Json, type JsonObject } from "./json.ts";

/**
 * Hands on a value of several spellings in one, whether it comes from an annotation, a definition or the runtime.
 * Plugins repeat in their results what they were told, and their CHECK compares texts.
 */

type Spell = (value: Json) => Json;

const hardware: Spell = (value) => (typeof value === "string" ? canonicalHardware(value) : value);
const address: Spell = (value) => (typeof value === "string" ? canonicalAddress(value) : value);
const addresses: Spell = (value) => (Array.isArray(value) ? value.map(address) : address(value));
const mappings: Spell = (value) =>
  Array.isArray(value)
    ? value.map((each) => (isObject(each) ? spell(each, { hostip: address }) : each))
    : value;

/**
 * Keys of a plugin's configuration (tuning, bridge, macvlan), of `runtimeConfig` and of `args.cni`. Like Go, it takes
 * them in any case.
 */
const ofPlugins: Readonly<Record<string, Spell>> = { mac: hardware };
const ofCapabilities: Readonly<Record<string, Spell>> = {
  mac: hardware,
  infinibandguid: hardware,
  ips: addresses,
  portmappings: mappings,
};
const ofArgs: Readonly<Record<string, Spell>> = { mac: hardware, guid: hardware, ips: addresses };

/** A plugin's configuration as it is sent. */
export function spellPlugin(plugin: JsonObject): JsonObject {
  return spell(plugin, {
    ...ofPlugins,
    runtimeconfig: (value) => (isObject(value) ? spell(value, ofCapabilities) : value),
    args: (value) =>
      isObject(value) ? spell(value, { cni: (cni) => (isObject(cni) ? spell(cni, ofArgs) : cni) }) : value,
  });
}

/** `MAC`, `IP` and `GATEWAY` of CNI_ARGS; all else as the runtime wrote it. */
export function spellArgs(args: string): string {
  return args
    .split(";")
    .map((piece) => {
      const [, key = "", value = ""] = /^(MAC|IP|GATEWAY)=(.*)$/.exec(piece) ?? [];
      if (key === "") return piece;
      return `${key}=${key === "MAC" ? canonicalHardware(value) : value.split(",").map(canonicalAddress).join(",")}`;
    })
    .join(";");
}

/** A result as the next plugin reads it: the hardware addresses of its interfaces. */
export function spellResult(document: JsonObject): JsonObject {
  return spell(document, {
    interfaces: (value) =>
      Array.isArray(value) ? value.map((each) => (isObject(each) ? spell(each, ofPlugins) : each)) : value,
  });
}

/** Returns the same object if nothing is to be changed, which is nearly always so. */
function spell(object: JsonObject, spells: Readonly<Record<string, Spell>>): JsonObject {
  let spelled = object;
  for (const [key, value] of Object.entries(object)) {
    const own = foldKey(key);
    const other = Object.hasOwn(spells, own) ? (spells[own]?.(value) ?? value) : value;
    if (other !== value) spelled = { ...spelled, [key]: other };
  }
  return spelled;
}
