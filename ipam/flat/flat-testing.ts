import { parseNetworkConfig } from "../../cni/config.ts";
import { parseEnvironment } from "../../cni/environment.ts";
import { printJson } from "../../cni/json.ts";
import type { Invocation } from "../../cni/plugin.ts";
import type { Verb } from "../../cni/version.ts";
import { must } from "../../sys/outcome-testing.ts";
import { type Holding, parseHolding } from "./pool/holding.ts";
import { isInKeyRange, keysOf } from "./pool/keys.ts";
import { keysOfHolding } from "./pool/stored.ts";
import type { Entry } from "./store/store.ts";

/** For tests: how a runtime calls the plugin. */
export interface FlatCall {
  readonly verb: Verb;
  readonly containerId: string;
  readonly ifname?: string;
  /** `namespace/name`. */
  readonly pod?: string;
  readonly network?: string;
  readonly ipam?: Readonly<Record<string, unknown>>;
  /** More of the configuration: `runtimeConfig`, `prevResult`, ... */
  readonly more?: Readonly<Record<string, unknown>>;
  readonly args?: string;
}

export const oneRange = [[{ subnet: "10.60.0.0/24" }]];

export function invocationOf(call: FlatCall): Invocation {
  const [namespace = "", name = ""] = (call.pod ?? "").split("/");
  const pod = call.pod === undefined ? "" : `K8S_POD_NAMESPACE=${namespace};K8S_POD_NAME=${name};`;
  const environment = parseEnvironment({
    CNI_COMMAND: call.verb,
    CNI_CONTAINERID: call.containerId,
    CNI_NETNS: "/ns",
    CNI_IFNAME: call.ifname ?? "eth0",
    CNI_ARGS: `IgnoreUnknown=1;${pod}${call.args ?? ""}`,
    CNI_PATH: "/bin/cni",
  });
  const ipam = { type: "hawser-flat", node: "node1", ranges: oneRange, ...call.ipam };
  const text = printJson({
    cniVersion: "1.1.0",
    name: call.network ?? "net",
    type: "bridge",
    ipam,
    ...call.more,
  });
  const config = parseNetworkConfig(text);
  return { environment: must(environment), config: must(config) };
}

const parsed = new Map<string, Holding | undefined>();

/** As `parseHolding`, for whoever reads the same values again and again. */
export function readHolding(value: string): Holding | undefined {
  if (!parsed.has(value)) parsed.set(value, parseHolding(value));
  return parsed.get(value);
}

/** What of a store contradicts itself: every key of a holding has it, all at one revision, and no other key has it. */
export function audit(pool: string, entries: readonly Entry[]): string[] {
  const keys = keysOf(pool);
  const byKey = new Map(entries.map((entry) => [entry.key, entry]));
  return entries.flatMap((entry) => {
    if (isInKeyRange(keys.all.def, entry.key)) return [];
    const holding = readHolding(entry.value);
    if (holding === undefined) return [`${entry.key} cannot be understood`];
    const all = keysOfHolding(keys, holding);
    const problems = all.includes(entry.key) ? [] : [`${entry.key} does not belong to ${holding.identity}`];
    for (const key of all) {
      const other = byKey.get(key);
      if (other?.modRevision !== entry.modRevision || other.value !== entry.value)
        problems.push(`${entry.key} and ${key} of ${holding.identity} differ`);
    }
    return problems;
  });
}

export function holdingAt(entries: readonly Entry[], key: string): Holding | undefined {
  const entry = entries.find((each) => each.key === key);
  return entry === undefined ? undefined : readHolding(entry.value);
}
