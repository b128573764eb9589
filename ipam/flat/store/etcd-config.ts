import { readText, readTexts, show } from "../../../cni/fields.ts";
import type { JsonObject } from "../../../cni/json.ts";
import { isOnLoopback, loopbackWord } from "../../../cni/loopback.ts";
import { type Notes, refuse } from "../../../cni/readers.ts";
import { withoutTrailingSlashes } from "../../../cni/slashes.ts";

/** `ipam.store.etcd` as configured. An empty text means that the field is not set. */
export interface EtcdSettings {
  /** For example `https://10.0.0.1:2379`, without a slash at the end. The first that answers is used. */
  readonly endpoints: readonly string[];
  readonly caFile: string;
  readonly certFile: string;
  readonly keyFile: string;
  readonly username: string;
  readonly passwordFile: string;
  /** Every key begins with this text. It has no slash at the end. */
  readonly prefix: string;
}

export const defaultPrefix = "/hawser";
const endpointPattern = /^https?:\/\/(\[[0-9A-Fa-f:.]+\]|[0-9A-Za-z._-]+)(:\d{1,5})?\/?$/;
const fileFields = ["caFile", "certFile", "keyFile", "passwordFile"] as const;

/** Reads `store.etcd`, noting every problem under `place`. */
export function readEtcd(etcd: JsonObject, place: string, notes: Notes): EtcdSettings {
  const text = (key: string): string => readText(etcd, key, place, notes) ?? "";
  const endpoints = readTexts(etcd, "endpoints", place, notes);
  const settings: EtcdSettings = {
    endpoints: endpoints.map((endpoint) => endpoint.replace(/\/$/, "")),
    caFile: text("caFile"),
    certFile: text("certFile"),
    keyFile: text("keyFile"),
    username: text("username"),
    passwordFile: text("passwordFile"),
    prefix: withoutTrailingSlashes(text("prefix") || defaultPrefix),
  };
  noteEndpoints(endpoints, place, notes);
  noteFiles(settings, place, notes);
  notePlain(settings, text("plainHttp"), place, notes);
  if (!/^(\/[!-.0-~]+)+$/.test(settings.prefix)) {
    refuse(notes, `${place}.prefix`, `${show(settings.prefix)} is no path like ${defaultPrefix}`);
  }
  return settings;
}

function noteEndpoints(endpoints: readonly string[], place: string, notes: Notes): void {
  const isSaid = notes.problems.some((problem) => problem.place.startsWith(`${place}.endpoints`));
  if (endpoints.length === 0 && !isSaid) {
    refuse(notes, `${place}.endpoints`, "is empty; name at least one, like https://10.0.0.1:2379");
  }
  for (const [index, endpoint] of endpoints.entries()) {
    const port = Number(/:(\d+)\/?$/.exec(endpoint)?.[1] ?? 2379);
    if (endpointPattern.test(endpoint) && port > 0 && port < 65536) continue;
    refuse(notes, `${place}.endpoints[${index}]`, `${show(endpoint)} is no URL like https://10.0.0.1:2379`);
  }
}

/** Notes each endpoint to which the password and the token would go unencrypted. */
function notePlain(settings: EtcdSettings, word: string, place: string, notes: Notes): void {
  if (word !== "" && word !== loopbackWord)
    refuse(notes, `${place}.plainHttp`, `${show(word)} is not "${loopbackWord}"`);
  if (settings.username === "") return;
  for (const [index, endpoint] of settings.endpoints.entries()) {
    if (!endpoint.startsWith("http:") || (word === loopbackWord && isOnLoopback(endpoint))) continue;
    refuse(
      notes,
      `${place}.endpoints[${index}]`,
      `${show(endpoint)} has no TLS, and a password is not sent without; give https:`,
    );
  }
}

function noteFiles(settings: EtcdSettings, place: string, notes: Notes): void {
  for (const field of fileFields) {
    const path = settings[field];
    if (path === "" || path.startsWith("/")) continue;
    // A person may have written the password itself into passwordFile. It must not get into a log.
    const shown = field === "passwordFile" ? "it" : show(path);
    refuse(notes, `${place}.${field}`, `${shown} is no absolute path`);
  }
  const pair = (one: "certFile" | "username", other: "keyFile" | "passwordFile"): void => {
    if ((settings[one] === "") === (settings[other] === "")) return;
    const missing = settings[one] === "" ? one : other;
    refuse(notes, `${place}.${missing}`, `is missing; ${one} and ${other} go together`);
  };
  pair("certFile", "keyFile");
  pair("username", "passwordFile");
  const usesTls = settings.endpoints.some((endpoint) => endpoint.startsWith("https:"));
  if (!usesTls && settings.endpoints.length > 0 && (settings.caFile !== "" || settings.certFile !== "")) {
    refuse(notes, `${place}.endpoints`, "none is https, but there are certificates");
  }
}
