/** The group, namespace and resource that a path of the API names. Messages use them to name the right that is missing. */
export interface ApiTarget {
  /** Empty for the core group (`/api/v1`). */
  readonly group: string;
  readonly namespace: string;
  /** `pods`, or `pods/status`. */
  readonly resource: string;
  readonly name: string;
}

export function podPath(namespace: string, name: string): string {
  return `/api/v1/namespaces/${part(namespace)}/pods/${part(name)}`;
}

export function definitionPath(namespace: string, name: string): string {
  return `/apis/k8s.cni.cncf.io/v1/namespaces/${part(namespace)}/network-attachment-definitions/${part(name)}`;
}

/** Names come from outside: one with a slash in it must not become another path. */
function part(name: string): string {
  return name === "." || name === ".." ? "" : encodeURIComponent(name);
}

const form =
  /^\/(?:api|apis\/(?<group>[^/]+))\/[^/]+\/namespaces\/(?<namespace>[^/]+)\/(?<kind>[^/]+)\/(?<name>[^/]+)(?<sub>\/[^/]+)?$/;

/** Reads the path of one object in a namespace. */
export function parseApiPath(path: string): ApiTarget | undefined {
  const found = form.exec(path)?.groups;
  if (found === undefined) return undefined;
  const { group = "", namespace = "", kind = "", name = "", sub = "" } = found;
  return { group, namespace, resource: `${kind}${sub}`, name };
}
