import { type CniError, failWith } from "../../../cni/errors.ts";
import { type Outcome, ok } from "../../../sys/outcome.ts";
import type { Sys } from "../../../sys/sys.ts";
import type { InstallStep } from "./step.ts";

/** The folder in which a pod finds its service account. */
const account = "/var/run/secrets/kubernetes.io/serviceaccount";
const secretMode = 0o600;

export interface ApiServer {
  readonly host: string;
  readonly port: string;
}

/** Reads the API server's address from the pod's environment. Answers undefined outside a cluster. */
export function apiServerOf(
  environment: Readonly<Record<string, string | undefined>>,
): ApiServer | undefined {
  const { KUBERNETES_SERVICE_HOST: host = "", KUBERNETES_SERVICE_PORT: port = "" } = environment;
  return host === "" ? undefined : { host, port: port === "" ? "443" : port };
}

export function kubeconfigPath(ownDir: string): string {
  return `${ownDir}/kubeconfig`;
}

function tokenPath(ownDir: string): string {
  return `${ownDir}/token`;
}

/**
 * Plans the files by which hawser on the node uses the API as this pod's service account. The token has a file of its
 * own, because it expires within the hour and a pod that stays replaces it. Errors: `install.service-account`.
 */
export function credentialSteps(
  { files }: Sys,
  ownDir: string,
  server: ApiServer | undefined,
): Outcome<InstallStep[], CniError> {
  const bad = (why: string): Outcome<never, CniError> =>
    failWith(
      "ioFailure",
      "install.service-account",
      `write a kubeconfig from the pod's service account: ${why}`,
      "--api works in a pod with a service account only; elsewhere name a kubeconfig in the settings.",
    );
  if (server === undefined) return bad("KUBERNETES_SERVICE_HOST is not set");
  const token = files.read(`${account}/token`);
  if (!token.ok) return bad(token.error.message);
  const ca = files.read(`${account}/ca.crt`);
  if (!ca.ok) return bad(ca.error.message);
  const host = server.host.includes(":") ? `[${server.host}]` : server.host;
  const kubeconfig = kubeconfigOf(`https://${host}:${server.port}`, ca.value, tokenPath(ownDir));
  return ok([
    { kind: "file", path: tokenPath(ownDir), text: token.value, mode: secretMode },
    {
      kind: "file",
      path: kubeconfigPath(ownDir),
      text: `${JSON.stringify(kubeconfig, null, 2)}\n`,
      mode: secretMode,
    },
  ]);
}

/** The kubeconfig as JSON. JSON is valid YAML, and an ADD reads it without a YAML parser. */
function kubeconfigOf(server: string, ca: string, tokenFile: string): unknown {
  const name = "hawser";
  return {
    apiVersion: "v1",
    kind: "Config",
    clusters: [{ name, cluster: { server, "certificate-authority-data": btoa(ca) } }],
    users: [{ name, user: { tokenFile } }],
    contexts: [{ name, context: { cluster: name, user: name } }],
    "current-context": name,
  };
}

export function credentialRemovals(ownDir: string): InstallStep[] {
  return [
    { kind: "remove", path: kubeconfigPath(ownDir) },
    { kind: "remove", path: tokenPath(ownDir) },
  ];
}
