import { execFileSync } from "node:child_process";
import { symlinkSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { addNamespace, type Bed, useBed } from "../../tools/testbed/bed.ts";
import { call } from "../../tools/testbed/call.ts";
import { type Executable, pluginDir, suite } from "../../tools/testbed/executables.ts";

/** Ours and the reference plugin attach alike, and each checks and deletes what the other has attached. */

const routes = [{ dst: "0.0.0.0/0" }, { dst: "10.9.0.0/16", gw: "10.1.0.2", priority: 50 }];
const addresses = [
  { address: "10.1.0.5/24", gateway: "10.1.0.1" },
  { address: "fd01::5/64", gateway: "fd01::1" },
  { address: "fd02::9/128" },
];
const both = { type: "static", addresses, routes: [...routes, { dst: "fd09::/64" }] };
const v4 = { type: "static", addresses: addresses.slice(0, 1), routes };
const mac = "02:00:00:00:00:07";

const cases: [string, string, object][] = [
  ["macvlan", "macvlan with addresses of both families", { master: "uplink0", mac, ipam: both }],
  [
    "macvlan",
    "macvlan of layer 2",
    { master: "uplink0", mode: "vepa", mtu: 1400, mac, bcqueuelen: 5, ipam: {} },
  ],
  [
    "macvlan",
    "macvlan with the runtime's MAC",
    { master: "uplink0", mode: "private", runtimeConfig: { mac }, ipam: both },
  ],
  ["macvlan", "macvlan in passthru", { master: "uplink0", mode: "passthru", ipam: {} }],
  ["tap", "tap for anybody", { mac, mtu: 1400, ipam: v4 }],
  ["tap", "tap of many queues for one user", { mac, multiQueue: true, owner: 7, ipam: {} }],
  ["host-device", "a device by its name", { device: "card0", ipam: both }],
  ["host-device", "a device by its hardware address", { hwaddr: "02:00:00:00:00:0c", ipam: {} }],
];

/** What differs from one attachment to the next. */
const passing =
  /"(ifindex|link_index|link_netnsid|link|group|numdisabled|numqueues)":("[^"]*"|\d+|true|false),?/g;

function look(namespace: string): unknown {
  const ask = (...args: string[]) => {
    const text = execFileSync("ip", ["-n", namespace, "-j", "-d", ...args], { encoding: "utf8" });
    return JSON.parse(text.replace(passing, "").replaceAll(",}", "}")) as Record<string, unknown>[];
  };
  const links = ask("addr").map(({ operstate: _, qdisc: __, addr_info, flags, ...link }) => ({
    ...link,
    flags: (flags as string[]).filter((flag) => !/CARRIER|LOWER|RUNNING/.test(flag)).sort(),
    addresses: (addr_info as Record<string, unknown>[])
      // The kernel makes these by itself, as soon as there is a carrier.
      .filter(({ scope }) => scope !== "link")
      .map(
        ({ tentative: _tentative, valid_life_time: _valid, preferred_life_time: _preferred, ...each }) =>
          each,
      ),
  }));
  const of = (family: string) =>
    ask(family, "route", "show", "table", "all")
      .filter(({ dst }) => !/^(fe80|multicast|ff00)/.test(String(dst)))
      .map(({ flags: _, ...route }) => JSON.stringify(route))
      .sort();
  return { links, routes: [...of("-4"), ...of("-6")] };
}

function addCard(node: string): void {
  const ip = (...args: string[]) => execFileSync("ip", ["-n", node, ...args]);
  ip("link", "add", "card0", "address", "02:00:00:00:00:0c", "type", "veth", "peer", "name", "card1");
  ip("link", "set", "card1", "up");
}

suite("main plugins and the reference's", ["root", "macvlan", "static"], (executable) => {
  const bed = useBed({ node: true });

  /** One attachment by the first of them, checked and deleted by the second. Returns what the first has answered and made. */
  async function pass(
    here: Bed,
    type: string,
    more: object,
    [first, second]: readonly [Executable, Executable],
  ) {
    const { name, path } = addNamespace(here);
    const config = { cniVersion: "1.0.0", name: "n", type, ...more };
    const operation = { netns: path, ifname: "net1", path: here.path };
    const before = { pod: look(name), node: look(here.node ?? "") };
    const added = await call(here, first, { ...operation, verb: "ADD", config });
    expect(added, `ADD by ${first.name}`).toMatchObject({ exitCode: 0 });
    const made = look(name);
    const known = { ...config, prevResult: JSON.parse(added.stdout) };
    expect(await call(here, second, { ...operation, verb: "CHECK", config: known })).toMatchObject({
      exitCode: 0,
      stdout: "",
    });
    expect(await call(here, second, { ...operation, verb: "DEL", config: known })).toMatchObject({
      exitCode: 0,
      stdout: "",
    });
    expect({ pod: look(name), node: look(here.node ?? "") }, `after DEL by ${second.name}`).toEqual(before);
    return { made, said: added.stdout.replaceAll(path, "NETNS") };
  }

  test.each(cases)("%s: %s", async (type, _what, config) => {
    const here = bed();
    addCard(here.node ?? "");
    symlinkSync(executable.path, join(here.binDir, type));
    const ours = { name: "ours", path: join(here.binDir, type) };
    const theirs = { name: "the reference", path: join(pluginDir, type) };
    const mine = await pass(here, type, config, [ours, theirs]);
    const reference = await pass(here, type, config, [theirs, ours]);
    expect(mine.made).toEqual(reference.made);
    const chance = /"mac": ?"[^"]*"/;
    const isGivenMac = JSON.stringify(config).includes("02:00:00") || type === "host-device";
    const [one, other] = [mine.said, reference.said].map((said) =>
      JSON.parse(isGivenMac ? said : said.replace(chance, '"mac":"any"')),
    );
    // Where no name servers are configured, the reference plugin drops those of its IPAM plugin; here it has none.
    expect(one).toEqual(other);
  });
});
