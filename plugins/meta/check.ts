import { canonicalAddress } from "../../cni/address.ts";
import { checkChain } from "../../cni/chain.ts";
import type { RuntimeConf } from "../../cni/delegate.ts";
import { allOk, type CniError, describe, failWith, within } from "../../cni/errors.ts";
import type { Invocation } from "../../cni/plugin.ts";
import { parseResult } from "../../cni/result.ts";
import type { CniResult } from "../../cni/types.ts";
import { fail, type Outcome, ok } from "../../sys/outcome.ts";
import type { Sys } from "../../sys/sys.ts";
import type { MetaConfig } from "./config/config.ts";
import { parseMetaConfig } from "./config/parse.ts";
import { type StepResult, stepLabel } from "./execute/execute.ts";
import { runtimeConfOf } from "./execute/runtime-conf.ts";
import { withContainer } from "./record/container-lock.ts";
import type { AttachmentRecord } from "./record/record.ts";
import { findRecord } from "./undo/teardown.ts";
import { whyWrong } from "./wrong-checks.ts";

/** CHECK (CNI 1.1.0, section 2): every attachment of the record, each with the result that its own ADD had. */
export async function check(sys: Sys, invocation: Invocation): Promise<Outcome<void, CniError>> {
  const config = await parseMetaConfig(invocation.config);
  if (!config.ok) return config;
  const { stateDir } = config.value;
  const { containerId } = invocation.environment;
  return withContainer(sys, stateDir, containerId, () => checkAlone(sys, config.value, invocation));
}

async function checkAlone(
  sys: Sys,
  config: MetaConfig,
  { environment, config: network }: Invocation,
): Promise<Outcome<void, CniError>> {
  const { containerId, ifname, netns } = environment;
  const record = committedRecord(sys, config, { network: network.name, containerId, ifname });
  if (!record.ok) return record;
  const reported = compareReported(config, record.value);
  if (!reported.ok) return reported;
  if (!isSameNamespace(sys, record.value.netns, netns)) return otherSandbox(record.value, netns);
  // The namespace's path as ADD had it: the results name that path, and plugins compare texts.
  const runtimeConf = runtimeConfOf(sys, environment, config, {
    args: record.value.args,
    netns: record.value.netns,
  });
  const errors: CniError[] = [];
  for (const each of record.value.carried) {
    const outcome = await checkStep(sys, each, runtimeConf);
    if (!outcome.ok) errors.push(within(`check ${stepLabel(each.step)}`, outcome.error));
  }
  const routed = await checkRoutes(sys, record.value, runtimeConf);
  return allOk(routed.ok ? errors : [...errors, routed.error]);
}

/** One namespace has several paths: below /run, below /var/run, or by a process in the namespace. */
function isSameNamespace(sys: Sys, one: string, other: string): boolean {
  if (one === other) return true;
  const [first, second] = [sys.files.stat(one), sys.files.stat(other)];
  return first.ok && second.ok && first.value.identity === second.value.identity;
}

/** If a plugin's CHECK is known to be wrong, its failure is passed over, and Hawser looks for the interfaces itself. */
async function checkStep(
  sys: Sys,
  { step, result }: StepResult,
  runtimeConf: RuntimeConf,
): Promise<Outcome<void, CniError>> {
  if (result === undefined) return ok(undefined);
  const checked = await checkChain(sys, step.chain, step.ifname, runtimeConf, result, (plugin, error) =>
    whyWrong(step.chain, plugin, error, result.result),
  );
  if (!checked.ok) return checked;
  if (checked.value.length === 0) return ok(undefined);
  const doing = `check ${stepLabel(step)}`;
  for (const { error, why } of checked.value) {
    sys.warn(`hawser: ${doing}: this failure is passed over: ${describe(error)} (${why})`);
  }
  return (await import("./own-check.ts")).checkOurselves(sys, doing, step.chain, result.result, runtimeConf);
}

async function checkRoutes(
  sys: Sys,
  { routes }: AttachmentRecord,
  runtimeConf: RuntimeConf,
): Promise<Outcome<void, CniError>> {
  if (routes === undefined) return ok(undefined);
  const [{ familiesOf, requireRoutes }, { readRoutes }] = await Promise.all([
    import("./routes/default-route.ts"),
    import("./routes/route-steps.ts"),
  ]);
  const found = await readRoutes(sys, familiesOf(routes.plan), runtimeConf);
  return found.ok ? requireRoutes(routes.plan, found.value) : found;
}

function committedRecord(
  sys: Sys,
  config: MetaConfig,
  key: { network: string; containerId: string; ifname: string },
): Outcome<AttachmentRecord, CniError> {
  const doing = `CHECK of container ${key.containerId} (${key.ifname}) in network ${JSON.stringify(key.network)}`;
  const found = findRecord(sys, config.stateDir, key);
  switch (found.kind) {
    case "none":
      return failWith("unknownContainer", "check.unknown", `${doing}: this node has no such attachment`);
    case "torn":
      return failWith(
        "records",
        "attachments.torn",
        `${doing}: the record cannot be read: ${found.why}`,
        "Run DEL.",
      );
    case "failed":
      return fail(found.error);
    case "record":
      // An attachment whose DEL has failed is not whole any more.
      if (found.record.phase === "committed" && found.record.failures === undefined) return ok(found.record);
      return failWith(
        "drift",
        "check.interrupted",
        `${doing}: its ADD, or its DEL, has not come to its end`,
        "Run DEL, then ADD.",
      );
  }
}

function otherSandbox(record: AttachmentRecord, netns: string): Outcome<never, CniError> {
  const msg = `CHECK of container ${record.containerId}: it was attached in ${record.netns}, not in ${netns}`;
  return failWith("drift", "check.sandbox", msg);
}

/** The runtime's prevResult must have everything that we reported. Later plugins may have added to it. */
function compareReported(config: MetaConfig, record: AttachmentRecord): Outcome<void, CniError> {
  const doing = `CHECK of container ${record.containerId}`;
  if (config.prevResult === undefined) {
    return failWith(
      "invalidConfig",
      "config.prev-result",
      `${doing}: there is no prevResult`,
      "A runtime supplies it.",
    );
  }
  const given = parseResult(config.prevResult, config.network.cniVersion);
  if (!given.ok)
    return failWith("invalidConfig", "config.prev-result", `${doing}: read prevResult: ${given.error}`);
  const told = record.carried.filter(({ step }) => record.reported === "merged" || step.role === "primary");
  for (const { step, result } of told) {
    const missing = firstMissing(given.value.result, result?.result ?? {});
    if (missing !== undefined) {
      const msg = `${doing}: prevResult has no ${missing}, which ${stepLabel(step)} was given`;
      return failWith("drift", "check.prev-result", msg);
    }
  }
  return ok(undefined);
}

function firstMissing(given: CniResult, told: CniResult): string | undefined {
  const names = new Set((given.interfaces ?? []).map((each) => `${each.name} ${each.sandbox ?? ""}`));
  const gone = (told.interfaces ?? []).find((each) => !names.has(`${each.name} ${each.sandbox ?? ""}`));
  if (gone !== undefined) return `interface ${gone.name}`;
  const addresses = new Set((given.ips ?? []).map((ip) => canonicalAddress(ip.address)));
  const lost = (told.ips ?? []).find((ip) => !addresses.has(canonicalAddress(ip.address)));
  return lost === undefined ? undefined : `address ${lost.address}`;
}
