import { type Outcome, ok } from "../sys/outcome.ts";
import type { ErrorId } from "./error-ids.ts";
import { type CniError, failWith } from "./errors.ts";
import { type Verb, verbs } from "./version.ts";

/**
 * The parameters of an operation (CNI 1.1.0, section 2, "Parameters"). An optional parameter that is not set is empty.
 */
export interface Environment {
  readonly command: Verb;
  readonly containerId: string;
  readonly netns: string;
  readonly ifname: string;
  /** CNI_ARGS as given; delegates get it unchanged. */
  readonly args: string;
  /** The folders of CNI_PATH. Empty elements, which would mean the working folder, are left out. */
  readonly path: readonly string[];
  /** The whole environment that we were given. Delegates inherit it (PATH for iptables, proxies, ...). */
  readonly variables: EnvironmentVariables;
}

type Variable = "CNI_CONTAINERID" | "CNI_NETNS" | "CNI_IFNAME" | "CNI_ARGS" | "CNI_PATH";

/** The variables that each verb requires. Hawser requires CNI_PATH of a GC, too, because it runs delegates. */
const required: Readonly<Record<Verb, readonly Variable[]>> = {
  ADD: ["CNI_CONTAINERID", "CNI_NETNS", "CNI_IFNAME"],
  CHECK: ["CNI_CONTAINERID", "CNI_NETNS", "CNI_IFNAME"],
  DEL: ["CNI_CONTAINERID", "CNI_IFNAME"],
  GC: ["CNI_PATH"],
  STATUS: [],
  VERSION: [],
};

export type EnvironmentVariables = Readonly<Record<string, string | undefined>>;

export function parseEnvironment(variables: EnvironmentVariables): Outcome<Environment, CniError> {
  const command = variables.CNI_COMMAND ?? "";
  const verb = verbs.find((each) => each === command);
  if (verb === undefined) return unknownCommand(command);
  const missing = required[verb].filter((name) => (variables[name] ?? "") === "");
  if (missing.length > 0) {
    return failWith(
      "badEnvironment",
      "env.missing",
      `${verb}: required environment variables are missing: ${missing.join(", ")}`,
      "The container runtime sets them; by hand, use cnitool or set them yourself.",
    );
  }
  const isOfContainer = verb !== "VERSION" && verb !== "STATUS" && verb !== "GC";
  const problem = isOfContainer
    ? identityProblem(variables.CNI_CONTAINERID ?? "", variables.CNI_IFNAME ?? "")
    : undefined;
  if (problem !== undefined) {
    return failWith("badEnvironment", problem.id, `${verb}: ${problem.msg}`, problem.why);
  }
  return ok({
    command: verb,
    containerId: variables.CNI_CONTAINERID ?? "",
    netns: variables.CNI_NETNS ?? "",
    ifname: variables.CNI_IFNAME ?? "",
    args: variables.CNI_ARGS ?? "",
    path: (variables.CNI_PATH ?? "").split(":").filter((folder) => folder !== ""),
    variables,
  });
}

function unknownCommand(command: string): Outcome<Environment, CniError> {
  const msg =
    command === ""
      ? "required environment variable CNI_COMMAND is missing"
      : `CNI_COMMAND ${JSON.stringify(command)} is not an operation`;
  return failWith("badEnvironment", "env.command", msg, `It is one of ${verbs.join(", ")}.`);
}

function identityProblem(
  containerId: string,
  ifname: string,
): { id: ErrorId; msg: string; why: string } | undefined {
  if (!isName(containerId)) {
    return {
      id: "env.container-id",
      msg: `CNI_CONTAINERID ${JSON.stringify(containerId)} is not a container ID`,
      why: "It starts with a letter or digit; letters, digits, '_', '.' and '-' follow.",
    };
  }
  if (containerId.length > maxContainerIdLength) {
    return {
      id: "env.container-id",
      msg: `CNI_CONTAINERID is ${containerId.length} characters long`,
      why: `At most ${maxContainerIdLength} fit into the name of a record.`,
    };
  }
  const why = interfaceNameProblem(ifname);
  return why === undefined
    ? undefined
    : { id: "env.ifname", msg: `CNI_IFNAME ${JSON.stringify(ifname)} cannot name an interface`, why };
}

/**
 * The longest container ID. A file name has at most 255 bytes; a record's name adds the interface, a suffix and the
 * mark of a torn record.
 */
const maxContainerIdLength = 190;

/** The specification's pattern for container IDs and network names. JavaScript's `$` alone ends at no newline. */
export function isName(text: string): boolean {
  return /^[A-Za-z0-9][A-Za-z0-9_.-]*$/.test(text);
}

/** Returns why the kernel would refuse this interface name or change it; undefined if it would do neither. */
export function interfaceNameProblem(name: string): string | undefined {
  // Nearly every name ends here, which is quick.
  if (/^[A-Za-z0-9][A-Za-z0-9_.-]{0,14}$/.test(name)) return undefined;
  const bytes = new TextEncoder().encode(name);
  if (name === "") return "It is empty.";
  if (bytes.length > 15) return "An interface name has at most 15 bytes.";
  if (name === "." || name === "..") return "It may not be a dot name.";
  if (/[/:\s]/.test(name)) return "It may hold no '/', no ':' and no white space.";
  if (bytes.some((byte) => byte < 0x20 || byte === 0x7f)) return "It may hold no control characters.";
  // The kernel reads bytes as Latin-1, where 0xA0 is a space: "à" (C3 A0) is refused, "é" is not.
  if (bytes.includes(0xa0)) return "The kernel takes the byte A0 in it for white space.";
  if (name.includes("%")) return "The kernel puts a number for '%d': the interface would have another name.";
  return undefined;
}

/** CNI_ARGS as pairs: `K=V;K=V`, the value being all after the first `=`. Pieces without `=` are left out. */
export function parseArgs(args: string): ReadonlyMap<string, string> {
  const pairs = args
    .split(";")
    .filter((piece) => piece.includes("="))
    .map((piece) => {
      const at = piece.indexOf("=");
      return [piece.slice(0, at), piece.slice(at + 1)] as const;
    });
  return new Map(pairs);
}
