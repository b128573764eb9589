import { expect, test } from "vitest";
import { spellArgs, spellPlugin, spellResult } from "./spelling.ts";

const odd = "02-AA-BB-CC-DD-01";
const right = "02:aa:bb:cc:dd:01";

test.each([
  ["a plugin's own key", { type: "tuning", mac: odd }, { type: "tuning", mac: right }],
  [
    "capabilities",
    {
      runtimeConfig: {
        mac: odd,
        infinibandGUID: "C2-11-22-33-44-55-66-77",
        ips: ["FD00:0::5/64", "10.0.0.1", "no address"],
        portMappings: [
          { hostPort: 80, hostIP: "FD00::0:1" },
          { HostPort: 81, HostIP: "10.0.0.1" },
        ],
        bandwidth: { ingressRate: 1 },
      },
    },
    {
      runtimeConfig: {
        mac: right,
        infinibandGUID: "c2:11:22:33:44:55:66:77",
        ips: ["fd00::5/64", "10.0.0.1", "no address"],
        portMappings: [
          { hostPort: 80, hostIP: "fd00::1" },
          { HostPort: 81, HostIP: "10.0.0.1" },
        ],
        bandwidth: { ingressRate: 1 },
      },
    },
  ],
  [
    "arguments",
    { args: { cni: { mac: odd, guid: "C211.2233.4455.6677", ips: ["FD00::5"], other: odd }, mac: odd } },
    {
      args: { cni: { mac: right, guid: "c2:11:22:33:44:55:66:77", ips: ["fd00::5"], other: odd }, mac: odd },
    },
  ],
  [
    "keys in any case, as Go takes them",
    { MAC: odd, args: { cni: { Mac: odd } } },
    { MAC: right, args: { cni: { Mac: right } } },
  ],
])("of %s", (_case, plugin, expected) => {
  expect(spellPlugin(plugin)).toEqual(expected);
});

test.each([
  { type: "bridge", mac: "", runtimeConfig: { mac: 7, ips: "x", portMappings: [1] }, args: { cni: null } },
  { mac: ["02-AA-BB-CC-DD-01"], ipam: { mac: odd }, args: [], runtimeConfig: { ips: null } },
])("what is none of them stays as it is: %j", (plugin) => {
  expect(spellPlugin(plugin)).toEqual(plugin);
});

test.each([
  [
    `IgnoreUnknown=1;MAC=${odd};K8S_POD_NAME=MAC=${odd}`,
    `IgnoreUnknown=1;MAC=${right};K8S_POD_NAME=MAC=${odd}`,
  ],
  ["IP=FD00::05/64,10.0.0.1;GATEWAY=FD00::0:1", "IP=fd00::5/64,10.0.0.1;GATEWAY=fd00::1"],
  ["", ""],
  [";A=b=c;;D", ";A=b=c;;D"],
])("of CNI_ARGS %j", (args, expected) => {
  expect(spellArgs(args)).toBe(expected);
});

test("of a result the interfaces' hardware addresses; all else as the plugin said it", () => {
  const said = { cniVersion: "1.0.0", interfaces: [{ name: "net1", mac: odd, own: odd }, 1], mac2: odd };
  expect(spellResult(said)).toEqual({ ...said, interfaces: [{ name: "net1", mac: right, own: odd }, 1] });
});
