import { beforeAll, describe, expect, test, vi } from "vitest";
import { createMachine, type FakeMachine, type FakeProcess } from "../sys/fake.ts";
import { crashSites } from "../sys/fake-crashes.ts";
import { withOwnPlugins } from "./own-plugins.ts";
import { registry } from "./registry.ts";

/**
 * Three delegates give addresses at once within one process, which is stopped, or fails, at each of their effects. No address
 * is given twice, and DEL frees all of the containers.
 */

const ranges = [[{ subnet: "10.9.0.0/28" }]];
const ipams: Readonly<Record<string, object>> = {
  "hawser-host-local": { type: "host-local", dataDir: "/data", ranges },
  "hawser-flat": { type: "hawser-flat", store: { dir: "/store" }, node: "n1", ranges },
};
const containers = ["c1", "c2", "c3"];

async function call(process: FakeProcess, name: string, verb: string, container: string) {
  const config = { cniVersion: "1.1.0", name: "n", type: "bridge", ipam: ipams[name] };
  const usual = { CNI_NETNS: "/ns", CNI_IFNAME: "eth0", CNI_PATH: "/bin" };
  const args = `IgnoreUnknown=1;K8S_POD_NAMESPACE=shop;K8S_POD_NAME=${container}`;
  const report = await sysOf(process).processes.run({
    executable: "/proc/self/exe",
    serveAs: name,
    args: [],
    env: { ...usual, CNI_COMMAND: verb, CNI_CONTAINERID: container, CNI_ARGS: args },
    stdin: JSON.stringify(config),
    timeoutMs: 600_000,
    maxOutputBytes: 100_000,
  });
  if (!report.ok) throw new Error(report.error.message);
  const document = JSON.parse(report.value.stdout || "{}") as { ips?: { address: string }[]; msg?: string };
  return { address: document.ips?.[0]?.address, msg: document.msg, end: report.value.end.kind };
}

const known = new WeakMap<FakeProcess, ReturnType<typeof withOwnPlugins>>();
/** One for each process, because it knows which of its delegates are at work. */
function sysOf(process: FakeProcess): ReturnType<typeof withOwnPlugins> {
  const sys = known.get(process) ?? withOwnPlugins(process.sys);
  known.set(process, sys);
  return sys;
}

function addAll(process: FakeProcess, name: string): ReturnType<typeof call>[] {
  return containers.map((container) => call(process, name, "ADD", container));
}

async function effectsOf(name: string): Promise<readonly string[]> {
  const process = createMachine().spawn();
  const added = await Promise.all(addAll(process, name));
  expect(new Set(added.map(({ address }) => address)).size, added[0]?.msg).toBe(3);
  return process.effects();
}

/** Whatever came before: other containers get addresses of their own, and after DEL the whole range is free. */
async function expectSound(machine: FakeMachine, name: string, where: string): Promise<void> {
  const process = machine.spawn();
  const added = await Promise.all(addAll(process, name));
  const addresses = added.map(({ address, msg }) => address ?? msg);
  expect(new Set(addresses).size, `${where}: ${addresses.join(", ")}`).toBe(3);
  expect(
    addresses.filter((each) => !each?.startsWith("10.9.0.")),
    where,
  ).toEqual([]);
  for (const container of containers)
    expect((await call(process, name, "DEL", container)).msg, where).toBe(undefined);
  machine.kill(process.pid);
  if (name !== "hawser-host-local") return;
  const names = machine.disk.list("/data/n");
  expect(names.ok ? names.value.filter((each) => each.startsWith("10.")) : [], where).toEqual([]);
}

// Time on the fake leaps while a module is loaded, and a delegate's time is then over.
beforeAll(async () => {
  await Promise.all(Object.values(registry).map((load) => load()));
  for (const name of Object.keys(ipams)) {
    for (const verb of ["ADD", "DEL"]) {
      const loaded = () => call(createMachine().spawn(), name, verb, "c1");
      await vi.waitUntil(async () => (await loaded()).end === "exited");
    }
  }
});

describe.each(Object.keys(ipams))("%s", (name) => {
  test("is stopped at any effect", async () => {
    for (const { effect, point, where } of crashSites(await effectsOf(name))) {
      const machine = createMachine();
      const process = machine.spawn();
      process.crashAt(effect, point);
      await Promise.all(addAll(process, name));
      expect(process.isDead(), where).toBe(true);
      await expectSound(machine, name, where);
    }
  });

  test("fails at any effect", async () => {
    for (const [number, effect] of (await effectsOf(name)).entries()) {
      const machine = createMachine();
      const process = machine.spawn();
      process.failAt(number, "EIO");
      await Promise.all(addAll(process, name));
      machine.kill(process.pid);
      await expectSound(machine, name, `EIO at ${number}: ${effect}`);
    }
  });
});
