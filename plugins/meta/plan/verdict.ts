import type { CniError } from "../../../cni/errors.ts";
import type { Definition } from "../../../kube/definition-files.ts";
import { type Outcome, ok } from "../../../sys/outcome.ts";
import type { Sys } from "../../../sys/sys.ts";
import type { MetaConfig } from "../config/config.ts";
import { admit } from "../observe/admit.ts";
import { decodeTenants } from "../observe/decode-definitions.ts";
import { withConfiguration } from "../observe/source.ts";
import type { Wanted } from "../observe/wanted.ts";
import { plan } from "./plan.ts";
import { select } from "./select.ts";

/**
 * The error that an ADD would have for a definition of the API. Its pod is of the definition's namespace and asks for nothing
 * else.
 */
export async function verdictOn(
  sys: Sys,
  config: MetaConfig,
  read: Outcome<Definition, CniError>,
): Promise<Outcome<void, CniError>> {
  const definition = read.ok ? withConfiguration(sys, config, read.value) : read;
  if (!definition.ok) return definition;
  const { namespace, name } = definition.value;
  const wanted: Wanted = {
    role: "secondary",
    origin: "annotation",
    request: { namespace, name },
    lookup: { kind: "found", network: `${namespace}/${name}`, definition: definition.value },
  };
  const decoded = await decodeTenants(sys, config, [wanted]);
  const admitted = decoded.ok ? admit(config, namespace, decoded.value) : decoded;
  if (!admitted.ok) return admitted;
  const selections = select(admitted.value, { primary: "eth0", existing: [] });
  const planned = selections.ok ? plan(config, selections.value, undefined) : selections;
  return planned.ok ? ok(undefined) : planned;
}
