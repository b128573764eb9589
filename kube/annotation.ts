import { kindOf } from "../cni/config.ts";
import { type CniError, failWith } from "../cni/errors.ts";
import { isObject, type Json, parseJson } from "../cni/json.ts";
import { fail, type Outcome, ok } from "../sys/outcome.ts";
import { elementHint, readElement } from "./element.ts";
import { defaultNetworkAnnotation, networksAnnotation } from "./pod.ts";
import { type Grammar, type NetworkRequest, type Problem, type Reading, readShort } from "./request.ts";
import { jsonMistake, quote } from "./text.ts";

export type { Grammar, NetworkRequest } from "./request.ts";

const shortHint = "Write [namespace/]name[@interface] for each network, between commas, or a JSON array.";

/** An annotation of 1 MB can hold a million mistakes. Nobody reads more than these. */
const maxListed = 10;

/**
 * Parses the networks annotation (Network Plumbing Working Group, multi-network specification 1.3, section 4.1), short
 * or JSON. Empty means no networks. The error lists every mistake with its place, entries counted from 0; its id
 * (`annotation.syntax`, `.json`, `.name`, `.interface`, `.key`, `.value`) is that of the first.
 */
export function parseNetworks(text: string, grammar: Grammar): Outcome<NetworkRequest[], CniError> {
  return parseAnnotation(networksAnnotation, text, grammar);
}

/** The pod's own primary network: the same grammar, and exactly one entry. Errors: also `annotation.default-network`. */
export function parseDefaultNetwork(text: string, grammar: Grammar): Outcome<NetworkRequest, CniError> {
  const requests = parseAnnotation(defaultNetworkAnnotation, text, { ...grammar, dots: true });
  if (!requests.ok) return requests;
  const [request, ...others] = requests.value;
  if (request !== undefined && others.length === 0) return ok(request);
  return failWith(
    "annotation",
    "annotation.default-network",
    `read the pod's annotation ${defaultNetworkAnnotation}: it names ${requests.value.length} networks, not one`,
    "A pod has one primary network. Take the annotation out to have the node's own.",
  );
}

function parseAnnotation(
  annotation: string,
  text: string,
  grammar: Grammar,
): Outcome<NetworkRequest[], CniError> {
  const doing = `read the pod's annotation ${annotation}: it`;
  if (text.trim() === "") return ok([]);
  if (!/[[{"]/.test(text)) {
    return collect(doing, shortHint, text.split(","), (entry, index) => readShort(entry, index, grammar));
  }
  const array = parseArray(text);
  if (!array.ok) return refuse(doing, elementHint, [{ id: "annotation.json", text: array.error }]);
  return collect(doing, elementHint, array.value, (entry, index) => readElement(entry, index, grammar));
}

/** The same for the configuration's `networks`: each entry in the short form. */
export function parseNetworkList(
  entries: readonly string[],
  defaultNamespace: string,
): Outcome<NetworkRequest[], CniError> {
  return collect(
    "the list",
    "Write [namespace/]name[@interface] for each network.",
    entries,
    (entry, index) => readShort(entry, index, { defaultNamespace, unknownKeys: "refuse", dots: true }),
  );
}

function parseArray(text: string): Outcome<Json[], string> {
  const json = parseJson(text);
  if (!json.ok)
    return fail(`With '[', '{' or '"' in it, it is to be JSON: ${jsonMistake(text, json.error)}.`);
  if (Array.isArray(json.value)) return ok(json.value);
  const hint = isObject(json.value) ? " Put it into [ ]." : "";
  return fail(`It is ${kindOf(json.value)}, not an array of objects.${hint}`);
}

/** A limit, since a pod's author decides how many processes root runs on the node. */
const maxNetworks = 64;

function collect<T>(
  what: string,
  hint: string,
  entries: readonly T[],
  read: (entry: T, index: number) => Reading,
): Outcome<NetworkRequest[], CniError> {
  if (entries.length > maxNetworks) {
    const msg = `${what} asks for ${entries.length} networks, at most ${maxNetworks} are allowed`;
    return failWith("annotation", "annotation.too-many", msg, "Ask for fewer.");
  }
  const readings = entries.map(read);
  const requests = readings.flatMap((reading) => (reading.ok ? [reading.value] : []));
  const problems = [
    ...readings.flatMap((reading) => (reading.ok ? [] : reading.error)),
    ...sharedInterfaces(readings),
  ];
  return problems.length === 0 ? ok(requests) : refuse(what, hint, problems);
}

/** The specification fails the second of two attachments that ask for one interface name. */
function sharedInterfaces(readings: readonly Reading[]): Problem[] {
  const owners = new Map<string, number>();
  const problems: Problem[] = [];
  for (const [index, reading] of readings.entries()) {
    const ifname = reading.ok ? reading.value.interface : undefined;
    if (ifname === undefined) continue;
    const owner = owners.get(ifname);
    if (owner === undefined) owners.set(ifname, index);
    else {
      const why = `${quote(ifname)} is the interface that entry ${owner} asks for.`;
      problems.push({ id: "annotation.interface", text: `entry ${index}, interface: ${why}` });
    }
  }
  return problems;
}

function refuse(what: string, hint: string, problems: readonly Problem[]): Outcome<never, CniError> {
  const shown = problems.slice(0, maxListed);
  const count = problems.length;
  const more = count > shown.length ? [`And ${count - shown.length} more.`] : [];
  return failWith(
    "annotation",
    shown[0]?.id ?? "annotation.syntax",
    `${what} has ${count === 1 ? "a mistake" : `${count} mistakes`}`,
    [...shown.map((problem) => problem.text), ...more, hint].join(" "),
  );
}
