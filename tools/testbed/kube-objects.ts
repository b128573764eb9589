import { randomUUID } from "node:crypto";

export interface KubeObject {
  readonly apiVersion: string;
  readonly kind: string;
  readonly metadata: Metadata;
  readonly [key: string]: unknown;
}

export interface Metadata {
  readonly name: string;
  readonly namespace: string;
  readonly uid?: string;
  readonly resourceVersion?: string;
  readonly annotations?: Readonly<Record<string, string>>;
  readonly [key: string]: unknown;
}

type Annotations = Readonly<Record<string, string>>;

/** A pod that the scheduler has bound and the kubelet is about to start. */
export function pod(namespace: string, name: string, annotations: Annotations = {}): KubeObject {
  return {
    apiVersion: "v1",
    kind: "Pod",
    metadata: { name, namespace, labels: { app: name }, annotations },
    spec: {
      containers: [{ name: "main", image: "registry.example/main:1", resources: {} }],
      nodeName: "node-1",
      restartPolicy: "Always",
      terminationGracePeriodSeconds: 30,
    },
    status: { phase: "Pending", qosClass: "BestEffort" },
  };
}

/** Makes a definition. Without `config` it means the file of its name in confDir. */
export function networkDefinition(
  namespace: string,
  name: string,
  config: object | string | undefined,
  annotations: Annotations = {},
): KubeObject {
  const text = typeof config === "object" ? JSON.stringify(config) : config;
  return {
    apiVersion: "k8s.cni.cncf.io/v1",
    kind: "NetworkAttachmentDefinition",
    metadata: { name, namespace, annotations },
    ...(text === undefined ? {} : { spec: { config: text } }),
  };
}

/** The object with the fields that a server adds when it creates one. */
export function created(object: KubeObject, resourceVersion: number): KubeObject {
  const own = {
    uid: object.metadata.uid ?? randomUUID(),
    resourceVersion: String(resourceVersion),
    generation: 1,
    creationTimestamp: "2026-01-01T00:00:00Z",
  };
  return { ...object, metadata: { ...object.metadata, ...own } };
}

/** A merge patch (RFC 7386). */
export function mergePatch(target: unknown, patch: unknown): unknown {
  if (!isObject(patch)) return patch;
  const merged: Record<string, unknown> = isObject(target) ? { ...target } : {};
  for (const [key, value] of Object.entries(patch)) {
    if (value === null) delete merged[key];
    else merged[key] = mergePatch(merged[key], value);
  }
  return merged;
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** The server's refusal of a request, in the words of the real server. */
export interface ApiRefusal {
  readonly code: number;
  readonly reason: string;
  readonly message: string;
  readonly details?: object;
}

export function statusOf({ code, reason, message, details }: ApiRefusal): object {
  const about = details === undefined ? {} : { details };
  return {
    kind: "Status",
    apiVersion: "v1",
    metadata: {},
    status: "Failure",
    message,
    reason,
    ...about,
    code,
  };
}
