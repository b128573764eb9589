import { expect, test } from "vitest";
import { parseDelegates } from "./cache.ts";

const config = { cniVersion: "1.0.0", name: "side", type: "bridge" };
const bytes = (value: unknown) => Buffer.from(JSON.stringify(value)).toString("base64");
const Bytes = bytes(config);
const nothing = { name: "side", config, ips: [] };

test.each([
  ["a configuration alone", { Bytes }, {}],
  [
    "everything",
    {
      Name: "a/b",
      Bytes,
      ifnameRequest: "i",
      macRequest: "m",
      ipRequest: ["1"],
      infinibandGUIDRequest: "g",
      deviceID: "d",
    },
    { name: "a/b", ifname: "i", mac: "m", ips: ["1"], guid: "g", deviceId: "d" },
  ],
  ["texts that are empty", { Name: "", Bytes, ifnameRequest: "", macRequest: "" }, {}],
  ["values of other types", { Name: 1, Bytes, ifnameRequest: null, ipRequest: "1", deviceID: {} }, {}],
  ["the addresses among others", { Bytes, ipRequest: ["1", 2, null] }, { ips: ["1"] }],
  [
    "a whole list, before its bytes",
    {
      Bytes,
      CNINetworkConfigList: {
        Name: "l",
        CNIVersion: "1.0.0",
        DisableCheck: true,
        DisableGC: false,
        Plugins: [{ Bytes }],
      },
    },
    { name: "l", config: { name: "l", cniVersion: "1.0.0", disableCheck: true, plugins: [config] } },
  ],
  ["a list without plugins", { Bytes, CNINetworkConfigList: { Name: "l", Plugins: [] } }, {}],
  [
    "a list of which a plugin is unreadable",
    { Bytes, CNINetworkConfigList: { Plugins: [{ Bytes }, {}] } },
    {},
  ],
  ["null for a list", { Bytes, CNINetworkConfigList: null }, {}],
])("%s is read", (_case, entry, expected) => {
  expect(parseDelegates(JSON.stringify([entry]))).toEqual({ ok: true, value: [{ ...nothing, ...expected }] });
});

test.each([
  ["{}", "it is no list of networks"],
  ["[]", "it is no list of networks"],
  [JSON.stringify([{ Bytes }, 5]), "entry 1 has no configuration"],
  [JSON.stringify([{ Bytes: bytes([]) }]), "entry 0 has no configuration"],
  [JSON.stringify([{ Bytes: "e" }]), "entry 0 has no configuration"],
])("%s: %s", (text, error) => {
  expect(parseDelegates(text)).toEqual({ ok: false, error });
});
