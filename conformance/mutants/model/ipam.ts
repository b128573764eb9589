import { isObject, type JsonDocument, listOf } from "../../json-document.ts";
import { printResult } from "../../oracle.ts";
import type { SpecVersion } from "../../versions.ts";
import { type ModelContext, PluginRefusal, text } from "./context.ts";

/** The test plugin as an IPAM plugin: a file for each address, `<state>/addresses/<network>/<address>`. */
export function ipamVerbs(context: ModelContext): JsonDocument | undefined {
  const pool = poolOf(context);
  switch (context.verb) {
    case "ADD":
      return addAlone(context, pool);
    case "DEL":
      return void del(context, pool);
    case "CHECK":
      return void check(context, pool);
    case "STATUS":
      return void status(context, pool);
    default:
      return void collect(context, pool);
  }
}

interface Pool {
  readonly base: string;
  readonly size: number;
  /** The folder of all networks. */
  readonly above: string;
  readonly folder: string;
}

interface Reservation {
  readonly address: string;
  readonly id: string;
  readonly ifname: string;
  readonly netns: string;
}

function poolOf({ config, network, is }: ModelContext): Pool {
  const ipam = isObject(config.ipam) ? config.ipam : {};
  const [, base, prefix] = /^(\d+\.\d+\.\d+)\.0\/(\d+)$/.exec(text(ipam.subnet)) ?? [];
  if (base === undefined)
    throw new PluginRefusal(is("P-13b") ? 999 : 7, `ipam.subnet is ${text(ipam.subnet)}`);
  const above = `${text(ipam.state)}/addresses`;
  return { base, size: 2 ** (32 - Number(prefix)) - 3, above, folder: `${above}/${network}` };
}

function reservations({ ground }: ModelContext, folder: string): Reservation[] {
  return ground
    .list(folder)
    .filter((name) => !name.startsWith("."))
    .map((name) => {
      const [id = "", ifname = "", netns = ""] = (ground.read(`${folder}/${name}`) ?? "").split("\n");
      return { address: name, id, ifname, netns };
    });
}

function own({ id, ifname }: ModelContext, all: readonly Reservation[]): Reservation[] {
  return all.filter((each) => each.id === id && each.ifname === ifname);
}

/** Operations take turns: otherwise two could find the same address free. */
function addAlone(context: ModelContext, pool: Pool): JsonDocument {
  const release = context.is("P-22b") ? () => undefined : context.ground.lock(`${pool.folder}/.lock`);
  try {
    return add(context, pool);
  } finally {
    release();
  }
}

function add(context: ModelContext, pool: Pool): JsonDocument {
  const { ground, id, ifname, netns = "", version, is } = context;
  if (is("P-16a") && version === "0.3.1") throw new PluginRefusal(999, "not at this version");
  if (is("P-22a") && ground.others >= 10) throw new PluginRefusal(11, "the database is locked");
  const tombstone = `${pool.folder}/.${id}`;
  if (is("P-24d") && ground.read(tombstone) !== undefined) throw new PluginRefusal(999, "it was deleted");
  ground.remove(tombstone);
  const blind = is("P-22b") && ground.others > 0;
  const taken = new Set(blind ? [] : reservations(context, pool.folder).map((each) => each.address));
  const hosts = Array.from({ length: pool.size }, (_none, at) => `${pool.base}.${at + 2}`);
  const address = hosts.find((each) => !taken.has(each));
  if (address === undefined) throw new PluginRefusal(999, "no address is left");
  ground.write(`${pool.folder}/${address}`, `${id}\n${ifname}\n${netns}`);
  const ip = { address: `${address}/24`, gateway: `${pool.base}.1`, ...(is("P-46b") && { interface: 0 }) };
  const routes = [{ dst: "0.0.0.0/0" }];
  const interfaces = is("P-46a") ? [{ name: ifname }] : [];
  const result = printResult({ interfaces, ips: [ip], routes, dns: {} }, version as SpecVersion);
  if (is("P-18a")) return { ...result, cniVersion: "1.0.0" };
  return is("P-18b") ? { ...result, dns: "x" } : result;
}

function del(context: ModelContext, pool: Pool): void {
  const { ground, id, netns, is, config } = context;
  const all = reservations(context, pool.folder);
  const mine = is("P-27b") ? all.filter((each) => each.id === id) : own(context, all);
  const gone = netns !== undefined && !ground.hasNamespace(netns);
  const tombstone = `${pool.folder}/.${id}`;
  if (is("P-24a") && ground.read(tombstone) !== undefined) throw new PluginRefusal(999, "it was deleted");
  if (is("P-24b") && mine.length === 0 && ground.read(tombstone) === undefined)
    throw new PluginRefusal(999, "never added");
  if (is("P-25a") && netns === undefined) throw new PluginRefusal(4, "CNI_NETNS is missing");
  const recorded = mine.some((each) => each.netns === netns);
  if (is("P-25b") && gone && !recorded) throw new PluginRefusal(999, "there is no such namespace");
  if (is("P-25c") && gone && recorded) throw new PluginRefusal(999, "the namespace is gone");
  if (is("P-25e") && gone) ground.write(netns ?? "", "");
  if (is("P-26a") && mine.length > 0 && config.prevResult === undefined)
    throw new PluginRefusal(7, "no prevResult");
  if (is("P-35a") && ground.read(`${pool.folder}/.status`) !== undefined)
    throw new PluginRefusal(999, "STATUS has failed");
  if (is("P-25d") && netns === undefined) return;
  for (const { address } of mine) ground.remove(`${pool.folder}/${address}`);
  if (is("P-24a") || is("P-24b") || is("P-24d")) ground.write(tombstone, "");
}

function check(context: ModelContext, pool: Pool): void {
  const { config, is } = context;
  if (is("P-32a")) throw new PluginRefusal(11, "not yet");
  if (config.prevResult === undefined) {
    if (is("P-29a")) return;
    throw new PluginRefusal(7, "no prevResult");
  }
  const [mine] = own(context, reservations(context, pool.folder));
  if (mine === undefined && !is("P-31a") && context.ifname !== "")
    throw new PluginRefusal(999, "the reservation is lost");
  const previous = isObject(config.prevResult) ? config.prevResult : {};
  const ips = listOf(previous.ips).filter(isObject);
  const there = mine === undefined || ips.some((ip) => text(ip.address).startsWith(`${mine.address}/`));
  if (!there && !is("P-29e")) throw new PluginRefusal(999, "prevResult has another address");
}

function status(context: ModelContext, pool: Pool): void {
  const { ground, is } = context;
  if (is("P-34a")) throw new PluginRefusal(50, "never ready");
  if (reservations(context, pool.folder).length < pool.size || is("P-34b")) return;
  ground.write(`${pool.folder}/.status`, "");
  throw new PluginRefusal(is("P-34c") ? 999 : 50, "no address is left");
}

function collect(context: ModelContext, pool: Pool): void {
  const { ground, config, is } = context;
  const list = config["cni.dev/valid-attachments"];
  if (!Array.isArray(list) && !is("P-41b")) return;
  const valid = listOf(list).filter(isObject);
  if (valid.length === 0 && is("P-41a")) return;
  if (valid.length > 0 && is("P-37a")) return;
  const all = reservations(context, pool.folder);
  const isValid = ({ id, ifname }: Reservation): boolean => {
    if (is("P-37b") && valid.length === 1 && all.length > 1) return false;
    return valid.some((each) => each.containerID === id && (is("P-37d") || each.ifname === ifname));
  };
  for (const each of all.filter((one) => !isValid(one))) ground.remove(`${pool.folder}/${each.address}`);
  if (!is("P-37c") || valid.length > 0) return;
  for (const network of ground.list(pool.above)) {
    for (const name of ground.list(`${pool.above}/${network}`))
      ground.remove(`${pool.above}/${network}/${name}`);
  }
}
