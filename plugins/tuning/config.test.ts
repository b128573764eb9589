import { expect, test } from "vitest";
import { parseNetworkConfig } from "../../cni/config.ts";
import { parseEnvironment } from "../../cni/environment.ts";
import type { Invocation } from "../../cni/plugin.ts";
import { parseTuningConfig } from "./config.ts";

function invocation(fields: object, args = "", ifname = "eth0"): Invocation {
  const environment = parseEnvironment({
    CNI_COMMAND: "ADD",
    CNI_CONTAINERID: "c1",
    CNI_NETNS: "/run/netns/c1",
    CNI_IFNAME: ifname,
    CNI_ARGS: args,
  });
  const config = parseNetworkConfig(
    JSON.stringify({ cniVersion: "1.1.0", name: "n", type: "tuning", ...fields }),
  );
  if (!environment.ok || !config.ok) throw new Error("the test's own configuration is wrong");
  return { environment: environment.value, config: config.value };
}

const macs = ["02:00:00:00:00:01", "02:00:00:00:00:02", "02:00:00:00:00:03", "02:00:00:00:00:04"];

test("all fields are read", () => {
  const fields = { mac: macs[0], promisc: true, mtu: 1400, allmulti: false, txQLen: 0 };
  const sysctl = { "net.ipv4.conf.IFNAME.arp_filter": "1" };
  const parsed = parseTuningConfig(invocation({ ...fields, sysctl, dataDir: "/data/" }));
  expect(parsed).toEqual({
    ok: true,
    value: {
      dataDir: "/data",
      settings: fields,
      sysctls: [{ key: "net.ipv4.conf.IFNAME.arp_filter", name: "ipv4/conf/eth0/arp_filter", value: "1" }],
    },
  });
});

test("nothing is configured", () => {
  const parsed = parseTuningConfig(invocation({ promisc: false, mtu: 0, mac: "", sysctl: null }));
  expect(parsed).toEqual({ ok: true, value: { dataDir: "/run/cni/tuning", settings: {}, sysctls: [] } });
});

test.each<[string, object, string, string | undefined]>([
  ["its own", {}, "", macs[0]],
  ["CNI_ARGS", {}, `IgnoreUnknown=1;MAC=${macs[1]}`, macs[1]],
  ["runtimeConfig", { runtimeConfig: { mac: macs[2] } }, `MAC=${macs[1]}`, macs[2]],
  ["args", { runtimeConfig: { mac: macs[2] }, args: { cni: { mac: macs[3] } } }, `MAC=${macs[1]}`, macs[3]],
  ["an empty one of args", { runtimeConfig: { mac: macs[2] }, args: { cni: { mac: "" } } }, "", undefined],
])("the hardware address is that of %s", (_, fields, args, mac) => {
  const parsed = parseTuningConfig(invocation({ mac: macs[0], ...fields }, args));
  expect(parsed.ok && parsed.value.settings.mac).toBe(mac);
});

test("a hardware address is written as the kernel writes it", () => {
  const parsed = parseTuningConfig(invocation({ mac: "02-AA-00-00-00-0F" }));
  expect(parsed.ok && parsed.value.settings.mac).toBe("02:aa:00:00:00:0f");
});

test("args count before the configuration, also to switch something off", () => {
  const own = {
    promisc: true,
    mtu: 1400,
    allmulti: true,
    txQLen: 5,
    sysctl: { "net.a.x": "1", "net.a.y": "2" },
  };
  const asked = { promisc: false, mtu: 1300, allmulti: false, txQLen: 6, sysctl: { "net.a.y": "3" } };
  const parsed = parseTuningConfig(invocation({ ...own, args: { cni: asked } }));
  expect(parsed.ok && parsed.value.settings).toEqual({ mtu: 1300, allmulti: false, txQLen: 6 });
  expect(parsed.ok && parsed.value.sysctls.map(({ name, value }) => `${name}=${value}`)).toEqual([
    "a/x=1",
    "a/y=3",
  ]);
});

test("fields are read in any case, as the reference plugin reads them", () => {
  const parsed = parseTuningConfig(invocation({ MTU: 1400, TxQlen: 7, SysCtl: { "net.a.x": "1" } }));
  expect(parsed.ok && parsed.value.settings).toEqual({ mtu: 1400, txQLen: 7 });
  expect(parsed.ok && parsed.value.sysctls).toHaveLength(1);
});

test.each<[string, object, string]>([
  ["mac", { mac: "02:00" }, 'mac: "02:00" is no hardware address like 02:00:00:00:00:01'],
  ["mac of CNI_ARGS", {}, 'CNI_ARGS MAC: "x" is no hardware address like 02:00:00:00:00:01'],
  ["mac that is no text", { mac: 5 }, "mac: is a number, not a string"],
  ["runtimeConfig", { runtimeConfig: 5 }, "runtimeConfig: is a number, not an object"],
  ["args", { args: { cni: [] } }, "args.cni: is an array, not an object"],
  ["mtu", { mtu: -1 }, "mtu: is -1, not a whole number from 0 to 2147483647"],
  [
    "mtu of args",
    { args: { cni: { mtu: 1.5 } } },
    "args.cni.mtu: is 1.5, not a whole number from 0 to 2147483647",
  ],
  ["promisc", { promisc: "yes" }, "promisc: is a string, not true or false"],
  ["allmulti", { allmulti: 1 }, "allmulti: is a number, not true or false"],
  ["txQLen", { txQLen: 2 ** 31 }, "txQLen: is 2147483648, not a whole number from 0 to 2147483647"],
  ["dataDir", { dataDir: 5 }, "dataDir: is a number, not a string"],
  ["sysctl", { sysctl: [] }, "sysctl: is an array, not an object"],
  ["a value of sysctl", { sysctl: { "net.a.x": 1 } }, 'sysctl["net.a.x"]: is a number, not a string'],
  [
    "another subsystem",
    { sysctl: { "kernel.shmmax": "1" } },
    'sysctl["kernel.shmmax"]: is no setting of the network',
  ],
])("a wrong %s is named", (what, fields, why) => {
  const parsed = parseTuningConfig(invocation(fields, what === "mac of CNI_ARGS" ? "MAC=x" : ""));
  expect(parsed).toMatchObject({
    ok: false,
    error: { code: 7, id: "link.config", msg: expect.stringContaining(why) },
  });
});
