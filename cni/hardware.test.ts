import { expect, test } from "vitest";
import { canonicalHardware, hardwareOctets } from "./hardware.ts";

const guid20 = "80:00:00:48:fe:80:00:00:00:00:00:00:02:00:5e:10:00:00:00:01";

test.each([
  ["02:aa:bb:cc:dd:01", "02:aa:bb:cc:dd:01"],
  ["02:AA:BB:CC:DD:01", "02:aa:bb:cc:dd:01"],
  ["02-Aa-bB-cc-DD-01", "02:aa:bb:cc:dd:01"],
  ["02AA.BBCC.dd01", "02:aa:bb:cc:dd:01"],
  ["C2:11:22:33:44:55:66:77", "c2:11:22:33:44:55:66:77"],
  ["c211.2233.4455.6677", "c2:11:22:33:44:55:66:77"],
  [guid20.toUpperCase().replaceAll(":", "-"), guid20],
])("%s is written %s", (text, expected) => {
  expect(canonicalHardware(text)).toBe(expected);
});

test.each(["", "02:AA", "02-AA:bb-cc-dd-01", "2:AA:BB:CC:DD:1", "02aabbccdd01", "02:AA:BB:CC:DD:0G", "auto"])(
  "%j is no hardware address, and stays as it is",
  (text) => {
    expect(hardwareOctets(text)).toBe(undefined);
    expect(canonicalHardware(text)).toBe(text);
  },
);
