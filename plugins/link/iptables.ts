import { type CniError, cut, failWith } from "../../cni/errors.ts";
import { operationEnvironment } from "../../cni/orphans.ts";
import { fail, type Outcome, ok } from "../../sys/outcome.ts";
import type { Sys } from "../../sys/sys.ts";

/** The kernel's own numbers of the families, which are those of nf_tables as well. */
export type IptablesFamily = 2 | 10;

/** The folders of the programs. CNI_PATH and the caller's PATH are not used, because anybody may have put a program there. */
const toolFolders = ["/usr/sbin", "/usr/bin", "/sbin", "/bin"];
/** A program waits for the lock of the older iptables, which another may hold for long. */
const timeoutMs = 60_000;
const maxOutputBytes = 64 * 1024 * 1024;
const shownWords = 400;

/** The path of a program of iptables, undefined if the node has none of these names. */
export function findIptables(sys: Sys, ...names: readonly string[]): string | undefined {
  for (const name of names) {
    for (const folder of toolFolders) {
      const path = `${folder}/${name}`;
      const stat = sys.files.stat(path);
      if (stat.ok && stat.value.kind === "file") return path;
    }
  }
  return undefined;
}

/** The name of a program of a family: `iptables-save`, `ip6tables-save`. */
export function iptablesName(family: IptablesFamily, what: string): string {
  return `${family === 2 ? "iptables" : "ip6tables"}${what}`;
}

/** The program's words if it refuses. */
export type IptablesReply = Outcome<string, string>;

/** Makes all changes of a text in the words of iptables-restore, or none of them. Errors: `filter.tools`, `filter.run`. */
export function restore(
  sys: Sys,
  doing: string,
  path: string | undefined,
  text: string,
): Promise<Outcome<IptablesReply, CniError>> {
  return runIptables(sys, doing, path, ["--noflush", "--wait"], text);
}

/** The rules of the table nat in the words of iptables-save. Errors: `filter.tools`, `filter.run`. */
export function save(
  sys: Sys,
  doing: string,
  path: string | undefined,
): Promise<Outcome<IptablesReply, CniError>> {
  return runIptables(sys, doing, path, ["-t", "nat"], "");
}

/**
 * Whether iptables works at all on this node, with its own tables or with nf_tables: it can look for a rule. Exit status 1 says
 * that there is none.
 */
export async function worksIptables(sys: Sys): Promise<boolean> {
  const path = findIptables(sys, "iptables");
  if (path === undefined) return false;
  const report = await run(sys, path, ["--wait", "-t", "filter", "-S", "INPUT", "1"], "");
  return report.ok && report.value.end.kind === "exited" && report.value.end.code <= 1;
}

async function runIptables(
  sys: Sys,
  doing: string,
  path: string | undefined,
  args: readonly string[],
  stdin: string,
): Promise<Outcome<IptablesReply, CniError>> {
  if (path === undefined) {
    const msg = `${doing}: the node has no iptables-restore and iptables-save in ${toolFolders.join(", ")}`;
    return failWith("link", "filter.tools", msg, 'Install iptables, or set "ipMasqBackend": "nftables".');
  }
  const report = await run(sys, path, args, stdin);
  if (!report.ok) return notRun(doing, path, report.error.message);
  const { end, stdout, stderr } = report.value;
  if (end.kind !== "exited") return notRun(doing, path, `it was ended (${end.kind})`);
  return ok(end.code === 0 ? ok(stdout) : fail(cut(stderr.trim(), shownWords) || `exit status ${end.code}`));
}

function run(
  sys: Sys,
  executable: string,
  args: readonly string[],
  stdin: string,
): ReturnType<Sys["processes"]["run"]> {
  const env = operationEnvironment(sys);
  return sys.processes.run({ executable, args, env, stdin, timeoutMs, maxOutputBytes });
}

function notRun(doing: string, path: string, why: string): Outcome<never, CniError> {
  return failWith("tryAgainLater", "filter.run", `${doing}: run ${path}: ${why}`, "Try again.");
}
