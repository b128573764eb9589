import type { FileStat, Sys } from "../../../sys/sys.ts";
import { type Finding, fine, problem, warning } from "./finding.ts";

const writableByOthers = 0o022;
const openToOthers = 0o077;

/** Checks that only root may use the folder of records: a record says what DEL executes. */
export function checkStateDir(sys: Sys, path: string): Finding[] {
  const stat = sys.files.stat(path);
  if (!stat.ok && stat.error.code === "ENOENT") {
    return [fine("folders", `stateDir ${path} is not there yet: the first ADD makes it`)];
  }
  if (!stat.ok) return [unreadable(`stateDir ${path}`, stat.error.message)];
  if (stat.value.kind !== "folder") {
    const why = "Records cannot be kept in it, so every ADD fails.";
    return [
      problem("folders", `stateDir ${path} is not a folder`, why, "Move away what stands in its place."),
    ];
  }
  const rights = checkOwner(`stateDir ${path}`, path, stat.value);
  if (rights.length > 0) return rights;
  if ((stat.value.mode & openToOthers) !== 0) {
    const why = `Its mode is ${modeOf(stat.value)}; records tell of all pods of the node.`;
    return [warning("folders", `stateDir ${path} is open to others`, why, `chmod 0700 ${path}`)];
  }
  return [fine("folders", `stateDir ${path} is root's alone`)];
}

/**
 * Checks that only root may write files and folders that decide what is executed as root. Other checks tell of missing
 * ones.
 */
export function checkTrusted(sys: Sys, label: string, paths: readonly string[]): Finding[] {
  const findings: Finding[] = [];
  let seen = 0;
  for (const path of new Set(paths)) {
    const stat = sys.files.stat(path);
    if (!stat.ok && stat.error.code === "ENOENT") continue;
    seen += 1;
    if (stat.ok) findings.push(...checkOwner(path, path, stat.value));
    else findings.push(unreadable(path, stat.error.message));
  }
  if (findings.length > 0 || seen === 0) return findings;
  return [fine("folders", `${label}: only root may write`)];
}

function checkOwner(what: string, path: string, stat: FileStat): Finding[] {
  const why = "Whoever writes it decides what runs as root on this node.";
  if (stat.uid !== 0) {
    const finding = `${what} belongs to user ${stat.uid}, not to root`;
    return [problem("folders", finding, why, `chown root:root ${path}`)];
  }
  if ((stat.mode & writableByOthers) === 0) return [];
  const finding = `${what} can be written by others than root`;
  return [problem("folders", finding, `Its mode is ${modeOf(stat)}. ${why}`, `chmod go-w ${path}`)];
}

function unreadable(what: string, why: string): Finding {
  return problem("folders", `${what} cannot be looked at`, why, "Run doctor as root.");
}

function modeOf({ mode }: FileStat): string {
  return `0${mode.toString(8)}`;
}
