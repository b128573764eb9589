import type { CniError } from "../../cni/errors.ts";
import type { Invocation } from "../../cni/plugin.ts";
import type { CniResult } from "../../cni/types.ts";
import { getLink, type Link, setLink } from "../../net/links.ts";
import { type Outcome, ok } from "../../sys/outcome.ts";
import type { Sys } from "../../sys/sys.ts";
import { chainedResult } from "../link/chained.ts";
import { ask, type OpenNamespace, withSite, writeSetting } from "../link/site.ts";
import { type UndoStep, withUndo } from "../link/undo-steps.ts";
import { checkAllowed } from "./allow-list.ts";
import { backupPath, readBackup, removeBackup, writeBackup } from "./backup.ts";
import { parseTuningConfig, type TuningConfig } from "./config.ts";
import {
  changeOf,
  differing,
  keysOf,
  type LinkSettings,
  type SettingKey,
  settingsOf,
} from "./link-settings.ts";
import type { SysctlSetting } from "./sysctls.ts";

/** Sets what is configured, and passes prevResult on with what has become of the interface. */
export async function add(sys: Sys, invocation: Invocation): Promise<Outcome<CniResult, CniError>> {
  const config = parseTuningConfig(invocation);
  if (!config.ok) return config;
  const allowed = checkAllowed(sys, config.value.sysctls);
  if (!allowed.ok) return allowed;
  const previous = chainedResult(invocation);
  if (!previous.ok) return previous;
  const tuned = await withSite(sys, invocation, ({ container }) =>
    withUndo(async (note) => tune(sys, container, invocation, config.value, note)),
  );
  if (!tuned.ok) return tuned;
  return ok(tunedResult(previous.value, invocation.environment.ifname, config.value.settings));
}

function tune(
  sys: Sys,
  space: OpenNamespace,
  { environment, config: { name: network } }: Invocation,
  { dataDir, sysctls, settings }: TuningConfig,
  note: (step: UndoStep) => void,
): Outcome<void, CniError> {
  const written = writeSysctls(space, sysctls, note);
  const keys = keysOf(settings);
  if (!written.ok || keys.length === 0) return written;
  const link = ask(space, getLink(environment.ifname));
  if (!link.ok) return link;
  const path = backupPath(dataDir, environment);
  const earlier = readBackup(sys, path);
  if (!earlier.ok) return earlier;
  // What an earlier ADD of the attachment has kept is older than what is there now.
  if (earlier.value === undefined) note(() => removeBackup(sys, path));
  const kept = writeBackup(sys, path, { ...settingsOf(link.value, keys), ...earlier.value, network });
  if (!kept.ok) return kept;
  return changeLink(space, link.value, settings, note);
}

function writeSysctls(
  space: OpenNamespace,
  sysctls: readonly SysctlSetting[],
  note: (step: UndoStep) => void,
): Outcome<void, CniError> {
  for (const { name, value } of sysctls) {
    const before = space.namespace.readSetting(name);
    const written = writeSetting(space, name, value);
    if (!written.ok) return written;
    // Some settings can be written and not read: they are actions.
    if (before.ok) note(() => writeSetting(space, name, before.value));
  }
  return ok(undefined);
}

/** Makes the interface as wanted. Each attribute is a message of its own: if the kernel refuses it, the error names it. */
function changeLink(
  space: OpenNamespace,
  link: Link,
  wanted: LinkSettings,
  note: (step: UndoStep) => void,
): Outcome<void, CniError> {
  const keys = differing(link, wanted);
  const before = settingsOf(link, keys);
  for (const key of keys) {
    // The kernel may have changed it although its answer is lost.
    note(() => changeOne(space, link, before, key));
    const changed = changeOne(space, link, wanted, key);
    if (!changed.ok) return changed;
  }
  return ok(undefined);
}

/** Errors: `link.refused`. */
function changeOne(
  space: OpenNamespace,
  link: Link,
  settings: LinkSettings,
  key: SettingKey,
): Outcome<void, CniError> {
  return ask(
    space,
    setLink(link.index, changeOf(settings, key)),
    `set ${key} of ${link.name} to ${settings[key]}`,
  );
}

/** Tells what the container's interface has become, as far as prevResult tells it. Interfaces of the node may have the same name. */
function tunedResult(result: CniResult, ifname: string, { mac, mtu }: LinkSettings): CniResult {
  if ((mac === undefined && mtu === undefined) || result.interfaces === undefined) return result;
  const interfaces = result.interfaces.map((each) =>
    each.name === ifname && (each.sandbox ?? "") !== ""
      ? {
          ...each,
          ...(mac !== undefined && { mac }),
          ...(mtu !== undefined && each.mtu !== undefined && { mtu }),
        }
      : each,
  );
  return { ...result, interfaces };
}
