import { describe, expect, it } from "vitest";
import type { JsonObject } from "../../cni/json.ts";
import type { Invocation } from "../../cni/plugin.ts";
import { newNotes, problemTexts } from "../../cni/readers.ts";
import { judged, type MacConfig, type MainConfig, readAskedMac, readMainConfig } from "./main-config.ts";

function invocationOf(raw: JsonObject, args = ""): Invocation {
  return {
    environment: {
      command: "ADD",
      containerId: "c1",
      netns: "/run/netns/c1",
      ifname: "eth0",
      args,
      path: [],
      variables: {},
    },
    config: { cniVersion: "1.1.0", name: "net", type: "bridge", raw },
  };
}

const everyPlace = ["runtimeConfig.mac", "args.cni.mac", "CNI_ARGS MAC", "mac"] as const;

function read(raw: JsonObject, args?: string): { config: MainConfig & MacConfig; problems: string[] } {
  const notes = newNotes();
  const invocation = invocationOf(raw, args);
  const config = { ...readMainConfig(invocation, notes), mac: readAskedMac(invocation, everyPlace, notes) };
  return { config, problems: problemTexts(notes) };
}

describe("the configuration of main plugins", () => {
  it("nothing is asked for", () => {
    expect(read({})).toEqual({
      config: { ipam: undefined, mtu: undefined, mac: undefined, dns: undefined },
      problems: [],
    });
  });

  it("all of it", () => {
    const { config, problems } = read({
      ipam: { type: "host-local" },
      mtu: 1400,
      runtimeConfig: { mac: "02:00:00:00:00:09" },
      dns: { nameservers: ["10.0.0.1"], search: [] },
    });
    expect(problems).toEqual([]);
    expect(config).toEqual({
      ipam: "host-local",
      mtu: 1400,
      mac: Uint8Array.of(2, 0, 0, 0, 0, 9),
      dns: { nameservers: ["10.0.0.1"] },
    });
  });

  it.each([
    { raw: {}, args: "IgnoreUnknown=1;MAC=02:00:00:00:00:01", last: 1 },
    { raw: { args: { cni: { mac: "02:00:00:00:00:02" } } }, args: "MAC=02:00:00:00:00:01", last: 2 },
    {
      raw: { args: { cni: { mac: "02:00:00:00:00:02" } }, runtimeConfig: { mac: "0200.0000.0003" } },
      args: "MAC=02:00:00:00:00:01",
      last: 3,
    },
  ])("the hardware address of $raw with $args", ({ raw, args, last }) => {
    expect(read(raw, args)).toMatchObject({
      config: { mac: Uint8Array.of(2, 0, 0, 0, 0, last) },
      problems: [],
    });
  });

  it.each([
    { raw: { mtu: -1 }, why: "mtu: is -1, not a whole number from 0 to 65535" },
    { raw: { mtu: "1500" }, why: 'mtu: is "1500", not a whole number from 0 to 65535' },
    { raw: { mtu: 1500.5 }, why: "mtu: is 1500.5, not a whole number from 0 to 65535" },
    { raw: { ipam: [] }, why: "ipam: is an array, not an object" },
    { raw: { ipam: { type: 5 } }, why: "ipam.type: is a number, not a string" },
    { raw: { dns: { search: "x" } }, why: "dns.search: is a string, not an array" },
    { raw: { runtimeConfig: { mac: "x" } }, why: 'runtimeConfig.mac: "x" is no hardware address' },
    { raw: { args: { cni: { mac: "00:00:00:00:00:00:00:01" } } }, why: "args.cni.mac: " },
    { raw: { runtimeConfig: { mac: "01:00:00:00:00:01" } }, why: "the hardware address of a group" },
    { raw: { runtimeConfig: { mac: "00:00:00:00:00:00" } }, why: "no address at all" },
  ])("$raw is refused: $why", ({ raw, why }) => {
    expect(read(raw).problems.join()).toContain(why);
  });

  it("has no hardware address unless the plugin sets one", () => {
    const notes = newNotes();
    const config = readMainConfig(invocationOf({ runtimeConfig: { mac: "x" } }, "MAC=y"), notes);
    expect(config).toEqual({ ipam: undefined, mtu: undefined, dns: undefined });
    expect(notes.problems).toEqual([]);
  });

  it("one error names all problems", () => {
    const invocation = invocationOf({ mtu: -1, ipam: 5 });
    const notes = newNotes();
    const outcome = judged(invocation.config, readMainConfig(invocation, notes), notes);
    if (outcome.ok) expect.unreachable("it was taken");
    expect(outcome.error).toMatchObject({ id: "link.config", code: 7 });
    expect(outcome.error.msg).toContain("mtu: ");
    expect(outcome.error.msg).toContain("ipam: ");
  });
});
