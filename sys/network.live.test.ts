import { execFileSync, spawnSync } from "node:child_process";
import * as fs from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { addNamespace, type BedNamespace, useBed } from "../tools/testbed/bed.ts";
import type { ProbedThing } from "./network-probe-testing.ts";

const program = join(import.meta.dirname, "network-probe-testing.ts");

/** The product has this code under both engines. Each chooses its own file for the C library. */
describe.each(["node", "bun"])("the kernel's network under %s", (engine) => {
  const bed = useBed({ node: false });

  function probe(
    { path }: BedNamespace,
    ...args: readonly [ProbedThing, ...string[]]
  ): { seen: unknown; stderr: string } {
    const { stdout, stderr } = spawnSync(engine, [program, path, ...args], { encoding: "utf8" });
    return { seen: stdout === "" ? undefined : JSON.parse(stdout), stderr };
  }

  function ipJson(namespace: BedNamespace, ...args: string[]): Record<string, unknown>[] {
    return JSON.parse(execFileSync("ip", ["-n", namespace.name, "-j", ...args], { encoding: "utf8" }));
  }

  test("says nothing on stderr: a runtime would show it", () => {
    expect(probe(addNamespace(bed()), "identities").stderr).toBe("");
  });

  test("is another one in another namespace, and by each of its paths the same", () => {
    const pod = addNamespace(bed());
    const other = join(bed().root, "other");
    fs.writeFileSync(other, "");
    execFileSync("mount", ["--bind", pod.path, other]);
    const [own, there] = probe(pod, "identities").seen as string[];
    const [, again] = probe({ ...pod, path: other }, "identities").seen as string[];
    execFileSync("umount", [other]);
    expect(there).not.toBe(own);
    expect(again).toBe(there);
  });

  test("has the links of the namespace, and not ours", () => {
    const pod = addNamespace(bed());
    execFileSync("ip", ["-n", pod.name, "link", "add", "p0", "type", "veth", "peer", "name", "only-there"]);
    expect(probe(pod, "links").seen).toContain("only-there\0");
    expect(probe(addNamespace(bed()), "links").seen).not.toContain("only-there\0");
  });

  test("has the settings of the namespace, and leaves ours", () => {
    const [before, written, after, ours, oursAfter] = probe(addNamespace(bed()), "settings")
      .seen as unknown[];
    expect([before, written, after]).toEqual([
      { ok: true, value: "0" },
      { ok: true },
      { ok: true, value: "1" },
    ]);
    expect(oursAfter).toEqual(ours);
  });

  test.each([
    ["tap0", "one", false],
    ["fifteen-bytes-o", "many", true],
  ])("makes a TAP interface %s of %s queues, once", (name, queues, isMultiQueue) => {
    const pod = addNamespace(bed());
    expect(probe(pod, "tap", name, queues).seen).toEqual({ ok: true });
    const [link] = ipJson(pod, "-d", "link", "show", name);
    const data = { type: "tap", pi: !isMultiQueue, vnet_hdr: true, multi_queue: isMultiQueue, persist: true };
    expect(link).toMatchObject({ linkinfo: { info_kind: "tun", info_data: data } });
    expect(probe(pod, "tap", name, queues).seen).toMatchObject({ error: { code: "EBUSY" } });
  });

  test("sends a frame out of an interface that is up", () => {
    const pod = addNamespace(bed());
    execFileSync("ip", ["-n", pod.name, "link", "add", "one0", "type", "veth", "peer", "name", "two0"]);
    const [one] = ipJson(pod, "link", "show", "one0");
    const index = String(one?.ifindex);
    expect(probe(pod, "frame", index).seen).toMatchObject({ error: { code: "ENETDOWN" } });
    for (const name of ["one0", "two0"])
      execFileSync("ip", ["-n", pod.name, "link", "set", name, "addrgenmode", "none", "up"]);
    expect(probe(pod, "frame", index).seen).toEqual({ ok: true });
    const [two] = ipJson(pod, "-s", "link", "show", "two0");
    expect(two).toMatchObject({ stats64: { rx: { packets: 1, bytes: 60 } } });
    expect(probe(pod, "frame", "4711").seen).toMatchObject({ error: { code: "ENXIO" } });
  });

  test("waits on through a signal, and not for ever", () => {
    expect(probe(addNamespace(bed()), "signal").seen).toMatchObject({ error: { code: "ETIMEDOUT" } });
  });
});
