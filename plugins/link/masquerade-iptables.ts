import { printAddress } from "../../cni/address.ts";
import type { AttachmentKey } from "../../cni/attachments.ts";
import { type CniError, failWith } from "../../cni/errors.ts";
import { type Outcome, ok } from "../../sys/outcome.ts";
import type { Sys } from "../../sys/sys.ts";
import { chainComment, masqueradeChain } from "./filter-names.ts";
import { addressOf, masked, type Subnet } from "./ip-bytes.ts";
import { findIptables, type IptablesFamily, iptablesName, restore, save } from "./iptables.ts";

/** The rules of the chain of one attachment and its jump, in the words of iptables-save. */
interface ChainRules {
  readonly chain: string;
  readonly rules: readonly string[];
}

/**
 * Adds what lacks of the attachment's chain. Mostly there is no such chain, so one program makes all of it. Two interfaces of a
 * container in one network have one chain, and then we look what it has. Errors: `filter.tools`, `filter.run`, `filter.refused`.
 */
export async function addMasqueradeChain(
  sys: Sys,
  doing: string,
  key: AttachmentKey,
  subnets: readonly Subnet[],
): Promise<Outcome<void, CniError>> {
  for (const family of [2, 10] as const) {
    const own = subnets.filter((subnet) => familyOfSubnet(subnet) === family);
    if (own.length === 0) continue;
    const made = await addOfFamily(sys, doing, family, chainRules(key, own));
    if (!made.ok) return made;
  }
  return ok(undefined);
}

async function addOfFamily(
  sys: Sys,
  doing: string,
  family: IptablesFamily,
  { chain, rules }: ChainRules,
): Promise<Outcome<void, CniError>> {
  const restoring = findIptables(sys, iptablesName(family, "-restore"));
  const made = await restore(sys, doing, restoring, inTable([`-N ${chain}`, ...rules]));
  if (!made.ok || made.value.ok) return made.ok ? ok(undefined) : made;
  const saved = await save(sys, doing, findIptables(sys, iptablesName(family, "-save")));
  if (!saved.ok) return saved;
  const lines = saved.value.ok ? saved.value.value.split("\n") : [];
  // There is no such chain, so it is something else that is refused.
  if (!lines.some((line) => line.startsWith(`:${chain} `))) return refused(doing, made.value.error);
  const lacking = rules.filter((rule) => !lines.includes(rule));
  if (lacking.length === 0) return ok(undefined);
  const completed = await restore(sys, doing, restoring, inTable(lacking));
  if (!completed.ok) return completed;
  return completed.value.ok ? ok(undefined) : refused(doing, completed.value.error);
}

/**
 * Removes the jumps of these addresses, of all addresses if they are unknown, and the chain if nothing jumps to it any more. Only
 * for the older iptables: the chains of the newer are removed without a program. Errors: `filter.run`, `filter.refused`.
 */
export async function removeLegacyChain(
  sys: Sys,
  doing: string,
  key: AttachmentKey,
  subnets: readonly Subnet[] | undefined,
): Promise<Outcome<void, CniError>> {
  const chain = masqueradeChain(key);
  const sources = subnets?.flatMap(sourcesOf);
  return changeLegacy(sys, doing, (lines) => {
    if (!lines.some((line) => line.startsWith(`:${chain} `))) return [];
    const jumps = lines.filter((line) => line.startsWith("-A POSTROUTING ") && line.endsWith(` -j ${chain}`));
    const going = jumps.filter((line) => sources?.some((source) => line.includes(` -s ${source} `)) ?? true);
    const removed = going.map((line) => line.replace("-A", "-D"));
    return going.length < jumps.length ? removed : [...removed, `-F ${chain}`, `-X ${chain}`];
  });
}

/** Removes the chains of the older iptables whose comments begin so, but those with one of these. Errors: as `removeLegacyChain`. */
export function collectLegacyChains(
  sys: Sys,
  doing: string,
  start: string,
  kept: readonly string[],
): Promise<Outcome<void, CniError>> {
  const marks = kept.map(commentWords);
  return changeLegacy(sys, doing, (lines) => {
    const opening = commentWords(start).slice(0, -1);
    const stale = lines.filter(
      (line) =>
        line.includes(opening) && chainOf(line) !== undefined && !marks.some((mark) => line.includes(mark)),
    );
    const chains = new Set(stale.map(chainOf));
    const jumps = stale.filter((line) => !ownRule.test(line));
    const removed = jumps.map((line) => line.replace("-A", "-D"));
    return [...removed, ...[...chains].flatMap((chain) => [`-F ${chain}`, `-X ${chain}`])];
  });
}

const ownRule = /^-A (CNI-[0-9a-f]{24}) /;
const ownJump = /^-A POSTROUTING .* -j (CNI-[0-9a-f]{24})$/;

/** The chain of an attachment that a rule is in, or jumps to. */
function chainOf(line: string): string | undefined {
  return (ownRule.exec(line) ?? ownJump.exec(line))?.[1];
}

/** Changes the tables of the older iptables, of each family that has a table nat. */
async function changeLegacy(
  sys: Sys,
  doing: string,
  plan: (lines: readonly string[]) => readonly string[],
): Promise<Outcome<void, CniError>> {
  for (const family of [2, 10] as const) {
    if (!hasLegacyTable(sys, family)) continue;
    const [legacy, plain] =
      family === 2 ? ["iptables-legacy", "iptables"] : ["ip6tables-legacy", "ip6tables"];
    const tool = (what: string) => findIptables(sys, `${legacy}${what}`, `${plain}${what}`);
    const saved = await save(sys, doing, tool("-save"));
    if (!saved.ok) return saved;
    if (!saved.value.ok) return refused(doing, saved.value.error);
    const changes = plan(saved.value.value.split("\n"));
    if (changes.length === 0) continue;
    const done = await restore(sys, doing, tool("-restore"), inTable(changes));
    if (!done.ok) return done;
    if (!done.value.ok) return refused(doing, done.value.error);
  }
  return ok(undefined);
}

/** The kernel lists the tables of the older iptables that are in use. */
export function hasLegacyTable({ files }: Sys, family: IptablesFamily): boolean {
  const names = files.read(`/proc/net/${family === 2 ? "ip" : "ip6"}_tables_names`);
  return names.ok && names.value.split("\n").includes("nat");
}

/**
 * The rules of the reference plugins, with one difference: what accepts the packets to own subnets stands before what masquerades,
 * also if there are several subnets.
 */
function chainRules(key: AttachmentKey, subnets: readonly Subnet[]): ChainRules {
  const chain = masqueradeChain(key);
  const words = commentWords(chainComment(key));
  const isV4 = subnets[0]?.bytes.length === 4;
  const networks = subnets.map((subnet) => `${printBytes(masked(subnet))}/${subnet.prefix}`);
  const rules = [
    ...networks.map((network) => `-A ${chain} -d ${network} ${words} -j ACCEPT`),
    `-A ${chain} ! -d ${isV4 ? "224.0.0.0/4" : "ff00::/8"} ${words} -j MASQUERADE`,
    ...subnets.map((subnet) => `-A POSTROUTING -s ${sourcesOf(subnet)[0]} ${words} -j ${chain}`),
  ];
  return { chain, rules: [...new Set(rules)] };
}

/** What a jump may have as its source: the address, or its whole subnet as old reference plugins wrote it. */
function sourcesOf(subnet: Subnet): string[] {
  const { bytes, prefix } = subnet;
  return [`${printBytes(bytes)}/${bytes.length * 8}`, `${printBytes(masked(subnet))}/${prefix}`];
}

function commentWords(comment: string): string {
  const escaped = comment.replaceAll("\\", "\\\\").replaceAll('"', '\\"');
  return `-m comment --comment "${escaped}"`;
}

function inTable(lines: readonly string[]): string {
  return ["*nat", ...lines, "COMMIT", ""].join("\n");
}

function familyOfSubnet({ bytes }: Subnet): IptablesFamily {
  return bytes.length === 4 ? 2 : 10;
}

function printBytes(bytes: Uint8Array): string {
  return printAddress(addressOf(bytes));
}

function refused(doing: string, words: string): Outcome<never, CniError> {
  return failWith("link", "filter.refused", `${doing}: ${words}`, "These are the words of iptables.");
}
