import { describe, expect, test } from "vitest";
import {
  canonicalCidr,
  documentsOf,
  familyOfCidr,
  oneDocument,
  printResult,
  readResult,
  resultProblems,
} from "./oracle.ts";
import { specVersions } from "./versions.ts";

describe("documents on stdout", () => {
  test.each<[string, string, number, string]>([
    ["none", "", 0, ""],
    ["one", '{"a":1}\n', 1, ""],
    ["two", '{"a":1}{"b":"}"}', 2, ""],
    ["a brace and a quote in a text", '{"a":"}\\"{"}', 1, ""],
    ["bytes behind", '{"a":1} x', 1, "x"],
    ["garbage", "<garbage>", 0, "<garbage>"],
    ["half", '{"a":', 0, '{"a":'],
    ["a number", "7", 1, ""],
  ])("%s", (_what, text, count, rest) => {
    const found = documentsOf(text);
    expect([found.values.length, found.rest]).toEqual([count, rest]);
  });

  test.each([
    ["", "stdout is empty"],
    ["x", "stdout is no JSON: x"],
    ["{}{}", "stdout holds 2 documents, not one"],
    ["{} x", "after the document stdout holds x"],
    ["[]", "stdout holds [], which is no object"],
  ])("%j is not one object", (text, problem) => {
    expect(oneDocument(text)).toEqual({ problem });
  });
});

describe("a result", () => {
  const ip = { address: "10.1.0.5/16", gateway: "10.1.0.1", interface: 0 };
  test.each<[string, object, string]>([
    ["an address without prefix", { ips: [{ address: "10.1.0.5" }] }, "ips[0].address"],
    ["an octet above 255", { ips: [{ address: "10.1.0.256/8" }] }, "ips[0].address"],
    ["a prefix above 32", { ips: [{ address: "10.1.0.5/33" }] }, "ips[0].address"],
    ["a gateway that is none", { ips: [{ ...ip, gateway: "router" }] }, "ips[0].gateway"],
    ["a negative index", { ips: [{ ...ip, interface: -1 }] }, "ips[0].interface"],
    ["version, removed with 1.0.0", { ips: [{ ...ip, version: "4" }] }, "ips[0].version"],
    [
      "an interface without name",
      { interfaces: [{ mac: "02:00:00:00:00:01" }] },
      "interfaces[0] has no name",
    ],
    ["a MAC that is none", { interfaces: [{ name: "a", mac: "02:00" }] }, "interfaces[0].mac"],
    ["an MTU that is a text", { interfaces: [{ name: "a", mtu: "1500" }] }, "interfaces[0].mtu"],
    ["a route without dst", { routes: [{ gw: "10.1.0.1" }] }, "routes[0].dst"],
    ["a priority that is negative", { routes: [{ dst: "0.0.0.0/0", priority: -1 }] }, "routes[0].priority"],
    ["ips that is no list", { ips: {} }, "ips is no list"],
    ["dns that is a text", { dns: "x" }, "dns is no object"],
    ["name servers that are no texts", { dns: { nameservers: [7] } }, "dns.nameservers"],
    ["ip4 of old", { ip4: {} }, "ip4 or ip6"],
  ])("of 1.1.0 with %s", (_what, document, problem) => {
    expect(resultProblems(document as Record<string, unknown>, "1.1.0").join()).toContain(problem);
  });

  test("of 0.4.0 without the family of an address", () => {
    expect(resultProblems({ ips: [{ address: "fd00::5/64" }] }, "0.4.0")).toEqual([
      'ips[0].version is nothing, not "6"',
    ]);
  });

  test.each(specVersions)("printed in %s, it is found right and read the same", (version) => {
    const result = {
      interfaces: version < "0.3.0" ? [] : [{ name: "eth0", sandbox: "/var/run/netns/a" }],
      ips: [version < "0.3.0" ? { address: ip.address, gateway: ip.gateway } : ip],
      routes: [{ dst: "0.0.0.0/0" }],
      dns: { nameservers: ["10.1.0.1"] },
    };
    const document = printResult(result, version);
    expect(resultProblems(document, version)).toEqual([]);
    expect(readResult(document, version)).toEqual({ cniVersion: version, ...result });
  });
});

test.each([
  ["10.0.0.0/8", 4],
  ["::/0", 6],
  ["fd00::1/129", undefined],
  ["fd00::g/64", undefined],
  ["10.0.0.1/8/8", undefined],
])("the family of %s", (cidr, family) => {
  expect(familyOfCidr(cidr)).toBe(family);
});

test("an IPv6 address has one spelling", () => {
  expect(canonicalCidr("FD00:0:0::1/64")).toBe("fd00::1/64");
});
