import * as fs from "node:fs";
import { describe, expect, test } from "vitest";
import { must } from "../sys/outcome-testing.ts";
import { printResult } from "./convert.ts";
import { isObject, type Json, type JsonObject, parseJson, printJson } from "./json.ts";
import { parseResult } from "./result.ts";
import { atLeast, type Version, versions } from "./version.ts";

/** The results of libcni 1.3.0 for the same documents. `tools/goldens` has written them. */
interface Golden {
  readonly name: string;
  readonly from: Version;
  readonly document: JsonObject;
  /** Why libcni could not read it. */
  readonly error?: string;
  readonly to?: Readonly<Record<Version, { readonly result?: JsonObject; readonly error?: string }>>;
}

const text = fs.readFileSync(new URL("testdata/convert-goldens.json", import.meta.url), "utf8");
const parsed = must(parseJson(text));
const goldens = parsed as unknown as readonly Golden[];

/** Documents that libcni reads and we refuse, and why. */
const refusedByUs: Readonly<Record<string, string>> = {
  "index past the interfaces": "containerd follows the index and dies",
  "index without interfaces": "containerd follows the index and dies",
  "negative index": "containerd follows the index and dies",
  "interface without a name": "the specification wants it, and nothing can be told apart without it",
  "null for an interface": "libcni itself panics when it converts it",
  "ip4 that is IPv6": "it would come out as ip6",
};

/** A difference that is meant: what we print for what libcni printed. Undefined: we refuse to print. */
interface Exception {
  readonly why: string;
  readonly at: (to: Version) => boolean;
  readonly ours: (theirs: JsonObject, to: Version, golden: Golden) => JsonObject | undefined;
}

const below = (limit: Version) => (to: Version) => !atLeast(to, limit);
const since = (limit: Version) => (to: Version) => atLeast(to, limit);
const entries = (document: JsonObject, key: string): JsonObject[] =>
  Array.isArray(document[key]) ? document[key].filter(isObject) : [];

/** What libcni keeps of the same routes in 0.4.0. */
const keepsRoutes: Exception = {
  why: "libcni reads the route fields of 1.1.0 in 0.1.0 and 0.2.0, but drops them when it converts to these",
  at: below("0.3.0"),
  ours: (theirs, _to, golden) => ({
    ...theirs,
    ip4: { ...(theirs.ip4 as JsonObject), routes: golden.to?.["0.4.0"].result?.routes ?? [] },
  }),
};
const exceptions: Readonly<Record<string, readonly Exception[]>> = {
  "nothing before 0.3.0": [
    {
      why: "libcni lets a result that stays before 0.3.0 pass unread; there are no addresses in it",
      at: below("0.3.0"),
      ours: () => undefined,
    },
  ],
  "route fields of 1.1.0": [keepsRoutes],
  "route fields of 1.1.0 in 0.4.0": [keepsRoutes],
  "a table without a scope, table zero": [keepsRoutes],
  "interface fields of 1.1.0 in 0.4.0": [
    {
      why: "0.4.0 does not know them, and a key that is not known survives",
      at: since("1.0.0"),
      ours: (theirs) => {
        const [first = {}, ...others] = entries(theirs, "interfaces");
        const kept = { ...first, mtu: 9000, socketPath: "/run/vhost/1", pciID: "0000:1f:00.6" };
        return { ...theirs, interfaces: [kept, ...others] };
      },
    },
  ],
  "no family named": [
    {
      why: "libcni prints the empty family it was given; we tell it from the address",
      at: (to) => atLeast(to, "0.3.0") && !atLeast(to, "1.0.0"),
      ours: (theirs) => ({ ...theirs, ips: [{ version: "4", address: "10.1.0.5/16" }] }),
    },
    {
      why: "libcni does not find an address whose family it was not told",
      at: below("0.3.0"),
      ours: (_theirs, to) => ({ cniVersion: to, ip4: { ip: "10.1.0.5/16" }, dns: {} }),
    },
  ],
  "family named in 1.x": [
    {
      why: "1.x does not know ips[].version, and a key that is not known survives",
      at: since("1.0.0"),
      ours: (theirs) => ({ ...theirs, ips: [{ version: "4", address: "10.1.0.5/16" }] }),
    },
  ],
  "addresses in unusual spelling": [
    {
      why: "libcni rewrites addresses; we pass on what the plugin said",
      at: below("0.3.0"),
      ours: (theirs) => ({ ...theirs, ip6: { ip: "FD00:1:0:0::5/64", gateway: "fd00:0001::1" } }),
    },
    {
      why: "libcni rewrites addresses; we pass on what the plugin said",
      at: since("0.3.0"),
      ours: (theirs) => ({
        ...theirs,
        ips: entries(theirs, "ips").map((ip) => ({
          ...ip,
          address: "FD00:1:0:0::5/64",
          gateway: "fd00:0001::1",
        })),
      }),
    },
  ],
  "keys of nobody": [
    {
      why: "libcni drops keys that it does not know",
      at: since("0.3.0"),
      ours: (theirs) => ({
        ...theirs,
        interfaces: [{ name: "eth0", "vendor/queue": exact("12345678901234567890") }],
        vendor: { a: exact("1.0") },
      }),
    },
  ],
};

function exact(number: string): Json {
  return must(parseJson(number));
}

/** Compares what is printed, not the objects: an exact number is opaque. Keys are in any order. */
function printed(document: JsonObject): string {
  const sorted = (value: Json): Json => {
    if (Array.isArray(value)) return value.map(sorted);
    if (!isObject(value)) return value;
    return Object.fromEntries(
      Object.keys(value)
        .sort()
        .map((key) => [key, sorted(value[key] ?? null)]),
    );
  };
  return printJson(sorted(document));
}

function convert(golden: Golden, to: Version): JsonObject | undefined {
  const result = must(parseResult(golden.document, golden.from));
  const document = printResult(result.result, to);
  return document.ok ? document.value : undefined;
}

const readable = goldens.filter((golden) => golden.error === undefined && !(golden.name in refusedByUs));
const conversions = readable.flatMap((golden) =>
  versions.map((to) => ({ name: golden.name, from: golden.from, to, golden })),
);

describe("what libcni makes of the same results", () => {
  test("every pair of versions is there", () => {
    expect(new Set(conversions.map(({ from, to }) => `${from} to ${to}`)).size).toBe(49);
  });

  test.each(goldens.filter((golden) => golden.error !== undefined))(
    "$name, $from: refused by both",
    (golden) => {
      expect(parseResult(golden.document, golden.from).ok).toBe(false);
    },
  );

  test.each(goldens.filter((golden) => golden.name in refusedByUs))(
    "$name, $from: refused by us",
    (golden) => {
      expect(golden.error, "libcni refuses it too: no exception is needed").toBeUndefined();
      expect(parseResult(golden.document, golden.from).ok).toBe(false);
    },
  );

  test("every exception is of a document that is there", () => {
    const names = goldens.map(({ name }) => name);
    expect(names).toEqual(expect.arrayContaining([...Object.keys(exceptions), ...Object.keys(refusedByUs)]));
  });

  test.each(conversions)("$name: $from to $to", ({ golden, to }) => {
    const theirs = golden.to?.[to];
    const ours = convert(golden, to);
    const exception = exceptions[golden.name]?.find(({ at }) => at(to));
    if (exception === undefined) {
      expect(ours && printed(ours)).toBe(theirs?.result && printed(theirs.result));
      return;
    }
    const meant = exception.ours(theirs?.result ?? {}, to, golden);
    expect(ours && printed(ours)).toBe(meant && printed(meant));
    expect(ours && printed(ours), `no longer true: ${exception.why}`).not.toBe(
      theirs?.result && printed(theirs.result),
    );
  });
});
