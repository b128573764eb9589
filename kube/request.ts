import { interfaceNameProblem } from "../cni/environment.ts";
import type { ErrorId } from "../cni/error-ids.ts";
import type { JsonObject } from "../cni/json.ts";
import { fail, type Outcome, ok } from "../sys/outcome.ts";
import { definitionNameProblem, namespaceProblem, shortNameProblem } from "./names.ts";
import { quote } from "./text.ts";

/** One network that an annotation (or the configuration's `networks`) asks for. */
export interface NetworkRequest {
  /** The one that was named, else the caller's default. */
  readonly namespace: string;
  readonly name: string;
  readonly interface?: string;
  /** Addresses with or without a prefix length. All addresses here are in their one canonical spelling. */
  readonly ips?: readonly string[];
  /** Six octets, or the twenty of IP over InfiniBand. */
  readonly mac?: string;
  /** Eight octets. */
  readonly infinibandGuid?: string;
  /** Each with hostPort and containerPort, protocol and hostIP if given: what the capability of this name takes. */
  readonly portMappings?: readonly JsonObject[];
  /** ingressRate, ingressBurst, egressRate, egressBurst, those given: what the capability of this name takes. */
  readonly bandwidth?: JsonObject;
  /** The device to attach where no device plugin has assigned one. */
  readonly deviceId?: string;
  /** The pod's gateways by way of this network; empty: this network's own default routes are taken away. */
  readonly defaultRoute?: readonly string[];
  /** The IPAMClaim (`k8s.cni.cncf.io`) in the pod's namespace that keeps the addresses. */
  readonly ipamClaimReference?: string;
  readonly cniArgs?: JsonObject;
  /** Keys that do not exist, passed over because the configuration says so (`"unknownKeys": "ignore"`). */
  readonly ignored?: readonly string[];
}

/** The rules by which an annotation is read. */
export interface Grammar {
  /** The namespace of a network that names none. Mostly the pod's. */
  readonly defaultNamespace: string;
  readonly unknownKeys: "refuse" | "ignore";
  /** Whether a name in the short form may have a dot. In a pod's list of networks it may not. */
  readonly dots?: true;
}

/** One mistake: `text` says where it is and what it is. */
export interface Problem {
  readonly id: ErrorId;
  readonly text: string;
}

/** The request of one entry, or every mistake in it. */
export type Reading = Outcome<NetworkRequest, readonly Problem[]>;

/** Reads `[namespace/]name[@interface]`, blanks allowed around each of them, as Multus does. */
export function readShort(entry: string, index: number, { defaultNamespace, dots }: Grammar): Reading {
  const problem = (id: ErrorId, why: string): Problem => ({
    id,
    text: `entry ${index} (${quote(entry.trim())}): ${why}`,
  });
  if (entry.trim() === "") return fail([problem("annotation.syntax", "It is empty.")]);
  const twice = ["/", "@"].filter((mark) => entry.indexOf(mark) !== entry.lastIndexOf(mark));
  if (twice.length > 0) {
    return fail(twice.map((mark) => problem("annotation.syntax", `It has more than one '${mark}'.`)));
  }
  const [target = "", namespace = defaultNamespace] = entry
    .split("/")
    .toReversed()
    .map((part) => part.trim());
  const [name = "", ifname] = target.split("@").map((part) => part.trim());
  const found: [ErrorId, string | undefined][] = [
    ["annotation.name", namespaceProblem(namespace)],
    ["annotation.name", dots === true ? definitionNameProblem(name) : shortNameProblem(name)],
    ["annotation.interface", ifname === undefined ? undefined : interfaceProblem(ifname)],
  ];
  const problems = found.flatMap(([id, why]) => (why === undefined ? [] : problem(id, why)));
  if (problems.length > 0) return fail(problems);
  return ok({ namespace, name, ...(ifname !== undefined && { interface: ifname }) });
}

/** Why this cannot be asked for as an interface's name; undefined when it can. */
export function interfaceProblem(name: string): string | undefined {
  // A NUL would end CNI_IFNAME; half of a surrogate pair would arrive as another character.
  const why = /[\p{Cc}\p{Cs}]/u.test(name) ? "It has an unprintable character." : interfaceNameProblem(name);
  return why === undefined ? undefined : `${quote(name)} cannot name an interface. ${why}`;
}
