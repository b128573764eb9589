import type { CniError } from "../cni/errors.ts";
import type { JsonObject } from "../cni/json.ts";
import type { Outcome } from "../sys/outcome.ts";

/** The Kubernetes API, as far as an attachment needs it. Paths are absolute: `/api/v1/namespaces/shop/pods/web`. */
export interface KubeClient {
  get(path: string): Promise<Outcome<JsonObject, CniError>>;
  /** A merge patch (RFC 7386); answers the object as it is afterwards. */
  patch(path: string, body: JsonObject): Promise<Outcome<JsonObject, CniError>>;
}
