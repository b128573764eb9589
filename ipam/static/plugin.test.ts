import { describe, expect, test } from "vitest";
import { parseNetworkConfig } from "../../cni/config.ts";
import { parseEnvironment } from "../../cni/environment.ts";
import { type JsonObject, printJson } from "../../cni/json.ts";
import type { Invocation } from "../../cni/plugin.ts";
import { createFake } from "../../sys/fake.ts";
import { must } from "../../sys/outcome-testing.ts";
import { staticIpam } from "./plugin.ts";

type Verb = "add" | "del" | "check" | "status" | "gc";

function invocation(verb: Verb, more: JsonObject, args = ""): Invocation {
  const environment = parseEnvironment({
    CNI_COMMAND: verb.toUpperCase(),
    CNI_CONTAINERID: "c1",
    CNI_NETNS: "/ns",
    CNI_IFNAME: "eth0",
    CNI_PATH: "/bin",
    CNI_ARGS: args,
  });
  const config = parseNetworkConfig(printJson({ cniVersion: "1.1.0", name: "n", type: "bridge", ...more }));
  return { environment: must(environment), config: must(config) };
}

async function run(verb: Verb, more: JsonObject, args = "") {
  const fake = createFake();
  const outcome = await staticIpam[verb](fake.sys, invocation(verb, more, args));
  return { outcome, warnings: fake.warnings, effects: fake.effects() };
}

const one = { addresses: [{ address: "10.1.0.5/24", gateway: "10.1.0.1" }] };
const given = (...addresses: string[]) =>
  addresses.map((each) => {
    const [address = "", gateway] = each.split(" ");
    return gateway === undefined ? { address } : { address, gateway };
  });

describe("ADD", () => {
  test("gives what is configured, printed the one way", async () => {
    const ipam = {
      addresses: [...one.addresses, { address: "FD00:0::5/64" }],
      routes: [
        { dst: "0.0.0.0/0", gw: "10.1.0.1", mtu: 0, table: 0 },
        { dst: "FD00::/8", priority: 7 },
      ],
      dns: { nameservers: ["10.1.0.53"], domain: "", search: ["a", "b"] },
    };
    const { outcome, effects } = await run("add", { ipam });
    expect(outcome).toEqual({
      ok: true,
      value: {
        ips: given("10.1.0.5/24 10.1.0.1", "fd00::5/64"),
        routes: [
          { dst: "0.0.0.0/0", gw: "10.1.0.1", table: 0 },
          { dst: "fd00::/8", priority: 7 },
        ],
        dns: { nameservers: ["10.1.0.53"], search: ["a", "b"] },
      },
    });
    expect(effects).toEqual([]);
  });

  const configArgs = { args: { cni: { ips: ["10.3.0.5/24"] } } };
  const capability = { runtimeConfig: { ips: ["10.4.0.5/24", "fd04::5/64"] } };
  test.each<[string, JsonObject, string, string[]]>([
    [
      "CNI_ARGS IP= behind what is configured",
      { ipam: one },
      "IP=10.2.0.5/24,fd02::5/64",
      ["10.1.0.5/24 10.1.0.1", "10.2.0.5/24", "fd02::5/64"],
    ],
    ["CNI_ARGS IP= alone", { ipam: {} }, "IP=10.2.0.5/24", ["10.2.0.5/24"]],
    [
      "CNI_ARGS GATEWAY= to the address whose network has it",
      { ipam: {} },
      "IP=10.2.0.5/24,fd02::5/64;GATEWAY=10.2.0.1,fd02::1",
      ["10.2.0.5/24 10.2.0.1", "fd02::5/64 fd02::1"],
    ],
    [
      "CNI_ARGS GATEWAY= to a configured address, too",
      { ipam: one },
      "GATEWAY=10.1.0.254",
      ["10.1.0.5/24 10.1.0.254"],
    ],
    ["args.cni.ips instead of all of these", { ipam: one, ...configArgs }, "IP=10.2.0.5/24", ["10.3.0.5/24"]],
    [
      "runtimeConfig.ips instead of those",
      { ipam: one, ...configArgs, ...capability },
      "IP=10.2.0.5/24",
      ["10.4.0.5/24", "fd04::5/64"],
    ],
    [
      "empty lists replace nothing",
      { ipam: one, args: { cni: { ips: [] } }, runtimeConfig: { ips: [] } },
      "",
      ["10.1.0.5/24 10.1.0.1"],
    ],
    ["nothing at all", { ipam: {} }, "", []],
  ])("gives %s", async (_case, more, args, expected) => {
    const { outcome } = await run("add", more, args);
    expect(outcome).toEqual({ ok: true, value: { ips: given(...expected), routes: [], dns: {} } });
  });

  test("says which gateway no address wants", async () => {
    const { outcome, warnings } = await run("add", { ipam: one }, "GATEWAY=10.9.0.1");
    expect(outcome).toMatchObject({ ok: true });
    expect(warnings).toEqual(["CNI_ARGS GATEWAY: no address is in a network with 10.9.0.1"]);
  });

  test.each<[string, JsonObject, string, string, string]>([
    ["no ipam", {}, "", "ipam.config", "IPAM config missing 'ipam' key"],
    [
      "an address without its prefix",
      { ipam: { addresses: [{ address: "10.1.0.5" }] } },
      "",
      "ipam.config",
      "ipam.addresses[0].address: is expected to be in CIDR notation",
    ],
    [
      "a requested address without its prefix",
      { ipam: {} },
      "IP=10.2.0.5",
      "ipam.config",
      "CNI_ARGS IP: is expected to be in CIDR notation",
    ],
    [
      "one in args.cni.ips",
      { ipam: {}, args: { cni: { ips: ["10.2.0.5"] } } },
      "",
      "ipam.config",
      "args.cni.ips[0]: is expected",
    ],
    [
      "a gateway that is none",
      { ipam: { addresses: [{ address: "10.1.0.5/24", gateway: "x" }] } },
      "",
      "ipam.config",
      `ipam.addresses[0].gateway: "x" is no IP address`,
    ],
    [
      "a requested gateway that is none",
      { ipam: {} },
      "GATEWAY=x",
      "ipam.config",
      `CNI_ARGS GATEWAY: invalid gateway address "x"`,
    ],
    [
      "routes that are none",
      { ipam: { routes: [{ dst: "10.0.0.0" }, {}, 7, { dst: "10.0.0.0/8", gw: "x", mtu: "9000" }] } },
      "",
      "ipam.config",
      `ipam.routes[0].dst: "10.0.0.0" is no network like 10.1.0.0/16; ipam.routes[1].dst: is missing; ipam.routes[2]: is a number, not an object; ipam.routes[3].gw: "x" is no IP address; ipam.routes[3].mtu: is "9000", not an integer`,
    ],
    [
      "DNS settings that are none",
      { ipam: { dns: { nameservers: "x", search: [1] } } },
      "",
      "ipam.config",
      "ipam.dns.nameservers: is a string, not an array; ipam.dns.search[0]: is a number, not a string",
    ],
    [
      "two addresses of a family before 0.3.0",
      { cniVersion: "0.2.0", ipam: one },
      "IP=10.2.0.5/24",
      "ipam.config",
      "CNI version 0.2.0 does not support more than 1 address per family",
    ],
    ["unknown CNI_ARGS", { ipam: one }, "FOO=1", "ipam.args", "unknown args FOO"],
  ])("refuses %s", async (_case, more, args, id, words) => {
    const { outcome } = await run("add", more, args);
    expect(outcome).toMatchObject({ ok: false, error: { id, msg: expect.stringContaining(words) } });
  });
});

describe("CHECK", () => {
  const check = (ips: JsonObject[], args = "") =>
    run("check", { ipam: one, prevResult: { cniVersion: "1.1.0", ips } }, args);

  test.each<[string, JsonObject[], string]>([
    ["what was given", given("10.1.0.5/24 10.1.0.1"), ""],
    ["what was given, among what others added", given("10.9.0.5/24", "10.1.0.5/24 10.1.0.1"), ""],
    ["what was requested as well", given("10.1.0.5/24 10.1.0.1", "10.2.0.5/24"), "IP=10.2.0.5/24"],
  ])("finds %s", async (_case, ips, args) => {
    expect((await check(ips, args)).outcome).toEqual({ ok: true, value: undefined });
  });

  test.each<[string, JsonObject[], string]>([
    ["the address is gone", given("10.9.0.5/24 10.1.0.1"), ""],
    ["all are gone", [], ""],
    ["its prefix is another", given("10.1.0.5/16 10.1.0.1"), ""],
    ["its gateway is another", given("10.1.0.5/24 10.1.0.9"), ""],
    ["its gateway is gone", given("10.1.0.5/24"), ""],
    ["the requested one is gone", given("10.1.0.5/24 10.1.0.1"), "IP=10.2.0.5/24"],
  ])("fails when %s", async (_case, ips, args) => {
    expect((await check(ips, args)).outcome).toMatchObject({
      ok: false,
      error: { id: "ipam.drift", code: 105 },
    });
  });

  test("needs prevResult", async () => {
    expect((await run("check", { ipam: one })).outcome).toMatchObject({
      ok: false,
      error: { id: "config.prev-result", code: 7 },
    });
    expect((await run("check", { ipam: one, prevResult: { ips: 1 } })).outcome).toMatchObject({
      ok: false,
      error: { id: "config.prev-result" },
    });
  });
});

test("DEL and GC succeed whatever the configuration has become", async () => {
  const broken = { ipam: { addresses: 7 }, "cni.dev/valid-attachments": [] };
  expect(await run("del", broken)).toMatchObject({ outcome: { ok: true }, effects: [] });
  expect(await run("gc", broken)).toMatchObject({ outcome: { ok: true }, effects: [] });
});

test("STATUS is 50 when no ADD can succeed, and says why", async () => {
  expect((await run("status", { ipam: one })).outcome).toEqual({ ok: true, value: undefined });
  const { outcome } = await run("status", { ipam: { addresses: [{ address: "x" }] } });
  expect(outcome).toMatchObject({
    ok: false,
    error: { code: 50, id: "ipam.config", msg: expect.stringContaining("ipam.addresses[0].address") },
  });
});
