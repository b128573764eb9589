import { kindOf } from "../cni/config.ts";
import type { ErrorId } from "../cni/error-ids.ts";
import { foldKey } from "../cni/fold.ts";
import { isObject, type Json, type JsonObject } from "../cni/json.ts";
import { type KeyRules, type Read, readMembers, refuse } from "../cni/readers.ts";
import { fail, ok } from "../sys/outcome.ts";
import { definitionNameProblem, namespaceProblem } from "./names.ts";
import {
  type Grammar,
  interfaceProblem,
  type NetworkRequest,
  type Problem,
  type Reading,
} from "./request.ts";
import { isUnset, quote } from "./text.ts";
import * as values from "./values.ts";

/** The reader of each key's value in the JSON form. */
const readers = {
  name: values.text(definitionNameProblem),
  namespace: values.text(namespaceProblem),
  interface: values.text(interfaceProblem),
  // The name of `interface` before Multus 3.2.
  interfaceRequest: values.text(interfaceProblem),
  ips: values.ips,
  mac: values.mac,
  "infiniband-guid": values.infinibandGuid,
  portMappings: values.portMappings,
  bandwidth: values.bandwidth,
  deviceID: values.deviceId,
  "cni-args": values.object,
  "default-route": values.gateways,
  "ipam-claim-reference": values.claim,
};

/** The values of an element after they are read. A key without a value is absent. */
type Values = Read<typeof readers>;

/** The id of a mistake in a key's value, where it is not `annotation.value`. */
const ids: Readonly<Record<string, ErrorId>> = {
  name: "annotation.name",
  namespace: "annotation.name",
  interface: "annotation.interface",
  interfaceRequest: "annotation.interface",
};

/** The hint at the end of an error about an element. */
export const elementHint = `Write a JSON array of objects with the keys ${Object.keys(readers).join(", ")}.`;

/** Reads one network selection element (multi-network specification 1.3, section 4.1.2.1). */
export function readElement(entry: Json, index: number, grammar: Grammar): Reading {
  if (!isObject(entry)) {
    return fail([{ id: "annotation.json", text: `entry ${index}: It is ${kindOf(entry)}, not an object.` }]);
  }
  const found = Object.entries(entry).map(([key, value]) => readKey(key, value, grammar));
  const problems = found.flatMap(({ key, mistakes, id }) =>
    mistakes.map((why) => ({ id, text: `entry ${index}, key ${quote(key)}: ${why}` })),
  );
  problems.push(...wholeProblems(entry, index, grammar));
  const read: Values = {};
  for (const each of found) Object.assign(read, each.read);
  if (read.name === undefined || problems.length > 0) return fail(problems);
  const ignored = found.flatMap((each) => each.ignored);
  return ok({ ...requestOf(read, read.name, grammar), ...(ignored.length > 0 && { ignored }) });
}

/** Mistakes of an entry as a whole. */
function wholeProblems(entry: JsonObject, index: number, { defaultNamespace }: Grammar): Problem[] {
  const problems: Problem[] = [];
  if (isUnset(entry.name)) {
    problems.push({ id: "annotation.name", text: `entry ${index}: It has no name of a network.` });
  }
  const why = isUnset(entry.namespace) ? namespaceProblem(defaultNamespace) : undefined;
  if (why !== undefined) {
    const whose = `the pod's own namespace, ${quote(defaultNamespace)}`;
    problems.push({ id: "annotation.name", text: `entry ${index}, ${whose}: ${why}` });
  }
  const asksForIps = Array.isArray(entry.ips) && entry.ips.length > 0;
  if (asksForIps && !isUnset(entry["ipam-claim-reference"])) {
    const text = `entry ${index}, keys "ips" and "ipam-claim-reference": They exclude each other.`;
    problems.push({ id: "annotation.value", text });
  }
  return problems;
}

interface ReadKey {
  readonly key: string;
  readonly read: Values;
  readonly id: ErrorId;
  readonly mistakes: readonly string[];
  readonly ignored: readonly string[];
}

function readKey(key: string, value: Json, { unknownKeys }: Grammar): ReadKey {
  const notes: values.ValueNotes = { unknownKeys, problems: [], ignored: [] };
  const isKnown = Object.hasOwn(readers, key);
  const read = readMembers(keys, readers, { [key]: value }, "", notes);
  return {
    key,
    read,
    id: isKnown ? (ids[key] ?? "annotation.value") : "annotation.key",
    mistakes: notes.problems.map(({ place, why }) => (place === "" ? why : `${place}: ${why}`)),
    ignored: notes.ignored.map((place) =>
      isKnown ? `${key}${/^\[/.test(place) ? "" : "."}${place}` : place,
    ),
  };
}

/** Places are within a key's value, so that the key itself has none. */
const keys: KeyRules<values.ValueNotes> = { placeOf: () => "", isAbsent: isUnset, unknown: noteUnknown };

function noteUnknown(
  key: string,
  where: string,
  { unknownKeys, ignored, ...notes }: values.ValueNotes,
): void {
  if (isOthers(key)) return;
  const meant = Object.keys(readers).find((known) => foldKey(known) === foldKey(key));
  // Go's decoder takes a key in any case, so that one must not be passed over either.
  if (meant !== undefined) refuse(notes, where, `There is no such key; it is written ${quote(meant)}.`);
  else if (unknownKeys === "ignore") ignored.push(quote(key));
  else refuse(notes, where, "There is no such key.");
}

/** Section 4.1.2.1 leaves keys in reverse domain notation (org.example.key) to other implementations. */
function isOthers(key: string): boolean {
  return /^[a-z0-9-]+(\.[a-z0-9_-]+)+$/i.test(key);
}

function requestOf(read: Values, name: string, { defaultNamespace }: Grammar): NetworkRequest {
  const { namespace = defaultNamespace, ips = [], mac, portMappings = [], bandwidth } = read;
  const { interface: ifname = read.interfaceRequest, deviceID: deviceId, "cni-args": cniArgs } = read;
  const { "infiniband-guid": infinibandGuid, "ipam-claim-reference": ipamClaimReference } = read;
  // An empty list says something here: this network's own default routes are not wanted.
  const { "default-route": defaultRoute } = read;
  return {
    namespace,
    name,
    ...(ifname !== undefined && { interface: ifname }),
    ...(ips.length > 0 && { ips }),
    ...(mac !== undefined && { mac }),
    ...(infinibandGuid !== undefined && { infinibandGuid }),
    ...(portMappings.length > 0 && { portMappings }),
    ...(bandwidth !== undefined && Object.keys(bandwidth).length > 0 && { bandwidth }),
    ...(deviceId !== undefined && { deviceId }),
    ...(cniArgs !== undefined && { cniArgs }),
    ...(defaultRoute !== undefined && { defaultRoute }),
    ...(ipamClaimReference !== undefined && { ipamClaimReference }),
  };
}
