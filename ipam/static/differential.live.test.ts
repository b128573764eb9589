import * as fs from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { type Bed, useBed } from "../../tools/testbed/bed.ts";
import { call, type Ended, type Operation } from "../../tools/testbed/call.ts";
import { type Executable, pluginDir, suite } from "../../tools/testbed/executables.ts";

/** hawser-static and the reference plugin get the same requests, and must give the same answers, except where it is wrong. */

const theirs: Executable = { name: "reference", path: join(pluginDir, "static") };

/** Our executable under the reference's name. */
function ours(bed: Bed, executable: Executable): Executable {
  const path = join(bed.binDir, "static");
  if (!fs.existsSync(path)) fs.symlinkSync(executable.path, path);
  return { name: executable.name, path };
}

interface Request extends Omit<Operation, "config"> {
  readonly ipam?: object | null;
  /** Beside `ipam`. */
  readonly more?: object;
}

async function ask(
  bed: Bed,
  executable: Executable,
  request: Request,
): Promise<{ mine: Ended; reference: Ended }> {
  const { ipam, more } = request;
  const config = {
    cniVersion: "1.1.0",
    name: "n",
    type: "bridge",
    ipam: ipam && { type: "static", ...ipam },
    ...more,
  };
  const [mine, reference] = await Promise.all(
    [ours(bed, executable), theirs].map((program) => call(bed, program, { ...request, config })),
  );
  if (mine === undefined || reference === undefined) throw new Error("both programs answer");
  return { mine, reference };
}

/** The answer as a caller sees it: the document of a success, or only that it failed, because codes and words are our own. */
function seen({ exitCode, stdout }: Ended): unknown {
  if (exitCode !== 0) return "failure";
  return stdout === "" ? "silence" : JSON.parse(stdout);
}

/** Numbers from 0 to below `limit`, the same for the same seed. */
function chance(seed: number): (limit: number) => number {
  let state = seed;
  return (limit) => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return Math.floor((state / 2 ** 32) * limit);
  };
}

const addresses = [
  "10.1.0.5/24",
  "10.2.0.5/16",
  "fd00::5/64",
  "FD00:0::6/48",
  "10.3.0.0/8",
  "192.0.2.9/32",
  "10.1.0.5",
  "x",
  "",
];
/** Gateways outside of the networks of the configured addresses. There the reference is wrong, see below. */
const gateways = ["192.168.0.1", "fe80::1", "y"];

function randomRequest(seed: number): Request {
  const random = chance(seed);
  // Takes the first few values of a list. The correct ones come first.
  const some = (list: readonly string[], most: number): string[] =>
    Array.from(
      { length: random(most + 1) },
      () => list[random(random(3) === 0 ? list.length : list.length - 3)] ?? "",
    );
  const configured = some(addresses, 3).map((address) => ({
    address,
    ...(random(2) === 0 && { gateway: "10.1.0.1" }),
  }));
  const ip = some(addresses, 2).join(",");
  const gateway = some(gateways, 1).join(",");
  const pieces = [
    "IgnoreUnknown=1",
    ...(ip === "" ? [] : [`IP=${ip}`]),
    ...(gateway === "" ? [] : [`GATEWAY=${gateway}`]),
  ];
  const more = {
    cniVersion: ["1.1.0", "1.0.0", "0.4.0", "0.3.1", "0.2.0"][random(5)],
    ...(random(3) === 0 && { args: { cni: { ips: some(addresses, 2) } } }),
    ...(random(3) === 0 && { runtimeConfig: { ips: some(addresses, 2) } }),
  };
  const routes =
    random(2) === 0
      ? [
          { dst: "0.0.0.0/0", gw: "10.1.0.1" },
          { dst: "FD00::/8", gw: "" },
          ...(more.cniVersion === "0.2.0"
            ? []
            : [{ dst: "10.9.0.0/16", mtu: 1400, advmss: 1360, priority: 50, table: 100, scope: 253 }]),
        ]
      : undefined;
  const dns =
    random(2) === 0 ? { nameservers: ["10.1.0.53"], search: ["a", "b"], options: [], domain: "" } : undefined;
  return {
    verb: "ADD",
    ipam: { addresses: configured, routes, dns },
    args: random(2) === 0 ? pieces.join(";") : "",
    more,
  };
}

const someSeed = Number(process.env.HAWSER_TEST_SEED ?? Date.now() % 1_000_000);

suite("static and the reference", ["static"], (executable) => {
  const bed = useBed({ node: false });
  const both = (request: Request) => ask(bed(), executable, request);

  test(`answer 60 random requests alike, seeds from ${someSeed}`, async () => {
    let successes = 0;
    for (let seed = someSeed; seed < someSeed + 60; seed++) {
      const request = randomRequest(seed);
      const answers = await both(request);
      expect(seen(answers.mine), `seed ${seed}: ${JSON.stringify(request)}`).toEqual(seen(answers.reference));
      if (answers.mine.exitCode === 0) successes++;
    }
    expect(successes).toBeGreaterThan(5);
    expect(successes).toBeLessThan(60);
  });

  const one = { addresses: [{ address: "10.1.0.5/24", gateway: "10.1.0.1" }] };
  test.each<[string, Request]>([
    ["no ipam", { verb: "ADD", ipam: null }],
    ["a route's MTU", { verb: "ADD", ipam: { ...one, routes: [{ dst: "0.0.0.0/0", mtu: 1400, table: 0 }] } }],
    ["nothing configured", { verb: "ADD", ipam: {} }],
    [
      "gateways for requested addresses",
      { verb: "ADD", ipam: {}, args: "IP=10.1.0.5/24, fd00::5/64;GATEWAY=fd00::1,10.1.0.1,10.1.0.2" },
    ],
    [
      "a gateway for a requested address beside a configured one",
      { verb: "ADD", ipam: one, args: "IP=10.2.0.5/24;GATEWAY=10.2.0.1" },
    ],
    [
      "args in place of all that",
      { verb: "ADD", ipam: one, args: "IP=10.2.0.5/24", more: { args: { cni: { ips: ["10.3.0.5/24"] } } } },
    ],
    [
      "the runtime in place of args",
      {
        verb: "ADD",
        ipam: one,
        more: { args: { cni: { ips: ["10.3.0.5/24"] } }, runtimeConfig: { ips: ["10.4.0.5/24"] } },
      },
    ],
    [
      "the runtime in place of args that are wrong",
      {
        verb: "ADD",
        ipam: one,
        more: { args: { cni: { ips: ["x"] } }, runtimeConfig: { ips: ["10.4.0.5/24"] } },
      },
    ],
    [
      "a wrong address, although it is replaced",
      { verb: "ADD", ipam: one, args: "IP=x", more: { runtimeConfig: { ips: ["10.4.0.5/24"] } } },
    ],
    [
      "a placeholder that is replaced",
      {
        verb: "ADD",
        ipam: { addresses: [{ address: "x" }] },
        more: { args: { cni: { ips: ["10.3.0.5/24"] } } },
      },
    ],
    ["addresses that are no list", { verb: "ADD", ipam: { addresses: "x" } }],
    ["an unknown argument", { verb: "ADD", ipam: one, args: "FOO=1" }],
    ["a trailing semicolon", { verb: "ADD", ipam: one, args: "IP=10.2.0.5/24;" }],
    ["DEL", { verb: "DEL", ipam: one }],
    ["DEL with a configuration that has become invalid", { verb: "DEL", ipam: { addresses: 7 } }],
    ["GC", { verb: "GC", ipam: one, more: { "cni.dev/valid-attachments": [] } }],
    ["STATUS", { verb: "STATUS", ipam: one }],
    [
      "CHECK",
      { verb: "CHECK", ipam: one, more: { prevResult: { cniVersion: "1.1.0", ips: one.addresses } } },
    ],
    ["CHECK without prevResult", { verb: "CHECK", ipam: one }],
    [
      "CHECK of another gateway",
      {
        verb: "CHECK",
        ipam: one,
        more: { prevResult: { cniVersion: "1.1.0", ips: [{ address: "10.1.0.5/24", gateway: "10.1.0.9" }] } },
      },
    ],
  ])("answer alike: %s", async (_case, request) => {
    const answers = await both(request);
    expect(seen(answers.mine), JSON.stringify(answers)).toEqual(seen(answers.reference));
  });

  /** The ledger of differences: request, our answer, the reference's. */
  test.each<[string, Request, string, string]>([
    [
      "CHECK finds that the address is gone",
      {
        verb: "CHECK",
        ipam: one,
        more: { prevResult: { cniVersion: "1.1.0", ips: [{ address: "10.9.0.5/24" }] } },
      },
      "failure",
      "silence",
    ],
    [
      "CHECK finds that its prefix has changed",
      {
        verb: "CHECK",
        ipam: one,
        more: { prevResult: { cniVersion: "1.1.0", ips: [{ address: "10.1.0.5/8", gateway: "10.1.0.1" }] } },
      },
      "failure",
      "silence",
    ],
    [
      "0.2.0 keeps the table of a route",
      {
        verb: "ADD",
        ipam: { ...one, routes: [{ dst: "0.0.0.0/0", table: 100 }] },
        more: { cniVersion: "0.2.0" },
      },
      `{"cniVersion":"0.2.0","ip4":{"ip":"10.1.0.5/24","gateway":"10.1.0.1","routes":[{"dst":"0.0.0.0/0","table":100}]},"dns":{}}`,
      `{"cniVersion":"0.2.0","ip4":{"ip":"10.1.0.5/24","gateway":"10.1.0.1","routes":[{"dst":"0.0.0.0/0"}]},"dns":{}}`,
    ],
    [
      "STATUS finds a configuration that fails every ADD",
      { verb: "STATUS", ipam: { addresses: [{ address: "x" }] } },
      "failure",
      "silence",
    ],
  ])("differ where the reference is wrong: %s", async (_case, request, mine, reference) => {
    const answers = await both(request);
    const told = [answers.mine, answers.reference].map(seen);
    expect(told.map((each) => (typeof each === "string" ? each : JSON.stringify(each)))).toEqual([
      mine,
      reference,
    ]);
  });

  test("differ where the reference is wrong: GATEWAY= reaches a configured address whose network contains it", async () => {
    const answers = await both({
      verb: "ADD",
      ipam: { addresses: [{ address: "10.1.0.5/24" }] },
      args: "GATEWAY=10.1.0.1",
    });
    expect(seen(answers.mine)).toMatchObject({ ips: [{ address: "10.1.0.5/24", gateway: "10.1.0.1" }] });
    expect(seen(answers.reference)).toEqual({ cniVersion: "1.1.0", ips: [{ address: "10.1.0.5/24" }] });
  });
});
