import { kindOf } from "../cni/config.ts";
import { type CniError, failWith } from "../cni/errors.ts";
import { isObject, type Json, parseJson } from "../cni/json.ts";
import { fail, type Outcome, ok } from "../sys/outcome.ts";
import { elementHint, readElement } from "./element.ts";
import { networksAnnotation } from "./pod.ts";
import { type NetworkRequest, type Problem, type Reading, readShort } from "./request.ts";
import { plainReason } from "./text.ts";

export type { NetworkRequest } from "./request.ts";

const shortHint = "Write [namespace/]name[@interface] for each network, between commas, or a JSON array.";

/** More than these nobody reads; an annotation of 1 MB can hold a million. */
const maxListed = 10;

/**
 * Parses the networks annotation (Network Plumbing Working Group, multi-network specification 1.3, section 4.1), short
 * or JSON. Empty means no networks. The error lists every mistake with its place, entries counted from 0; its id
 * (`annotation.syntax`, `.json`, `.name`, `.interface`, `.key`, `.value`) is that of the first.
 */
export function parseNetworks(text: string, defaultNamespace: string): Outcome<NetworkRequest[], CniError> {
  const doing = `read the pod's annotation ${networksAnnotation}: it`;
  if (text.trim() === "") return ok([]);
  if (!/[[{"]/.test(text)) {
    return collect(doing, shortHint, text.split(","), (entry, index) =>
      readShort(entry, index, defaultNamespace),
    );
  }
  const array = parseArray(text);
  if (!array.ok) return refuse(doing, elementHint, 1, [{ id: "annotation.json", text: array.error }]);
  return collect(doing, elementHint, array.value, (entry, index) =>
    readElement(entry, index, defaultNamespace),
  );
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
    (entry, index) => readShort(entry, index, defaultNamespace),
  );
}

function parseArray(text: string): Outcome<Json[], string> {
  const json = parseJson(text);
  if (!json.ok) return fail(`With '[', '{' or '"' in it, it is to be JSON: ${plainReason(json.error)}.`);
  if (Array.isArray(json.value)) return ok(json.value);
  const hint = isObject(json.value) ? " Put it into [ ]." : "";
  return fail(`It is ${kindOf(json.value)}, not an array of objects.${hint}`);
}

/** A pod's author decides how many processes the node's root runs: nobody needs as many as this. */
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
  const requests: NetworkRequest[] = [];
  const shown: Problem[] = [];
  let count = 0;
  for (const [index, entry] of entries.entries()) {
    const reading = read(entry, index);
    if (reading.ok) {
      requests.push(reading.value);
      continue;
    }
    count += reading.error.length;
    shown.push(...reading.error.slice(0, maxListed - shown.length));
  }
  return count === 0 ? ok(requests) : refuse(what, hint, count, shown);
}

function refuse(
  what: string,
  hint: string,
  count: number,
  shown: readonly Problem[],
): Outcome<never, CniError> {
  const [first] = shown;
  const more = count > shown.length ? [`And ${count - shown.length} more.`] : [];
  return failWith(
    "annotation",
    first?.id ?? "annotation.syntax",
    `${what} has ${count === 1 ? "a mistake" : `${count} mistakes`}`,
    [...shown.map((problem) => problem.text), ...more, hint].join(" "),
  );
}
