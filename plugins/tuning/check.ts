import { type CniError, codes, failWith } from "../../cni/errors.ts";
import type { Invocation } from "../../cni/plugin.ts";
import { getLink } from "../../net/links.ts";
import { fail, type Outcome, ok } from "../../sys/outcome.ts";
import type { Sys } from "../../sys/sys.ts";
import { chainedResult } from "../link/chained.ts";
import { ask, type OpenNamespace, refused, withSite } from "../link/site.ts";
import { checkAllowed, readAllowList } from "./allow-list.ts";
import { parseTuningConfig, type TuningConfig } from "./config.ts";
import { differing, keysOf, settingsOf } from "./link-settings.ts";
import { isSameValue, type SysctlSetting } from "./sysctls.ts";

/** CHECK: each setting and each attribute is as configured. What is not configured may be anything. */
export async function check(sys: Sys, invocation: Invocation): Promise<Outcome<void, CniError>> {
  const config = parseTuningConfig(invocation);
  if (!config.ok) return config;
  const previous = chainedResult(invocation);
  if (!previous.ok) return previous;
  return withSite(sys, invocation, async ({ container }) => {
    const drifts = findDrifts(container, invocation.environment.ifname, config.value);
    if (!drifts.ok || drifts.value.length === 0) return drifts.ok ? ok(undefined) : drifts;
    const { containerId, ifname } = invocation.environment;
    return failWith(
      "drift",
      "link.drift",
      `CHECK of container ${containerId} (${ifname}): ${drifts.value.join("; ")}`,
      "Something else has changed it. Delete the pod: it needs DEL, then ADD.",
    );
  });
}

function findDrifts(
  space: OpenNamespace,
  ifname: string,
  { sysctls, settings }: TuningConfig,
): Outcome<string[], CniError> {
  const drifts: string[] = [];
  for (const sysctl of sysctls) {
    const drift = sysctlDrift(space, sysctl);
    if (!drift.ok) return drift;
    drifts.push(...drift.value);
  }
  const link = ask(space, getLink(ifname));
  if (!link.ok) return link;
  const found = settingsOf(link.value, keysOf(settings));
  for (const key of differing(link.value, settings))
    drifts.push(`${key} is ${found[key]}, not ${settings[key]}`);
  return ok(drifts);
}

function sysctlDrift(space: OpenNamespace, { key, name, value }: SysctlSetting): Outcome<string[], CniError> {
  const found = space.namespace.readSetting(name);
  if (!found.ok) return refused(space, `read ${key}`, found.error);
  return ok(isSameValue(found.value, value) ? [] : [`${key} is ${found.value}, not ${value}`]);
}

/** STATUS: whether an ADD would fail for its configuration, or for the node's list of sysctls. */
export async function status(sys: Sys, invocation: Invocation): Promise<Outcome<void, CniError>> {
  const config = parseTuningConfig(invocation);
  const usable = config.ok ? readAllowList(sys) : config;
  if (!usable.ok) return fail({ ...usable.error, code: codes.notAvailable });
  const allowed = config.ok ? checkAllowed(sys, config.value.sysctls) : ok(undefined);
  return allowed.ok ? ok(undefined) : fail({ ...allowed.error, code: codes.notAvailable });
}
