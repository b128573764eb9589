import fc from "fast-check";
import { expect, test } from "vitest";
import { isObject, type Json, type JsonObject, parseJson } from "../../../cni/json.ts";
import { isPlainlyValid, ownFields } from "./gate.ts";
import { metaIssues } from "./schema.ts";

const named = { name: "n", type: "hawser" };
const keys = [
  ...[
    "cniVersion",
    "capabilities",
    "args",
    "dns",
    "ipam",
    "ipMasq",
    "runtimeConfig",
    "prevResult",
    "disableCheck",
  ],
  ...["disableGC", "delegate", "networks", "definitionsDir", "kubeconfig", "confDir", "stateDir", "binDir"],
  ...[
    "crossNamespace",
    "result",
    "parallel",
    "timeout",
    "network",
    "unknownKeys",
    "status",
    "requests",
    "allowedTypes",
    "kubeletDir",
    "deviceInfoDir",
    "cni.dev/valid-attachments",
  ],
];
const values: Json[] = [
  ...[
    null,
    true,
    false,
    0,
    "",
    "merged",
    "primary",
    "refuse",
    "ignore",
    "/etc",
    "etc",
    [],
    {},
    ["a"],
    [1],
    { a: true },
    { a: 1 },
    { ips: "deny", cniArgs: "allow" },
    { ips: "no" },
    { networks: {} },
    { networks: { "blue/data": { ips: "allow" }, "blue/*": {} } },
    { networks: { data: { ips: "allow" } } },
    { networks: { "blue/data": { ip: "allow" } } },
    { networks: null },
  ],
];

test.each(keys.flatMap((key) => values.map((value) => [key, value] as const)))(
  "the gate and the schema agree on %s: %j",
  (key, value) => {
    const raw: JsonObject = { ...named, [key]: value };
    expect(isPlainlyValid(raw)).toBe(metaIssues(ownFields(raw)).length === 0);
  },
);

test("property: they agree on any configuration", () => {
  const fields = fc.dictionary(
    fc.constantFrom(...keys),
    fc.oneof(fc.constantFrom(...values), fc.jsonValue()),
  );
  fc.assert(
    fc.property(fields, (some) => {
      const raw = { ...named, ...some } as JsonObject;
      expect(isPlainlyValid(raw)).toBe(metaIssues(ownFields(raw)).length === 0);
    }),
  );
});

test.each(keys.flatMap((key) => values.map((value) => [key, value] as const)))(
  "what is wrong with %s: %j is said in words",
  (key, value) => {
    for (const { message, code } of metaIssues(ownFields({ ...named, [key]: value }))) {
      if (code !== "unrecognized_keys") expect(message).not.toBe("Invalid input");
    }
  },
);

test.each(["delegate", "runtimeConfig", "prevResult", "capabilities"])(
  "an exact number is no object: %s",
  (key) => {
    const json = parseJson(`{"name":"n","type":"hawser","${key}":1.0}`);
    if (!json.ok || !isObject(json.value)) throw new Error("the test's own input is wrong");
    expect(isPlainlyValid(json.value)).toBe(false);
    expect(metaIssues(ownFields(json.value))).toMatchObject([{ path: [key] }]);
  },
);
