import { describe, expect, test } from "vitest";
import { must } from "../sys/outcome-testing.ts";
import { type Json, type JsonObject, parseJson, printJson } from "./json.ts";
import { parseResult } from "./result.ts";
import type { CniResult } from "./types.ts";
import { type Version, versions } from "./version.ts";

function read(document: Json, configVersion: Version = "1.1.0"): CniResult {
  const parsed = must(parseResult(document, configVersion));
  return parsed.result;
}

function refusal(document: Json, configVersion: Version = "1.1.0"): string {
  const parsed = parseResult(document, configVersion);
  if (parsed.ok) throw new Error(`accepted as ${printJson(parsed.value)}`);
  return parsed.error;
}

const twoInterfaces = [{ name: "cni0" }, { name: "eth0", sandbox: "/run/netns/a" }];

describe("the version of a result", () => {
  test.each(versions)("%s is told back", (version) => {
    expect(parseResult({ cniVersion: version }, "0.4.0")).toMatchObject({ ok: true, value: { version } });
  });

  test.each([[{}], [{ cniVersion: "" }], [{ cniVersion: null }]])(
    "%j is of the configuration's",
    (document) => {
      expect(parseResult(document, "0.3.1")).toEqual({ ok: true, value: { version: "0.3.1", result: {} } });
    },
  );

  test("the configuration's decides how a document without one is read", () => {
    const document = { ip4: { ip: "10.1.0.5/16" } };
    expect(read(document, "0.2.0").ips).toEqual([{ address: "10.1.0.5/16" }]);
    expect(read(document, "0.3.0").ips).toBeUndefined();
  });

  test.each([
    ["9.0.0", `cniVersion is "9.0.0", not one of 0.1.0, 0.2.0, 0.3.0, 0.3.1, 0.4.0, 1.0.0, 1.1.0`],
    ["1.1", `cniVersion is "1.1", not one of`],
    [1, "cniVersion is 1, not one of"],
    [{}, "cniVersion is an object, not one of"],
  ])("%j is refused", (cniVersion, why) => {
    expect(refusal({ cniVersion })).toContain(why);
  });
});

describe("a result of 1.1.0", () => {
  const full = {
    interfaces: [
      {
        name: "eth0",
        mac: "de:ad:be:ef:00:03",
        mtu: 9000,
        sandbox: "/run/netns/a",
        socketPath: "/s",
        pciID: "0000:1f:00.6",
      },
    ],
    ips: [{ address: "10.1.0.5/16", gateway: "10.1.0.1", interface: 0 }],
    routes: [
      {
        dst: "0.0.0.0/0",
        gw: "10.1.0.1",
        mtu: 1400,
        advmss: 1360,
        priority: 50,
        table: 4294967295,
        scope: 0,
      },
    ],
    dns: { nameservers: ["10.1.0.1"], domain: "a.b", search: ["a.b"], options: ["ndots:5"] },
  };

  test("is kept whole, less its version", () => {
    expect(read({ cniVersion: "1.1.0", ...full })).toEqual(full);
  });

  test("is not changed by being read", () => {
    const document: JsonObject = { cniVersion: "0.4.0", ...structuredClone(full), routes: null };
    const before = printJson(document);
    read(document);
    expect(printJson(document)).toBe(before);
  });

  test("null and empty fields are as absent", () => {
    const document = {
      interfaces: [{ name: "eth0", mac: null, mtu: 0, sandbox: "" }],
      ips: null,
      routes: [{ dst: "0.0.0.0/0", gw: "", mtu: 0, advmss: 0, priority: 0, table: 0, scope: 0 }],
      dns: { nameservers: null, domain: "", search: [], options: ["ndots:5"] },
    };
    expect(read(document)).toEqual({
      interfaces: [{ name: "eth0" }],
      // Table and scope zero are the kernel's, not the absence of one.
      routes: [{ dst: "0.0.0.0/0", table: 0, scope: 0 }],
      dns: { options: ["ndots:5"] },
    });
  });

  test("keys that are not the specification's survive everywhere, their numbers digit for digit", () => {
    const text = [
      `{"interfaces":[{"name":"eth0","q":12345678901234567890}],"ips":[{"address":"10.1.0.5/16","q":1.0}],`,
      `"routes":[{"dst":"0.0.0.0/0","q":1e400}],"dns":{"q":-0},"q":{"__proto__":1.50},"__proto__":{"q":null}}`,
    ].join("");
    const json = must(parseJson(text));
    const result = read(json);
    expect(printJson({ ...result.interfaces?.[0] })).toBe(`{"name":"eth0","q":12345678901234567890}`);
    expect(printJson({ ...result.ips?.[0] })).toBe(`{"address":"10.1.0.5/16","q":1.0}`);
    expect(printJson({ ...result.routes?.[0] })).toBe(`{"dst":"0.0.0.0/0","q":1e400}`);
    expect(printJson({ ...result.dns })).toBe(`{"q":-0}`);
    expect(printJson(result)).toContain(`"q":{"__proto__":1.50},"__proto__":{"q":null}`);
    expect(Object.getPrototypeOf(result)).toBe(Object.prototype);
  });

  test("a dns that is null is absent", () => {
    expect(read({ dns: null })).toStrictEqual({});
  });

  test("what an IPAM plugin prints has neither interfaces nor indexes", () => {
    const document = {
      ips: [{ address: "10.1.0.5/16", gateway: "10.1.0.1" }],
      routes: [{ dst: "0.0.0.0/0" }],
    };
    expect(read(document)).toEqual(document);
  });
});

describe("a result before 1.1.0", () => {
  test("before 1.0.0 the family of an address is told by itself", () => {
    const document = { cniVersion: "0.4.0", ips: [{ version: "6", address: "10.1.0.5/16" }] };
    expect(read(document).ips).toEqual([{ address: "10.1.0.5/16" }]);
  });

  test("ip4 and ip6 become addresses and routes", () => {
    const document = {
      cniVersion: "0.2.0",
      ip4: {
        ip: "10.1.0.5/16",
        gateway: "10.1.0.1",
        routes: [{ dst: "0.0.0.0/0", gw: "10.1.0.1" }],
        label: "a",
      },
      ip6: { ip: "fd00:1::5/64", routes: [{ dst: "::/0" }] },
      dns: { nameservers: ["10.1.0.1"] },
    };
    expect(read(document)).toEqual({
      ips: [{ address: "10.1.0.5/16", gateway: "10.1.0.1", label: "a" }, { address: "fd00:1::5/64" }],
      routes: [{ dst: "0.0.0.0/0", gw: "10.1.0.1" }, { dst: "::/0" }],
      dns: { nameservers: ["10.1.0.1"] },
    });
  });

  test("the fields of later addresses mean nothing in ip4", () => {
    const document = {
      cniVersion: "0.2.0",
      ip4: { ip: "10.1.0.5/16", address: "10.2.0.5/16", interface: 7 },
    };
    expect(read(document)).toStrictEqual({ ips: [{ address: "10.1.0.5/16" }] });
  });

  test("the lists of later versions mean nothing there", () => {
    const document = { cniVersion: "0.2.0", ips: [{ address: "x" }], interfaces: 1, routes: "no", ip6: null };
    expect(read(document)).toEqual({});
  });
});

describe("refused, and where it is wrong", () => {
  test.each<[string, Json, string]>([
    ["no object", [], "it is an array, not an object"],
    ["null", null, "it is null, not an object"],
    ["a list that is none", { ips: {} }, "ips is an object, not an array"],
    ["an entry that is none", { interfaces: twoInterfaces, ips: [null] }, "ips[0] is null, not an object"],
    [
      "an entry that is a number as text",
      { routes: ["0.0.0.0/0"] },
      `routes[0] is "0.0.0.0/0", not an object`,
    ],
    ["an interface without a name", { interfaces: [{ mac: "a" }] }, "interfaces[0].name is missing"],
    [
      "an interface named by a number",
      { interfaces: [{ name: 1 }] },
      "interfaces[0].name is 1, not a string",
    ],
    [
      "an MTU as text",
      { interfaces: [{ name: "a", mtu: "9000" }] },
      `interfaces[0].mtu is "9000", not an integer`,
    ],
    ["a broken MTU", { interfaces: [{ name: "a", mtu: 1.5 }] }, "interfaces[0].mtu is 1.5, not an integer"],
    ["an address that is missing", { ips: [{ gateway: "10.1.0.1" }] }, "ips[0].address is missing"],
    [
      "an address that is a number",
      { ips: [{ address: 10 }] },
      "ips[0].address is 10, not an address with a prefix",
    ],
    [
      "an address without a prefix",
      { ips: [{ address: "10.1.0.5" }] },
      `ips[0].address is "10.1.0.5", not an address`,
    ],
    [
      "a gateway that is none",
      { ips: [{ address: "10.1.0.5/16", gateway: "10.1.0.1/16" }] },
      "ips[0].gateway is",
    ],
    ["a route without dst", { routes: [{ gw: "10.1.0.1" }] }, "routes[0].dst is missing"],
    ["a route to a word", { routes: [{ dst: "default" }] }, `routes[0].dst is "default", not an address`],
    [
      "a route over a word",
      { routes: [{ dst: "::/0", gw: "router" }] },
      `routes[0].gw is "router", not an IP address`,
    ],
    [
      "a table as text",
      { routes: [{ dst: "::/0", table: "main" }] },
      `routes[0].table is "main", not an integer`,
    ],
    ["dns as a list", { dns: ["10.1.0.1"] }, "dns is an array, not an object"],
    [
      "nameservers as text",
      { dns: { nameservers: "10.1.0.1" } },
      `dns.nameservers is "10.1.0.1", not an array of`,
    ],
    [
      "a search domain as a number",
      { dns: { search: ["a", 1] } },
      "dns.search is an array, not an array of strings",
    ],
  ])("%s", (_name, document, why) => {
    expect(refusal(document)).toContain(why);
  });

  test.each<[string, JsonObject, string]>([
    ["ip4 as text", { ip4: "10.1.0.5/16" }, `ip4 is "10.1.0.5/16", not an object`],
    ["ip4 without ip", { ip4: { gateway: "10.1.0.1" } }, "ip4.ip is missing"],
    ["ip4 with IPv6", { ip4: { ip: "fd00::5/64" } }, `ip4.ip is "fd00::5/64", which is not IPv4`],
    [
      "a gateway of ip4",
      { ip4: { ip: "10.1.0.5/16", gateway: "router" } },
      `ip4.gateway is "router", not an IP address`,
    ],
    ["ip6 with IPv4", { ip6: { ip: "10.1.0.5/16" } }, `ip6.ip is "10.1.0.5/16", which is not IPv6`],
    [
      "a route of ip6",
      { ip6: { ip: "fd00::5/64", routes: [{ dst: "::/0" }, {}] } },
      "ip6.routes[1].dst is missing",
    ],
  ])("in 0.2.0: %s", (_name, document, why) => {
    expect(refusal(document, "0.2.0")).toBe(why);
  });

  test.each<[string, Json, JsonObject[] | undefined, string]>([
    ["past the interfaces", 3, twoInterfaces, "ips[0].interface is 3, but there are 2 interfaces"],
    ["one past the only interface", 1, [{ name: "eth0" }], "ips[0].interface is 1, but there is 1 interface"],
    ["without interfaces", 0, undefined, "ips[0].interface is 0, but there are no interfaces"],
    ["negative", -1, twoInterfaces, "ips[0].interface is -1, not an index"],
    ["a fraction", 0.5, twoInterfaces, "ips[0].interface is 0.5, not an index"],
    ["text", "1", twoInterfaces, `ips[0].interface is "1", not an index`],
    ["past every integer", 2 ** 53, twoInterfaces, "ips[0].interface is 9007199254740992, not an index"],
  ])("an index %s", (_name, index, interfaces, why) => {
    const document = {
      ips: [{ address: "10.1.0.5/16", interface: index }],
      ...(interfaces && { interfaces }),
    };
    expect(refusal(document)).toBe(why);
    expect(refusal({ cniVersion: "0.3.0", ...document })).toBe(why);
  });

  test("an index in a notation that Go does not read as an integer", () => {
    const json = must(
      parseJson(`{"interfaces":[{"name":"a"},{"name":"b"}],"ips":[{"address":"::1/128","interface":1.0}]}`),
    );
    expect(refusal(json)).toBe("ips[0].interface is 1.0, not an index");
  });

  test("every index is looked at", () => {
    const ips = [0, 1, 2].map((index) => ({ address: "10.1.0.5/16", interface: index }));
    expect(refusal({ interfaces: twoInterfaces, ips })).toBe(
      "ips[2].interface is 2, but there are 2 interfaces",
    );
  });

  test("more entries than a call has room for arguments", () => {
    const routes = Array(300_000).fill({ dst: "0.0.0.0/0" });
    expect(read({ ip4: { ip: "10.1.0.5/16", routes } }, "0.2.0").routes).toHaveLength(300_000);
    const ips = Array(300_000).fill({ address: "10.1.0.5/16", interface: 0 });
    expect(refusal({ ips })).toMatch(/and 299995 more$/);
  });

  test("everything wrong is told at once, in bounds", () => {
    const document = { interfaces: [{}], ips: [{ address: "x", interface: 7 }], dns: 1 };
    expect(refusal(document).split("; ")).toEqual([
      "interfaces[0].name is missing",
      expect.stringContaining("ips[0].address"),
      "dns is 1, not an object",
    ]);
    expect(refusal({ routes: Array(1000).fill({}) })).toMatch(
      /^(routes\[\d\]\.dst is missing; ){5}and 995 more$/,
    );
    expect(refusal({ ips: [{ address: "a".repeat(10_000) }] }).length).toBeLessThan(200);
  });
});

describe("keys that Go takes for the specification's", () => {
  test.each<[string, JsonObject, object]>([
    ["a list", { IPs: [{ address: "10.1.0.5/16" }] }, { ips: [{ address: "10.1.0.5/16" }] }],
    ["with a long s", { "interface\u017F": [{ name: "eth0" }] }, { interfaces: [{ name: "eth0" }] }],
    ["a field", { ips: [{ Address: "10.1.0.5/16" }] }, { ips: [{ address: "10.1.0.5/16" }] }],
    ["of the DNS", { DNS: { NameServers: ["10.1.0.1"] } }, { dns: { nameservers: ["10.1.0.1"] } }],
    ["keys of nobody's", { Other: 1, other: 2 }, { Other: 1, other: 2 }],
    ["fields of another version, which nobody has looked at", { ip4: { ip: "x" }, IP6: 1 }, {}],
  ])("are read as Go reads them: %s", (_what, document, expected) => {
    expect(read(document)).toEqual(expected);
  });

  test.each<[string, JsonObject, string]>([
    [
      "an index past the interfaces",
      { IPS: [{ address: "10.1.0.5/16", Interface: 7 }] },
      "ips[0].interface is 7",
    ],
    ["what is no address", { Routes: [{ Dst: "everywhere" }] }, `routes[0].dst is "everywhere"`],
    ["both spellings", { ips: [], IPs: [{ interface: 7 }] }, `"IPs" is another ips`],
    ["two other spellings", { IPS: [], Ips: [] }, `"Ips" is another ips`],
    [
      "both in a part",
      { ips: [{ address: "10.1.0.5/16", Address: "x" }] },
      `ips[0]."Address" is another address`,
    ],
    ["a version that is none", { CniVersion: "9" }, "cniVersion is"],
  ])("are checked: %s", (_what, document, why) => {
    expect(refusal(document)).toContain(why);
  });
});
