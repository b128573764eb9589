import * as fs from "node:fs";
import type { KubeApi } from "./kube-api.ts";

export interface KubeconfigChanges {
  readonly server?: string;
  readonly cluster?: object;
  /** Replaces the user with its token. */
  readonly user?: object;
}

type Server = Pick<KubeApi, "url" | "authority" | "token">;

/** A kubeconfig for this server, with the token of the user `hawser`. */
export function kubeconfigFor(api: Server, { server, cluster, user }: KubeconfigChanges = {}): object {
  const name = "testbed";
  return {
    apiVersion: "v1",
    kind: "Config",
    "current-context": name,
    contexts: [{ name, context: { cluster: name, user: name } }],
    clusters: [
      {
        name,
        cluster: { server: server ?? api.url, "certificate-authority": api.authority.caFile, ...cluster },
      },
    ],
    users: [{ name, user: user ?? { token: api.token } }],
  };
}

/** Writes such a kubeconfig, and returns its path. */
export function writeKubeconfig(path: string, api: Server, changes: KubeconfigChanges = {}): string {
  fs.writeFileSync(path, JSON.stringify(kubeconfigFor(api, changes)), { mode: 0o600 });
  return path;
}
