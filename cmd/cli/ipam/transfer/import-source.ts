import { parseDurationMs } from "../../../../cni/duration.ts";
import { type CniError, failWith } from "../../../../cni/errors.ts";
import type { Times } from "../../../../ipam/flat/pool/holding.ts";
import { asImported, heldFor, type IncomingOwners } from "../../../../ipam/flat/pool/import.ts";
import { codeOfAddress } from "../../../../ipam/flat/pool/keys.ts";
import { readDocuments, withoutByteOrderMark } from "../../../../kube/yaml.ts";
import { type Outcome, ok } from "../../../../sys/outcome.ts";
import type { Sys } from "../../../../sys/sys.ts";
import type { Pool } from "../pool.ts";
import type { Claims } from "./claims.ts";
import { readHostLocal } from "./host-local.ts";
import { isExport, readLines } from "./lines.ts";
import { readPools } from "./whereabouts.ts";

/** Room for a million addresses with their owners. A person names the file and waits, so it may be large. */
const longestSource = 1024 * 1024 * 1024;

/** What there is to import, and what a person should know about it. */
export interface ImportSource extends IncomingOwners {
  /** Parts of the source that could not be understood. */
  readonly problems: readonly string[];
  /** Parts of the source that were left out on purpose. */
  readonly notes: readonly string[];
}

/** What a person says about the source. */
interface SourceOptions {
  /** A file, or a data folder of host-local. */
  readonly source: string;
  /** The interface of addresses whose source does not name one. */
  readonly ifname: string;
  readonly hold: string;
  /** The runtime's folder of cached results. They name the pod of a container. */
  readonly results: string;
}

/** Reads the source, whatever its kind. Errors: `cli.file`, `cli.hold`, `cli.source`, `ipam.data-folder`. */
export async function readSource(
  sys: Sys,
  pool: Pool,
  options: SourceOptions,
  times: Times,
): Promise<Outcome<ImportSource, CniError>> {
  const { source, ifname, results, hold } = options;
  const holdMs = hold === "forever" ? undefined : parseDurationMs(hold);
  if (hold !== "forever" && holdMs === undefined) {
    return failWith(
      "invalidConfig",
      "cli.hold",
      `read --hold ${hold}: it is neither a duration like 24h nor forever`,
    );
  }
  const held = ({ claims, problems, unowned, notes }: Claims): ImportSource => ({
    holdings: heldFor(pool, claims, holdMs, times),
    isForeign: true,
    unowned: unowned.map(codeOfAddress),
    problems,
    notes,
  });
  const stat = sys.files.stat(source);
  if (stat.ok && stat.value.kind === "folder") {
    const claims = readHostLocal(sys, source, results, ifname);
    return claims.ok ? ok(held(claims.value)) : claims;
  }
  const text = sys.files.read(source, longestSource);
  if (!text.ok) return failWith("ioFailure", "cli.file", `read ${source}: ${text.error.message}`);
  const content = withoutByteOrderMark(text.value);
  if (isExport(content)) {
    const { holdings, problems } = readLines(content);
    const own = holdings.map((holding) => asImported(holding, times.nowMs));
    return ok({ holdings: own, isForeign: false, unowned: [], problems, notes: [] });
  }
  const documents = await readDocuments(content);
  if (documents.ok) return ok(held(readPools(documents.value, ifname, pool.sets)));
  const hint = "It is to be an export, IPPool objects of whereabouts, or a data folder of host-local.";
  return failWith("undecodable", "cli.source", `read ${source}: ${documents.error}`, hint);
}
