import { canonicalAddress } from "../cni/address.ts";
import { kindOf } from "../cni/config.ts";
import type { ErrorId } from "../cni/error-ids.ts";
import { foldKey } from "../cni/fold.ts";
import { canonicalHardware } from "../cni/hardware.ts";
import { isObject, type Json, type JsonObject } from "../cni/json.ts";
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

/** A key of the JSON form: who judges its value, and the id of a mistake in it. */
interface Field {
  readonly id: ErrorId;
  readonly judge: values.Judge;
}

const fields: ReadonlyMap<string, Field> = new Map<string, Field>([
  ["name", { id: "annotation.name", judge: values.text(definitionNameProblem) }],
  ["namespace", { id: "annotation.name", judge: values.text(namespaceProblem) }],
  ["interface", { id: "annotation.interface", judge: values.text(interfaceProblem) }],
  // Its name before Multus 3.2.
  ["interfaceRequest", { id: "annotation.interface", judge: values.text(interfaceProblem) }],
  ["ips", { id: "annotation.value", judge: values.ips }],
  ["mac", { id: "annotation.value", judge: values.mac }],
  ["infiniband-guid", { id: "annotation.value", judge: values.infinibandGuid }],
  ["portMappings", { id: "annotation.value", judge: values.portMappings }],
  ["bandwidth", { id: "annotation.value", judge: values.bandwidth }],
  ["deviceID", { id: "annotation.value", judge: values.deviceId }],
  ["cni-args", { id: "annotation.value", judge: values.object }],
  ["default-route", { id: "annotation.value", judge: values.gateways }],
  ["ipam-claim-reference", { id: "annotation.value", judge: values.claim }],
]);

/** For the end of an error. */
export const elementHint = `Write a JSON array of objects with the keys ${[...fields.keys()].join(", ")}.`;

/** Reads one network selection element (multi-network specification 1.3, section 4.1.2.1). */
export function readElement(entry: Json, index: number, grammar: Grammar): Reading {
  if (!isObject(entry)) {
    return fail([{ id: "annotation.json", text: `entry ${index}: It is ${kindOf(entry)}, not an object.` }]);
  }
  const found = Object.entries(entry).map(([key, value]) => readKey(key, value, grammar));
  const problems = found.flatMap(({ key, mistakes, id }) =>
    mistakes.map(({ why }) => ({ id, text: `entry ${index}, key ${quote(key)}: ${why}` })),
  );
  problems.push(...wholeProblems(entry, index, grammar));
  const name = textOf(entry.name);
  if (name === undefined || problems.length > 0) return fail(problems);
  const ignored = found.flatMap((each) => each.ignored);
  return ok({ ...requestOf(entry, name, grammar.defaultNamespace), ...(ignored.length > 0 && { ignored }) });
}

/** What is wrong with an entry that no single key is to blame for. */
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

interface ReadKey extends Field {
  readonly key: string;
  readonly mistakes: readonly values.Mistake[];
  readonly ignored: readonly string[];
}

function readKey(key: string, value: Json, { unknownKeys }: Grammar): Omit<ReadKey, "judge"> {
  const field = fields.get(key);
  if (field === undefined) return readUnknown(key, unknownKeys);
  const mistakes = isUnset(value) ? [] : field.judge(value);
  if (unknownKeys === "refuse") return { key, id: field.id, mistakes, ignored: [] };
  return {
    key,
    id: field.id,
    mistakes: mistakes.filter(({ unknown }) => unknown === undefined),
    ignored: mistakes.flatMap(({ unknown }) => (unknown === undefined ? [] : `${key}${unknown}`)),
  };
}

function readUnknown(key: string, unknownKeys: Grammar["unknownKeys"]): Omit<ReadKey, "judge"> {
  const id = "annotation.key";
  if (isOthers(key)) return { key, id, mistakes: [], ignored: [] };
  const meant = [...fields.keys()].find((known) => foldKey(known) === foldKey(key));
  // Go's decoder takes a key in any case, so that one must not be passed over either.
  if (meant !== undefined) {
    return {
      key,
      id,
      mistakes: [{ why: `There is no such key; it is written ${quote(meant)}.` }],
      ignored: [],
    };
  }
  if (unknownKeys === "ignore") return { key, id, mistakes: [], ignored: [quote(key)] };
  return { key, id, mistakes: [{ why: "There is no such key." }], ignored: [] };
}

/** Section 4.1.2.1 leaves keys in reverse domain notation (org.example.key) to other implementations. */
function isOthers(key: string): boolean {
  return /^[a-z0-9-]+(\.[a-z0-9_-]+)+$/i.test(key);
}

/** All values have been judged: what is not of its type is unset. */
function requestOf(entry: JsonObject, name: string, defaultNamespace: string): NetworkRequest {
  const ifname = textOf(entry.interface) ?? textOf(entry.interfaceRequest);
  const ips = textsOf(entry.ips).map(canonicalAddress);
  const mac = hardwareOf(entry.mac);
  const infinibandGuid = hardwareOf(entry["infiniband-guid"]);
  const portMappings = portMappingsOf(entry.portMappings);
  const bandwidth = bandwidthOf(entry.bandwidth);
  const deviceId = textOf(entry.deviceID);
  const cniArgs = entry["cni-args"];
  // An empty list says something here: this network's own default routes are not wanted.
  const defaultRoute = Array.isArray(entry["default-route"])
    ? textsOf(entry["default-route"]).map(canonicalAddress)
    : undefined;
  const ipamClaimReference = textOf(entry["ipam-claim-reference"]);
  return {
    namespace: textOf(entry.namespace) ?? defaultNamespace,
    name,
    ...(ifname !== undefined && { interface: ifname }),
    ...(ips.length > 0 && { ips }),
    ...(mac !== undefined && { mac }),
    ...(infinibandGuid !== undefined && { infinibandGuid }),
    ...(portMappings.length > 0 && { portMappings }),
    ...(bandwidth !== undefined && { bandwidth }),
    ...(deviceId !== undefined && { deviceId }),
    ...(isObject(cniArgs) && { cniArgs }),
    ...(defaultRoute !== undefined && { defaultRoute }),
    ...(ipamClaimReference !== undefined && { ipamClaimReference }),
  };
}

function textOf(value: Json | undefined): string | undefined {
  return typeof value === "string" && value !== "" ? value : undefined;
}

function hardwareOf(value: Json | undefined): string | undefined {
  const text = textOf(value);
  return text === undefined ? undefined : canonicalHardware(text);
}

function textsOf(value: Json | undefined): string[] {
  return Array.isArray(value) ? value.filter((each) => typeof each === "string") : [];
}

/** Only what the capability knows: an ignored key must not reach a plugin all the same. */
function portMappingsOf(value: Json | undefined): JsonObject[] {
  if (!Array.isArray(value)) return [];
  return value.filter(isObject).map(({ hostPort = null, containerPort = null, protocol, hostIP }) => ({
    hostPort,
    containerPort,
    protocol: textOf(protocol) ?? "tcp",
    ...(typeof hostIP === "string" && hostIP !== "" && { hostIP: canonicalAddress(hostIP) }),
  }));
}

function bandwidthOf(value: Json | undefined): JsonObject | undefined {
  if (!isObject(value)) return undefined;
  const rates = Object.entries(value).filter(
    ([key, rate]) => /^(in|e)gress(Rate|Burst)$/.test(key) && !isUnset(rate),
  );
  return rates.length === 0 ? undefined : Object.fromEntries(rates);
}
