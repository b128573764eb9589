import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { createFake } from "../sys/fake.ts";
import { fail, ok } from "../sys/outcome.ts";
import { type RpcAttempt, type RpcRequest, rpcFault } from "../sys/rpc.ts";
import { criDefinition } from "../tools/testbed/cri-calls.ts";
import { isOnNodeNetwork, listSandboxes } from "./cri.ts";

/** The oracle: encoders of the implementation that the field uses. */
const { ListPodSandbox: list, PodSandboxStatus: status } = criDefinition();
if (list === undefined || status === undefined) throw new Error("a method is missing");
const socket = "/run/containerd/containerd.sock";

function node(answer: (request: RpcRequest) => RpcAttempt) {
  return createFake({ rpc: answer });
}

const text = fc.string({ unit: "grapheme", maxLength: 12 });
const sandbox = fc.record({
  id: fc.string({ minLength: 1, maxLength: 64 }),
  metadata: fc.record({ name: text, uid: text, namespace: text, attempt: fc.nat() }),
  state: fc.constantFrom(0, 1),
  created_at: fc.nat(),
  labels: fc.dictionary(fc.string({ minLength: 1, maxLength: 5 }), text, { maxKeys: 2 }),
  runtime_handler: text,
});

test("every sandbox that was encoded, whatever its state", async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(sandbox, { maxLength: 5 }), async (items) => {
      const { sys } = node(() => ok(new Uint8Array(list.responseSerialize({ items }))));
      expect(await listSandboxes(sys, socket)).toEqual({
        ok: true,
        value: items.map(({ id, metadata: { name, namespace } }) => ({ id, name, namespace })),
      });
    }),
  );
});

describe("an answer that is none", () => {
  test.each<[string, RpcAttempt, string]>([
    ["cut", ok(new Uint8Array([10, 200])), "cannot be read"],
    ["without an ID", ok(new Uint8Array(list.responseSerialize({ items: [{}] }))), "without an ID"],
    [
      "nobody there",
      fail({ code: "ENOENT", message: "call ListPodSandbox: ENOENT", answered: false }),
      "ENOENT",
    ],
  ])("%s", async (_case, answer, words) => {
    expect(await listSandboxes(node(() => answer).sys, socket)).toEqual({
      ok: false,
      error: expect.stringContaining(words),
    });
  });
});

test("a runtime that knows the older name only is asked by that", async () => {
  const items = [{ id: "a" }];
  const fake = node((request) =>
    request.method.startsWith("/runtime.v1.")
      ? fail(rpcFault(request, "UNIMPLEMENTED", "unknown service", true))
      : ok(new Uint8Array(list.responseSerialize({ items }))),
  );
  expect(await listSandboxes(fake.sys, socket)).toMatchObject({ ok: true, value: [{ id: "a" }] });
});

test.each<[string, object | undefined, boolean | undefined]>([
  ["its own", { linux: { namespaces: { options: { network: 0, pid: 1 } } } }, false],
  ["the node's", { linux: { namespaces: { options: { network: 2, pid: 2 } } } }, true],
  ["unsaid", { id: "a" }, undefined],
  ["not told", undefined, undefined],
])("whose network a sandbox has: %s", async (_case, answer, expected) => {
  const { sys } = node((request) => {
    expect(status.requestDeserialize(Buffer.from(request.body))).toMatchObject({ pod_sandbox_id: "abc" });
    return answer === undefined
      ? fail(rpcFault(request, "NOT_FOUND", "no such sandbox", true))
      : ok(new Uint8Array(status.responseSerialize({ status: answer })));
  });
  expect(await isOnNodeNetwork(sys, socket, "abc")).toBe(expected);
});
