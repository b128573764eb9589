import { kindOf } from "../../cni/config.ts";
import { type CniError, failWith } from "../../cni/errors.ts";
import { isObject, type Json, type JsonObject } from "../../cni/json.ts";
import { readDocuments } from "../../kube/yaml.ts";
import { type Outcome, ok } from "../../sys/outcome.ts";
import type { Sys } from "../../sys/sys.ts";
import { whyUnread } from "./failure.ts";

/** One object of a file that kubectl reads or writes. */
export interface KubernetesManifest {
  /** The object's name for people, where the object has none of its own. */
  readonly kind: string;
  readonly metadata: JsonObject;
  readonly object: JsonObject;
}

/**
 * Reads all objects of a file that `kubectl apply -f` takes or `kubectl get -o yaml` writes: YAML or JSON, several
 * documents, lists. `what` names for errors what the caller looks for. Errors: `cli.file`, `cli.pod`.
 */
export async function readManifests(
  sys: Sys,
  path: string,
  what: string,
): Promise<Outcome<KubernetesManifest[], CniError>> {
  const text = sys.files.read(path);
  if (!text.ok)
    return failWith("ioFailure", "cli.file", `read ${what} ${path}: ${whyUnread(text.error, "file")}`);
  const documents = await readDocuments(text.value);
  if (documents.ok) return ok(documents.value.flatMap((document) => objectsIn(document)));
  return failWith("undecodable", "cli.pod", `read ${what} ${path}: it is not YAML: ${documents.error}`);
}

/** The objects of a document; a list gives its items. The API leaves the kind out of a PodList's items. */
function objectsIn(document: Json, kindInList?: string): KubernetesManifest[] {
  if (!isObject(document)) return [{ kind: kindOf(document), metadata: {}, object: {} }];
  const { kind = kindInList, items, metadata } = document;
  const name = typeof kind === "string" ? kind : "something without a kind";
  if (name.endsWith("List") && (Array.isArray(items) || items === null || items === undefined)) {
    const inner = name === "List" ? undefined : name.slice(0, -"List".length);
    return (items ?? []).flatMap((item) => objectsIn(item, inner));
  }
  const object = kind === undefined ? document : { ...document, kind };
  return [{ kind: name, metadata: isObject(metadata) ? metadata : {}, object }];
}
