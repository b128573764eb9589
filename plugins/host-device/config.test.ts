import { expect, test } from "vitest";
import type { JsonObject } from "../../cni/json.ts";
import { must, mustFail } from "../../sys/outcome-testing.ts";
import { pluginCall } from "../link/invocation-testing.ts";
import { parseHostDevice } from "./config.ts";

const parse = (raw: JsonObject, command: "ADD" | "STATUS" = "ADD") =>
  parseHostDevice(pluginCall(raw, { command }));

test("every way to name a device", () => {
  const raw = {
    device: "eth1",
    hwaddr: "02:00:00:00:00:01",
    kernelpath: "/sys/devices/pci0000:00/0000:00:04.0",
    pciBusID: "0000:00:04.0",
    runtimeConfig: { deviceID: "mlx5_core.sf.4" },
  };
  expect(must(parse(raw))).toMatchObject({
    device: "eth1",
    hardware: Uint8Array.of(2, 0, 0, 0, 0, 1),
    kernelPath: "/sys/devices/pci0000:00/0000:00:04.0",
    pciBusId: "0000:00:04.0",
    deviceId: "mlx5_core.sf.4",
  });
});

test("the hardware address of InfiniBand is longer", () => {
  const hwaddr = Array.from({ length: 20 }, (_, at) => (at + 16).toString(16)).join(":");
  expect(must(parse({ hwaddr })).hardware).toHaveLength(20);
});

test.each<[JsonObject, string]>([
  [{}, 'device: is missing: specify either "device", "hwaddr", "kernelpath" or "pciBusID"'],
  [{ device: "" }, "device: is missing"],
  [{ hwaddr: "02:00" }, 'hwaddr: failed to parse MAC address "02:00"'],
  [{ kernelpath: "sys/devices/x" }, "kernelpath: "],
  [{ kernelpath: "/etc" }, 'kernelpath: "/etc" must be absolute and begin with /sys/devices/'],
  [{ kernelpath: "/sys/devices/../../etc" }, "kernelpath: "],
  [{ pciBusID: "../../class/net/eth0" }, "pciBusID: "],
  [{ runtimeConfig: { deviceID: ".." } }, 'runtimeConfig.deviceID: ".." cannot name a device on a bus'],
])("refuses %j", (raw, why) => {
  expect(mustFail(parse(raw)).msg).toContain(why);
});

test("passes over an MTU, as the reference plugin does", () => {
  expect(parse({ device: "eth1", mtu: "1400" }).ok).toBe(true);
});

test("the runtime names a device to ADD, and not to STATUS", () => {
  expect(parse({}, "STATUS").ok).toBe(true);
});
