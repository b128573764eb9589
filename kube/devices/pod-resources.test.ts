import fc from "fast-check";
import { expect, test } from "vitest";
import { podResourcesDefinition } from "../../tools/testbed/fake-kubelet.ts";
import {
  emptyRequest,
  getRequest,
  readAllocatableResponse,
  readGetResponse,
  readListResponse,
} from "./pod-resources.ts";

/** The expected bytes come from the gRPC library that Node programs use, with the service's own definition. */
const { Get: get, List: list, GetAllocatableResources: offers } = podResourcesDefinition();
if (get === undefined || list === undefined || offers === undefined) throw new Error("a method is missing");

const text = fc.string({ unit: "grapheme", maxLength: 12 });
const numa = fc.record({ nodes: fc.array(fc.record({ ID: fc.integer() }), { maxLength: 2 }) });
const devices = fc.record({
  resource_name: text,
  device_ids: fc.array(text, { maxLength: 3 }),
  topology: fc.option(numa, { nil: undefined }),
});
/** A container with all the fields that the reader has to skip. */
const container = fc.record({
  name: text,
  devices: fc.array(devices, { maxLength: 3 }),
  cpu_ids: fc.array(fc.integer({ min: -1 }), { maxLength: 4 }),
  memory: fc.array(fc.record({ memory_type: text, size: fc.nat() }), { maxLength: 2 }),
  dynamic_resources: fc.array(fc.record({ claim_name: text, claim_namespace: text }), { maxLength: 2 }),
});
const pod = fc.record({ name: text, namespace: text, containers: fc.array(container, { maxLength: 3 }) });
type Pod = typeof pod extends fc.Arbitrary<infer T> ? T : never;

const understood = ({ name, namespace, containers }: Pod) => ({
  name,
  namespace,
  containers: containers.map((each) =>
    each.devices.map(({ resource_name, device_ids }) => ({ resource: resource_name, deviceIds: device_ids })),
  ),
});

test("an answer to List says what was encoded", () => {
  fc.assert(
    fc.property(fc.array(pod, { maxLength: 4 }), (pods) => {
      const read = readListResponse(list.responseSerialize({ pod_resources: pods }));
      expect(read).toEqual({ ok: true, value: pods.map(understood) });
    }),
  );
});

test("an answer to Get says what was encoded, or that there is no pod", () => {
  fc.assert(
    fc.property(fc.option(pod, { nil: undefined }), (one) => {
      const read = readGetResponse(get.responseSerialize({ pod_resources: one }));
      expect(read).toEqual({ ok: true, value: one === undefined ? undefined : understood(one) });
    }),
  );
});

test("what is offered is every resource that was encoded", () => {
  fc.assert(
    fc.property(fc.array(devices, { maxLength: 4 }), (all) => {
      const read = readAllocatableResponse(offers.responseSerialize({ devices: all, cpu_ids: [1, 2] }));
      expect(read).toEqual({ ok: true, value: new Set(all.map((each) => each.resource_name)) });
    }),
  );
});

test("what we ask is what is understood", () => {
  fc.assert(
    fc.property(text, text, (namespace, name) => {
      const request = get.requestDeserialize(Buffer.from(getRequest(namespace, name)));
      expect(request).toEqual({
        ...(name === "" ? {} : { pod_name: name }),
        ...(namespace === "" ? {} : { pod_namespace: namespace }),
      });
    }),
  );
  expect(list.requestDeserialize(Buffer.from(emptyRequest()))).toEqual({});
});

test("an answer that was changed on its way is refused or understood otherwise, never thrown over", () => {
  fc.assert(
    fc.property(fc.array(pod, { maxLength: 2 }), fc.nat(), fc.nat(255), (pods, place, value) => {
      const bytes = Uint8Array.from(list.responseSerialize({ pod_resources: pods }));
      bytes[place % Math.max(1, bytes.length)] = value;
      readListResponse(bytes);
      readGetResponse(bytes.subarray(0, place % (bytes.length + 1)));
    }),
    { numRuns: 2000 },
  );
});

test("a mistake deep inside is told with its place", () => {
  const bytes = Uint8Array.of(0x0a, 4, 0x1a, 2, 0x12, 9);
  expect(readListResponse(bytes)).toEqual({
    ok: false,
    error: "field 1[0]: field 3[0]: field 2 at byte 0 is cut, or of no known kind",
  });
});
