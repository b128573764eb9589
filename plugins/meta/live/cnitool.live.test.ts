import * as fs from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { addNamespace, type BedNamespace, install, useBed } from "../../../tools/testbed/bed.ts";
import { type Ended, startProgram } from "../../../tools/testbed/call.ts";
import { pluginDir, suite } from "../../../tools/testbed/executables.ts";
import {
  deleteAddress,
  expectKernelState,
  linkNames,
  type PrintedResult,
} from "../../../tools/testbed/kernel-state.ts";
import { leftovers, records } from "../../../tools/testbed/leftovers.ts";
import {
  annotationsCapability,
  bridge,
  define,
  hawser,
  macvlan,
  networksAnnotation,
  podArgs,
} from "../../../tools/testbed/networks.ts";
import { addPlugin, callNames, failWith } from "../../../tools/testbed/script-plugin.ts";

/** Calls through libcni itself, by its own tool: with a list's configuration, libcni's cache, its order and its verbs. */

const reference = ["root", "cnitool", "bridge", "macvlan", "host-local", "static"] as const;

suite("cnitool", reference, (executable) => {
  const bed = useBed({ node: true });

  /** libcni's cache is in /var/lib/cni. In a mount namespace of its own, that is a folder of the bed. */
  function cnitool(verb: string, pod: BedNamespace, annotation = "storage,lan@data0"): Promise<Ended> {
    const cache = join(bed().root, "var-lib");
    fs.mkdirSync(cache, { recursive: true });
    const capabilities = { [annotationsCapability]: { [networksAnnotation]: annotation }, portMappings: [] };
    const env = {
      CNI_PATH: bed().path,
      NETCONFPATH: bed().confDir,
      CAP_ARGS: JSON.stringify(capabilities),
      CNI_ARGS: podArgs,
    };
    const inside = `mount --bind ${cache} /var/lib && exec "$@"`;
    const tool = [join(pluginDir, "cnitool"), verb, "pods", pod.path];
    const argv = ["unshare", "--mount", "sh", "-c", inside, "sh", ...tool];
    return startProgram(bed(), argv, env, "").ended;
  }

  function writeList(plugins: readonly object[], more: object = {}): void {
    install(bed(), executable);
    define(bed(), "storage", bridge(bed(), 52));
    define(bed(), "lan", macvlan("10.53.0.9/24"));
    const list = { cniVersion: "1.1.0", name: "pods", plugins, ...more };
    fs.writeFileSync(join(bed().confDir, "10-pods.conflist"), JSON.stringify(list));
  }

  /** A plugin's part of a list. libcni adds the name and the version. */
  function inList(plugin: Record<string, unknown>): object {
    const { name: _name, cniVersion: _version, ...rest } = plugin;
    return rest;
  }

  async function succeed(verb: string, pod: BedNamespace): Promise<string> {
    const { exitCode, stdout, stderr } = await cnitool(verb, pod);
    expect({ verb, exitCode, stderr }).toEqual({ verb, exitCode: 0, stderr: "" });
    return stdout;
  }

  test("owner of the primary: add, check, status, gc, del", async () => {
    writeList([inList(hawser(bed(), { delegate: bridge(bed(), 51) }))]);
    const pod = addNamespace(bed());
    await succeed("status", pod);
    const result = JSON.parse(await succeed("add", pod)) as PrintedResult;
    expect(result.ips?.map(({ address }) => address)).toEqual([
      "10.51.0.2/24",
      "10.52.0.2/24",
      "10.53.0.9/24",
    ]);
    expectKernelState(bed(), pod, result);
    await succeed("check", pod);
    deleteAddress(pod.name, "net1", "10.52.0.2/24");
    const checked = await cnitool("check", pod);
    expect(checked.exitCode).toBe(1);
    expect(checked.stderr).toContain("secondary network default/storage (net1)");
    await succeed("del", pod);
    expect(linkNames(pod.name)).toEqual([]);
    expect(leftovers(bed())).toEqual([]);
    await succeed("del", pod);
  });

  test("gc: libcni deletes what its cache has, and sends no list, for which we collect nothing more", async () => {
    writeList([inList(hawser(bed(), { delegate: bridge(bed(), 51) }))]);
    const [cached, uncached] = [addNamespace(bed()), addNamespace(bed())];
    await succeed("add", uncached);
    fs.rmSync(join(bed().root, "var-lib"), { recursive: true });
    await succeed("add", cached);
    expect(records(bed())).toHaveLength(2);
    const ended = await cnitool("gc", cached);
    expect(ended).toMatchObject({ exitCode: 0, stderr: expect.stringContaining("deletes nothing") });
    expect(linkNames(cached.name)).toEqual([]);
    expect(linkNames(uncached.name)).toEqual(["data0", "eth0", "net1"]);
    expect(records(bed())).toHaveLength(1);
  });

  test("status: the code of a delegate that is not ready comes through", async () => {
    addPlugin(bed(), "moody", { STATUS: [failWith(51, "no route to the fabric")] });
    writeList([inList(hawser(bed(), { delegate: { type: "moody" } }))]);
    const ended = await cnitool("status", addNamespace(bed()));
    expect(ended.exitCode).toBe(1);
    expect(ended.stderr).toContain("no route to the fabric");
    expect(callNames(bed())).toContain("STATUS moody");
  });

  /** The reference primary, then portmap if it is built, then hawser. */
  function chain(more: object = {}): object[] {
    const primary = inList(bridge(bed(), 51, { routes: [{ dst: "0.0.0.0/0" }] }));
    const hasPortmap = fs.existsSync(join(pluginDir, "portmap"));
    const portmap = hasPortmap ? [{ type: "portmap", capabilities: { portMappings: true } }] : [];
    return [primary, ...portmap, inList(hawser(bed(), more))];
  }

  test("chained after a primary: its result is kept, ours added; del leaves nothing", async () => {
    writeList(chain({ result: "merged" }));
    const pod = addNamespace(bed());
    const result = JSON.parse(await succeed("add", pod)) as PrintedResult;
    const inSandbox = result.interfaces
      ?.filter(({ sandbox }) => sandbox === pod.path)
      .map(({ name }) => name);
    expect(inSandbox).toEqual(["eth0", "net1", "data0"]);
    expect(result.ips?.map(({ address }) => address)).toEqual([
      "10.51.0.2/24",
      "10.52.0.2/24",
      "10.53.0.9/24",
    ]);
    expectKernelState(bed(), pod, result);
    await succeed("status", pod);
    await succeed("del", pod);
    expect(linkNames(pod.name)).toEqual([]);
    expect(leftovers(bed())).toEqual([]);
  });

  // CHECK of the reference plugins expects every address of the list's result on the plugin's own interface.
  test("chained and left to its default: the primary's result; check passes, and fails for a secondary's lost address", async () => {
    writeList(chain());
    const pod = addNamespace(bed());
    const result = JSON.parse(await succeed("add", pod)) as PrintedResult;
    expect(result.ips?.map(({ address }) => address)).toEqual(["10.51.0.2/24"]);
    expect(linkNames(pod.name)).toEqual(["data0", "eth0", "net1"]);
    await succeed("check", pod);
    deleteAddress(pod.name, "data0", "10.53.0.9/24");
    const checked = await cnitool("check", pod);
    expect(checked.exitCode).toBe(1);
    expect(checked.stderr).toContain("secondary network default/lan (data0)");
    await succeed("del", pod);
    expect(linkNames(pod.name)).toEqual([]);
    expect(leftovers(bed())).toEqual([]);
  });

  test("chained, and a network fails: the primary's is libcni's to undo, ours is undone", async () => {
    writeList([inList(bridge(bed(), 51)), inList(hawser(bed()))]);
    define(bed(), "lan", macvlan("10.53.0.9/24", { master: "absent0" }));
    const pod = addNamespace(bed());
    const ended = await cnitool("add", pod);
    expect(ended.exitCode).toBe(1);
    expect(linkNames(pod.name)).toEqual(["eth0"]);
    expect(records(bed())).toEqual([]);
    await succeed("del", pod);
    expect(linkNames(pod.name)).toEqual([]);
    expect(leftovers(bed())).toEqual([]);
  });

  test("chained, and the primary's interface is asked for again: refused before anything of ours", async () => {
    writeList([inList(bridge(bed(), 51)), inList(hawser(bed()))]);
    const ended = await cnitool("add", addNamespace(bed()), "storage@eth0");
    expect(ended.exitCode).toBe(1);
    expect(ended.stderr).toContain("the pod's primary interface");
    expect(records(bed())).toEqual([]);
  });
});
