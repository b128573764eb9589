import { execFileSync } from "node:child_process";
import { beforeEach, describe, expect, test } from "vitest";
import { linux } from "../sys/linux.ts";
import type { NetlinkSocket, NetworkNamespace } from "../sys/network.ts";
import { must } from "../sys/outcome-testing.ts";
import { addNamespace, type Bed, useBed } from "../tools/testbed/bed.ts";
import { addVlans, listVlans, readBridgePort, removeVlans, setBridgePort } from "./bridge-vlans.ts";
import { printHardware } from "./bytes.ts";
import { getLink, makeLink } from "./links.ts";
import { getNamespaceId } from "./namespace-ids.ts";
import {
  listForwarding,
  listNeighbours,
  neighbourState,
  removeNeighbour,
  replaceNeighbour,
} from "./neighbours.ts";
import { type Request, talk } from "./talk.ts";

interface Place {
  readonly name: string;
  readonly namespace: NetworkNamespace;
  readonly socket: NetlinkSocket;
  readonly ask: <T>(request: Request<T>) => T;
}

async function addPlace(bed: Bed): Promise<Place> {
  const { name, path } = addNamespace(bed);
  const namespace = must(await linux.network.open(path));
  const socket = must(namespace.socket("route"));
  return { name, namespace, socket, ask: (request) => must(talk(socket, request)) };
}

function ip(...args: string[]): void {
  execFileSync("ip", args);
}

/** What iproute2 says of the same. */
function told<T>(program: "ip" | "bridge", place: Place, ...args: string[]): T {
  const text = execFileSync(program, ["-n", place.name, "-j", ...args], { encoding: "utf8" });
  return JSON.parse(text.trim() === "" ? "[]" : text) as T;
}

const bed = useBed({ node: false });

/** A bridge `br0` with a port `port0`. */
async function addBridge(...options: string[]): Promise<Place & { bridge: number; port: number }> {
  const place = await addPlace(bed());
  const { name, ask } = place;
  ip("-n", name, "link", "add", "br0", "type", "bridge", ...options);
  ask(makeLink({ name: "port0", up: true }, { kind: "veth", peer: { name: "peer0" } }));
  ip("-n", name, "link", "set", "peer0", "up");
  ip("-n", name, "link", "set", "port0", "master", "br0");
  ip("-n", name, "link", "set", "br0", "up");
  return { ...place, bridge: ask(getLink("br0")).index, port: ask(getLink("port0")).index };
}

/** Whether the kernel was built with CONFIG_BRIDGE_VLAN_FILTERING. */
async function hasVlanFiltering(): Promise<boolean> {
  const { socket } = await addPlace(bed());
  return talk(socket, makeLink({ name: "br1" }, { kind: "bridge", vlanFiltering: true })).ok;
}

describe("VLANs of bridges", () => {
  beforeEach(async (context) => {
    if (!(await hasVlanFiltering())) context.skip("this kernel's bridges have no VLANs");
  });

  interface ToldVlans {
    readonly ifname: string;
    readonly vlans: readonly { vlan: number; vlanEnd?: number; flags?: readonly string[] }[];
  }
  /** bridge(8) tells of a range that it has no flags, and of one VLAN nothing. */
  const vlansOf = (place: Place, link: string) =>
    told<ToldVlans[]>("bridge", place, "-compressvlans", "vlan", "show")
      .find(({ ifname }) => ifname === link)
      ?.vlans.map(({ flags = [], ...vlan }) => ({ ...vlan, flags }));

  test("are added to a port, alone and as a range, and taken away", async () => {
    const place = await addBridge("vlan_filtering", "1", "vlan_default_pvid", "0");
    const { ask, port } = place;
    ask(addVlans(port, "master", [{ id: 7, isPvid: true, isUntagged: true }]));
    ask(addVlans(port, "master", [{ id: 100, last: 200 }, { id: 4094 }]));
    expect(vlansOf(place, "port0")).toEqual([
      { vlan: 7, flags: ["PVID", "Egress Untagged"] },
      { vlan: 100, vlanEnd: 200, flags: [] },
      { vlan: 4094, flags: [] },
    ]);
    ask(removeVlans(port, "master", [{ id: 101, last: 200 }]));
    expect(ask(listVlans()).find(({ link }) => link === port)?.vlans).toEqual([
      { id: 7, isPvid: true, isUntagged: true },
      { id: 100, isPvid: false, isUntagged: false },
      { id: 4094, isPvid: false, isUntagged: false },
    ]);
  });

  test("a range comes back as its VLANs", async () => {
    const { ask, port } = await addBridge("vlan_filtering", "1", "vlan_default_pvid", "0");
    ask(addVlans(port, "master", [{ id: 1, last: 4094 }]));
    const vlans = ask(listVlans()).find(({ link }) => link === port)?.vlans ?? [];
    expect(vlans.map(({ id }) => id)).toEqual(Array.from({ length: 4094 }, (_, index) => index + 1));
  });

  test("are added to the bridge itself", async () => {
    const place = await addBridge("vlan_filtering", "1", "vlan_default_pvid", "0");
    place.ask(addVlans(place.bridge, "self", [{ id: 5 }]));
    expect(vlansOf(place, "br0")).toEqual([{ vlan: 5, flags: [] }]);
    expect(place.ask(listVlans()).find(({ link }) => link === place.bridge)?.vlans).toEqual([
      { id: 5, isPvid: false, isUntagged: false },
    ]);
  });

  test("cannot be added to a link that is no port", async () => {
    const { socket, ask } = await addPlace(bed());
    ask(makeLink({ name: "port0" }, { kind: "veth", peer: { name: "peer0" } }));
    const refused = talk(socket, addVlans(ask(getLink("port0")).index, "master", [{ id: 5 }]));
    expect(refused).toMatchObject({ error: { code: "EOPNOTSUPP" } });
  });
});

describe("a port of a bridge", () => {
  test("is set, and the rest stays", async () => {
    const place = await addBridge();
    const { ask, port } = place;
    const before = readBridgePort(ask(getLink(port)).portData);
    expect(before).toEqual({
      hairpin: false,
      isolated: false,
      learning: true,
      unicastFlood: true,
      multicastFlood: true,
    });
    ask(setBridgePort(port, { hairpin: true, isolated: true }));
    expect(readBridgePort(ask(getLink(port)).portData)).toEqual({ ...before, hairpin: true, isolated: true });
    ask(setBridgePort(port, { hairpin: false, unicastFlood: false }));
    const [said] = told<Record<string, unknown>[]>("bridge", place, "-d", "link", "show", "dev", "port0");
    expect(said).toMatchObject({ hairpin: false, isolated: true, flood: false, learning: true });
  });
});

test("the forwarding database is what bridge(8) says", async () => {
  const place = await addBridge();
  execFileSync("bridge", [
    ...["-n", place.name, "fdb", "add", "02:00:00:00:00:05", "dev", "port0", "master", "static"],
  ]);
  const said = told<{ mac: string; ifname: string; master?: string }[]>("bridge", place, "fdb", "show");
  const nameOf = (index: number): string => place.ask(getLink(index)).name;
  const entries = place.ask(listForwarding()).map(({ link, hardware, master }) => ({
    mac: printHardware(hardware),
    ifname: nameOf(link),
    master: master === undefined ? undefined : nameOf(master),
  }));
  expect(entries).toEqual(said.map(({ mac, ifname, master }) => ({ mac, ifname, master })));
  expect(entries).toContainEqual({ mac: "02:00:00:00:00:05", ifname: "port0", master: "br0" });
});

describe("neighbours", () => {
  test.each([
    ["IPv4", "10.9.0.7", Uint8Array.of(10, 9, 0, 7)],
    ["IPv6", "fd00::7", Uint8Array.of(0xfd, ...new Uint8Array(14), 7)],
  ])("of %s are added, listed and taken away", async (_family, text, address) => {
    const place = await addBridge();
    const { ask, port: link, socket } = place;
    const hardware = Uint8Array.of(2, 0, 0, 0, 0, 9);
    const neighbour = { link, address, hardware, state: neighbourState.permanent, flags: 0 };
    ask(replaceNeighbour(neighbour));
    const [said] = told<Record<string, unknown>[]>("ip", place, "neigh", "show", text);
    expect(said).toMatchObject({ dev: "port0", lladdr: "02:00:00:00:00:09", state: ["PERMANENT"] });
    const isPermanent = ({ state }: { state: number }) => state === neighbourState.permanent;
    expect(ask(listNeighbours(link)).filter(isPermanent)).toEqual([neighbour]);
    expect(ask(listNeighbours(place.bridge)).filter(isPermanent)).toEqual([]);
    ask(removeNeighbour(neighbour));
    expect(told("ip", place, "neigh", "show", text)).toEqual([]);
    expect(talk(socket, removeNeighbour(neighbour))).toMatchObject({ error: { code: "ENOENT" } });
  });
});

test("a veth's other end is in the namespace of its parent's ID", async () => {
  const [here, there, elsewhere] = [await addPlace(bed()), await addPlace(bed()), await addPlace(bed())];
  const peer = { name: "inside", namespace: there.namespace.descriptor };
  here.ask(makeLink({ name: "outside" }, { kind: "veth", peer }));
  const outside = here.ask(getLink("outside"));
  expect(outside.parentNamespace).toBe(here.ask(getNamespaceId(there.namespace.descriptor)));
  expect(outside.parentNamespace).toBeTypeOf("number");
  expect(outside.parent).toBe(there.ask(getLink("inside")).index);
  expect(here.ask(getNamespaceId(elsewhere.namespace.descriptor))).toBeUndefined();
});
