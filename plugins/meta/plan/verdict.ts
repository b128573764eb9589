import type { CniError } from "../../../cni/errors.ts";
import type { Definition } from "../../../kube/definition-files.ts";
import { type Outcome, ok } from "../../../sys/outcome.ts";
import type { Sys } from "../../../sys/sys.ts";
import type { MetaConfig } from "../config/config.ts";
import { decodeTenants } from "../observe/decode-definitions.ts";
import { complete } from "../observe/lookup.ts";
import { admit } from "../observe/policy.ts";
import { plan } from "./plan.ts";

/** What an ADD would say of a definition of the API's, for a pod of its own namespace that asks for nothing else. */
export async function verdictOn(
  sys: Sys,
  config: MetaConfig,
  read: Outcome<Definition, CniError>,
): Promise<Outcome<void, CniError>> {
  const definition = complete(sys, config, read);
  if (!definition.ok) return definition;
  const { namespace, name, source } = definition.value;
  const request = { namespace, name };
  const judged = await decodeTenants(sys, config, [
    { role: "secondary", origin: "annotation", request, definition },
  ]);
  if (!judged.ok) return judged;
  const admitted = admit(config, namespace, judged.value);
  if (!admitted.ok) return admitted;
  const selections = admitted.value.map(({ role, origin, definition: { config: decoded } }) => ({
    ...{ role, origin, request, source, ifname: "net1", network: `${namespace}/${name}`, config: decoded },
  }));
  const planned = plan(config, selections, undefined);
  return planned.ok ? ok(undefined) : planned;
}
