import { describe, expect, test } from "vitest";
import type { NetworkNamespace } from "../../sys/network.ts";
import { must } from "../../sys/outcome-testing.ts";
import { addAddress, addressFlag, listAddresses, removeAddress } from "../addresses.ts";
import { getLink, listLinks, makeLink, removeLink, setLink } from "../links.ts";
import { addRoute, listRoutes } from "../routes.ts";
import { type Request, talk } from "../talk.ts";
import type { KernelOptions } from "./kernel-model.ts";
import { createKernel, homePath, type SimulatedKernel } from "./simulated-kernel.ts";

interface Place {
  readonly namespace: NetworkNamespace;
  /** The code by which the kernel refuses, or the answer. */
  ask<T>(request: Request<T>): T | string;
  index(name: string): number;
}

async function placeIn(kernel: SimulatedKernel, path?: string): Promise<Place> {
  const namespace = must(await kernel.open(path));
  const socket = must(namespace.socket("route"));
  return {
    namespace,
    ask: (request) => {
      const answer = talk(socket, request);
      return answer.ok ? answer.value : answer.error.code;
    },
    index: (name) => must(talk(socket, getLink(name))).index,
  };
}

const pod = "/var/run/netns/pod";

async function twoPlaces(options: KernelOptions = {}) {
  const kernel = createKernel(options);
  kernel.addNamespace(pod);
  return { kernel, host: await placeIn(kernel), inside: await placeIn(kernel, pod) };
}

const v4 = (...bytes: number[]): Uint8Array => Uint8Array.of(...bytes);
const v6 = (last: number): Uint8Array => Uint8Array.of(0xfd, ...new Uint8Array(14), last);

/** A pair, its peer `eth0` in the pod, both up. */
function makePair(host: Place, inside: Place): void {
  const peer = { name: "eth0", namespace: inside.namespace.descriptor };
  expect(host.ask(makeLink({ name: "veth0", up: true }, { kind: "veth", peer }))).toBeUndefined();
  expect(inside.ask(setLink(inside.index("eth0"), { up: true }))).toBeUndefined();
}

describe("a simulated kernel", () => {
  test("holds nothing but a loopback in each namespace", async () => {
    const { kernel } = await twoPlaces();
    const state = kernel.state();
    expect(Object.keys(state)).toEqual([homePath, pod]);
    expect(Object.keys(state[pod]?.links ?? {})).toEqual(["lo"]);
    expect(state[pod]?.routes).toEqual([]);
  });

  test("makes a pair with its peer in another namespace by one message", async () => {
    const { kernel, host, inside } = await twoPlaces();
    makePair(host, inside);
    const link = inside.ask(getLink("eth0"));
    expect(link).toMatchObject({ name: "eth0", kind: "veth", isUp: true, mtu: 1500, parentNamespace: 0 });
    expect(inside.ask(removeLink(inside.index("eth0")))).toBeUndefined();
    expect(Object.keys(kernel.state()[homePath]?.links ?? {})).toEqual(["lo"]);
  });

  test("takes the links of a namespace with it, and a pair's other end", async () => {
    const { kernel, host, inside } = await twoPlaces();
    makePair(host, inside);
    kernel.removePath(pod);
    expect(host.ask(getLink("veth0"))).toMatchObject({ name: "veth0" });
    inside.namespace.close();
    expect(host.ask(getLink("veth0"))).toBe("ENODEV");
  });

  test("brings a network card home when its namespace ends", async () => {
    const { kernel, host, inside } = await twoPlaces();
    kernel.addCard({ name: "ens4" });
    const namespace = inside.namespace.descriptor;
    expect(host.ask(setLink(host.index("ens4"), { namespace }))).toBeUndefined();
    kernel.addCard({ name: "ens4" });
    kernel.removePath(pod);
    kernel.reap();
    expect(Object.keys(kernel.state()[homePath]?.links ?? {})).toEqual(["dev2", "ens4", "lo"]);
  });

  test("makes the routes of an address, and drops them with it", async () => {
    const { kernel, host, inside } = await twoPlaces();
    makePair(host, inside);
    const link = inside.index("eth0");
    const address = { link, address: v4(10, 0, 0, 2), prefix: 24 };
    expect(inside.ask(addAddress(address))).toBeUndefined();
    expect(inside.ask(addAddress(address))).toBe("EEXIST");
    const route = { family: 2, destination: v4(), prefix: 0 };
    expect(inside.ask(addRoute({ ...route, gateway: v4(10, 0, 1, 1) }))).toBe("ENETUNREACH");
    expect(inside.ask(addRoute({ ...route, gateway: v4(10, 0, 0, 1) }))).toBeUndefined();
    expect(inside.ask(listRoutes(2))).toHaveLength(4);
    expect(inside.ask(removeAddress(address))).toBeUndefined();
    expect(inside.ask(listRoutes(2))).toEqual([]);
    expect(inside.ask(removeAddress(address))).toBe("EADDRNOTAVAIL");
    expect(kernel.state()[pod]?.links.eth0?.addresses).toHaveLength(1);
  });

  test("tries an IPv6 address out, and says if another host has it", async () => {
    const { host, inside } = await twoPlaces({ duplicates: ["fd00:0:0:0:0:0:0:3"], looks: 1 });
    makePair(host, inside);
    const link = inside.index("eth0");
    for (const last of [2, 3]) inside.ask(addAddress({ link, address: v6(last), prefix: 64 }));
    const flags = (): number[] => {
      const list = inside.ask(listAddresses(link, 10));
      return typeof list === "string"
        ? []
        : list.filter(({ scope }) => scope === 0).map((each) => each.flags);
    };
    const { tentative, permanent, duplicate } = addressFlag;
    expect(flags()).toEqual([tentative | permanent, tentative | permanent]);
    expect(flags()).toEqual([tentative | permanent, tentative | permanent]);
    expect(flags()).toEqual([permanent, tentative | permanent | duplicate]);
  });

  test("says in its own words which kind of link it has not", async () => {
    const { host } = await twoPlaces({ lacks: ["dummy"] });
    const socket = must(host.namespace.socket("route"));
    const refused = talk(socket, makeLink({ name: "d0" }, { kind: "dummy" }));
    expect(refused).toMatchObject({ error: { message: expect.stringContaining("(Unknown device type)") } });
  });

  test("is older by option: a new link's name must be free here as well", async () => {
    for (const isOld of [true, false]) {
      const { kernel, host, inside } = await twoPlaces({ isOld });
      kernel.addCard({ name: "eth0" });
      const spec = { name: "eth0", parent: host.index("eth0"), namespace: inside.namespace.descriptor };
      const answer = host.ask(makeLink(spec, { kind: "macvlan", mode: "bridge" }));
      expect(answer).toBe(isOld ? "EEXIST" : undefined);
    }
  });

  test.each([
    ["truncated", "EBADMSG"],
    ["lost", "ENOBUFS"],
  ] as const)("spoils an answer: %s", async (disturbance, code) => {
    const spoiled = { dump: false, change: false };
    const { host } = await twoPlaces({
      disturb: (_answer, isDump) => ((isDump ? spoiled.dump : spoiled.change) ? disturbance : undefined),
    });
    spoiled.change = true;
    expect(host.ask(makeLink({ name: "br0" }, { kind: "bridge" }))).toBe(code);
    // Only its answer was spoiled.
    spoiled.change = false;
    expect(host.ask(getLink("br0"))).toMatchObject({ name: "br0" });
    spoiled.dump = true;
    expect(host.ask(listLinks())).toBe(code);
  });

  test("lists many links in several datagrams, and anew if they change meanwhile", async () => {
    let interrupts = 2;
    const { host } = await twoPlaces({
      dumpBytes: 1000,
      disturb: (_answer, isDump) => (isDump && interrupts-- > 0 ? "interrupted" : undefined),
    });
    for (let each = 0; each < 20; each++) host.ask(makeLink({ name: `br${each}` }, { kind: "bridge" }));
    expect(host.ask(listLinks())).toHaveLength(21);
    expect(interrupts).toBe(-1);
  });
});
