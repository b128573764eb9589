import { foldKey } from "./fold.ts";
import { isObject, type Json, type JsonObject, parseJson, printJson } from "./json.ts";

/**
 * Keeps secrets out of everything we print: `redact` is for texts in which a program may repeat what we sent,
 * `maskSecrets` for configurations that are shown. Cut a text after this and never before: half of a token is found by
 * nobody.
 */
export const secretMark = "(secret)";

/**
 * A piece of a secret is looked for as well, because a server may have cut what it repeats. A piece is half of the
 * secret, within these bounds: fewer characters stand in a text by chance.
 */
const shortestPiece = 8;
const longestPiece = 12;
/** Shorter secrets are not looked for: they stand in every text, and protect nothing. */
const shortest = 3;

/**
 * The text without any of the secrets: whole or a longer piece, plain or as JSON, base64 or a URL spells it. All of
 * them are looked for in the text as it came, because two may overlap. The time is linear in the text.
 */
export function redact(text: string, secrets: readonly string[], mark = secretMark): string {
  const spelled = secrets.filter((secret) => secret.length >= shortest).flatMap(spellings);
  const found = spelled.flatMap((secret) => piecesIn(text, secret)).sort(([one], [other]) => one - other);
  let safe = "";
  let copied = 0;
  for (const [from, to] of found) {
    // Where one secret ends and another goes on, one mark is enough.
    if (from > copied || copied === 0) safe += text.slice(copied, from) + mark;
    copied = Math.max(copied, to);
  }
  return safe + text.slice(copied);
}

/** `redact` for a body that may be JSON: it looks at what the JSON says, not at how it is spelled. */
export function redactBody(body: string, secrets: readonly string[]): string {
  const json = parseJson(body);
  return json.ok ? printJson(mapTexts(json.value, (text) => redact(text, secrets))) : redact(body, secrets);
}

function mapTexts(value: Json, change: (text: string) => string): Json {
  if (typeof value === "string") return change(value);
  if (Array.isArray(value)) return value.map((each) => mapTexts(each, change));
  if (!isObject(value)) return value;
  return Object.fromEntries(
    Object.entries(value).map(([key, each]) => [change(key), mapTexts(each, change)]),
  );
}

function spellings(secret: string): string[] {
  const bytes = new TextEncoder().encode(secret);
  const base64 = [0, 1, 2].map((before) => base64Within(bytes, before));
  return [...new Set([secret, printJson(secret).slice(1, -1), encoded(secret), ...base64])];
}

/**
 * The part that is the same in the base64 of any text that contains these bytes. `before` is the number of bytes before them,
 * modulo 3.
 */
function base64Within(bytes: Uint8Array, before: number): string {
  const text = "\0".repeat(before) + Array.from(bytes, (byte) => String.fromCharCode(byte)).join("");
  return btoa(text).slice(Math.ceil((before * 8) / 6), Math.floor((text.length * 8) / 6));
}

function encoded(secret: string): string {
  try {
    return encodeURIComponent(secret);
  } catch {
    // Half of a surrogate pair cannot be encoded, nor be sent.
    return secret;
  }
}

/** The places (from, to) of the secret in the text, or of parts of it that are long enough. */
function piecesIn(text: string, secret: string): [number, number][] {
  const half = Math.max(shortestPiece, Math.min(longestPiece, Math.ceil(secret.length / 2)));
  const width = Math.min(secret.length, half);
  const pieces = new Set<string>();
  for (let at = 0; at + width <= secret.length; at++) pieces.add(secret.slice(at, at + width));
  const found: [number, number][] = [];
  for (let at = 0; at + width <= text.length; at++) {
    if (!pieces.has(text.slice(at, at + width))) continue;
    const from = at;
    // The next piece overlaps this one.
    while (pieces.has(text.slice(at + 1, at + 1 + width))) at++;
    found.push([from, at + width]);
  }
  return found;
}

/** These make a key a secret's wherever they stand in its name: `etcdpassword`, `clientSecret`. */
const strongWords = /passw|passphrase|passcode|secret|token|credential|privatekey|apikey|authkey|bearer/;
/** These make a key a secret's as a whole word of its name: `etcd_key`, `preSharedKey`, but not `monkey`. */
const weakWords: ReadonlySet<string> = new Set([
  ...["key", "keys", "pass", "pwd", "pw", "psk", "auth", "authorization", "cred", "creds", "jwt", "cookie"],
]);
/** `passwordFile` says where a secret is, not what it is. */
const aboutWords: ReadonlySet<string> = new Set([
  ...[
    "file",
    "path",
    "dir",
    "folder",
    "name",
    "ref",
    "type",
    "id",
    "ttl",
    "seconds",
    "length",
    "size",
    "url",
  ],
]);

/** Whether a key of a configuration names a secret. */
export function isSecretKey(key: string): boolean {
  const words = key
    .replace(/([a-z0-9])([A-Z])/g, "$1 $2")
    .split(/[^A-Za-z0-9\u017F\u212A]+/)
    .map(foldKey)
    .filter((word) => word !== "");
  if (aboutWords.has(words.at(-1) ?? "")) return false;
  return strongWords.test(words.join("")) || words.some((word) => weakWords.has(word));
}

/** The document as people may see it: values are masked whose keys name a secret, and values that look like one. */
export function maskSecrets(value: Json): Json {
  if (typeof value === "string") return maskText(value);
  if (Array.isArray(value)) return value.map(maskSecrets);
  if (!isObject(value)) return value;
  return Object.fromEntries(Object.entries(value).map(([key, inner]) => [key, maskField(key, inner)]));
}

/** `maskSecrets` of a record of ours, which is JSON by its making. */
export function maskRecord<T extends object>(record: T): T {
  return maskSecrets(record as unknown as JsonObject) as unknown as T;
}

/** A shorter value is a flag or a number, and stands in many messages. */
const shortestValue = 6;

/** The values that a configuration names as secrets: its plugin may repeat them in an error. */
export function secretsIn(value: Json): string[] {
  if (Array.isArray(value)) return value.flatMap(secretsIn);
  if (!isObject(value)) return [];
  return Object.entries(value).flatMap(([key, inner]) =>
    isSecretKey(key) ? textsIn(inner) : secretsIn(inner),
  );
}

function textsIn(value: Json): string[] {
  if (typeof value === "string") return value.length >= shortestValue ? [value] : [];
  if (Array.isArray(value)) return value.flatMap(textsIn);
  return isObject(value) ? Object.values(value).flatMap(textsIn) : [];
}

export function maskField(key: string, value: Json): Json {
  const tellsNothing = value === null || value === "" || typeof value === "boolean";
  return isSecretKey(key) && !tellsNothing ? secretMark : maskSecrets(value);
}

/** A private key, the password of a URL, `PASSWORD=...` as in CNI_ARGS, and a document within a text. */
function maskText(text: string): string {
  if (text.includes("PRIVATE KEY-----")) return secretMark;
  const document = text.trimStart().startsWith("{") ? parseJson(text) : undefined;
  if (document?.ok === true) {
    const masked = printJson(maskSecrets(document.value));
    return masked === printJson(document.value) ? text : masked;
  }
  return text
    .replace(/:\/\/([^\s/?#:@]*):[^\s/?#@]+@/g, `://$1:${secretMark}@`)
    .replace(/[^;&\s]+/g, maskAssignment);
}

function maskAssignment(pair: string): string {
  const at = pair.indexOf("=");
  return at > 0 && at < pair.length - 1 && isSecretKey(pair.slice(0, at))
    ? `${pair.slice(0, at)}=${secretMark}`
    : pair;
}
