import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { must } from "../sys/outcome-testing.ts";
import { printResult } from "./convert.ts";
import { isObject, type JsonObject, parseJson, printJson } from "./json.ts";
import { parseResult } from "./result.ts";
import type { CniResult, Dns, Interface, IpConfig, Route } from "./types.ts";
import { atLeast, type Version, versions } from "./version.ts";

function read(document: JsonObject): CniResult {
  const parsed = must(parseResult(document, "1.1.0"));
  return parsed.result;
}

function print(result: CniResult, version: Version): JsonObject {
  return must(printResult(result, version));
}

const since = (minimum: Version): Version[] => versions.filter((version) => atLeast(version, minimum));
const until = (limit: Version): Version[] => versions.filter((version) => !atLeast(version, limit));
const pairsOf = (list: readonly Version[]): [Version, Version][] =>
  list.flatMap((from) => list.map((to): [Version, Version] => [from, to]));

const dns = { nameservers: ["10.1.0.1"], domain: "a.b", search: ["a.b"], options: ["ndots:5"] };

/** A result that every version can express, in the form of the given version. */
function dualStack(version: Version): JsonObject {
  const [default4, default6] = [
    { dst: "0.0.0.0/0", gw: "10.1.0.1" },
    { dst: "::/0", gw: "fd00:1::1" },
  ];
  if (!atLeast(version, "0.3.0")) {
    return {
      cniVersion: version,
      ip4: { ip: "10.1.0.5/16", gateway: "10.1.0.1", routes: [default4, { dst: "10.9.0.0/16" }] },
      ip6: { ip: "fd00:1::5/64", gateway: "fd00:1::1", routes: [default6] },
      dns,
    };
  }
  const family = (name: string) => (atLeast(version, "1.0.0") ? {} : { version: name });
  return {
    cniVersion: version,
    ips: [
      { ...family("4"), address: "10.1.0.5/16", gateway: "10.1.0.1" },
      { ...family("6"), address: "fd00:1::5/64", gateway: "fd00:1::1" },
    ],
    routes: [default4, { dst: "10.9.0.0/16" }, default6],
    dns,
  };
}

/** A result with the fields that version 0.3.0 added. */
function bridged(version: Version): JsonObject {
  const family = atLeast(version, "1.0.0") ? {} : { version: "4" };
  return {
    cniVersion: version,
    interfaces: [{ name: "cni0" }, { name: "eth0", mac: "de:ad:be:ef:00:03", sandbox: "/run/netns/a" }],
    ips: [{ ...family, address: "10.1.0.5/16", interface: 1 }],
    ...(atLeast(version, "1.0.0") ? {} : { dns: {} }),
    vendor: { queue: 3 },
  };
}

describe("a result of one version in another", () => {
  test.each(pairsOf(versions))("two families, routes, dns: %s to %s", (from, to) => {
    expect(print(read(dualStack(from)), to)).toStrictEqual(dualStack(to));
  });

  test.each(pairsOf(since("0.3.0")))("interfaces and keys of nobody: %s to %s", (from, to) => {
    expect(print(read(bridged(from)), to)).toStrictEqual(bridged(to));
  });

  test.each(versions)("%s begins with its version", (version) => {
    expect(Object.keys(print(read(dualStack("1.1.0")), version))[0]).toBe("cniVersion");
  });

  test("a family that a plugin named wrongly is told from the address", () => {
    const result = read({ cniVersion: "1.0.0", ips: [{ version: "6", address: "10.1.0.5/16" }] });
    expect(print(result, "0.4.0").ips).toStrictEqual([{ version: "4", address: "10.1.0.5/16" }]);
  });

  test("numbers that JavaScript cannot hold arrive digit for digit", () => {
    const json = must(parseJson(`{"interfaces":[{"name":"eth0","q":12345678901234567890}],"vendor":1.0}`));
    const result = read(json as JsonObject);
    expect(printJson(print(result, "0.3.1"))).toBe(
      `{"cniVersion":"0.3.1","interfaces":[{"name":"eth0","q":12345678901234567890}],"dns":{},"vendor":1.0}`,
    );
  });

  test("the result itself stays as it was", () => {
    const result = read({ ...bridged("0.4.0"), routes: [{ dst: "::/0", mtu: 1400 }] });
    const saved = printJson(result);
    for (const version of versions) print(result, version);
    expect(printJson(result)).toBe(saved);
  });
});

const fields110: CniResult = {
  interfaces: [
    { name: "net1", mac: "de:ad:be:ef:00:03", mtu: 9000, socketPath: "/s", pciID: "0000:1f:00.6" },
  ],
  ips: [{ address: "10.1.0.5/16", interface: 0 }],
  routes: [
    { dst: "0.0.0.0/0", gw: "10.1.0.1", mtu: 1400, advmss: 1360, priority: 50, table: 100, scope: 253 },
  ],
};

describe("what a version cannot say", () => {
  test("1.1.0 can say all of it", () => {
    expect(print(fields110, "1.1.0")).toStrictEqual({ cniVersion: "1.1.0", ...fields110 });
  });

  test.each(versions)("%s: a route keeps every field, as with libcni", (version) => {
    const printed = print(fields110, version);
    const { routes } = isObject(printed.ip4) ? printed.ip4 : printed;
    expect(routes).toStrictEqual(fields110.routes);
  });

  test("1.0.0: an interface keeps every field, as with libcni", () => {
    expect(print(fields110, "1.0.0").interfaces).toStrictEqual(fields110.interfaces);
  });

  test.each(["0.3.0", "0.3.1", "0.4.0"] as const)("%s: an interface is name, MAC and sandbox", (version) => {
    const printed = print(fields110, version);
    expect(printed.interfaces).toStrictEqual([{ name: "net1", mac: "de:ad:be:ef:00:03" }]);
  });

  test.each(until("0.3.0"))("%s: interfaces are dropped", (version) => {
    expect(print(fields110, version)).toStrictEqual({
      cniVersion: version,
      ip4: { ip: "10.1.0.5/16", routes: fields110.routes },
      dns: {},
    });
  });

  test.each(until("0.3.0"))("%s: only the first address of each family", (version) => {
    const addresses = ["fd00:1::5/64", "10.1.0.5/16", "10.2.0.5/16", "fd00:2::5/64"];
    expect(print({ ips: addresses.map((address) => ({ address })) }, version)).toStrictEqual({
      cniVersion: version,
      ip4: { ip: "10.1.0.5/16" },
      ip6: { ip: "fd00:1::5/64" },
      dns: {},
    });
  });

  test.each(until("0.3.0"))("%s: routes of a family without an address are dropped", (version) => {
    const result = {
      ips: [{ address: "fd00:1::5/64" }],
      routes: [{ dst: "0.0.0.0/0" }, { dst: "fd00:9::/48" }],
    };
    const ip6 = { ip: "fd00:1::5/64", routes: [{ dst: "fd00:9::/48" }] };
    expect(print(result, version)).toStrictEqual({ cniVersion: version, ip6, dns: {} });
  });

  test.each(until("0.3.0"))("%s: keys of nobody are dropped", (version) => {
    const document = {
      vendor: 1,
      ips: [{ address: "10.1.0.5/16", vendor: 1 }],
      routes: [{ dst: "0.0.0.0/0", vendor: 1 }],
      dns: { domain: "a.b", vendor: 1 },
    };
    expect(print(read(document), version)).toStrictEqual({
      cniVersion: version,
      ip4: { ip: "10.1.0.5/16", routes: [{ dst: "0.0.0.0/0" }] },
      dns: { domain: "a.b" },
    });
  });

  test.each<[string, CniResult]>([
    ["empty", {}],
    ["interfaces alone", { interfaces: [{ name: "net1" }] }],
    ["routes alone", { ips: [], routes: [{ dst: "0.0.0.0/0" }] }],
  ])("without addresses (%s) nothing is left to print before 0.3.0", (_name, result) => {
    for (const version of until("0.3.0")) {
      expect(printResult(result, version)).toMatchObject({
        ok: false,
        error: { code: 1, id: "convert.no-addresses", msg: expect.stringContaining(version) },
      });
    }
    for (const version of since("0.3.0")) expect(printResult(result, version).ok).toBe(true);
  });
});

describe("dns", () => {
  test.each([undefined, {}, { nameservers: [], domain: "", search: [], options: [] }])(
    "empty: %j",
    (empty) => {
      const result = { ips: [{ address: "10.1.0.5/16" }], ...(empty && { dns: empty }) };
      for (const version of until("1.0.0")) expect(print(result, version).dns).toStrictEqual({});
      for (const version of since("1.0.0")) expect(print(result, version)).not.toHaveProperty("dns");
    },
  );

  test("what is empty in it is left out", () => {
    const result = { ips: [{ address: "10.1.0.5/16" }], dns: { nameservers: ["10.1.0.1"], search: [] } };
    for (const version of versions)
      expect(print(result, version).dns).toStrictEqual({ nameservers: ["10.1.0.1"] });
  });
});

test("empty lists are left out", () => {
  expect(print({ interfaces: [], ips: [], routes: [], dns: {} }, "1.1.0")).toStrictEqual({
    cniVersion: "1.1.0",
  });
  expect(print({ interfaces: [], ips: [], routes: [], dns: {} }, "0.4.0")).toStrictEqual({
    cniVersion: "0.4.0",
    dns: {},
  });
});

const word = fc.stringMatching(/^[a-z][a-z0-9.]{0,8}$/);
const address = fc.oneof(
  fc.tuple(fc.ipV4(), fc.nat(32)).map(([ip, prefix]) => `${ip}/${prefix}`),
  fc.tuple(fc.ipV6(), fc.nat(128)).map(([ip, prefix]) => `${ip}/${prefix}`),
);
const ip = fc.oneof(fc.ipV4(), fc.ipV6());
const size = fc.integer({ min: 1, max: 4294967295 });
/** Absent or of at least one entry: an empty list is printed as an absent one. */
const list = <T>(entry: fc.Arbitrary<T>) => fc.array(entry, { minLength: 1, maxLength: 4 });

const anInterface: fc.Arbitrary<Interface> = fc.record(
  { name: word, mac: word, mtu: size, sandbox: word, socketPath: word, pciID: word, vendor: word },
  { requiredKeys: ["name"] },
);
const aRoute: fc.Arbitrary<Route> = fc.record(
  {
    dst: address,
    gw: ip,
    mtu: size,
    advmss: size,
    priority: size,
    table: fc.nat(),
    scope: fc.nat(),
    vendor: word,
  },
  { requiredKeys: ["dst"] },
);
const aDns: fc.Arbitrary<Dns> = fc
  .record(
    { nameservers: list(ip), domain: word, search: list(word), options: list(word) },
    { requiredKeys: [] },
  )
  .filter((value) => Object.keys(value).length > 0);

const aResult: fc.Arbitrary<CniResult> = fc
  .record(
    { interfaces: list(anInterface), routes: list(aRoute), dns: aDns, vendor: fc.jsonValue() },
    { requiredKeys: [] },
  )
  .chain((rest) => {
    const index = fc.nat((rest.interfaces?.length ?? 1) - 1);
    const fields = { address, gateway: ip, vendor: word, ...(rest.interfaces && { interface: index }) };
    const ips: fc.Arbitrary<IpConfig[]> = list(fc.record(fields, { requiredKeys: ["address"] }));
    return fc
      .record({ ips }, { requiredKeys: [] })
      .map((addresses): CniResult => ({ ...rest, ...addresses }));
  });

const keep = <T extends object>(part: T, ...dropped: string[]): T =>
  Object.fromEntries(Object.entries(part).filter(([key]) => !dropped.includes(key))) as T;

/** The parts of a result that a version with lists can hold. This repeats the converter's rules from the reader's side. */
function survivors(result: CniResult, version: Version): CniResult {
  if (atLeast(version, "1.0.0")) return result;
  const interfaces = result.interfaces?.map((each) => keep(each, "mtu", "socketPath", "pciID"));
  return { ...result, ...(interfaces && { interfaces }) };
}

/** The same for a version whose results have one address of each family. */
function firstSurvivors(result: CniResult): CniResult {
  const isV6 = (text: string) => text.includes(":");
  const v4 = result.ips?.find((each) => !isV6(each.address));
  const v6 = result.ips?.find((each) => isV6(each.address));
  const routes4 = v4 === undefined ? [] : (result.routes ?? []).filter((route) => !isV6(route.dst));
  const routes6 = v6 === undefined ? [] : (result.routes ?? []).filter((route) => isV6(route.dst));
  const ips = [v4, v6].flatMap((each) => (each === undefined ? [] : [keep(each, "interface", "vendor")]));
  const routes = [...routes4, ...routes6].map((each) => keep(each, "vendor"));
  return { ips, ...(routes.length > 0 && { routes }), ...(result.dns && { dns: result.dns }) };
}

/** Reading what was printed; before 1.0.0 an empty dns is printed where there was none. */
function reread(document: JsonObject): CniResult {
  const json = must(parseJson(printJson(document)));
  const { dns: printed, ...rest } = read(json as JsonObject);
  return printed === undefined || Object.keys(printed).length === 0 ? rest : { ...rest, dns: printed };
}

const asJson = (value: unknown): unknown => JSON.parse(printJson(value));

describe("any result", () => {
  test.each(since("0.3.0"))("printed in %s and read again: what survives is equal", (version) => {
    fc.assert(
      fc.property(aResult, (result) => {
        expect(asJson(reread(print(result, version)))).toStrictEqual(asJson(survivors(result, version)));
      }),
    );
  });

  test.each(until("0.3.0"))("printed in %s and read again: what survives is equal", (version) => {
    fc.assert(
      fc.property(aResult, (result) => {
        fc.pre((result.ips ?? []).length > 0);
        expect(asJson(reread(print(result, version)))).toStrictEqual(asJson(firstSurvivors(result)));
      }),
    );
  });

  test.each(pairsOf(versions))(
    "read from %s, printed in %s and back: a second round changes nothing",
    (from, to) => {
      fc.assert(
        fc.property(aResult, (result) => {
          fc.pre((result.ips ?? []).length > 0);
          const once = print(reread(print(result, from)), to);
          const twice = print(reread(print(reread(once), from)), to);
          expect(asJson(twice)).toStrictEqual(asJson(once));
        }),
        { numRuns: 30 },
      );
    },
  );
});
