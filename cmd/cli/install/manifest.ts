import { type CniError, failWith } from "../../../cni/errors.ts";
import { type Json, parseJson } from "../../../cni/json.ts";
import {
  isNot,
  lenient,
  maybe,
  must,
  number,
  object,
  oneOf,
  onlyTrue,
  readWhole,
  text,
  usually,
} from "../../../cni/readers.ts";
import { type Outcome, ok } from "../../../sys/outcome.ts";
import type { Sys } from "../../../sys/sys.ts";

/** `owner`: hawser is the network and calls the primary; `chained`: it stands last in the primary's list. */
export const modes = ["owner", "chained"] as const;
export type Mode = (typeof modes)[number];

/** What an installation has done. It is written before the configuration, and uninstall needs nothing else. */
export interface InstallManifest {
  readonly mode: Mode;
  readonly binDir: string;
  readonly confDir: string;
  /** The name of the configuration with hawser in it, in confDir. */
  readonly file: string;
  /** The text that hawser alone would write to `file`. What else is in `file`, others have added. */
  readonly text: string;
  /** The file that was replaced. Uninstall restores it. Undefined when nothing was replaced. */
  readonly original: { readonly file: string; readonly text: string; readonly mode: number } | undefined;
  /** Whether credentials were written. */
  readonly api: boolean;
  /** The link on root's PATH, where one was made. */
  readonly link?: string | undefined;
  /**
   * What `file` held, and what `text` was, when the manifest was written. If `file` still holds that, the configuration
   * has not been written yet.
   */
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

/** Reads the manifest. Answers undefined when nothing was installed. Errors: `install.manifest`. */
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
  const content = files.read(root + path);
  if (!content.ok) return content.error.code === "ENOENT" ? ok(undefined) : bad(content.error.message);
  const json = parseJson(content.value);
  if (!json.ok) return bad(`it is not JSON: ${json.error}`);
  const read = fromDocument(json.value);
  return read === undefined ? bad("it is of an unknown format") : ok(read);
}

const manifest = object({
  format: must((value): value is typeof format => value === format, isNot("a known format")),
  mode: oneOf(modes, isNot("a mode")),
  binDir: text,
  confDir: text,
  file: text,
  text,
  original: maybe(object({ file: text, text, mode: number })),
  api: usually(false, lenient<boolean>(onlyTrue)),
  link: maybe(lenient(text)),
  before: maybe(lenient(object({ seen: text, base: maybe(lenient(text)) }))),
});

function fromDocument(document: Json): InstallManifest | undefined {
  const read = readWhole(manifest, document);
  if (read === undefined) return undefined;
  const { format: _format, original, link, before, ...rest } = read;
  return { ...rest, original, link, before };
}
