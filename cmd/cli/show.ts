import type { RecordEntry } from "../../cni/attachments.ts";
import { type CniError, cniError } from "../../cni/errors.ts";
import type { JsonObject } from "../../cni/json.ts";
import { maskSecrets } from "../../cni/secrets.ts";
import type { Sys } from "../../sys/sys.ts";
import { type Context, defineCommand } from "./command.ts";
import { json, stateDir } from "./common-options.ts";
import { printFailure } from "./failure.ts";
import { adviceOn, type HeldRecord, isUnusable, readHeldRecords, whyOf } from "./held.ts";
import { argument, type ValuesOf } from "./option.ts";
import { paint, plain, printDocument, type Terminal } from "./terminal.ts";

const options = { container: argument("container", "container ID, or its beginning"), stateDir, json };
type ShowOptions = ValuesOf<typeof options>;

export const showContainerCommand = defineCommand({
  summary: "Print all that is recorded of a container",
  takes: "CONTAINER [--state-dir DIR]",
  about: ["Prints a container's records: delegate configurations, results, phase."],
  options,
  examples: [["the container whose ID begins with 3f2a", "hawser attachments show 3f2a"]],
  exits: "0 printed, 1 no such container, or its record cannot be used, 2 the command was used wrongly",
  run,
});

/** Errors: `cli.no-container`, `cli.ambiguous`. */
function run(sys: Sys, { terminal }: Context, options: ShowOptions): number {
  const held = readHeldRecords(sys, options.stateDir);
  if (!held.ok) return printFailure(terminal, held.error, options.json);
  const matching = held.value.filter(({ entry }) => entry.key.containerId.startsWith(options.container));
  const exact = matching.filter(({ entry }) => entry.key.containerId === options.container);
  const chosen = exact.length > 0 ? exact : matching;
  const problem = problemWith(options, chosen);
  if (problem !== undefined) return printFailure(terminal, problem, options.json);
  if (options.json) printDocument(terminal, chosen.map(documentOf));
  else for (const each of chosen) printRecord(terminal, each);
  return chosen.some(isUnusable) ? 1 : 0;
}

function problemWith(
  { container, stateDir }: ShowOptions,
  chosen: readonly HeldRecord[],
): CniError | undefined {
  const doing = `show container ${JSON.stringify(container)}`;
  const ids = new Set(chosen.map(({ entry }) => entry.key.containerId));
  if (ids.size === 0) {
    const hint = "`hawser attachments` lists what there is.";
    return cniError(
      "unknownContainer",
      "cli.no-container",
      `${doing}: ${stateDir} holds no record of it`,
      hint,
    );
  }
  if (ids.size > 1) {
    const hint = `Write more of its ID: ${[...ids].join(", ")}`;
    return cniError("unknownContainer", "cli.ambiguous", `${doing}: ${ids.size} containers begin so`, hint);
  }
  return undefined;
}

function documentOf(held: HeldRecord): Record<string, unknown> {
  const { entry, state } = held;
  const record = recordIn(entry.state);
  return {
    path: entry.path,
    state: state.kind,
    ...(isUnusable(held) && { why: whyOf(held) }),
    ...(record !== undefined && { record: maskSecrets(record) }),
  };
}

/** The record as it is on disk, with keys that this version does not know. */
function recordIn(state: RecordEntry["state"]): JsonObject | undefined {
  const content = state.kind === "left-over" ? state.content : state;
  return content.kind === "record" ? content.record : undefined;
}

function printRecord(terminal: Terminal, held: HeldRecord): void {
  const { entry, state } = held;
  terminal.print(paint(terminal, "bold", plain(`${entry.path} (${state.kind})`)));
  const record = recordIn(entry.state);
  if (record !== undefined) printDocument(terminal, maskSecrets(record));
  const why = whyOf(held);
  if (isUnusable(held) && why !== undefined) terminal.print(`  ${plain(why)}`);
  const advice = adviceOn(held);
  if (advice !== undefined) terminal.print(`  ${plain(advice)}`);
}
