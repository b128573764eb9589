import { parseNetworkConfig } from "../../cni/config.ts";
import { parseEnvironment } from "../../cni/environment.ts";
import type { CniError } from "../../cni/errors.ts";
import type { JsonObject } from "../../cni/json.ts";
import { ownPluginOf } from "../../cni/native.ts";
import type { Invocation } from "../../cni/plugin.ts";
import { podAnnotationsCapability } from "../../kube/pod.ts";
import {
  createMachine,
  exited,
  type FakeMachine,
  type FakeProcess,
  type Handler,
  type HttpHandler,
  type RpcHandler,
} from "../../sys/fake.ts";
import type { Network } from "../../sys/network.ts";
import type { Outcome } from "../../sys/outcome.ts";
import { must } from "../../sys/outcome-testing.ts";
import type { Sys } from "../../sys/sys.ts";
import type { MetaConfig } from "./config/config.ts";
import { allAllowed } from "./config/permissions.ts";
import { meta } from "./plugin.ts";

/** A chained configuration that has only the fields that the test gives. */
export function metaConfig(more: Partial<MetaConfig> = {}): MetaConfig {
  return {
    network: { cniVersion: "1.1.0", name: "pods", type: "hawser", raw: {} },
    primary: { kind: "chained" },
    dialect: "hawser",
    defaultNetworks: [],
    systemNamespaces: [],
    auxiliary: undefined,
    readinessFile: "",
    networks: [],
    definitionsDir: "/d",
    kubeconfig: "",
    status: "sync",
    crossNamespace: [],
    unknownKeys: "refuse",
    requests: { everywhere: allAllowed, networks: {} },
    allowedTypes: undefined,
    allowedIpamTypes: undefined,
    opaqueTypes: [],
    trustedNamespaces: ["kube-system"],
    definitionNames: "namespaced",
    resources: "/resources.json",
    defaultNetworkNamespace: "",
    kubeletDir: "/kubelet",
    deviceInfoDir: "/devinfo",
    result: "merged",
    parallel: false,
    native: "off",
    runtimeConfig: {},
    prevResult: undefined,
    stateDir: "/s",
    binDir: "",
    confDir: "/c",
    timeoutMs: 1000,
    ...more,
  };
}

/** One call of a recording plugin. */
export interface RecordedCall {
  readonly verb: string;
  readonly type: string;
  readonly ifname: string;
  readonly netns: string;
  readonly args: string;
  readonly config: JsonObject;
}

/**
 * A node in memory whose plugins write down each call. A plugin's own configuration can change what it does (`answers`,
 * `fails`).
 */
export interface RecordingNode {
  readonly machine: FakeMachine;
  readonly calls: RecordedCall[];
  /** One call of the meta-plugin in a process of its own. */
  call(verb: PluginVerb, config: object, about?: Partial<CallAbout>): Promise<Outcome<unknown, CniError>>;
  /** The warnings of the last call. */
  warnings(): readonly string[];
}

export type PluginVerb = "ADD" | "DEL" | "CHECK" | "STATUS" | "GC";

export interface CallAbout {
  readonly containerId: string;
  readonly netns: string;
  readonly ifname: string;
  readonly args: string;
  /** The pod's annotations as the runtime passes them. */
  readonly annotations: Readonly<Record<string, string>>;
  /** Other fields that the runtime adds to the configuration. */
  readonly extra: JsonObject;
  /** Is called before the process begins. */
  readonly processAt: (process: FakeProcess) => void;
  /** Is called with each call that the process makes of the machine. */
  readonly onCall: (line: string) => void;
}

export const podArgs = "IgnoreUnknown=1;K8S_POD_NAMESPACE=shop;K8S_POD_NAME=web;K8S_POD_UID=u1";

/** Makes a node with plugins of these types in /bin/cni, and with these files. */
export function createRecordingNode(
  types: readonly string[],
  files: Readonly<Record<string, unknown>> = {},
  also: {
    readonly http?: HttpHandler;
    readonly rpc?: RpcHandler;
    readonly network?: Network;
    readonly executables?: Readonly<Record<string, Handler>>;
  } = {},
): RecordingNode {
  const calls: RecordedCall[] = [];
  const recorders = Object.fromEntries(types.map((type) => [`/bin/cni/${type}`, recorder(type, calls)]));
  const texts = Object.entries(files).map(([path, content]) => [
    path,
    typeof content === "string" ? content : JSON.stringify(content),
  ]);
  const machine = createMachine({
    ...also,
    executables: servedAsWell({ ...recorders, ...also.executables }),
    files: Object.fromEntries(texts),
  });
  let last: FakeProcess | undefined;
  return {
    machine,
    calls,
    warnings: () => last?.warnings ?? [],
    call: async (verb, config, about = {}) => {
      const process = machine.spawn(about.onCall && { onCall: about.onCall });
      last = process;
      about.processAt?.(process);
      const outcome = await callVerb(process.sys, verb, invocationOf(verb, config, about));
      machine.kill(process.pid);
      return outcome;
    },
  };
}

/** What is run as an executable is served in the process as well where the plugin is ours (`native`), and does the same there. */
function servedAsWell(executables: Readonly<Record<string, Handler>>): Readonly<Record<string, Handler>> {
  const served = Object.entries(executables).map(([path, handler]) => [
    ownPluginOf(path.slice(path.lastIndexOf("/") + 1)),
    handler,
  ]);
  return { ...executables, ...Object.fromEntries(served) };
}

/** The MAC address that the fake hawser-flat gives. */
export const identityMac = "02:aa:00:00:00:01";

function recorder(type: string, calls: RecordedCall[]): Handler {
  return ({ env, stdin }) => {
    const {
      CNI_COMMAND: verb = "",
      CNI_IFNAME: ifname = "",
      CNI_NETNS: netns = "",
      CNI_ARGS: args = "",
    } = env;
    const config = JSON.parse(stdin) as JsonObject;
    calls.push({ verb, type, ifname, netns, args, config });
    if (config.fails === verb) {
      return exited(1, JSON.stringify({ cniVersion: config.cniVersion, code: 999, msg: `${type} fails` }));
    }
    if (verb !== "ADD") return exited(0, "");
    const isAsked = (config.runtimeConfig as JsonObject | undefined)?.tellMac === true;
    const made = {
      interfaces: [isAsked ? { name: ifname, mac: identityMac } : { name: ifname, sandbox: netns }],
    };
    return exited(
      0,
      JSON.stringify({
        cniVersion: config.cniVersion,
        ...((config.answers as JsonObject | undefined) ?? made),
      }),
    );
  };
}

function invocationOf(verb: PluginVerb, config: object, about: Partial<CallAbout>): Invocation {
  const { annotations, extra = {} } = about;
  const given = (config as JsonObject).runtimeConfig as JsonObject | undefined;
  const runtimeConfig =
    annotations === undefined ? given : { ...given, [podAnnotationsCapability]: { ...annotations } };
  const variables = {
    CNI_COMMAND: verb,
    CNI_CONTAINERID: about.containerId ?? "pod1",
    CNI_NETNS: about.netns ?? "/run/netns/pod1",
    CNI_IFNAME: about.ifname ?? "eth0",
    CNI_ARGS: about.args ?? podArgs,
    CNI_PATH: "/bin/cni",
  };
  return invocationFrom(variables, { ...config, ...(runtimeConfig && { runtimeConfig }), ...extra });
}

export function callVerb(
  sys: Sys,
  verb: PluginVerb,
  invocation: Invocation,
): Promise<Outcome<unknown, CniError>> {
  const verbs = { ADD: meta.add, DEL: meta.del, CHECK: meta.check, STATUS: meta.status, GC: meta.gc };
  return verbs[verb](sys, invocation);
}

/** The invocation that a runtime's variables and this configuration make. They are the test's own, and must be right. */
export function invocationFrom(variables: Readonly<Record<string, string>>, config: object): Invocation {
  const environment = parseEnvironment(variables);
  const network = parseNetworkConfig(JSON.stringify(config));
  return { environment: must(environment), config: must(network) };
}
