import { type CniError, hasId } from "../../../cni/errors.ts";
import type { KubeClient } from "../../../kube/client.ts";
import { type Definition, readDefinition } from "../../../kube/definition-files.ts";
import { fail, type Outcome, ok } from "../../../sys/outcome.ts";
import type { Sys } from "../../../sys/sys.ts";
import type { MetaConfig } from "../config/config.ts";
import type { Lookup, Wanted } from "./wanted.ts";

/** So many requests to the API are under way at once: a pod's author chooses how many networks it asks for. */
const batchSize = 16;

type ReadDefinition = Outcome<Definition, CniError>;

/** The name of a definition, wherever it is kept. */
interface DefinitionName {
  readonly namespace: string;
  readonly name: string;
}

/**
 * Looks for the definitions of the networks that have one; each definition is read once. What is not in definitionsDir comes
 * from the API, all of it at once; without an API client it is `not-asked`.
 */
export async function readDefinitions(
  sys: Sys,
  { definitionsDir, kubeconfig }: MetaConfig,
  wanted: readonly Wanted[],
  api: KubeClient | undefined,
): Promise<Wanted[]> {
  const read = new Map<string, ReadDefinition>();
  for (const { namespace, name } of wanted.flatMap((each) => definitionOf(each) ?? [])) {
    const key = `${namespace}/${name}`;
    if (!read.has(key)) read.set(key, readDefinition(sys, definitionsDir, namespace, name));
  }
  const elsewhere = kubeconfig === "" ? [] : [...read].filter(isUnknown).map(([key]) => key);
  if (api !== undefined) await fetchAll(api, elsewhere, read);
  return wanted.map((each) => {
    const definition = definitionOf(each);
    if (definition === undefined) return each;
    const key = `${definition.namespace}/${definition.name}`;
    const isNotAsked = api === undefined && elsewhere.includes(key);
    return { ...each, lookup: isNotAsked ? notAsked(each, key) : lookupOf(key, read.get(key)) };
  });
}

/** Undefined for a network that the operator's configuration has in it, or that a file of confDir has. */
function definitionOf({ request, choice }: Wanted): DefinitionName | undefined {
  if (request !== undefined) return request;
  return choice?.source.kind === "defined" ? choice.source : undefined;
}

function isUnknown([, read]: readonly [string, ReadDefinition]): boolean {
  return !read.ok && hasId(read.error, "kube.unknown-network");
}

function notAsked({ role, choice }: Wanted, key: string): Lookup {
  const what = role === "primary" ? "the primary network" : (choice?.field ?? `network ${key}`);
  return { kind: "not-asked", what };
}

function lookupOf(network: string, read: ReadDefinition | undefined): Lookup {
  if (read === undefined) throw new Error("every definition of the list has been read");
  return read.ok ? { kind: "found", network, definition: read.value } : { kind: "failed", error: read.error };
}

async function fetchAll(
  api: KubeClient,
  keys: readonly string[],
  read: Map<string, ReadDefinition>,
): Promise<void> {
  if (keys.length === 0) return;
  const { fetchDefinition } = await import("../../../kube/api-objects.ts");
  for (let at = 0; at < keys.length; at += batchSize) {
    const batch = keys.slice(at, at + batchSize).map(async (key) => {
      const [namespace = "", name = ""] = key.split("/");
      const got = await fetchDefinition(api, namespace, name);
      if (!got.ok) read.set(key, got);
      else if (got.value !== undefined) read.set(key, ok(got.value));
      else read.set(key, nowhere(read.get(key)));
    });
    await Promise.all(batch);
  }
}

/** The error of a definition that is neither on disk nor in the API. */
function nowhere(onDisk: ReadDefinition | undefined): ReadDefinition {
  if (onDisk === undefined || onDisk.ok) throw new Error("only what is not on disk is looked for in the API");
  const { error } = onDisk;
  return fail({ ...error, details: `The Kubernetes API has none either. ${error.details}` });
}
