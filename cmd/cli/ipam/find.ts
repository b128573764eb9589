import { isObject, type Json, type JsonObject, parseJson } from "../../../cni/json.ts";

/** A network with hawser-flat as its IPAM: the configuration that its plugin gets, and the file with it. */
export interface FlatNetwork {
  readonly path: string;
  readonly config: JsonObject;
}

const flatType = "hawser-flat";

/**
 * Finds every network with hawser-flat in a document: in a configuration, a list, the delegates of a meta-plugin, or a
 * NetworkAttachmentDefinition.
 */
export function flatNetworksIn(path: string, document: JsonObject): FlatNetwork[] {
  const { metadata, spec } = document;
  if (isObject(spec) && typeof spec.config === "string") {
    const config = parseJson(spec.config);
    const name = isObject(metadata) ? metadata.name : undefined;
    return config.ok ? walk(path, config.value, { name: name ?? "" }) : [];
  }
  return walk(path, document, {});
}

/** The fields that a plugin of a list, or a delegate, takes from the document around it (CNI 1.1.0, section 3). */
type Around = Readonly<Record<string, Json>>;

function walk(path: string, value: Json | undefined, around: Around): FlatNetwork[] {
  if (Array.isArray(value)) return value.flatMap((each) => walk(path, each, around));
  if (!isObject(value)) return [];
  const { cniVersion, name, ipam } = value;
  const here = { ...around, ...(cniVersion && { cniVersion }), ...(name && { name }) };
  const own = isObject(ipam) && ipam.type === flatType ? [{ path, config: { ...value, ...here } }] : [];
  const inner = [value.plugins, value.delegate, value.delegates];
  return [...own, ...inner.flatMap((each) => walk(path, each, here))];
}
