import { isObject, type JsonObject } from "../../../cni/json.ts";
import { isRequestRules } from "./permissions.ts";

type Test = (value: unknown) => boolean;

const isText: Test = (value) => typeof value === "string";
const isFlag: Test = (value) => typeof value === "boolean";
const isFolder: Test = (value) => typeof value === "string" && (value === "" || value.startsWith("/"));
const isTexts: Test = (value) => Array.isArray(value) && value.every(isText);
const isNullable: Test = (value) => value === null || isObject(value);
const isAnything: Test = () => true;

/** Every field that `schema.ts` knows. */
const tests: ReadonlyMap<string, Test> = new Map<string, Test>([
  ["cniVersion", isText],
  ["name", isText],
  ["type", isText],
  ["capabilities", (value) => isObject(value) && Object.values(value).every(isFlag)],
  ["args", isAnything],
  ["dns", isAnything],
  ["ipam", isAnything],
  ["ipMasq", isAnything],
  ["runtimeConfig", isNullable],
  ["prevResult", isNullable],
  ["disableCheck", isAnything],
  ["disableGC", isAnything],
  ["delegate", isObject],
  ["networks", isTexts],
  ["definitionsDir", isFolder],
  ["kubeconfig", (value) => value === "in-cluster" || isFolder(value)],
  ["status", (value) => value === "sync" || value === "required" || value === "off"],
  ["confDir", isFolder],
  ["stateDir", isFolder],
  ["binDir", isFolder],
  ["crossNamespace", isTexts],
  ["unknownKeys", (value) => value === "refuse" || value === "ignore"],
  ["requests", isRequestRules],
  ["allowedTypes", isTexts],
  ["allowedIpamTypes", isTexts],
  ["opaqueTypes", isTexts],
  ["trustedNamespaces", isTexts],
  ["definitionNames", (value) => value === "namespaced" || value === "as-written"],
  ["resources", isFolder],
  ["kubeletDir", isFolder],
  ["deviceInfoDir", isFolder],
  ["result", (value) => value === "merged" || value === "primary"],
  ["parallel", isFlag],
  ["timeout", isText],
]);

/** A key with a slash belongs to whoever owns its prefix (cni.dev/valid-attachments), not to us. */
export function ownFields(raw: JsonObject): JsonObject {
  return Object.fromEntries(Object.entries(raw).filter(([key]) => !key.includes("/")));
}

/** Whether a field of ours may have this value. */
export function passesGate(field: string, value: unknown): boolean {
  return tests.get(field)?.(value) === true;
}

/** Whether the schema need not be asked. Refuses nothing: what it does not pass, the schema judges and explains. */
export function isPlainlyValid(raw: JsonObject): boolean {
  return Object.entries(ownFields(raw)).every(([key, value]) => passesGate(key, value));
}
