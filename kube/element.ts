import { addressFamily, cidrFamily } from "../cni/cidr.ts";
import { kindOf } from "../cni/config.ts";
import { isObject, type Json, type JsonObject } from "../cni/json.ts";
import { fail, ok } from "../sys/outcome.ts";
import { namespaceProblem, networkNameProblem } from "./names.ts";
import { interfaceProblem, type NetworkRequest, type Problem, type Reading } from "./request.ts";
import { isUnset, quote } from "./text.ts";

/** A key of the JSON form: why a value of it will not do (undefined when it will), and the id of that mistake. */
interface Field {
  readonly id: string;
  problem(value: Json): string | undefined;
}

const fields: ReadonlyMap<string, Field> = new Map([
  ["name", textField("annotation.name", networkNameProblem)],
  ["namespace", textField("annotation.name", namespaceProblem)],
  ["interface", textField("annotation.interface", interfaceProblem)],
  // Its name before Multus 3.2.
  ["interfaceRequest", textField("annotation.interface", interfaceProblem)],
  ["ips", { id: "annotation.value", problem: ipsProblem }],
  ["mac", textField("annotation.value", macProblem)],
  ["cni-args", { id: "annotation.value", problem: objectProblem }],
]);

/** Keys of the specification that we would have to obey and cannot yet: to ignore one would be to lie to the pod. */
const unsupported: readonly string[] = [
  "infiniband-guid",
  "portMappings",
  "bandwidth",
  "deviceID",
  "default-route",
  "ipam-claim-reference",
];

/** For the end of an error. */
export const elementHint = `Write a JSON array of objects with the keys ${[...fields.keys()].join(", ")}; ${unsupported.join(", ")} are known, but not supported by this version.`;

/** Reads one network selection element (multi-network specification 1.3, section 4.1.2.1). */
export function readElement(entry: Json, index: number, defaultNamespace: string): Reading {
  if (!isObject(entry)) {
    return fail([{ id: "annotation.json", text: `entry ${index}: It is ${kindOf(entry)}, not an object.` }]);
  }
  const problems = Object.entries(entry).flatMap(([key, value]) => keyProblem(key, value, index) ?? []);
  const name = textOf(entry.name);
  if (name === undefined && isUnset(entry.name)) {
    problems.push({ id: "annotation.name", text: `entry ${index}: It has no name of a network.` });
  }
  const why = isUnset(entry.namespace) ? namespaceProblem(defaultNamespace) : undefined;
  if (why !== undefined) {
    const whose = `the pod's own namespace, ${quote(defaultNamespace)}`;
    problems.push({ id: "annotation.name", text: `entry ${index}, ${whose}: ${why}` });
  }
  if (name === undefined || problems.length > 0) return fail(problems);
  return ok(requestOf(entry, name, defaultNamespace));
}

function keyProblem(key: string, value: Json, index: number): Problem | undefined {
  const where = `entry ${index}, key ${quote(key)}`;
  const field = fields.get(key);
  if (field !== undefined) {
    const why = isUnset(value) ? undefined : field.problem(value);
    return why === undefined ? undefined : { id: field.id, text: `${where}: ${why}` };
  }
  if (!unsupported.includes(key)) {
    return { id: "annotation.key", text: `${where}: There is no such key.` };
  }
  if (isUnset(value)) return undefined;
  return { id: "annotation.key", text: `${where}: It is not supported by this version. Take it out.` };
}

/** All values have been judged: what is not of its type is unset. */
function requestOf(entry: JsonObject, name: string, defaultNamespace: string): NetworkRequest {
  const ifname = textOf(entry.interface) ?? textOf(entry.interfaceRequest);
  const ips = Array.isArray(entry.ips) ? entry.ips.filter((ip) => typeof ip === "string") : [];
  const mac = textOf(entry.mac);
  const cniArgs = entry["cni-args"];
  return {
    namespace: textOf(entry.namespace) ?? defaultNamespace,
    name,
    ...(ifname !== undefined && { interface: ifname }),
    ...(ips.length > 0 && { ips }),
    ...(mac !== undefined && { mac }),
    ...(isObject(cniArgs) && { cniArgs }),
  };
}

function textOf(value: Json | undefined): string | undefined {
  return typeof value === "string" && value !== "" ? value : undefined;
}

function textField(id: string, problem: (text: string) => string | undefined): Field {
  return {
    id,
    problem: (value) =>
      typeof value === "string" ? problem(value) : `It is ${kindOf(value)}, not a string.`,
  };
}

function ipsProblem(value: Json): string | undefined {
  if (!Array.isArray(value)) return `It is ${kindOf(value)}, not an array of addresses.`;
  const wrong = value.filter((ip) => typeof ip !== "string" || !isAddress(ip));
  if (wrong.length === 0) return undefined;
  const shown = wrong.slice(0, 3).map((ip) => (typeof ip === "string" ? quote(ip) : kindOf(ip)));
  const more = wrong.length > shown.length ? ` (and ${wrong.length - shown.length} more)` : "";
  return `${shown.join(", ")}${more}: not an IP address, with or without a prefix length.`;
}

function isAddress(text: string): boolean {
  return (addressFamily(text) ?? cidrFamily(text)) !== undefined;
}

function macProblem(text: string): string | undefined {
  if (/^[0-9a-fA-F]{2}(:[0-9a-fA-F]{2}){5}$/.test(text)) return undefined;
  return `${quote(text)} is no MAC address. Write six octets, such as 02:00:00:00:00:01.`;
}

function objectProblem(value: Json): string | undefined {
  return isObject(value) ? undefined : `It is ${kindOf(value)}, not an object.`;
}
