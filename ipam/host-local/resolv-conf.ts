import { type CniError, failWith } from "../../cni/errors.ts";
import type { Dns } from "../../cni/types.ts";
import { type Outcome, ok } from "../../sys/outcome.ts";
import type { Sys } from "../../sys/sys.ts";
import { compactDns } from "../ipam-config.ts";

/** Reads the DNS settings of a resolv.conf. An empty path has none. Errors: `ipam.resolv-conf`. */
export function readResolvConf(sys: Sys, path: string): Outcome<Dns, CniError> {
  if (path === "") return ok({});
  const text = sys.files.read(path);
  if (text.ok) return ok(parseResolvConf(text.value));
  return failWith(
    "invalidConfig",
    "ipam.resolv-conf",
    `read the DNS settings in ${path}: ${text.error.code}`,
    `${text.error.message}. ipam.resolvConf must name a file like /etc/resolv.conf, or be left out.`,
  );
}

/** Parses the text as the reference does: the last domain wins, other lines add up, and a keyword alone is ignored. */
export function parseResolvConf(text: string): Dns {
  const entries = text
    .split("\n")
    .map((line) => line.trim())
    .filter((line) => !line.startsWith("#") && !line.startsWith(";"))
    .map((line) => line.split(/\s+/))
    .filter((fields) => fields.length > 1);
  const valuesOf = (key: string): string[][] =>
    entries.flatMap(([keyword, ...values]) => (keyword === key ? [values] : []));
  return compactDns({
    nameservers: valuesOf("nameserver").flatMap(([first]) => first ?? []),
    domain: valuesOf("domain").at(-1)?.[0] ?? "",
    search: valuesOf("search").flat(),
    options: valuesOf("options").flat(),
  });
}
