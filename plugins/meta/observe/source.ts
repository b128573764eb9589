import { type CniError, failWith, hasId, within } from "../../../cni/errors.ts";
import { isObject, type JsonObject } from "../../../cni/json.ts";
import { withoutTrailingSlashes } from "../../../cni/slashes.ts";
import type { KubeClient } from "../../../kube/client.ts";
import { isConfiguration, readConfiguration } from "../../../kube/definition-files.ts";
import type { AssignedDevice } from "../../../kube/devices/assign.ts";
import { fail, type Outcome, ok } from "../../../sys/outcome.ts";
import type { Sys } from "../../../sys/sys.ts";
import type { MetaConfig, NetworkSource } from "../config/config.ts";
import { chained, isNotAsked, readDefinitions, readNamed, siblingPlugins } from "./lookup.ts";

/** A network of the operator's choice. */
export interface FoundNetwork {
  /** For people: its network's name, or `namespace/name` of its definition. */
  readonly name: string;
  /** The file that defines it; for one inside of our own configuration its field. */
  readonly source: string;
  readonly config: JsonObject;
  /** Those of its definition. */
  readonly annotations: Readonly<Record<string, string>>;
  /** Where these name a resource: the pod's device of it. */
  readonly device?: AssignedDevice;
}

/**
 * Finds what the operator's configuration names; `field` is where it is named. Undefined where only the API could tell and
 * it may not be asked.
 */
export async function readSource(
  sys: Sys,
  config: MetaConfig,
  source: NetworkSource,
  field: string,
  api: KubeClient | undefined,
): Promise<Outcome<FoundNetwork | undefined, CniError>> {
  switch (source.kind) {
    case "inline":
      return ok(plainly(config, { source: field, config: source.config }));
    case "named": {
      const found = readNamed(sys, config, source.name);
      return found.ok ? ok(plainly(config, found.value)) : fail(within(`find ${field}`, found.error));
    }
    case "path": {
      const found = readPath(sys, source.path);
      return found.ok ? ok(plainly(config, found.value)) : fail(within(`find ${field}`, found.error));
    }
    case "defined": {
      const found = await readDefined(sys, config, source, api);
      return found.ok ? found : fail(within(`find ${field}`, found.error));
    }
  }
}

type Plain = Pick<FoundNetwork, "source" | "config">;

function plainly({ network }: MetaConfig, { source, config }: Plain): FoundNetwork {
  const { name } = config;
  const named = typeof name === "string" && name !== "" ? name : network.name;
  return { name: named, source, config, annotations: {} };
}

async function readDefined(
  sys: Sys,
  config: MetaConfig,
  { namespace, name }: { readonly namespace: string; readonly name: string },
  api: KubeClient | undefined,
): Promise<Outcome<FoundNetwork | undefined, CniError>> {
  const request = { namespace, name };
  const asked = { role: "primary", origin: "configuration", request } as const;
  const [sought] = await readDefinitions(sys, config, [asked], api);
  if (sought === undefined) throw new Error("readDefinitions answers each request");
  if (isNotAsked(sought)) {
    const likely = readNamed(sys, config, name);
    return ok(likely.ok ? plainly(config, likely.value) : undefined);
  }
  const { definition } = sought;
  if (definition.ok) return ok({ ...definition.value, name: `${namespace}/${name}` });
  // An API that is down must not put pods on another network.
  if (!hasId(definition.error, "kube.unknown-network", "kube.name")) return definition;
  const named = readNamed(sys, config, name);
  return named.ok ? ok(plainly(config, named.value)) : definition;
}

/** A configuration's own path; of a folder the first file by name that runtimes would take. Errors: `kube.unknown-network`, `kube.read`. */
function readPath(sys: Sys, path: string): Outcome<Plain, CniError> {
  const names = sys.files.list(path);
  const [first] = names.ok ? names.value.filter(isConfiguration) : [];
  if (names.ok && first === undefined) {
    const hint = "It is to hold a .conf or .conflist file.";
    return failWith(
      "selection",
      "kube.unknown-network",
      `folder ${path}: there is no configuration in it`,
      hint,
    );
  }
  const source = first === undefined ? path : `${withoutTrailingSlashes(path)}/${first}`;
  const config = readConfiguration(sys, source);
  if (!config.ok) return config;
  return ok({ source, config: chained(sys, source.slice(0, source.lastIndexOf("/")), config.value) });
}

/** Undefined when its folder holds nothing: then there is nothing to attach. */
export function readAuxiliary(sys: Sys, { auxiliary }: MetaConfig): FoundNetwork | undefined {
  if (auxiliary === undefined) return undefined;
  const { config, folder } = auxiliary;
  const more = siblingPlugins(sys, folder);
  if (more.length === 0) return undefined;
  const first = Array.isArray(config.plugins) ? config.plugins.filter(isObject) : [];
  return {
    name: String(config.name),
    source: folder,
    config: { ...config, plugins: [...first, ...more] },
    annotations: {},
  };
}
