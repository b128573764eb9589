import fc from "fast-check";
import { describe, expect, test } from "vitest";
import type { CniError } from "../cni/errors.ts";
import { isObject, type Json, parseJson, printJson } from "../cni/json.ts";
import { type NetworkRequest, parseDefaultNetwork, parseNetworks } from "./annotation.ts";
import { parseDefinition } from "./definition.ts";
import { anyAnnotation, elementKeys, keyedJson, nastyText, nearly } from "./kube-testing.ts";

/**
 * Root reads the texts of pods and definitions, which anybody may have written. For every text there must be an answer in plain
 * characters.
 */

function expectPlain({ msg, details }: CniError): void {
  // Nothing that a terminal obeys, or that only looks like another letter; and no flood.
  expect(`${msg} ${details}`).toMatch(/^[ -~]+$/);
  expect(details.length).toBeLessThan(8000);
}

function isText(value: Json | undefined): boolean {
  return typeof value === "string";
}

/** Later stages rely on these properties of a request, whatever its author wrote. */
function expectSound(request: NetworkRequest): void {
  expect(request.namespace).toMatch(/^[a-z0-9]([-a-z0-9]*[a-z0-9])?$/);
  expect(request.name).toMatch(/^[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$/);
  expect(request.interface ?? "net1").toMatch(/^(?!\.{1,2}$)[^\s/:%\p{Cc}\p{Cs}]{1,15}$/u);
  for (const ip of request.ips ?? []) expect(ip).toMatch(/^[0-9a-fA-F.:]+(\/\d{1,3})?$/);
  for (const gateway of request.defaultRoute ?? []) expect(gateway).toMatch(/^[0-9a-fA-F.:]+$/);
  expect(request.mac ?? "02:00:00:00:00:01").toMatch(/^[0-9a-fA-F:.-]{14,59}$/);
  expect(request.infinibandGuid ?? "02:00:00:00:00:00:00:01").toMatch(/^[0-9a-fA-F:.-]{19,23}$/);
  expect(request.deviceId ?? "eth9").toMatch(/^(?!.*\.\.)[A-Za-z0-9][A-Za-z0-9._:-]*$/);
  expect(request.ipamClaimReference ?? "c").toMatch(/^[a-z0-9]([-a-z0-9.]*[a-z0-9])?$/);
  for (const { hostPort, containerPort, protocol, hostIP, ...more } of request.portMappings ?? []) {
    expect([hostPort, containerPort].every((port) => Number(port) >= 1 && Number(port) <= 65_535)).toBe(true);
    expect(protocol).toMatch(/^(tcp|udp|sctp)$/i);
    expect(hostIP === undefined || isText(hostIP)).toBe(true);
    expect(more).toEqual({});
  }
  for (const [key, value] of Object.entries(request.bandwidth ?? {})) {
    expect(key).toMatch(/^(in|e)gress(Rate|Burst)$/);
    expect(Number.isSafeInteger(value)).toBe(true);
  }
  expect(request.ips !== undefined && request.ipamClaimReference !== undefined).toBe(false);
}

describe("annotations", () => {
  const grammar = fc.record({
    defaultNamespace: fc.oneof({ weight: 4, arbitrary: fc.constantFrom("shop", "blue") }, nastyText),
    unknownKeys: fc.constantFrom("refuse" as const, "ignore" as const),
  });

  test("are refused in plain words or understood, and then hold nothing but what they may", () => {
    const seen = { accepted: 0, refused: 0 };
    fc.assert(
      fc.property(anyAnnotation(), grammar, (text, how) => {
        for (const parsed of [parseNetworks(text, how), parseDefaultNetwork(text, how)]) {
          seen[parsed.ok ? "accepted" : "refused"]++;
          if (!parsed.ok) {
            expect(parsed.error).toMatchObject({
              code: 102,
              id: expect.stringMatching(/^annotation\.[a-z-]+$/),
            });
            expectPlain(parsed.error);
            continue;
          }
          const requests = Array.isArray(parsed.value) ? parsed.value : [parsed.value];
          for (const request of requests) expectSound(request);
          const asked = requests.flatMap((request) => request.interface ?? []);
          expect(new Set(asked).size).toBe(asked.length);
        }
      }),
      { numRuns: 4000, includeErrorInReport: true },
    );
    expect(Math.min(seen.accepted, seen.refused)).toBeGreaterThan(800);
  });

  test("hold nothing but what they may, key by key", () => {
    const numbers = fc.oneof(
      fc.integer({ min: -2, max: 70_000 }),
      fc.double(),
      fc.constantFrom(null, "", "80"),
    );
    const values = fc.oneof(
      nastyText,
      fc.array(nastyText, { maxLength: 2 }),
      fc.array(fc.record({ hostPort: numbers, containerPort: numbers }), { maxLength: 2 }),
      fc.dictionary(fc.constantFrom("ingressRate", "ingressBurst", "egressRate", "egressBurst"), numbers),
    );
    const seen = new Map<string, number>();
    fc.assert(
      fc.property(fc.constantFrom(...elementKeys), values, (key, value) => {
        const text = printJson([{ name: "a", ips: ["10.0.0.1"], [key]: value }]);
        const parsed = parseNetworks(text, { defaultNamespace: "shop", unknownKeys: "refuse" });
        if (!parsed.ok) return;
        seen.set(key, (seen.get(key) ?? 0) + 1);
        for (const request of parsed.value) expectSound(request);
      }),
      { numRuns: 10_000, includeErrorInReport: true },
    );
    // A value that is right by chance: without any, nothing would have been looked at.
    expect([...seen.keys()]).toEqual(
      expect.arrayContaining(["name", "interface", "deviceID", "portMappings"]),
    );
  });

  test("leave the prototype of all objects alone", () => {
    fc.assert(
      fc.property(keyedJson(["__proto__", "constructor", "prototype", "name", "cni-args"]), (json) => {
        parseNetworks(printJson([{ name: "a", "cni-args": json }, json]), {
          defaultNamespace: "shop",
          unknownKeys: "ignore",
        });
        expect(Object.keys(Object.prototype)).toEqual([]);
      }),
      { numRuns: 500, includeErrorInReport: true },
    );
  });
});

describe("definitions", () => {
  const keys = [
    ...["apiVersion", "kind", "metadata", "spec", "config", "name", "namespace", "annotations"],
    ...["type", "plugins", "cniVersion", "ipam", "capabilities", "__proto__"],
  ];
  const place = {
    namespace: "shop",
    name: "storage",
    source: "/d/shop/storage.json",
    keptIn: "disk" as const,
  };
  const config = fc
    .record(
      { type: fc.oneof(fc.constant("macvlan"), nastyText), name: nastyText, ipam: keyedJson(keys) },
      { requiredKeys: ["type"] },
    )
    .map(printJson);
  const resource = fc.tuple(fc.oneof(config, nearly(config)), keyedJson(keys)).map(([text, annotations]) =>
    printJson({
      kind: "NetworkAttachmentDefinition",
      metadata: { name: "storage", namespace: "shop", annotations },
      spec: { config: text },
    }),
  );
  const any = fc.oneof(
    config,
    resource,
    nearly(config),
    nearly(resource),
    keyedJson(keys).map((json) => printJson(json)),
    fc.string({ unit: "binary" }),
  );

  test("are refused in plain words, or are a named configuration", () => {
    const seen = { accepted: 0, refused: 0 };
    fc.assert(
      fc.property(any, (text) => {
        const parsed = parseDefinition(text, place);
        seen[parsed.ok ? "accepted" : "refused"]++;
        if (!parsed.ok) {
          expect(parsed.error).toMatchObject({ code: 7, id: "kube.bad-definition" });
          expectPlain(parsed.error);
          return;
        }
        const { annotations, config: found, ...where } = parsed.value;
        expect(where).toEqual(place);
        expect(Object.values(annotations).every(isText)).toBe(true);
        if (Object.keys(found).length === 0) return;
        expect(found.name).toMatch(/^[A-Za-z0-9][A-Za-z0-9_.-]*$/);
        expect(found.type !== undefined || found.plugins !== undefined).toBe(true);
      }),
      { numRuns: 4000, includeErrorInReport: true },
    );
    expect(Math.min(seen.accepted, seen.refused)).toBeGreaterThan(400);
  });

  test("keep every digit of what they hold", () => {
    fc.assert(
      fc.property(fc.bigInt(), (big) => {
        const parsed = parseDefinition(`{"type":"macvlan","big":${big}}`, place);
        const again = parsed.ok ? parseJson(printJson(parsed.value.config)) : parsed;
        expect(again.ok && isObject(again.value) && printJson(again.value.big)).toBe(String(big));
      }),
    );
  });
});
