import { type CniError, failWith } from "../../cni/errors.ts";
import { type Outcome, ok } from "../../sys/outcome.ts";
import type { Sys } from "../../sys/sys.ts";
import type { SysctlSetting } from "./sysctls.ts";

/** The node's list of settings that networks may have: a regular expression in each line. Without the file all are allowed. */
export const allowListPath = "/etc/cni/tuning/allowlist.conf";

/** Errors: `tuning.allow-list` if the list cannot be read, `tuning.sysctl-denied`. */
export function checkAllowed(sys: Sys, sysctls: readonly SysctlSetting[]): Outcome<void, CniError> {
  const patterns = readAllowList(sys);
  if (!patterns.ok) return patterns;
  const allowed = patterns.value;
  if (allowed === undefined) return ok(undefined);
  const denied = sysctls.filter(({ key }) => !allowed.some((pattern) => pattern.test(key)));
  if (denied.length === 0) return ok(undefined);
  return failWith(
    "invalidConfig",
    "tuning.sysctl-denied",
    `the node's list of sysctls does not allow ${denied.map(({ key }) => key).join(", ")}`,
    `Nothing was changed. The list is ${allowListPath}.`,
  );
}

/** The patterns of the list, undefined if there is no list. Errors: `tuning.allow-list`. */
export function readAllowList({ files }: Sys): Outcome<readonly RegExp[] | undefined, CniError> {
  const read = files.read(allowListPath);
  if (!read.ok)
    return read.error.code === "ENOENT" ? ok(undefined) : unusable(`read it: ${read.error.message}`);
  const patterns: RegExp[] = [];
  for (const [index, line] of read.value.split("\n").entries()) {
    const written = line.trim();
    if (written === "") continue;
    const pattern = compile(written);
    if (pattern === undefined) return unusable(`line ${index + 1} is no regular expression`);
    patterns.push(pattern);
  }
  return ok(patterns);
}

function unusable(why: string): Outcome<never, CniError> {
  return failWith(
    "ioFailure",
    "tuning.allow-list",
    `${allowListPath}, the node's list of sysctls: ${why}`,
    "Nothing was changed.",
  );
}

/** Spellings of Go's regular expressions that JavaScript has in other words. */
const spellings: readonly (readonly [go: RegExp, ours: string])[] = [
  [/\(\?P</g, "(?<"],
  [/\\A/g, "^"],
  [/\\z/g, "$"],
  [/\[\[:alpha:\]\]/g, "[A-Za-z]"],
  [/\[\[:alnum:\]\]/g, "[0-9A-Za-z]"],
  [/\[\[:digit:\]\]/g, "[0-9]"],
];

/** Go has no look-around and no back references: a list with them allows nothing there, so it must not here. */
function compile(written: string): RegExp | undefined {
  if (/\(\?<?[=!]|\\[1-9]/.test(written)) return undefined;
  const isAnyCase = written.startsWith("(?i)");
  let source = isAnyCase ? written.slice("(?i)".length) : written;
  for (const [go, ours] of spellings) source = source.replace(go, ours);
  try {
    return new RegExp(source, isAnyCase ? "i" : "");
  } catch {
    return undefined;
  }
}
