import { requirePlugins, statusChain } from "../../cni/chain.ts";
import type { RuntimeConf } from "../../cni/delegate.ts";
import { allOk, type CniError, codes, failWith, within } from "../../cni/errors.ts";
import type { Invocation } from "../../cni/plugin.ts";
import { fail, type Outcome, ok } from "../../sys/outcome.ts";
import type { Sys } from "../../sys/sys.ts";
import type { MetaConfig } from "./config/config.ts";
import { parseMetaConfig } from "./config/parse.ts";
import { runtimeConfOf } from "./execute/runtime-conf.ts";
import { checkAccess } from "./observe/api.ts";
import { checkReadiness } from "./observe/readiness.ts";
import type { Step } from "./plan/plan.ts";
import { planEveryPods } from "./prepare.ts";

/**
 * STATUS (CNI 1.1.0, section 2): our own parts, then every delegate that each pod gets. Networks that only some pod's
 * annotation names are left out: one team's mistake must not make the node unready.
 */
export async function status(sys: Sys, invocation: Invocation): Promise<Outcome<void, CniError>> {
  const config = await parseMetaConfig(invocation.config);
  if (!config.ok) return config;
  const state = checkStateDir(sys, config.value);
  if (!state.ok) return state;
  const ready = checkReadiness(sys, config.value);
  if (!ready.ok) return fail(unavailable("status", ready.error));
  // The server itself is not asked: an API that is away would make every node unready at once, also nodes that need no API.
  const access = await checkAccess(sys, config.value, invocation.environment);
  if (!access.ok) return fail(unavailable("prepare to ask the Kubernetes API", access.error));
  const steps = await planEveryPods(sys, config.value);
  if (!steps.ok) return fail(unavailable("plan what every pod gets", steps.error));
  const runtimeConf = runtimeConfOf(sys, invocation.environment, config.value);
  const errors: CniError[] = [];
  for (const step of steps.value) {
    const outcome = await statusOf(sys, step, runtimeConf);
    if (!outcome.ok)
      errors.push(unavailable(`status of ${step.role} network ${step.network}`, outcome.error));
  }
  return allOk(errors);
}

async function statusOf(sys: Sys, step: Step, runtimeConf: RuntimeConf): Promise<Outcome<void, CniError>> {
  // A plugin whose version has no STATUS must at least be there.
  const present = requirePlugins(sys, step.chain, runtimeConf.path);
  return present.ok ? statusChain(sys, step.chain, runtimeConf) : present;
}

/** Runtimes understand the codes 50 and 51. Any other failure means that an ADD would fail, which is 50. */
function unavailable(doing: string, error: CniError): CniError {
  const kept = error.code === codes.notAvailable || error.code === codes.limitedConnectivity;
  return { ...within(doing, error), code: kept ? error.code : codes.notAvailable };
}

/** The first ADD makes the folder of records. Anything else in its place would make every ADD fail. */
function checkStateDir(sys: Sys, { stateDir }: MetaConfig): Outcome<void, CniError> {
  const stat = sys.files.stat(stateDir);
  if (!stat.ok && stat.error.code === "ENOENT") return ok(undefined);
  if (stat.ok && stat.value.kind === "folder") return ok(undefined);
  const why = stat.ok ? "it is not a folder" : stat.error.message;
  return failWith(
    "notAvailable",
    "status.state-dir",
    `records cannot be kept in stateDir ${stateDir}: ${why}`,
  );
}
