import { isObject, type JsonDocument, listOf } from "../../json-document.ts";
import { printResult, type Result, readResult } from "../../oracle.ts";
import type { SpecVersion } from "../../versions.ts";
import { type ModelContext, PluginRefusal, text } from "./context.ts";
import { runDelegate } from "./delegate.ts";

/** What the test plugin remembers of an attachment, and compares on CHECK. */
interface Memory {
  readonly netns: string;
  readonly addresses: readonly string[];
  readonly routes: readonly string[];
}

/** The test plugin as one that makes an interface: a veth pair with the addresses of its IPAM plugin. */
export function interfaceVerbs(context: ModelContext): JsonDocument | undefined {
  switch (context.verb) {
    case "ADD":
      return add(context);
    case "DEL":
      return void del(context);
    case "CHECK":
      return void check(context);
    case "STATUS":
      return void delegated(context, "P-36a", "P-36b", context.stdin);
    default:
      return void collect(context);
  }
}

function folderOf({ config, network }: ModelContext): string {
  return `${text(config.state)}/memories/${network}`;
}

function memoryPath(context: ModelContext): string {
  return `${folderOf(context)}/${context.id}@${context.ifname}`;
}

function flagPath(context: ModelContext): string {
  return `${text(context.config.state)}/failed/${context.id}`;
}

function recall(context: ModelContext, path = memoryPath(context)): Memory | undefined {
  const written = context.ground.read(path);
  return written === undefined ? undefined : (JSON.parse(written) as Memory);
}

function typeOf({ config }: ModelContext): string {
  return isObject(config.ipam) ? text(config.ipam.type) : "";
}

function add(context: ModelContext): JsonDocument {
  const { ground, ifname, netns = "", is, version, id } = context;
  if (!ground.hasNamespace(netns))
    throw new PluginRefusal(is("P-13a") ? 42 : 999, "there is no such namespace");
  if (netns === ground.ownNetns) throw new PluginRefusal(999, "it is the node's namespace");
  if (is("P-28b") && ground.read(flagPath(context)) !== undefined)
    throw new PluginRefusal(999, "it failed before");
  refuseExisting(context);
  const given = readResult(ask(context), version as SpecVersion);
  const nodeEnd = `m-${id}`.slice(0, 15);
  ground.addLink(netns, ifname, nodeEnd);
  const gateway = given.ips[0]?.gateway ?? "";
  const made = (address: string): string => (is("P-18d") ? address.replace("/24", "/25") : address);
  for (const { address } of given.ips) ground.addAddress(netns, ifname, made(address));
  for (const { dst } of given.routes) if (!is("P-18f")) ground.addRoute(netns, dst, gateway);
  if (is("P-17a")) ground.setDown(netns, ifname);
  const addresses = given.ips.map(({ address }) => address);
  const memory: Memory = { netns, addresses, routes: given.routes.map(({ dst }) => dst) };
  ground.write(memoryPath(context), JSON.stringify(memory));
  return printResult(resultOf(context, given, nodeEnd), version as SpecVersion);
}

function refuseExisting(context: ModelContext): void {
  const { ground, ifname, netns = "", is } = context;
  if (!ground.links(netns).some(({ name }) => name === ifname)) return;
  if (is("P-19a") || (is("P-24c") && recall(context) !== undefined)) {
    ground.deleteLink(netns, ifname);
    return;
  }
  if (is("P-19b")) ground.deleteLink(netns, ifname);
  if (is("P-19c")) ask(context);
  ground.write(flagPath(context), "");
  throw new PluginRefusal(999, `${ifname} exists`);
}

/** ADD of the IPAM plugin; one that fails gets a DEL. */
function ask(context: ModelContext): JsonDocument {
  const { is, stdin, env, config, netns = "", ifname, ground } = context;
  const { args: _args, dns: _dns, ...partial } = config;
  const { CNI_ARGS: _given, ...fewer } = env;
  const send = is("P-42b") ? JSON.stringify(partial) : stdin;
  try {
    return runDelegate(context, typeOf(context), send, is("P-42a") ? fewer : env) ?? {};
  } catch (error) {
    if (!is("P-23a")) undo(context);
    if (is("P-43c")) ground.addLink(netns, ifname, "m-left");
    throw error;
  }
}

function undo(context: ModelContext): void {
  try {
    runDelegate(context, typeOf(context), context.stdin, { ...context.env, CNI_COMMAND: "DEL" });
  } catch (error) {
    // The plugin reports the failure of the ADD, not that of this DEL.
    if (!(error instanceof PluginRefusal)) throw error;
  }
}

function resultOf(
  { ground, ifname, netns = "", is }: ModelContext,
  given: Result,
  nodeEnd: string,
): Omit<Result, "cniVersion"> {
  const own = ground.links(netns).find(({ name }) => name === ifname);
  const host = ground.links("").find(({ name }) => name === nodeEnd);
  const mac = is("P-18e") ? "02:00:00:00:00:99" : (host?.mac ?? "");
  const node = { name: nodeEnd, mac, ...(is("P-18c") && { sandbox: "/var/run/netns/elsewhere" }) };
  const inside = { name: ifname, mac: own?.mac ?? "", sandbox: netns };
  const index = is("P-18h") ? 9 : 1;
  return {
    interfaces: [node, ...(is("P-18i") ? [] : [inside]), ...(is("P-18g") ? [{ name: "hwcghost" }] : [])],
    ips: given.ips.map((ip) => (is("P-18i") ? ip : { ...ip, interface: index })),
    routes: given.routes,
    dns: given.dns,
  };
}

function del(context: ModelContext): void {
  const { ground, netns, ifname, is } = context;
  if (is("P-28a") && ground.read(flagPath(context)) !== undefined)
    throw new PluginRefusal(999, "it failed before");
  const gone = netns !== undefined && !ground.hasNamespace(netns);
  if (!(is("P-45d") && gone)) delegated(context, "P-45a", "P-45b", context.stdin);
  const memory = recall(context);
  if (memory === undefined && is("P-27a")) deleteAnother(context);
  if (memory === undefined) return;
  const there = netns !== undefined && !gone && ground.links(netns).some(({ name }) => name === ifname);
  if (is("P-24c")) return;
  if (there) ground.deleteLink(netns, ifname);
  ground.remove(memoryPath(context));
}

function deleteAnother(context: ModelContext): void {
  const folder = folderOf(context);
  for (const name of context.ground.list(folder)) {
    const memory = recall(context, `${folder}/${name}`);
    if (memory !== undefined) context.ground.deleteLink(memory.netns, name.split("@")[1] ?? "");
  }
}

function check(context: ModelContext): void {
  const { ground, config, ifname, netns = "", is, version } = context;
  if (!isObject(config.prevResult)) throw new PluginRefusal(7, "no prevResult");
  const previous = readResult(config.prevResult, version as SpecVersion);
  const memory = recall(context);
  if (memory === undefined) throw new PluginRefusal(3, "the container is unknown");
  const link = ground.links(netns).find(({ name }) => name === ifname);
  if (link === undefined && is("P-29c")) return;
  if (link === undefined) throw new PluginRefusal(999, `${ifname} is gone`);
  const sandbox = previous.interfaces.find(({ name }) => name === ifname)?.sandbox ?? netns;
  if (sandbox !== netns && !is("P-29f")) throw new PluginRefusal(999, `${ifname} is in another sandbox`);
  const told = previous.ips.map(({ address }) => address);
  for (const address of memory.addresses) {
    if (!told.includes(address) && !is("P-29e")) throw new PluginRefusal(999, `prevResult has no ${address}`);
    if (link.addresses.includes(address) || is("P-18d")) continue;
    // The kernel removes routes together with their address, so this mutant does not compare routes, either.
    if (is("P-29b")) return;
    throw new PluginRefusal(999, `${address} is gone`);
  }
  const routes = ground.routes(netns).map(({ dst }) => dst);
  const lost = memory.routes.find((dst) => !routes.includes(dst));
  if (lost !== undefined && !is("P-29d") && !is("P-18f")) {
    throw new PluginRefusal(999, `the route to ${lost} is gone`);
  }
  if (is("P-30a") && previous.interfaces.length > 2)
    throw new PluginRefusal(999, "there is a further interface");
  delegated(context, "P-33a", "P-33b", context.stdin);
}

function collect(context: ModelContext): void {
  const { ground, config, is, stdin } = context;
  const { "cni.dev/valid-attachments": list, ...without } = config;
  if (is("P-37e")) {
    for (const { containerID, ifname } of listOf(list).filter(isObject)) {
      const memory = recall(context, `${folderOf(context)}/${text(containerID)}@${text(ifname)}`);
      if (memory !== undefined) ground.deleteLink(memory.netns, text(ifname));
    }
  }
  delegated(context, "P-39a", "P-39c", is("P-39b") ? JSON.stringify(without) : stdin);
}

/** The verb on the IPAM plugin, unless the plugin is wrong in leaving it out, or in hiding its failure. */
function delegated(context: ModelContext, leftOut: string, hidden: string, send: string): void {
  if (context.is(leftOut)) return;
  try {
    runDelegate(context, typeOf(context), send);
  } catch (error) {
    if (!(context.is(hidden) && error instanceof PluginRefusal)) throw error;
  }
}
