import fc from "fast-check";
import { expect, test } from "vitest";
import * as z from "zod/mini";
import { isObject, type Json, type JsonObject, parseJson } from "../../../cni/json.ts";
import { fields, judgeFields, unknownFields } from "./config-fields.ts";

/**
 * The configuration's fields once more, as a schema of zod's: what it refuses, and in which words, the table must refuse,
 * too. The schema is not made from the table, so a mistake in one of them shows.
 */
const text = z.string("must be text");
const texts = z.array(text, "must be a list of texts");
const anything = z.unknown();
const flag = z.boolean("must be true or false");
/** Not `z.record`: to JavaScript an exact number is an object. */
const object = z.custom<JsonObject>(isObject, "must be an object");
const objectOrNull = z.nullable(object);
const path = (what: string, form: RegExp) =>
  z.string(`must be ${what}, as text`).check(z.regex(form, `must be ${what}`));
const folder = path("an absolute path", /^(\/.*)?$/s);
const word = (...words: readonly string[]) => {
  const quoted = words.map((each) => `"${each}"`);
  return z.enum(words, `must be ${quoted.slice(0, -1).join(", ")} or ${quoted.at(-1)}`);
};

const shape = {
  ...{ cniVersion: text, name: text, type: text, args: anything, dns: anything, ipam: anything },
  ...{ ipMasq: anything, disableCheck: anything, disableGC: anything },
  ...{ runtimeConfig: objectOrNull, prevResult: objectOrNull, delegate: object },
  capabilities: z.custom<JsonObject>(
    (value) => isObject(value) && Object.values(value).every((each) => typeof each === "boolean"),
    "must be an object of names, each true or false",
  ),
  ...{ networks: texts, crossNamespace: texts, allowedTypes: texts, allowedIpamTypes: texts },
  ...{ opaqueTypes: texts, trustedNamespaces: texts },
  ...{ definitionsDir: folder, confDir: folder, stateDir: folder, binDir: folder, resources: folder },
  ...{ kubeletDir: folder, deviceInfoDir: folder },
  kubeconfig: path('"in-cluster" or an absolute path', /^(in-cluster|\/.*)?$/s),
  status: word("sync", "required", "off"),
  unknownKeys: word("refuse", "ignore"),
  definitionNames: word("namespaced", "as-written"),
  result: word("merged", "primary"),
  parallel: flag,
  native: word("prefer", "off"),
  timeout: z.string('must be text like "90s"'),
  /** The rules of requests have a reader and tests of their own (`permissions.ts`). */
  requests: anything,
};
const schema = z.partial(z.strictObject(shape));

/** A problem for each field that is wrong, and the names of those that there are not. */
function refusedByZod(raw: JsonObject): { problems: string[]; unknown: string[] } {
  const own = Object.fromEntries(Object.entries(raw).filter(([key]) => !key.includes("/")));
  const issues = schema.safeParse(own).error?.issues ?? [];
  return {
    problems: issues.flatMap(({ code, path: place, message }) =>
      code === "unrecognized_keys" ? [] : [`${place.join(".")}: ${message}`],
    ),
    unknown: issues.flatMap((issue) => (issue.code === "unrecognized_keys" ? issue.keys : [])),
  };
}

/** A number that JavaScript cannot hold exactly. */
const exact = parseJson("1.0");
const words = [
  "sync",
  "required",
  "off",
  "refuse",
  "ignore",
  "namespaced",
  "as-written",
  "merged",
  "primary",
];
const values: readonly Json[] = [
  ...[null, true, false, 0, "", "in-cluster", "/etc", "/a\nb", "etc", "90s", [], {}, ["a"], [1, "a", null]],
  ...[{ a: true }, { a: 1 }, ...words, ...(exact.ok ? [exact.value] : [])],
];
const names = [...Object.keys(fields), "network", "toString", "cni.dev/valid-attachments"];

test("zod's schema has the fields of the table", () => {
  expect(Object.keys(shape).sort()).toEqual(Object.keys(fields).sort());
});

test("the table refuses what zod refuses, in the same words", () => {
  const configuration = fc.dictionary(
    fc.constantFrom(...names.filter((name) => name !== "requests")),
    fc.oneof(fc.constantFrom(...values), fc.jsonValue() as fc.Arbitrary<Json>),
    { noNullPrototype: true },
  );
  fc.assert(
    fc.property(configuration, (raw) => {
      const zod = refusedByZod(raw);
      const told = judgeFields(raw).problems.map(({ place, why }) => `${place}: ${why}`);
      expect(told.sort()).toEqual(zod.problems.sort());
      expect(unknownFields(raw).sort()).toEqual(zod.unknown.sort());
    }),
    { numRuns: 2000 },
  );
});
