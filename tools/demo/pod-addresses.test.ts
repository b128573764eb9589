import { describe, expect, test } from "vitest";
import { heldByResult, sameAddresses } from "./pod-addresses.ts";

const result = {
  cniVersion: "1.1.0",
  interfaces: [
    { name: "cni0", mac: "02:00:00:00:00:01" },
    { name: "net1", mac: "02:00:00:00:00:02", sandbox: "/run/netns/web" },
    { name: "eth0", mac: "02:00:00:00:00:03", sandbox: "/run/netns/web" },
  ],
  ips: [
    { address: "10.1.0.2/24", interface: 2 },
    { address: "192.168.7.2/24", interface: 1 },
  ],
};
const eth0 = { ifname: "eth0", mac: "02:00:00:00:00:03", address: "10.1.0.2/24" };
const net1 = { ifname: "net1", mac: "02:00:00:00:00:02", address: "192.168.7.2/24" };

test("each address of a result belongs to the interface that its index names", () => {
  expect(heldByResult(JSON.stringify(result))).toEqual([eth0, net1]);
});

test("an index that names no interface stops the demonstration", () => {
  const ips = [{ address: "10.1.0.2/24", interface: 3 }];
  expect(() => heldByResult(JSON.stringify({ ...result, ips }))).toThrow("10.1.0.2/24");
});

describe("sameAddresses", () => {
  test.each([
    ["whatever the order", [eth0, net1], [net1, eth0], true],
    ["one is missing", [eth0, net1], [eth0], false],
    ["another MAC", [eth0], [{ ...eth0, mac: "02:00:00:00:00:99" }], false],
    ["another prefix", [eth0], [{ ...eth0, address: "10.1.0.2/16" }], false],
  ])("%s", (_case, told, found, same) => {
    expect(sameAddresses(told, found)).toBe(same);
  });
});
