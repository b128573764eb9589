import { join } from "node:path";
import { type Client, credentials, loadPackageDefinition, type ServiceDefinition } from "@grpc/grpc-js";
import { loadSync } from "@grpc/proto-loader";

/** A pod as the kubelet describes it to the runtime. */
export interface PodSandbox {
  readonly name: string;
  /** `default` unless given. */
  readonly namespace?: string;
  readonly uid?: string;
  readonly annotations?: Readonly<Record<string, string>>;
  readonly portMappings?: readonly { readonly containerPort: number; readonly hostPort: number }[];
  /** Counts the pod's sandboxes. For a while nobody else can use the name of a sandbox that failed. */
  readonly attempt?: number;
  /** Whether the pod uses the node's network. */
  readonly hostNetwork?: boolean;
  readonly cgroupParent: string;
}

export interface SandboxStatus {
  readonly state: "SANDBOX_READY" | "SANDBOX_NOTREADY";
  /** The pod's addresses, the main one first. containerd takes those of eth0. */
  readonly ips: readonly string[];
  /** The network namespace, by the runtime's record of the sandbox. */
  readonly netns: string;
}

export interface RuntimeCondition {
  readonly type: string;
  readonly status: boolean;
  readonly reason: string;
  readonly message: string;
}

/** The calls of the container runtime interface that a kubelet makes in a pod's life, over gRPC. */
export interface Cri {
  /** For example `containerd 1.6.20`. Undefined while nobody serves. */
  version(): Promise<string | undefined>;
  hasImage(image: string): Promise<boolean>;
  /** Returns the sandbox's ID. If the caller gives up, the runtime gives up as well, as it does at a deadline. */
  run(pod: PodSandbox, givenUp?: AbortSignal): Promise<string>;
  stop(id: string): Promise<void>;
  remove(id: string): Promise<void>;
  status(id: string): Promise<SandboxStatus>;
  list(): Promise<readonly string[]>;
  /** Whether the runtime and its network are ready. */
  conditions(): Promise<readonly RuntimeCondition[]>;
  /** The names of the networks that the runtime has loaded, without loopback. */
  networks(): Promise<readonly string[]>;
  close(): void;
}

const proto = join(import.meta.dirname, "cri.proto");

/** The service's definition. A test may compare our encoders with its encoders. */
export function criDefinition(): ServiceDefinition {
  return loadSync(proto, { keepCase: true })["runtime.v1.RuntimeService"] as ServiceDefinition;
}

/** Shorter than a test's time, so that the test's failure names the call that hangs. */
const deadlineMs = 100_000;

export function connectCri(socket: string): Cri {
  const options = { keepCase: true, longs: Number, enums: String, defaults: true } as const;
  const { runtime } = loadPackageDefinition(loadSync(proto, options)) as unknown as Services;
  const target = `unix:${socket}`;
  // The runtime is asked while it starts. So the next try comes soon, and not after a second.
  const channel = { "grpc.initial_reconnect_backoff_ms": 20, "grpc.max_reconnect_backoff_ms": 100 };
  const pods = new runtime.v1.RuntimeService(target, credentials.createInsecure(), channel);
  const images = new runtime.v1.ImageService(target, credentials.createInsecure(), channel);
  const byId = (id: string): object => ({ pod_sandbox_id: id });
  return {
    version: async () => {
      const answer = await call<Version>(pods, "Version", {}).catch(() => undefined);
      return answer && `${answer.runtime_name} ${answer.runtime_version}`;
    },
    hasImage: async (image) =>
      (await call<{ image: object | null }>(images, "ImageStatus", { image: { image } })).image !== null,
    run: async (pod, givenUp) => {
      const request = { config: sandboxConfig(pod) };
      const answer = await call<{ pod_sandbox_id: string }>(pods, "RunPodSandbox", request, givenUp);
      return answer.pod_sandbox_id;
    },
    stop: async (id) => void (await call(pods, "StopPodSandbox", byId(id))),
    remove: async (id) => void (await call(pods, "RemovePodSandbox", byId(id))),
    status: async (id) =>
      readStatus(await call<Status>(pods, "PodSandboxStatus", { ...byId(id), verbose: true })),
    list: async () => {
      const { items } = await call<{ items: { id: string }[] }>(pods, "ListPodSandbox", {});
      return items.map((item) => item.id);
    },
    conditions: async () => (await call<RuntimeStatus>(pods, "Status", {})).status.conditions,
    networks: async () => {
      const { info } = await call<RuntimeStatus>(pods, "Status", { verbose: true });
      const { Networks } = JSON.parse(info.cniconfig ?? "{}") as CniConfig;
      return (Networks ?? []).map(({ Config }) => Config.Name).filter((name) => name !== "cni-loopback");
    },
    close: () => {
      pods.close();
      images.close();
    },
  };
}

type Service = new (...args: ConstructorParameters<typeof Client>) => Client;

interface Services {
  readonly runtime: { readonly v1: Readonly<Record<"RuntimeService" | "ImageService", Service>> };
}

interface Version {
  readonly runtime_name: string;
  readonly runtime_version: string;
}

interface Status {
  readonly status: {
    readonly state: SandboxStatus["state"];
    readonly network: { readonly ip: string; readonly additional_ips: readonly { ip: string }[] } | null;
  };
  readonly info: Readonly<Record<string, string>>;
}

interface RuntimeStatus {
  readonly status: { readonly conditions: readonly RuntimeCondition[] };
  readonly info: Readonly<Record<string, string>>;
}

/** The part of the verbose status about the network. */
interface CniConfig {
  readonly Networks?: readonly { readonly Config: { readonly Name: string } }[] | null;
}

type Method = (
  request: object,
  options: { deadline: Date },
  done: (error: Error | null, answer: unknown) => void,
) => { cancel(): void };

function call<T>(client: Client, name: string, request: object, givenUp?: AbortSignal): Promise<T> {
  const method = (client as unknown as Readonly<Record<string, Method>>)[name];
  if (method === undefined) throw new Error(`cri.proto has no call ${name}`);
  const deadline = new Date(Date.now() + deadlineMs);
  return new Promise((resolve, reject) => {
    const under = method.call(client, request, { deadline }, (error, answer) =>
      error === null ? resolve(answer as T) : reject(error),
    );
    givenUp?.addEventListener("abort", () => under.cancel());
  });
}

function sandboxConfig(pod: PodSandbox): object {
  const { name, namespace = "default", uid = `uid-of-${name}`, attempt = 0 } = pod;
  const { annotations = {}, portMappings = [], cgroupParent } = pod;
  return {
    metadata: { name, namespace, uid, attempt },
    hostname: pod.hostNetwork ? "" : name,
    annotations,
    port_mappings: portMappings.map(({ containerPort, hostPort }) => ({
      container_port: containerPort,
      host_port: hostPort,
    })),
    linux: {
      cgroup_parent: cgroupParent,
      ...(pod.hostNetwork && { security_context: { namespace_options: { network: "NODE" } } }),
    },
  };
}

function readStatus({ status: { state, network }, info }: Status): SandboxStatus {
  const all = network === null ? [] : [network.ip, ...network.additional_ips.map(({ ip }) => ip)];
  const spec = JSON.parse(info.info ?? "{}") as Spec;
  const namespaces = spec.runtimeSpec?.linux?.namespaces ?? [];
  const netns = namespaces.find(({ type }) => type === "network")?.path ?? "";
  return { state, ips: all.filter((ip) => ip !== ""), netns };
}

/** The part of the verbose status that holds the OCI configuration. */
interface Spec {
  readonly runtimeSpec?: {
    readonly linux?: { readonly namespaces?: readonly { type: string; path?: string }[] };
  };
}
