import { type CniError, failWith } from "../../../cni/errors.ts";
import { isObject, type Json, type JsonObject, parseJson } from "../../../cni/json.ts";
import { type Outcome, ok } from "../../../sys/outcome.ts";
import type { Sys } from "../../../sys/sys.ts";

/** `owner`: hawser is the network and calls the primary; `chained`: it stands last in the primary's list. */
export type Mode = "owner" | "chained";

/** What an installation has done, written before its configuration is: uninstall needs nothing else. */
export interface InstallManifest {
  readonly mode: Mode;
  readonly binDir: string;
  readonly confDir: string;
  /** The configuration with hawser in it, a file of confDir. */
  readonly file: string;
  /** What it would be, were there nobody else: what is in it besides, others have put there. */
  readonly text: string;
  /** What was there before, and is put back; undefined when nothing was replaced. */
  readonly original: { readonly file: string; readonly text: string; readonly mode: number } | undefined;
  /** Whether credentials were written. */
  readonly api: boolean;
  /** The link on root's PATH, where one was made. */
  readonly link?: string | undefined;
  /** When the note was written: what `file` held, and what `text` was. With that in it, it is still to be written. */
  readonly before?: { readonly seen: string; readonly base?: string } | undefined;
}

const format = 1;

export function manifestPath(ownDir: string): string {
  return `${ownDir}/install.json`;
}

export function printManifest({ original, before, link, ...rest }: InstallManifest): string {
  const more = { ...(original && { original }), ...(link && { link }), ...(before && { before }) };
  const document = { format, ...rest, ...more };
  return `${JSON.stringify(document, null, 2)}\n`;
}

/** Undefined when nothing was installed. Errors: `install.manifest`. */
export function readManifest(
  { files }: Sys,
  root: string,
  ownDir: string,
): Outcome<InstallManifest | undefined, CniError> {
  const path = manifestPath(ownDir);
  const bad = (why: string): Outcome<never, CniError> =>
    failWith(
      "records",
      "install.manifest",
      `read ${path}, which says what was installed: ${why}`,
      "It is hawser install's own. Put it back from a backup, or restore the runtime's configuration by hand and remove it.",
    );
  const text = files.read(root + path);
  if (!text.ok) return text.error.code === "ENOENT" ? ok(undefined) : bad(text.error.message);
  const json = parseJson(text.value);
  if (!json.ok) return bad(`it is not JSON: ${json.error}`);
  const manifest = isObject(json.value) ? fromDocument(json.value) : undefined;
  return manifest === undefined ? bad("it is of an unknown format") : ok(manifest);
}

function fromDocument(document: JsonObject): InstallManifest | undefined {
  const { mode, binDir, confDir, file, text, original, api } = document;
  if (document.format !== format || (mode !== "owner" && mode !== "chained")) return undefined;
  if (!areTexts(binDir, confDir, file, text)) return undefined;
  const kept = originalOf(original);
  if (original !== undefined && kept === undefined) return undefined;
  return {
    mode,
    binDir: String(binDir),
    confDir: String(confDir),
    file: String(file),
    text: String(text),
    original: kept,
    api: api === true,
    link: typeof document.link === "string" ? document.link : undefined,
    before: beforeOf(document.before),
  };
}

function beforeOf(value: Json | undefined): InstallManifest["before"] {
  if (!isObject(value) || typeof value.seen !== "string") return undefined;
  const { seen, base } = value;
  return { seen, ...(typeof base === "string" && { base }) };
}

function originalOf(value: Json | undefined): InstallManifest["original"] {
  if (!isObject(value)) return undefined;
  const { file, text, mode } = value;
  if (!areTexts(file, text) || typeof mode !== "number") return undefined;
  return { file: String(file), text: String(text), mode };
}

function areTexts(...values: readonly (Json | undefined)[]): boolean {
  return values.every((value) => typeof value === "string");
}
