import { fail, type Outcome, ok } from "../sys/outcome.ts";
import type { RpcFault } from "../sys/rpc.ts";
import type { Sys } from "../sys/sys.ts";
import { decodeText, numberOf, readFields, writeTexts } from "./devices/protobuf.ts";

/**
 * The runtime's own service, CRI v1 (k8s.io/cri-api/pkg/apis/runtime/v1/api.proto): as much of its messages as tells which
 * sandboxes there are. A sandbox's ID is the container ID that CNI plugins are given.
 */
export interface Sandbox {
  readonly id: string;
  readonly namespace: string;
  readonly name: string;
}

const services = ["runtime.v1.RuntimeService", "runtime.v1alpha2.RuntimeService"];
const timeoutMs = 10_000;
/** The kubelet's limit. A node of 250 pods needs some 200 kB. */
const maxBytes = 16 * 1024 * 1024;
/** The value of NamespaceMode for the node's own namespace. */
const ofNode = 2;

/** Every sandbox, also those that have ended: the runtime may not have called DEL for them yet. */
export async function listSandboxes(sys: Sys, socket: string): Promise<Outcome<Sandbox[], string>> {
  const answer = await call(sys, socket, "ListPodSandbox", new Uint8Array());
  if (!answer.ok) return fail(answer.error.message);
  const fields = readFields(answer.value);
  if (!fields.ok) return fail(`ListPodSandbox on ${socket}: its answer cannot be read: ${fields.error}`);
  const sandboxes: Sandbox[] = [];
  for (const bytes of fields.value.get(1) ?? []) {
    const sandbox = readSandbox(bytes);
    if (!sandbox.ok) return fail(`ListPodSandbox on ${socket}: its answer cannot be read: ${sandbox.error}`);
    sandboxes.push(sandbox.value);
  }
  return ok(sandboxes);
}

function readSandbox(bytes: Uint8Array): Outcome<Sandbox, string> {
  const fields = readFields(bytes);
  if (!fields.ok) return fields;
  const metadata = readFields(last(fields.value.get(2)));
  if (!metadata.ok) return metadata;
  const id = decodeText(fields.value.get(1)?.at(-1));
  if (id === "") return fail("a sandbox without an ID");
  return ok({
    id,
    name: decodeText(metadata.value.get(1)?.at(-1)),
    namespace: decodeText(metadata.value.get(3)?.at(-1)),
  });
}

/** Whether a sandbox has the node's own network: no plugin was called for it. Undefined when the runtime does not tell. */
export async function isOnNodeNetwork(sys: Sys, socket: string, id: string): Promise<boolean | undefined> {
  const answer = await call(sys, socket, "PodSandboxStatus", writeTexts({ 1: id }));
  if (!answer.ok) return undefined;
  // PodSandboxStatusResponse.status, .linux, .namespaces, .options
  let bytes: Uint8Array | undefined = answer.value;
  for (const number of [1, 6, 1, 2]) {
    const fields: ReturnType<typeof readFields> = readFields(bytes);
    bytes = fields.ok ? fields.value.get(number)?.at(-1) : undefined;
    if (bytes === undefined) return undefined;
  }
  return (numberOf(bytes, 1) ?? 0) === ofNode;
}

function last(values: readonly Uint8Array[] | undefined): Uint8Array {
  return values?.at(-1) ?? new Uint8Array();
}

/** containerd before 1.6 and CRI-O before 1.20 know the service by its older name only. */
async function call(
  sys: Sys,
  socket: string,
  method: string,
  body: Uint8Array,
): Promise<Outcome<Uint8Array, RpcFault>> {
  const [now = "", before = ""] = services.map((service) => `/${service}/${method}`);
  const request = { socket, body, timeoutMs, maxBytes };
  const answer = await sys.rpc.call({ ...request, method: now });
  const isUnknown = !answer.ok && answer.error.answered && answer.error.code === "UNIMPLEMENTED";
  return isUnknown ? sys.rpc.call({ ...request, method: before }) : answer;
}
