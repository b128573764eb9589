import { type CniError, failWith } from "../../cni/errors.ts";
import { isObject, type Json, type JsonObject } from "../../cni/json.ts";
import { type Outcome, ok } from "../../sys/outcome.ts";
import type { Sys } from "../../sys/sys.ts";

/** What a manifest says of a pod, as far as networks are concerned. */
export interface PodFile {
  readonly namespace: string | undefined;
  readonly name: string | undefined;
  /** As they stand; whether they are strings is the plugin's to judge. */
  readonly annotations: JsonObject;
}

/** Reads the first Pod of a file of YAML documents (JSON is YAML). Errors: `cli.file`, `cli.pod`. */
export async function readPodFile(sys: Sys, path: string): Promise<Outcome<PodFile, CniError>> {
  const text = sys.files.read(path);
  if (!text.ok) return failWith("ioFailure", "cli.file", `read pod ${path}: ${text.error.message}`);
  const documents = await parseDocuments(text.value);
  if (!documents.ok) {
    return failWith("undecodable", "cli.pod", `read pod ${path}: it is not YAML: ${documents.error}`);
  }
  const objects = documents.value.filter(isObject);
  const pod = objects.find(({ kind }) => kind === "Pod");
  if (pod === undefined) {
    const kinds = objects.map(({ kind }) => (typeof kind === "string" ? kind : "something without a kind"));
    const found = kinds.length === 0 ? "no object" : kinds.join(", ");
    return failWith(
      "undecodable",
      "cli.pod",
      `read pod ${path}: it holds ${found}, and no Pod`,
      "Of a Deployment or the like, give the annotations of its template by --annotations.",
    );
  }
  return ok(podOfManifest(isObject(pod.metadata) ? pod.metadata : {}));
}

async function parseDocuments(text: string): Promise<Outcome<Json[], string>> {
  const { parseAllDocuments } = await import("yaml");
  try {
    const documents = [...parseAllDocuments(text)];
    const [error] = documents.flatMap((document) => document.errors);
    if (error !== undefined) return { ok: false, error: error.message.split("\n", 1)[0] ?? "" };
    return ok(documents.map((document): Json => document.toJS()));
  } catch (error) {
    // Aliases that multiply without end are refused by an exception.
    return { ok: false, error: error instanceof Error ? error.message : String(error) };
  }
}

function podOfManifest({ namespace, name, annotations }: JsonObject): PodFile {
  return {
    namespace: typeof namespace === "string" ? namespace : undefined,
    name: typeof name === "string" ? name : undefined,
    annotations: isObject(annotations) ? annotations : {},
  };
}
