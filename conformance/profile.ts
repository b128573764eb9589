import { isObject, isText, type JsonDocument } from "./json-document.ts";
import { openHolesOf } from "./template.ts";
import { type Kind, kinds } from "./vocabulary.ts";

/** Everything that the suite has to know about a plugin (conformance/profiles/*.json). */
export interface Profile {
  readonly name: string;
  readonly about: string;
  /** The file name of the executable. */
  readonly plugin: string;
  readonly kind: Kind;
  /** The plugin's configuration with `{{holes}}` (`template.ts`); cniVersion and name are put in. */
  readonly config: JsonDocument;
  /** For a meta-plugin: a configuration whose `{{list}}` is the list of plugins that it is to run. */
  readonly listConfig?: JsonDocument;
  /** The one interface name that the plugin is for, where it does not take any. */
  readonly ifname?: string;
  /** Link types that the kernel must be able to make (`ip link add type`). */
  readonly kernel?: readonly string[];
  /** Files that the plugin needs, by path; both may have holes. */
  readonly files?: Readonly<Record<string, JsonDocument>>;
  /** Commands that prepare the node. */
  readonly node?: readonly (readonly string[])[];
  /** Programs that have to run on the node while the plugin is tried. Each is ready once its file exists. */
  readonly services?: readonly { readonly run: readonly string[]; readonly ready: string }[];
  /** An IPAM plugin that asks through the container's interface: the suite makes one, its other end in this bridge. */
  readonly bridge?: string;
  /** Commands that take away what the plugin has made, though no result shows it. */
  readonly loss?: readonly { readonly in: "container" | "node"; readonly run: readonly string[] }[];
  /** Laid over the configuration, it must make the plugin refuse it. */
  readonly invalid?: JsonDocument;
  /** Requirements that cannot apply to this plugin, each with the reason. */
  readonly exclude?: Readonly<Record<string, string>>;
}

/** Reads a profile, or tells what is wrong with it. */
export function parseProfile(text: string): Profile | string {
  const json = parseObject(text);
  return typeof json === "string" ? json : checkProfile(json);
}

/** The profile of a plugin of which no more is known than a configuration and its kind. */
export function profileOf(plugin: string, kind: Kind | undefined, configText: string): Profile | string {
  const config = parseObject(configText);
  return typeof config === "string"
    ? config
    : checkProfile({ name: plugin, about: "", plugin, kind, config });
}

function parseObject(text: string): JsonDocument | string {
  try {
    const json: unknown = JSON.parse(text);
    return isObject(json) ? json : "it is no JSON object";
  } catch (error) {
    return `it is no JSON: ${error instanceof Error ? error.message : String(error)}`;
  }
}

function checkProfile(json: JsonDocument): Profile | string {
  const { name, about, plugin, kind, config, listConfig, files, node, services, exclude = {} } = json;
  if (![name, about, plugin].every(isText)) return "name, about and plugin have to be texts";
  if (!isKind(kind)) return `kind has to be one of ${kinds.join(", ")}`;
  if (!isObject(config) || !isText(config.type)) return "config has to be an object with a type";
  if (!isObject(exclude) || !Object.values(exclude).every((reason) => isText(reason) && reason !== "")) {
    return "exclude has to give a reason for each requirement";
  }
  const known =
    "name about plugin kind config listConfig ifname kernel files node services bridge loss invalid exclude $schema".split(
      " ",
    );
  const unknown = Object.keys(json).filter((key) => !known.includes(key));
  if (unknown.length > 0) return `nobody knows the field ${unknown.join(", ")}`;
  const [open] = openHolesOf([config, listConfig, files, node, services]);
  if (open !== undefined) return `nothing fills the hole {{${open}}}: give it a default, {{${open}=...}}`;
  return json as unknown as Profile;
}

export function isKind(value: unknown): value is Kind {
  return (kinds as readonly unknown[]).includes(value);
}
