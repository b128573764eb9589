import { wordsOf } from "./error-document.ts";
import { isObject, isText, type JsonDocument, merge } from "./json-document.ts";
import type { Machine, Namespace, PluginEnd } from "./machine.ts";
import { printResult, type Result, readResult } from "./oracle.ts";
import type { Profile } from "./profile.ts";
import { fill, fillText, holesOf } from "./template.ts";
import { isSince, type SpecVersion } from "./versions.ts";
import type { SpecVerb } from "./vocabulary.ts";

/** The plugin that is tried. */
export interface Subject {
  /** Absolute path of the executable. */
  readonly plugin: string;
  readonly profile: Profile;
  /** CNI_PATH, after the folder of the recorders. */
  readonly pluginPath: string;
  readonly obstacle?: Obstacle | undefined;
}

/** The reason why no ordinary ADD of the plugin can succeed on this machine (`obstacle.ts`). */
export interface Obstacle {
  readonly reason: string;
  /** Words in the plugin's error that tell of the obstacle. */
  readonly words: string;
}

/** One case: a requirement's probe on a machine of its own. */
export interface Scene {
  readonly subject: Subject;
  readonly version: SpecVersion;
  readonly machine: Machine;
  /** The values for the holes of the configuration. Probes vary them. */
  readonly holes: Record<string, unknown>;
  /** The plugin's mistakes that the probe has found. */
  readonly findings: string[];
  /** Counts containers. */
  readonly counter: { containers: number };
}

/** A container to be attached, and what is known of its attachment. */
export interface TestContainer {
  readonly id: string;
  readonly ifname: string;
  readonly netns: Namespace;
  /** The result of the plugins before; chained plugins only. */
  readonly base: JsonDocument | undefined;
  /** The link of the node that is for it alone. */
  readonly device: string | undefined;
  /** What ADD printed. */
  result: JsonDocument | undefined;
}

/** The probe cannot go on: something failed that another requirement is about. */
export class Blocked extends Error {}

/** The probe has found out that its requirement does not apply to this plugin. */
export class NotApplicable extends Error {}

/** The probe needs something that this machine cannot do. */
export class Untestable extends Error {}

export function makeScene(subject: Subject, version: SpecVersion, machine: Machine): Scene {
  const state = `${machine.folder}/state`;
  const holes = {
    state,
    node: machine.node.path,
    uplink: "hwcup0",
    plugin: subject.plugin,
    suite: process.execPath,
  };
  return { subject, version, machine, holes, findings: [], counter: { containers: 0 } };
}

/** Makes what the configuration refers to: the node's network card, the profile's files and services. */
export async function prepareScene(scene: Scene): Promise<void> {
  const { machine, subject, holes } = scene;
  const { config, listConfig, files = {}, node = [], services = [] } = subject.profile;
  if (holesOf([config, listConfig, files]).has("uplink")) {
    const wire = await machine.addNamespace();
    await machine.addLink(wire, "hwcsw0", "hwcup0");
  }
  for (const [path, content] of Object.entries(files)) {
    machine.writeFile(
      String(fillText(path, holes)),
      JSON.stringify(fill(content, { ...holes, ...versionHole(scene) })),
    );
  }
  for (const command of node) await onNode(scene, command);
  for (const { run, ready } of services) {
    await machine.serve(
      run.map((word) => String(fillText(word, holes))),
      String(fillText(ready, holes)),
    );
  }
}

/** A step without which nothing can be tried. */
async function onNode({ machine }: Scene, command: readonly string[]): Promise<void> {
  if (!(await machine.command(machine.node, command))) throw new Error(`${command.join(" ")} failed`);
}

function versionHole({ version }: Scene): JsonDocument {
  return { version };
}

export interface ContainerOptions {
  readonly id?: string;
  readonly ifname?: string;
  /** The namespace of another container: both share it. */
  readonly netns?: Namespace;
}

/** A container before its ADD: its namespace and, for a chained plugin, what the plugins before it have made. */
export async function newContainer(scene: Scene, options: ContainerOptions = {}): Promise<TestContainer> {
  const { machine, subject } = scene;
  const number = ++scene.counter.containers;
  const { id = `hwcc${number}`, ifname = subject.profile.ifname ?? "eth0" } = options;
  const netns = options.netns ?? (await machine.addNamespace());
  const { kind, config, bridge } = subject.profile;
  if (bridge !== undefined) {
    await machine.addLink(netns, ifname, `hwch${number}`);
    await onNode(scene, ["ip", "link", "set", `hwch${number}`, "master", bridge]);
  }
  const base = kind === "chained" ? await makeBase(scene, netns, ifname, number) : undefined;
  const device = holesOf(config).has("device") ? `hwcdev${number}` : undefined;
  if (device !== undefined) {
    const wire = await machine.addNamespace();
    await machine.addLink(wire, `hwcsw${number}`, device);
  }
  return { id, ifname, netns, base, device, result: undefined };
}

/** Makes the base for a chained plugin: an interface with an address and a default route, and a result that names them. */
async function makeBase(
  scene: Scene,
  netns: Namespace,
  ifname: string,
  number: number,
): Promise<JsonDocument> {
  const { machine } = scene;
  const hostEnd = `hwch${number}`;
  const [address, gateway] = [`10.77.${number}.2`, `10.77.${number}.1`];
  await machine.addLink(netns, ifname, hostEnd);
  await machine.addAddress(netns, ifname, `${address}/24`);
  await machine.addAddress(machine.node, hostEnd, `${gateway}/24`);
  await machine.addRoute(netns, { dst: "0.0.0.0/0", gateway });
  const host = (await machine.links(machine.node)).find(({ name }) => name === hostEnd);
  const inside = (await machine.links(netns)).find(({ name }) => name === ifname);
  const result: Omit<Result, "cniVersion"> = {
    interfaces: [
      { name: hostEnd, mac: host?.mac ?? "" },
      { name: ifname, mac: inside?.mac ?? "", sandbox: netns.path },
    ],
    ips: [{ address: `${address}/24`, gateway, interface: 1 }],
    routes: [{ dst: "0.0.0.0/0", gw: gateway }],
    dns: { nameservers: ["10.77.0.53"], search: ["example.com"] },
  };
  return printResult(result, scene.version);
}

/** How a call differs from the one that a runtime would make. */
export interface CallChange {
  /** Laid over the configuration; undefined takes a field away. */
  readonly config?: JsonDocument;
  /** Instead of a configuration. */
  readonly stdin?: string;
  /** Variables that replace those of the environment. Undefined removes a variable. */
  readonly env?: Readonly<Record<string, string | undefined>>;
  /** Values that replace those of the holes. */
  readonly holes?: JsonDocument;
  /** `null`: none. */
  readonly prevResult?: unknown;
  /** The list of GC. `null` sends null, and undefined sends no list. */
  readonly valid?: readonly TestContainer[] | null;
  readonly unreadableStdin?: boolean;
  readonly cwd?: string;
  /** The probe goes on while it runs. */
  readonly atOnce?: boolean;
}

/** One call of a plugin, and its answer. */
export interface Exchange extends PluginEnd {
  readonly verb: string;
  readonly env: Readonly<Record<string, string>>;
  readonly stdin: string;
}

/** Calls the plugin as a runtime would, but for the change. */
export async function call(
  scene: Scene,
  verb: SpecVerb,
  container?: TestContainer,
  change: CallChange = {},
): Promise<Exchange> {
  const { machine, subject } = scene;
  const env = present({ ...environment(scene, verb, container), ...change.env });
  const stdin = change.stdin ?? JSON.stringify(configOf(scene, verb, container, change));
  const unreadableStdin = change.unreadableStdin ?? false;
  const { cwd = "/", atOnce = false } = change;
  const end = await machine.run({ plugin: subject.plugin, env, stdin, unreadableStdin, cwd, atOnce });
  if (isObstacle(subject, verb, end)) throw new Untestable(subject.obstacle?.reason);
  return { ...end, verb: env.CNI_COMMAND ?? "", env, stdin };
}

/** Whether the plugin refused an ADD because of the machine: this tells nothing about the plugin. */
function isObstacle({ obstacle }: Subject, verb: SpecVerb, end: PluginEnd): boolean {
  if (obstacle === undefined || verb !== "ADD" || end.exitCode === 0) return false;
  return wordsOf(end).includes(obstacle.words);
}

function environment(
  scene: Scene,
  verb: SpecVerb,
  container?: TestContainer,
): Record<string, string | undefined> {
  if (verb === "VERSION") return { CNI_COMMAND: verb };
  const path = { CNI_PATH: `${scene.machine.binDir}:${scene.subject.pluginPath}` };
  if (verb === "STATUS" || verb === "GC" || container === undefined) return { CNI_COMMAND: verb, ...path };
  return {
    CNI_COMMAND: verb,
    CNI_CONTAINERID: container.id,
    CNI_NETNS: container.netns.path,
    CNI_IFNAME: container.ifname,
    ...path,
  };
}

function present(env: Readonly<Record<string, string | undefined>>): Record<string, string> {
  const set = Object.entries(env).filter((entry): entry is [string, string] => entry[1] !== undefined);
  return Object.fromEntries(set);
}

/** The complete configuration of one call. */
export function configOf(
  scene: Scene,
  verb: SpecVerb,
  container: TestContainer | undefined,
  change: CallChange,
): JsonDocument {
  if (verb === "VERSION") return { cniVersion: scene.version };
  const { profile } = scene.subject;
  const usesList = scene.holes.list !== undefined && profile.listConfig !== undefined;
  const template = usesList ? (profile.listConfig ?? {}) : profile.config;
  const device = container?.device === undefined ? {} : { device: container.device };
  const network = isText(change.config?.name) ? change.config.name : "hwcnet";
  const holes = {
    device: "hwcdev0",
    ...scene.holes,
    ...device,
    ...versionHole(scene),
    network,
    ...change.holes,
  };
  const filled = withDelegate(fill(template, holes), holes);
  const previous = change.prevResult === undefined ? prevResultOf(scene, verb, container) : change.prevResult;
  const config: JsonDocument = {
    cniVersion: scene.version,
    name: "hwcnet",
    ...filled,
    ...(previous !== undefined && previous !== null && { prevResult: previous }),
    ...validList(verb, change),
  };
  return merge(config, change.config ?? {});
}

/** A configuration without `{{delegate}}` names its delegate in `ipam.type`. */
function withDelegate(config: JsonDocument, holes: JsonDocument): JsonDocument {
  const { delegate } = holes;
  if (!isText(delegate) || !isObject(config.ipam)) return config;
  return { ...config, ipam: { ...config.ipam, type: delegate } };
}

/** CHECK and DEL get the result of the ADD since 0.4.0. */
function prevResultOf({ version }: Scene, verb: SpecVerb, container: TestContainer | undefined): unknown {
  if (verb === "ADD") return container?.base;
  if ((verb === "CHECK" || verb === "DEL") && isSince(version, "0.4.0"))
    return container?.result ?? container?.base;
  return undefined;
}

/** The text of 1.1.0 and its earlier tag name the list differently: the suite sends both. */
function validList(verb: SpecVerb, { valid }: CallChange): JsonDocument {
  if (verb !== "GC" || valid === undefined) return {};
  const list = valid?.map(({ id, ifname }) => ({ containerID: id, ifname })) ?? null;
  return { "cni.dev/valid-attachments": list, "cni.dev/attachments": list };
}

/** Whether the configuration lets the suite put recorders in the place of what the plugin runs. */
export function takesDelegate({ config, kind }: Profile): boolean {
  if (holesOf(config).has("delegate")) return true;
  return kind !== "ipam" && isObject(config.ipam) && isText(config.ipam.type);
}

export function resultOf(scene: Scene, container: TestContainer): Result {
  if (container.result === undefined) throw new Error("a result is asked for before its ADD");
  return readResult(container.result, scene.version);
}
