import { describe, expect, it } from "vitest";
import { printAddress } from "../../cni/address.ts";
import { addressOf, bytesOf, firstHostOf, isInSubnet, lastOf, masked, subnetOf } from "./ip-bytes.ts";

const print = (bytes: Uint8Array): string => printAddress(addressOf(bytes));

describe("addresses as messages have them", () => {
  it.each([
    { cidr: "10.1.2.3/16", network: "10.1.0.0", first: "10.1.0.1", last: "10.1.255.255" },
    { cidr: "10.1.2.3/25", network: "10.1.2.0", first: "10.1.2.1", last: "10.1.2.127" },
    { cidr: "10.1.2.3/32", network: "10.1.2.3", first: "10.1.2.4", last: "10.1.2.3" },
    { cidr: "0.0.0.0/0", network: "0.0.0.0", first: "0.0.0.1", last: "255.255.255.255" },
    { cidr: "fd00::1:2/64", network: "fd00::", first: "fd00::1", last: "fd00::ffff:ffff:ffff:ffff" },
    { cidr: "fd00::ff/121", network: "fd00::80", first: "fd00::81", last: "fd00::ff" },
  ])("the subnet of $cidr", ({ cidr, network, first, last }) => {
    const subnet = subnetOf(cidr);
    expect([masked(subnet), firstHostOf(subnet), lastOf(subnet)].map(print)).toEqual([network, first, last]);
  });

  it.each([
    { address: "10.1.200.1", cidr: "10.1.2.3/16", isIn: true },
    { address: "10.2.0.1", cidr: "10.1.2.3/16", isIn: false },
    { address: "10.1.2.128", cidr: "10.1.2.3/25", isIn: false },
    { address: "fd00::1", cidr: "10.1.2.3/0", isIn: false },
    { address: "fd00::2", cidr: "fd00::1/127", isIn: false },
    { address: "fd00::3", cidr: "fd00::2/127", isIn: true },
  ])("$address in $cidr: $isIn", ({ address, cidr, isIn }) => {
    expect(isInSubnet(bytesOf(address), subnetOf(cidr))).toBe(isIn);
  });
});
