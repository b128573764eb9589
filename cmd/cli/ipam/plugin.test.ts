import * as os from "node:os";
import { afterEach, beforeEach, expect, test } from "vitest";
import { parseNetworkConfig } from "../../../cni/config.ts";
import { parseEnvironment } from "../../../cni/environment.ts";
import type { Invocation } from "../../../cni/plugin.ts";
import { flat } from "../../../ipam/flat/plugin.ts";
import { linux } from "../../../sys/linux.ts";
import { must } from "../../../sys/outcome-testing.ts";
import { temporaryFolder } from "../command-testing.ts";
import { dualRanges, runIpam, stopped, writeConfig } from "./ipam-testing.ts";

const quiet = { ...stopped, warn: () => {} };

/** The command line and the plugin use one store. They must read its keys in the same way. */

let folder: ReturnType<typeof temporaryFolder>;
let config: string;

beforeEach(() => {
  folder = temporaryFolder(os.tmpdir());
  config = writeConfig(folder.path, { ranges: dualRanges, journalDir: `${folder.path}/journal` });
});
afterEach(() => folder.remove());

function invocation(verb: "ADD" | "DEL", pod: string, containerId: string): Invocation {
  const text = linux.files.read(config);
  const network = text.ok ? parseNetworkConfig(text.value) : text;
  const environment = parseEnvironment({
    CNI_COMMAND: verb,
    CNI_CONTAINERID: containerId,
    CNI_NETNS: "/var/run/netns/x",
    CNI_IFNAME: "eth0",
    CNI_ARGS: `K8S_POD_NAMESPACE=blue;K8S_POD_NAME=${pod}`,
  });
  return { config: must(network), environment: must(environment) };
}

async function add(pod: string, containerId: string): Promise<string[]> {
  const result = must(await flat.add(quiet, invocation("ADD", pod, containerId)));
  return (result.ips ?? []).map(({ address }) => address.replace(/\/\d+$/, ""));
}

async function del(pod: string, containerId: string): Promise<void> {
  must(await flat.del(quiet, invocation("DEL", pod, containerId)));
}

async function json(...args: string[]) {
  const { exitCode, stdout, stderr } = await runIpam([...args, "--json", "--config", config]);
  expect(stderr).toBe("");
  return { exitCode, ...JSON.parse(stdout) };
}

test("what is predicted is what an ADD gets, address and MAC", async () => {
  const { addresses, mac } = await json("predict", "blue/db-0/eth0");
  expect(await add("db-0", "c1")).toEqual(addresses.map((each: { address: string }) => each.address));
  const { holding } = await json("why", addresses[0].address);
  expect(holding).toMatchObject({ identity: "blue/db-0/eth0", mac, condition: "used", containerId: "c1" });
});

test("what ADD and DEL leave in the store is sound", async () => {
  for (const n of [1, 2, 3]) await add(`p-${n}`, `c${n}`);
  await del("p-2", "c2");
  expect(await json("check")).toMatchObject({ exitCode: 0, owners: 3, findings: [] });
  const { pools } = await json("show");
  expect(pools[0].sets).toMatchObject([
    { used: 2, held: 1 },
    { used: 2, held: 1 },
  ]);
  expect(pools[0].definitions).toBe(1);
});

test("a reservation is the pod's, beyond its DEL; nobody else gets it", async () => {
  await runIpam(["reserve", "10.60.0.33,fd00:60::33", "--for", "blue/db-0/eth0", "--config", config]);
  expect(await add("db-0", "c1")).toEqual(["10.60.0.33", "fd00:60::33"]);
  await del("db-0", "c1");
  expect((await json("why", "10.60.0.33")).holding).toMatchObject({ condition: "reserved" });
  expect(await add("db-0", "c2")).toEqual(["10.60.0.33", "fd00:60::33"]);
  expect(await json("check")).toMatchObject({ exitCode: 0, findings: [] });
});

test("what is reserved from everybody nobody gets", async () => {
  const { addresses } = await json("predict", "blue/db-0/eth0");
  await runIpam(["reserve", addresses[0].address, "--config", config]);
  expect(await add("db-0", "c1")).not.toContain(addresses[0].address);
  expect(await json("check")).toMatchObject({ exitCode: 0, findings: [] });
});

test("what was released by force is free, and its late DEL changes nothing", async () => {
  const [address = ""] = await add("db-0", "c1");
  for (let times = 0; times < 2; times++)
    await runIpam(["release", address, "--force", "--yes", "--config", config]);
  await runIpam(["reserve", address, "--config", config]);
  await del("db-0", "c1");
  expect((await json("why", address)).holding.identity).toBe(`reserved:${address}`);
});

test.each([
  ["its container's DEL frees it", () => del("db-0", "c1")],
  ["the pod's next sandbox on its node takes it over", () => add("db-0", "c2")],
])("what is in quarantine nobody gets until %s", async (_evidence, evidence) => {
  const [address = ""] = await add("db-0", "c1");
  await runIpam(["release", address, "--force", "--yes", "--config", config]);
  expect((await runIpam(["reserve", address, "--config", config])).stderr).toContain("cli.taken");
  expect(await json("check")).toMatchObject({ exitCode: 0, findings: [] });
  await evidence();
  expect((await json("why", address)).holding.condition).not.toBe("quarantined");
  expect(await add("db-0", "c2")).toContain(address);
  expect(await json("check")).toMatchObject({ exitCode: 0, findings: [] });
});

test("what was imported is the pod's when it comes", async () => {
  const export1 = `${folder.path}/pool.jsonl`;
  const addresses = await add("db-0", "c1");
  await del("db-0", "c1");
  await runIpam(["export", "--config", config, "--output", export1]);
  config = writeConfig(folder.path, {
    ranges: dualRanges,
    store: { dir: `${folder.path}/new` },
    journalDir: `${folder.path}/journal`,
  });
  await runIpam(["import", export1, "--config", config, "--yes"]);
  expect(await add("db-0", "c2")).toEqual(addresses);
  expect(await json("check")).toMatchObject({ exitCode: 0, findings: [] });
});

test("by the store alone: its ranges are those that the plugin defined there", async () => {
  await add("db-0", "c1");
  const { stdout } = await runIpam(["show", "--json", "--dir", `${folder.path}/store`]);
  const [pool] = JSON.parse(stdout).pools;
  const [known] = (await json("show")).pools;
  expect(pool.sets).toEqual(known.sets);
  expect(pool.sets).toHaveLength(2);
});

test("two nodes that define the pool differently are told, and the old definition can go", async () => {
  await add("db-0", "c1");
  config = writeConfig(folder.path, { journalDir: `${folder.path}/journal` });
  await add("db-1", "c2");
  const { exitCode, findings } = await json("check");
  expect(exitCode).toBe(1);
  expect(findings).toContainEqual(expect.objectContaining({ kind: "definitions" }));
  expect((await json("check", "--repair", "--yes")).exitCode).toBe(0);
  expect((await json("check")).exitCode).toBe(0);
});
