import { execFileSync } from "node:child_process";
import * as fs from "node:fs";
import { release } from "node:os";
import { describe, expect, test } from "vitest";
import { linux } from "../sys/linux.ts";
import type { NetlinkSocket, NetworkNamespace } from "../sys/network.ts";
import { must } from "../sys/outcome-testing.ts";
import { addNamespace, useBed } from "../tools/testbed/bed.ts";
import { listAddresses } from "./addresses.ts";
import { u32, zeroEnded } from "./bytes.ts";
import { infoAttribute, linkAttribute, linkHeader } from "./link-kinds.ts";
import { getLink, listLinks, makeLink, removeLink } from "./links.ts";
import { attribute, control, decodeMessages, encodeMessage, flag, nested } from "./message.ts";
import {
  compared,
  listings,
  type Recorded,
  type RecordedList,
  requests,
  witnesses,
} from "./recorded-testing.ts";
import { listRoutes } from "./routes.ts";
import { type Request, talk } from "./talk.ts";

const bed = useBed({ node: false });

interface Scene {
  readonly name: string;
  readonly namespace: NetworkNamespace;
  readonly socket: NetlinkSocket;
  readonly ask: <T>(request: Request<T>) => T;
}

async function addScene(): Promise<Scene> {
  const { name, path } = addNamespace(bed());
  const namespace = must(await linux.network.open(path));
  const socket = must(namespace.socket("route"));
  return { name, namespace, socket, ask: (request) => must(talk(socket, request)) };
}

/** Many `ip` commands, one a line, in one process. */
function ipBatch(name: string, lines: readonly string[]): void {
  execFileSync("ip", ["-n", name, "-batch", "-"], { input: `${lines.join("\n")}\n` });
}

/** Something of everything that plugins look at. */
const furniture = [
  "link set lo up",
  "link add fifteen-bytes-o type veth peer name peer0",
  "link set peer0 alias a-host-s-end",
  "link property add dev peer0 altname another-name-that-is-longer",
  "link add br0 type bridge",
  "link set peer0 master br0",
  "link add mv0 link fifteen-bytes-o type macvlan mode bridge",
  "link set fifteen-bytes-o up",
  "link set peer0 up",
  "link set br0 up",
  "addr add 10.9.0.2/24 brd + dev fifteen-bytes-o",
  "addr add 10.9.0.3/24 dev fifteen-bytes-o label fifteen-bytes-o",
  "addr add 10.8.0.1 peer 10.8.0.2/32 dev fifteen-bytes-o",
  "addr add 10.7.0.1/24 dev fifteen-bytes-o noprefixroute scope link",
  "addr add fd00:9::2/64 dev fifteen-bytes-o nodad",
  "addr add fd00:8::2/128 dev fifteen-bytes-o nodad noprefixroute",
  "route add default via 10.9.0.1 metric 7 mtu 1400 advmss 1300",
  "route add 10.50.0.0/16 table 1000 via 10.9.0.9 onlink dev fifteen-bytes-o proto static src 10.9.0.3",
  "route add 10.60.0.0/16 nexthop via 10.9.0.5 dev fifteen-bytes-o weight 3 nexthop via 10.9.0.6 dev fifteen-bytes-o",
  "route add blackhole 10.70.0.0/16",
  "route add 10.80.0.0/16 via inet6 fd00:9::1 dev fifteen-bytes-o",
  "route add default via fd00:9::1 metric 5 pref high",
  "route add fd77::/64 nexthop via fd00:9::5 dev fifteen-bytes-o nexthop via fd00:9::6 dev fifteen-bytes-o",
  "route add unreachable fd88::/64",
  "rule add from 10.9.0.2/32 table 1000 priority 50",
  "rule add to 10.9.0.0/24 table 1000 priority 60",
  "rule add iif lo fwmark 0x10/0xff table 100 priority 70",
  "rule add oif peer0 table 100 priority 80",
];

/** Every datagram of the answer to a dump, as it came. */
function datagramsOf(socket: NetlinkSocket, { type, flags, payload }: Request<unknown>): string[] {
  const sequence = 1_000_000;
  must(socket.send(encodeMessage({ type, flags: flags | flag.request, sequence, port: 0, payload })));
  const datagrams: string[] = [];
  for (;;) {
    const datagram = must(socket.receive());
    datagrams.push(Buffer.from(datagram).toString("hex"));
    const messages = decodeMessages(datagram) ?? [];
    if (messages.some(({ type: each }) => each === control.done || each === control.error)) return datagrams;
  }
}

function record({ name, socket }: Scene): Recorded {
  const each = <T>(of: (listing: RecordedList) => T): Record<RecordedList, T> =>
    Object.fromEntries(listings.map((listing) => [listing, of(listing)])) as Record<RecordedList, T>;
  const say = (args: readonly string[]) =>
    JSON.parse(execFileSync("ip", ["-N", "-d", "-j", "-n", name, ...args], { encoding: "utf8" }));
  return {
    kernel: `Linux ${release()}`,
    answers: each((listing) => datagramsOf(socket, requests[listing])),
    said: each((listing) => say(witnesses[listing])),
  };
}

test("what the kernel lists is what iproute2 says of it", async () => {
  const scene = await addScene();
  ipBatch(scene.name, furniture);
  const rule = ["to", "fd00::/8", "table", "200", "priority", "90"];
  execFileSync("ip", ["-6", "-n", scene.name, "rule", "add", ...rule]);
  // The addresses that the kernel gives by itself are settled.
  const isSettled = () => scene.ask(listAddresses()).every(({ flags }) => (flags & 0x40) === 0);
  await expect.poll(isSettled, { timeout: 20_000 }).toBe(true);
  const recorded = record(scene);
  const file = process.env.HAWSER_RECORD;
  if (file !== undefined) fs.writeFileSync(file, `${JSON.stringify(recorded, undefined, 1)}\n`);
  for (const listing of listings) {
    const { ours, theirs } = compared(recorded, listing);
    expect(ours.length).toBeGreaterThan(1);
    expect(ours, listing).toEqual(theirs);
  }
});

describe("a namespace of a thousand interfaces", () => {
  test("is listed whole, in many datagrams, and each is found by its name", async () => {
    const { name, socket, ask } = await addScene();
    const pairs = Array.from(
      { length: 500 },
      (_, at) => `link add fifteen-byte${100 + at} type veth peer name p${at}`,
    );
    ipBatch(name, pairs);
    expect(datagramsOf(socket, listLinks()).length).toBeGreaterThan(10);
    const names = ask(listLinks()).map((link) => link.name);
    expect(names.filter((each) => each.startsWith("fifteen-byte"))).toHaveLength(500);
    expect(names.filter((each) => each.startsWith("p"))).toHaveLength(500);
    expect(ask(getLink("fifteen-byte599")).name).toBe("fifteen-byte599");
    expect(ask(listRoutes(2))).toEqual([]);
  });
});

describe("answers that were lost", () => {
  test("are told, and the next request gets its own", async () => {
    const { socket, ask } = await addScene();
    const { type, payload } = getLink(1);
    const flags = flag.request | flag.acknowledge;
    const flood = encodeMessage({ type, flags, sequence: 1_000_000, port: 0, payload });
    for (let count = 0; count < 3000; count++) must(socket.send(flood));
    expect(talk(socket, getLink("lo"))).toMatchObject({ error: { code: "ENOBUFS" } });
    expect(ask(getLink("lo"))).toMatchObject({ name: "lo", index: 1 });
  });

  test("do not end a dump, which is begun anew", async () => {
    const { socket, ask } = await addScene();
    const { type, payload } = getLink(1);
    const flags = flag.request | flag.acknowledge;
    const flood = encodeMessage({ type, flags, sequence: 1_000_000, port: 0, payload });
    for (let count = 0; count < 3000; count++) must(socket.send(flood));
    expect(ask(listLinks()).map(({ name }) => name)).toContain("lo");
  });
});

describe("the kernel's own words", () => {
  test("for a kind of link that it does not know", async () => {
    const { socket } = await addScene();
    const info = nested(linkAttribute.info, [attribute(infoAttribute.kind, zeroEnded("hawser-kind"))]);
    const request: Request<void> = {
      ...makeLink({ name: "a" }, { kind: "dummy" }),
      payload: joinedHeader(info),
    };
    expect(talk(socket, request)).toEqual({
      ok: false,
      error: { code: "EOPNOTSUPP", message: "EOPNOTSUPP: Operation not supported (Unknown device type)" },
    });
  });

  test("for a name of sixteen bytes, where fifteen are fine", async () => {
    const { socket, ask } = await addScene();
    const pair = (name: string) => makeLink({ name }, { kind: "veth", peer: { name: "peer0" } });
    expect(talk(socket, pair("sixteen-bytes-on"))).toMatchObject({ error: { code: "ERANGE" } });
    ask(pair("fifteen-bytes-o"));
    ask(removeLink(ask(getLink("fifteen-bytes-o")).index));
    expect(talk(socket, getLink("fifteen-bytes-o"))).toMatchObject({ error: { code: "ENODEV" } });
  });

  test("for an attribute that it does not take", async () => {
    const { socket } = await addScene();
    const strange = {
      ...listAddresses(),
      payload: new Uint8Array([...listAddresses().payload, ...attribute(9, u32(1))]),
    };
    const refused = talk(socket, strange);
    expect(refused).toMatchObject({ error: { code: "EINVAL" } });
    expect(refused.ok ? "" : refused.error.message).toMatch(/\(.+\)/);
  });
});

function joinedHeader(...parts: readonly Uint8Array[]): Uint8Array {
  return Uint8Array.from([linkHeader(0, 0, 0, 0), ...parts].flatMap((each) => [...each]));
}
