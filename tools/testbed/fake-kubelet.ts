import * as fs from "node:fs";
import { join } from "node:path";
import { promisify } from "node:util";
import * as grpc from "@grpc/grpc-js";
import * as loader from "@grpc/proto-loader";

/** The messages of `pod-resources.proto`, as far as a test says something of them. */
export interface FakePodResources {
  readonly name: string;
  readonly namespace: string;
  readonly containers?: readonly ContainerResources[];
}
export interface ContainerResources {
  readonly name?: string;
  readonly devices?: readonly { readonly resource_name: string; readonly device_ids: readonly string[] }[];
  readonly [other: string]: unknown;
}

/** A kubelet's pod-resources service on a real socket, by the gRPC implementation of the field. */
export interface FakeKubelet {
  /** What `kubeletDir` is to be. */
  readonly folder: string;
  readonly socket: string;
  /** What was asked: `Get default/p`, `List`. */
  readonly calls: readonly string[];
  stop(): void;
}

export interface KubeletOptions {
  /** What Get ends with instead of an answer: a gRPC status, by number. */
  readonly get?: grpc.status;
  readonly list?: grpc.status;
  /** What GetAllocatableResources ends with; else it names what the pods have. */
  readonly allocatable?: grpc.status;
  /** Refuses this many calls for their rate before it answers. */
  readonly busy?: number;
}

const service = "v1.PodResourcesLister";

/** The service's definition, with the encoders that a test may compare ours with. */
export function podResourcesDefinition(): grpc.ServiceDefinition {
  const found = loader.loadSync(join(import.meta.dirname, "pod-resources.proto"), { keepCase: true });
  return found[service] as grpc.ServiceDefinition;
}

type Call = grpc.ServerUnaryCall<{ pod_name?: string; pod_namespace?: string }, unknown>;
type Answer = grpc.sendUnaryData<unknown>;

export async function startKubelet(
  folder: string,
  pods: readonly FakePodResources[],
  options: KubeletOptions = {},
): Promise<FakeKubelet> {
  const socket = join(folder, "pod-resources/kubelet.sock");
  fs.mkdirSync(join(folder, "pod-resources"), { recursive: true });
  const calls: string[] = [];
  let busy = options.busy ?? 0;
  const serve = (name: string, status: grpc.status | undefined, answer: Answer, value: unknown): void => {
    calls.push(name);
    if (busy-- > 0) answer({ code: grpc.status.RESOURCE_EXHAUSTED, details: "rejected by rate limit" });
    else if (status !== undefined) answer({ code: status, details: "as the test says" });
    else answer(null, value);
  };
  const server = new grpc.Server();
  server.addService(podResourcesDefinition(), {
    Get: ({ request }: Call, answer: Answer) => {
      const { pod_name: name, pod_namespace: namespace } = request;
      const pod = pods.find((each) => each.name === name && each.namespace === namespace);
      // The kubelet's own word for an unknown pod.
      const status = options.get ?? (pod === undefined ? grpc.status.UNKNOWN : undefined);
      serve(`Get ${namespace}/${name}`, status, answer, { pod_resources: pod });
    },
    GetAllocatableResources: (_call: Call, answer: Answer) => {
      const devices = pods.flatMap(({ containers = [] }) => containers.flatMap((each) => each.devices ?? []));
      serve("GetAllocatableResources", options.allocatable, answer, { devices });
    },
    List: (_call: Call, answer: Answer) => serve("List", options.list, answer, { pod_resources: pods }),
  });
  const bind = promisify(server.bindAsync.bind(server));
  await bind(`unix:${socket}`, grpc.ServerCredentials.createInsecure());
  return { folder, socket, calls, stop: () => server.forceShutdown() };
}

/** A checkpoint of the kubelet's device manager, with what else stands in one. */
export function writeCheckpoint(folder: string, entries: readonly object[]): void {
  fs.mkdirSync(join(folder, "device-plugins"), { recursive: true });
  fs.writeFileSync(join(folder, "device-plugins/kubelet_internal_checkpoint"), checkpointText(entries));
}

export function checkpointText(entries: readonly object[], registered: object = {}): string {
  const PodDeviceEntries = entries.map((entry) => ({ ContainerName: "app", AllocResp: "CgA=", ...entry }));
  const data = JSON.stringify({ PodDeviceEntries, RegisteredDevices: registered });
  // The checksum is a number that JavaScript cannot hold.
  return `{"Data":${data},"Checksum":12345678901234567890}`;
}
