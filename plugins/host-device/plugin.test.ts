import { describe, expect, test } from "vitest";
import type { JsonObject } from "../../cni/json.ts";
import { makeLink } from "../../net/links.ts";
import { talk } from "../../net/talk.ts";
import { must } from "../../sys/outcome-testing.ts";
import {
  changeLink,
  createScene,
  homePath,
  ipam,
  linksIn,
  podPath,
  type SceneOptions,
  survivesEverywhere,
} from "../link/attach-testing.ts";
import { hostDevice } from "./plugin.ts";

const hardware = Uint8Array.of(2, 0, 0, 0, 0, 9);
const card: SceneOptions = { prepare: (kernel) => kernel.addCard({ name: "ens4", hardware }) };
const raw: JsonObject = { device: "ens4", ipam };
const scene = (options: SceneOptions = card) => createScene(hostDevice, options);
const pci = "/sys/bus/pci/devices/0000:00:04.0";
const driver = { "/sys/bus/pci/drivers/virtio-pci/module": "" };

describe("ADD", () => {
  test("moves the device, and keeps its name as its alias, as the reference plugin does", async () => {
    const now = scene();
    const result = await now.add(raw);
    expect(result).toMatchObject({
      interfaces: [{ name: "net1", mac: "02:00:00:00:00:09", sandbox: podPath }],
      ips: [{ interface: 0 }, { interface: 0 }],
    });
    expect(now.kernel.state()[podPath]?.links.net1).toMatchObject({
      alias: "ens4",
      flags: expect.arrayContaining(["up"]),
    });
    expect(linksIn(now, homePath)).toEqual([]);
  });

  test.each<[string, JsonObject, Record<string, string>]>([
    ["its hardware address", { hwaddr: "02-00-00-00-00-09" }, {}],
    [
      "its kernel path",
      { kernelpath: "/sys/devices/pci0/0000:00:04.0" },
      { "/sys/devices/pci0/0000:00:04.0/net/ens4/mtu": "" },
    ],
    [
      "its PCI address",
      { pciBusID: "0000:00:04.0" },
      { [`${pci}/net/ens4/mtu`]: "", [`${pci}/driver/x`]: "" },
    ],
    [
      "the PCI address of its virtio device",
      { pciBusID: "0000:00:04.0" },
      { [`${pci}/virtio1/net/ens4/mtu`]: "", [`${pci}/driver/x`]: "" },
    ],
    [
      "the runtime's PCI device",
      { pciBusID: "0000:00:09.0", runtimeConfig: { deviceID: "0000:00:04.0" } },
      { [`${pci}/net/ens4/mtu`]: "", [`${pci}/driver/x`]: "" },
    ],
    [
      "the runtime's auxiliary device",
      { runtimeConfig: { deviceID: "mlx5_core.sf.4" } },
      { "/sys/bus/auxiliary/devices/mlx5_core.sf.4/net/ens4/mtu": "" },
    ],
  ])("finds the device by %s", async (_way, names, files) => {
    const now = scene({ ...card, files });
    await now.add({ ...names, ipam });
    expect(linksIn(now)).toEqual(["net1"]);
    expect(await now.call("del", { ...names, ipam })).toEqual({ ok: true });
    expect(linksIn(now, homePath)).toEqual(["ens4"]);
  });

  test("a device that a program has by its own driver keeps no interface, and gets addresses only", async () => {
    const now = scene({ files: { "/sys/bus/pci/drivers/vfio-pci/x": "" } });
    now.fake.machine.disk.makeFolder(pci, 0o755);
    now.fake.machine.disk.symlink("/sys/bus/pci/drivers/vfio-pci", `${pci}/driver`);
    const names = { pciBusID: "0000:00:04.0", ipam };
    const result = await now.add(names);
    expect(result).toMatchObject({
      interfaces: [{ name: "net1", sandbox: podPath }],
      ips: [{ interface: 0 }, {}],
    });
    expect(result.interfaces?.[0]).not.toHaveProperty("mac");
    expect(linksIn(now)).toEqual([]);
    const prevResult = { cniVersion: "1.1.0", ...result } as unknown as JsonObject;
    expect(await now.call("check", { ...names, prevResult })).toEqual({ ok: true });
    expect(await now.call("del", names)).toEqual({ ok: true });
    expect(now.held.size).toBe(0);
  });

  test.each<[string, JsonObject]>([
    ["a device that is not there", { device: "ens7" }],
    ["a device that a container has", { hwaddr: "02:00:00:00:00:0a" }],
    ["a PCI device without a driver", { pciBusID: "0000:00:04.0" }],
    ["a device that no bus has", { runtimeConfig: { deviceID: "0000:00:09.0" } }],
  ])("refuses %s", async (_what, names) => {
    const now = scene({ ...card, files: driver });
    expect(await now.call("add", { ...names, ipam })).toMatchObject({
      error: { id: "link.no-device", code: 109 },
    });
    expect(linksIn(now, homePath)).toEqual(["ens4"]);
  });

  test("takes the device up before it has addresses, so that it has its IPv6 routes without a carrier", async () => {
    const now = createScene(hostDevice);
    const namespace = must(await now.kernel.open(homePath));
    const pair = makeLink({ name: "ens4" }, { kind: "veth", peer: { name: "far4" } });
    must(talk(must(namespace.socket("route")), pair));
    namespace.close();
    await now.add(raw);
    expect(now.kernel.state()[podPath]?.routes.join("\n")).toContain("ff00:");
  });

  test("does not touch the device if the container has the name", async () => {
    const now = scene();
    expect(await now.call("add", raw, { ifname: "lo" })).toMatchObject({ error: { id: "link.exists" } });
    expect(now.kernel.state()[homePath]?.links.ens4).toMatchObject({ alias: "" });
  });

  test("takes no second container's device, and the first keeps it", async () => {
    const now = scene();
    now.kernel.addNamespace("/run/netns/c2");
    await now.add(raw);
    const other = { netns: "/run/netns/c2", containerId: "c2" };
    expect(await now.call("add", raw, other)).toMatchObject({ error: { id: "link.no-device" } });
    expect(await now.call("del", raw, other)).toEqual({ ok: true });
    expect(linksIn(now)).toEqual(["net1"]);
  });

  test("gives a device back up and with its alias, as it was, when the ADD fails", async () => {
    const now = scene();
    await changeLink(now, "ens4", { up: true, alias: "uplink of rack 3" });
    expect(await now.call("add", { ...raw, ipam: { type: "ipam", refuses: true } })).toMatchObject({
      ok: false,
    });
    expect(now.kernel.state()[homePath]?.links.ens4).toMatchObject({
      alias: "uplink of rack 3",
      flags: expect.arrayContaining(["up"]),
    });
  });

  test("moves a device into a container that has another link of its name", async () => {
    const now = scene();
    now.kernel.addNamespace("/run/netns/c2");
    await now.add({ ...raw }, { ifname: "net1" });
    now.kernel.addCard({ name: "net1" });
    await now.add({ device: "net1" }, { ifname: "net2" });
    expect(linksIn(now)).toEqual(["net1", "net2"]);
    expect(await now.call("del", { device: "net1" }, { ifname: "net2" })).toEqual({ ok: true });
    expect(linksIn(now, homePath)).toEqual(["net1"]);
  });
});

describe("DEL", () => {
  test("without a namespace gives a device its name back that the kernel has moved home", async () => {
    const now = scene();
    await now.add(raw);
    now.kernel.removePath(podPath);
    expect(linksIn(now, homePath)).toEqual(["net1"]);
    for (const netns of [podPath, ""]) expect(await now.call("del", raw, { netns })).toEqual({ ok: true });
    expect(now.kernel.state()[homePath]?.links.ens4).toMatchObject({ alias: "" });
    expect(linksIn(now, homePath)).toEqual(["ens4"]);
  });

  test("does so, too, if the kernel had to give it a name of its own", async () => {
    const now = scene();
    await now.add({ hwaddr: "02:00:00:00:00:09" });
    now.kernel.addCard({ name: "net1" });
    now.kernel.removePath(podPath);
    expect(await now.call("del", { hwaddr: "02:00:00:00:00:09" }, { netns: "" })).toEqual({ ok: true });
    expect(linksIn(now, homePath)).toEqual(["ens4", "net1"]);
  });

  test("leaves an operator's alias alone", async () => {
    const now = scene();
    await changeLink(now, "ens4", { alias: "uplink" });
    for (const names of [{ hwaddr: "02:00:00:00:00:09" }, { device: "ens4" }])
      expect(await now.call("del", names, { netns: "" })).toEqual({ ok: true });
    expect(now.kernel.state()[homePath]?.links.ens4).toMatchObject({ alias: "uplink" });
  });

  test("keeps the device in the container as long as the node has another of its name", async () => {
    const now = scene();
    await now.add(raw);
    now.kernel.addCard({ name: "ens4" });
    expect(await now.call("del", raw)).toMatchObject({ error: { id: "link.exists" } });
    expect(linksIn(now)).toEqual(["net1"]);
    expect(now.held.size).toBe(1);
    await changeLink(now, "ens4", { name: "other" });
    expect(await now.call("del", raw)).toEqual({ ok: true });
    expect(linksIn(now, homePath)).toEqual(["ens4", "other"]);
  });

  test("knows the device by prevResult if the container has changed its alias", async () => {
    const now = scene();
    const prevResult = { cniVersion: "1.1.0", ...(await now.add(raw)) } as unknown as JsonObject;
    await changeLink(now, "net1", { alias: "eth0" }, podPath);
    expect(await now.call("check", { ...raw, prevResult })).toMatchObject({ error: { id: "link.drift" } });
    expect(await now.call("del", { ...raw, prevResult })).toEqual({ ok: true });
    expect(linksIn(now, homePath)).toEqual(["ens4"]);
  });

  test("says so if nobody knows the device's name any more", async () => {
    const now = scene();
    const names = { hwaddr: "02:00:00:00:00:09" };
    const prevResult = { cniVersion: "1.1.0", ...(await now.add(names)) } as unknown as JsonObject;
    await changeLink(now, "net1", { alias: "" }, podPath);
    expect(await now.call("del", { ...names, prevResult })).toMatchObject({
      error: { id: "link.no-device", msg: expect.stringContaining("alias") },
    });
  });
});

describe("CHECK, GC and STATUS", () => {
  test("CHECK finds another hardware address and a lost address", async () => {
    const now = scene();
    const prevResult = { cniVersion: "1.1.0", ...(await now.add(raw)) } as unknown as JsonObject;
    expect(await now.call("check", { ...raw, prevResult })).toEqual({ ok: true });
    await changeLink(now, "net1", { hardware: Uint8Array.of(2, 0, 0, 0, 0, 1) }, podPath);
    expect(await now.call("check", { ...raw, prevResult })).toMatchObject({ error: { id: "link.drift" } });
  });

  test("GC gives a device its name back, and so does an ADD that needs it", async () => {
    for (const verb of ["gc", "add"] as const) {
      const now = scene();
      await now.add(raw);
      now.kernel.removePath(podPath);
      now.kernel.addNamespace("/run/netns/c2");
      expect(await now.call(verb, raw, { netns: "/run/netns/c2", containerId: "c2" })).toMatchObject({
        ok: true,
      });
      expect(linksIn(now, homePath)).toEqual(verb === "gc" ? ["ens4"] : []);
    }
  });

  test("STATUS does not mind that a container has the device", async () => {
    const now = scene();
    await now.add(raw);
    expect(await now.call("status", raw)).toEqual({ ok: true });
    expect(await now.call("status", { ...raw, hwaddr: "x" })).toMatchObject({ error: { code: 50 } });
  });
});

describe("an attachment of host-device", () => survivesEverywhere(hostDevice, raw, card));
