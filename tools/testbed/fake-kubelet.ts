import * as fs from "node:fs";
import { join } from "node:path";
import { promisify } from "node:util";
import * as grpc from "@grpc/grpc-js";
import * as loader from "@grpc/proto-loader";

/** The fields of `pod-resources.proto`'s messages that tests set. */
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

/** A kubelet's pod-resources service on a real socket, by the gRPC library that Node programs use. */
export interface FakeKubelet {
  /** The value for `kubeletDir`. */
  readonly folder: string;
  readonly socket: string;
  /** The calls that it was asked: `Get default/p`, `List`. */
  readonly calls: readonly string[];
  stop(): void;
}

export interface KubeletOptions {
  /** A gRPC status by its number. Get ends with it instead of an answer. */
  readonly get?: grpc.status;
  readonly list?: grpc.status;
  /** GetAllocatableResources ends with this status. If it is left out, the answer is what the pods have. */
  readonly allocatable?: grpc.status;
  /** The number of first calls that are refused because they come too fast. */
  readonly busy?: number;
}

const service = "v1.PodResourcesLister";

/** The service's definition. A test may compare our encoders with its encoders. */
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
      // The kubelet answers this for a pod that it does not know.
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

/** Writes a checkpoint of the kubelet's device manager, with the other fields that real ones have. */
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
