import { parseChain } from "../../../cni/chain.ts";
import type { CniError } from "../../../cni/errors.ts";
import { isObject, type JsonObject } from "../../../cni/json.ts";
import { versionWhenMissing } from "../../../cni/version.ts";
import { parseResource } from "../../../kube/definition.ts";
import { plan } from "../../../plugins/meta/plan/plan.ts";
import type { Selection } from "../../../plugins/meta/plan/select.ts";
import { acceptConfig } from "../../../plugins/meta/plan-add.ts";
import type { Outcome } from "../../../sys/outcome.ts";
import type { Sys } from "../../../sys/sys.ts";
import { networkConfigOf, readConfiguration, standInResult } from "../configuration.ts";

/**
 * The error with which every ADD of a configuration fails before it asks an IPAM plugin. Undefined when there is none.
 * Mistakes in the IPAM's own fields are left to its plugin's parser.
 */
export async function refusalOf(sys: Sys, path: string, document: JsonObject): Promise<CniError | undefined> {
  const { spec } = document;
  if (isObject(spec)) return definitionRefusal(path, document);
  const configuration = readConfiguration(sys, path);
  if (!configuration.ok) return configuration.error;
  if (configuration.value === undefined) return undefined;
  const prevResult = standInResult(configuration.value, "eth0", "/var/run/netns/hawser-ipam");
  const network = networkConfigOf(configuration.value, prevResult === undefined ? {} : { prevResult });
  if (!network.ok) return network.error;
  const config = await acceptConfig(network.value);
  if (!config.ok) return config.error;
  const { primary, network: own } = config.value;
  if (primary.kind !== "inline") return undefined;
  const selection: Selection = {
    role: "primary",
    origin: "configuration",
    source: "delegate",
    ifname: "eth0",
    network: own.name,
    config: primary.config,
    request: undefined,
  };
  return errorOf(plan(config.value, [selection], undefined));
}

function definitionRefusal(source: string, document: JsonObject): CniError | undefined {
  const metadata = isObject(document.metadata) ? document.metadata : {};
  const { namespace, name } = metadata;
  const place = {
    namespace: typeof namespace === "string" ? namespace : "default",
    name: typeof name === "string" ? name : "",
    source,
    keptIn: "disk",
  } as const;
  const definition = parseResource(document, place);
  if (!definition.ok) return definition.error;
  const fallback = { name: place.name, cniVersion: versionWhenMissing };
  return Object.keys(definition.value.config).length === 0
    ? undefined
    : errorOf(parseChain(definition.value.config, fallback));
}

function errorOf(outcome: Outcome<unknown, CniError>): CniError | undefined {
  return outcome.ok ? undefined : outcome.error;
}
