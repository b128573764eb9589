import fc from "fast-check";
import { printJson } from "../cni/json.ts";

/** Every key of the annotation's JSON form. */
export const elementKeys = [
  "name",
  "namespace",
  "interface",
  "interfaceRequest",
  "ips",
  "mac",
  "infiniband-guid",
  "portMappings",
  "bandwidth",
  "deviceID",
  "cni-args",
  "default-route",
  "ipam-claim-reference",
] as const;

/** Texts that an attacker may write: paths, names of other variables and of objects' fields, odd letters. */
export const nastyText: fc.Arbitrary<string> = fc.oneof(
  fc.constantFrom(
    ...["__proto__", "constructor", "toString", "..", "../../../bin/sh", "/bin/sh", "a/b", "a\\b", "-a", ""],
    ...[
      "a;IP=1.2.3.4",
      "a/../b",
      "a..b",
      "0000:3b:02.1/../../x",
      "K8S_POD_NAMESPACE=kube-system",
      "x\nCNI_PATH=/evil",
      "x\0LD_PRELOAD=/evil.so",
      "$(id)",
    ],
    ...[
      "lo",
      "eth0",
      "net1",
      "all",
      "net%d",
      "é",
      "\u0435th0",
      "\ud800",
      "\u202eeth0",
      "\ufeffa",
      " a ",
      "A",
    ],
    ...["0x7f.1", "127.1", "::1%lo", "1.2.3.4/33", "02:00:00:00:00:01\n", "1e999", "a".repeat(300)],
  ),
  fc.string({ unit: "binary", maxLength: 12 }),
  fc.string({ maxLength: 12 }),
);

const label = fc.stringMatching(/^[a-z0-9]([-a-z0-9]{0,5}[a-z0-9])?$/);
const ifname = fc.oneof(fc.constantFrom("net1", "data0"), fc.stringMatching(/^[a-z][a-z0-9.]{0,8}$/));
const address = fc.oneof(fc.ipV4(), fc.ipV6());
const octets = (count: number) =>
  fc
    .array(fc.stringMatching(/^[0-9a-f]{2}$/), { minLength: count, maxLength: count })
    .map((each) => each.join(":"));
const port = fc.integer({ min: 1, max: 65_535 });
const rate = fc.integer({ min: 1, max: 2 ** 40 });

/** A selection element as the specification wants it; of these networks (`namespace/name`), or of any. */
function soundElement(networks: readonly string[]): fc.Arbitrary<Record<string, unknown>> {
  const network =
    networks.length > 0
      ? fc.constantFrom(...networks).map((each) => each.split("/"))
      : fc.tuple(label, label);
  const more = fc.record(
    {
      interface: ifname,
      ips: fc.array(address, { minLength: 1, maxLength: 3 }),
      mac: octets(6),
      "infiniband-guid": octets(8),
      portMappings: fc.array(fc.record({ hostPort: port, containerPort: port }), { maxLength: 2 }),
      bandwidth: fc.record({ ingressRate: rate, ingressBurst: rate }),
      deviceID: fc.constantFrom("0000:3b:02.1", "eth9", "9b27e3b6-0d0c-4b32-8d3e-6a5f1c2b7a10"),
      "cni-args": fc.dictionary(nastyText, fc.jsonValue({ maxDepth: 2 }), { maxKeys: 3 }),
      "default-route": fc.array(fc.ipV4(), { maxLength: 1 }),
      "ipam-claim-reference": fc.constantFrom("", "vm1.lan"),
    },
    { requiredKeys: [] },
  );
  return fc.tuple(network, more).map(([[namespace, name], rest]) => ({ namespace, name, ...rest }));
}

/** The same with one key's value replaced, or a key within a value that there is not. */
function spoiltElement(networks: readonly string[]): fc.Arbitrary<Record<string, unknown>> {
  const values = fc.oneof(nastyText, fc.array(nastyText, { maxLength: 2 }), keyedJson(elementKeys));
  const mapping = { hostPort: 80, containerPort: 80 };
  const spoilt = fc.oneof(
    fc.tuple(fc.constantFrom(...elementKeys), values),
    fc.dictionary(nastyText, values).map((more) => ["portMappings", [{ ...mapping, ...more }]] as const),
    fc.dictionary(nastyText, values).map((more) => ["bandwidth", more] as const),
  );
  return fc
    .tuple(soundElement(networks), spoilt)
    .map(([element, [key, value]]) => ({ ...element, [key]: value }));
}

/** Correct texts with a few characters changed. */
export function nearly(right: fc.Arbitrary<string>): fc.Arbitrary<string> {
  const change = fc.tuple(
    fc.nat(),
    fc.nat(3),
    fc.oneof(fc.constantFrom(...'[]{}",:@/;=\\\0\n._-0e'), nastyText),
  );
  return fc.tuple(right, fc.array(change, { maxLength: 3 })).map(([text, changes]) =>
    changes.reduce((changed, [where, cut, put]) => {
      const at = where % (changed.length + 1);
      return changed.slice(0, at) + put + changed.slice(at + cut);
    }, text),
  );
}

/** JSON of any shape, with keys that something looks at. */
export function keyedJson(keys: readonly string[]): fc.Arbitrary<unknown> {
  const key = fc.oneof({ weight: 4, arbitrary: fc.constantFrom(...keys) }, nastyText);
  return fc.letrec((tie) => ({
    value: fc.oneof(
      { depthSize: "small", withCrossShrink: true },
      fc.oneof(nastyText, label, address, fc.integer(), fc.double(), fc.boolean(), fc.constant(null)),
      fc.array(tie("value"), { maxLength: 4 }),
      fc.dictionary(key, tie("value"), { maxKeys: 6 }),
    ),
  })).value;
}

/** Texts that cost much to read, or that nest. */
const heavy = fc
  .tuple(
    fc.constantFrom("[", '{"name":', "a,", '"', `[{"name":"a"},`, "1e", "\\u0000", "-"),
    fc.integer({ min: 1, max: 20_000 }),
  )
  .map(([piece, times]) => piece.repeat(times));

/** An annotation as it should be, in the JSON form or the short one. */
export function soundAnnotation(networks: readonly string[] = []): fc.Arbitrary<string> {
  const json = fc.array(soundElement(networks), { minLength: 1, maxLength: 3 }).map(printJson);
  const names = networks.length > 0 ? fc.constantFrom(...networks) : label;
  const short = fc
    .array(fc.tuple(names, fc.option(ifname, { nil: undefined })), { minLength: 1, maxLength: 4 })
    .map((each) => each.map(([name, wish]) => (wish === undefined ? name : `${name}@${wish}`)).join(","));
  return fc.oneof(json, short);
}

/** Any text that can stand in a networks annotation, from right to absurd. */
export function anyAnnotation(networks: readonly string[] = []): fc.Arbitrary<string> {
  const sound = soundAnnotation(networks);
  const spoilt = fc.array(spoiltElement(networks), { minLength: 1, maxLength: 2 }).map(printJson);
  return fc.oneof(
    { weight: 6, arbitrary: sound },
    { weight: 4, arbitrary: spoilt },
    { weight: 6, arbitrary: nearly(sound) },
    { weight: 2, arbitrary: fc.array(keyedJson(elementKeys), { maxLength: 3 }).map(printJson) },
    { weight: 1, arbitrary: fc.oneof(nastyText, fc.string({ unit: "binary" }), fc.json()) },
    { weight: 1, arbitrary: heavy },
  );
}
