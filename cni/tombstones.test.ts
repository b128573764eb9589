import { describe, expect, test } from "vitest";
import { createMachine } from "../sys/fake.ts";
import { hasTombstone, removeTombstone, setTombstone } from "./tombstones.ts";

const stateDir = "/var/lib/cni/hawser";
const key = { network: "pods", containerId: "c1", ifname: "eth0" };

function files(machine: ReturnType<typeof createMachine>): string[] {
  return machine.disk.paths().filter((path) => path.startsWith(`${stateDir}/.gone/`) && !path.endsWith("/"));
}

describe("a tombstone", () => {
  test("is there once it is set, for that attachment alone, until it is removed", () => {
    const machine = createMachine();
    const { sys } = machine.spawn();
    expect(hasTombstone(sys, stateDir, key)).toBe(false);
    setTombstone(sys, stateDir, key);
    expect(hasTombstone(sys, stateDir, key)).toBe(true);
    for (const other of [{ network: "others" }, { containerId: "c2" }, { ifname: "eth1" }]) {
      expect(hasTombstone(sys, stateDir, { ...key, ...other })).toBe(false);
    }
    removeTombstone(sys, stateDir, key);
    expect(hasTombstone(sys, stateDir, key)).toBe(false);
    expect(files(machine)).toEqual([]);
  });

  test("has its end, and none when the clock was ahead", () => {
    const machine = createMachine();
    const { sys } = machine.spawn();
    setTombstone(sys, stateDir, key);
    machine.clock.advance(8 * 24 * 3600 * 1000);
    expect(hasTombstone(sys, stateDir, key)).toBe(false);
    setTombstone(sys, stateDir, key);
    machine.clock.advance(-1000);
    expect(hasTombstone(sys, stateDir, key)).toBe(false);
  });

  test("is one file of a bounded number, whatever the churn; another one's in its place is not taken away", () => {
    const machine = createMachine();
    const { sys } = machine.spawn();
    const keys = Array.from({ length: 5000 }, (_each, n) => ({ ...key, containerId: `c${n}` }));
    for (const each of keys) setTombstone(sys, stateDir, each);
    const count = files(machine).length;
    expect(count).toBeLessThanOrEqual(1024);
    expect(keys.filter((each) => hasTombstone(sys, stateDir, each))).toHaveLength(count);
    for (const each of keys.slice(0, 1000)) removeTombstone(sys, stateDir, each);
    expect(keys.filter((each) => hasTombstone(sys, stateDir, each)).length).toBeGreaterThan(count / 2);
  });

  test.each(["", "{", "null", '{"network":"pods","containerId":"c1","ifname":"eth0"}'])(
    "that says %j is none",
    (text) => {
      const machine = createMachine();
      const { sys } = machine.spawn();
      setTombstone(sys, stateDir, key);
      const [path = ""] = files(machine);
      sys.files.write(path, text, { mode: 0o600 });
      expect(hasTombstone(sys, stateDir, key)).toBe(false);
    },
  );

  test.each(["EROFS", "ENOSPC"])("that cannot be written (%s) is not missed", (code) => {
    const process = createMachine().spawn();
    for (const effect of [0, 1, 2]) process.failAt(effect, code);
    setTombstone(process.sys, stateDir, key);
    expect(hasTombstone(process.sys, stateDir, key)).toBe(false);
  });
});
