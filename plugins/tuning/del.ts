import { validAttachments } from "../../cni/config.ts";
import type { CniError } from "../../cni/errors.ts";
import type { Invocation } from "../../cni/plugin.ts";
import { getLink, setLink } from "../../net/links.ts";
import { talk } from "../../net/talk.ts";
import { type Outcome, ok } from "../../sys/outcome.ts";
import type { Sys } from "../../sys/sys.ts";
import { type OpenNamespace, refused, withRemainingSite } from "../link/site.ts";
import { backupName, backupPath, isUnfinished, readBackup, refusedFile, removeBackup } from "./backup.ts";
import { dataDirOf } from "./config.ts";
import { changeOf, differing, type LinkSettings } from "./link-settings.ts";

/** Restores what the interface had, and forgets it. Without the interface there is nothing to restore. */
export async function del(sys: Sys, invocation: Invocation): Promise<Outcome<void, CniError>> {
  const path = backupPath(dataDirOf(invocation.config.raw), invocation.environment);
  const backup = readBackup(sys, path);
  if (!backup.ok) return backup;
  const { value: settings } = backup;
  if (settings !== undefined && invocation.environment.netns !== "") {
    const restored = await withRemainingSite(sys, invocation, async ({ container }) =>
      container === undefined
        ? ok(undefined)
        : restore(sys, container, invocation.environment.ifname, settings),
    );
    if (!restored.ok) return restored;
  }
  return removeBackup(sys, path);
}

/** Refusals that stay, however often a runtime tries: as when the interface below has a smaller MTU by now. */
const final = ["EINVAL", "ERANGE", "EOPNOTSUPP", "EADDRNOTAVAIL", "EADDRINUSE"];

function restore(
  sys: Sys,
  space: OpenNamespace,
  ifname: string,
  settings: LinkSettings,
): Outcome<void, CniError> {
  const link = talk(space.route, getLink(ifname));
  if (!link.ok)
    return link.error.code === "ENODEV" ? ok(undefined) : refused(space, `look at ${ifname}`, link.error);
  for (const key of differing(link.value, settings)) {
    const restored = talk(space.route, setLink(link.value.index, changeOf(settings, key)));
    if (restored.ok) continue;
    const words = `restore ${key} of ${ifname} to ${settings[key]}`;
    if (!final.includes(restored.error.code)) return refused(space, words, restored.error);
    sys.warn(`${words}: ${restored.error.message}`);
  }
  return ok(undefined);
}

/** How long an ADD may take to write a file. What is older, an ADD has left that was killed. */
const unfinishedMs = 60_000;

/** Removes the files of this network's attachments that do not live any more. Files of the reference plugin name no network. */
export async function gc(sys: Sys, { config }: Invocation): Promise<Outcome<void, CniError>> {
  const valid = validAttachments(config.raw);
  if (!valid.ok || valid.value === undefined) return valid.ok ? ok(undefined) : valid;
  const live = new Set(valid.value.map(({ containerID, ifname }) => backupName(containerID, ifname)));
  const dataDir = dataDirOf(config.raw);
  const names = sys.files.list(dataDir);
  if (!names.ok)
    return names.error.code === "ENOENT" ? ok(undefined) : refusedFile("list", dataDir, names.error);
  for (const name of names.value) {
    const path = `${dataDir}/${name}`;
    if (!(isUnfinished(name) ? isOld(sys, path) : isDead(sys, path, live.has(name), config.name))) continue;
    const removed = removeBackup(sys, path);
    if (!removed.ok) return removed;
  }
  return ok(undefined);
}

function isOld({ files, clock }: Sys, path: string): boolean {
  const found = files.stat(path);
  return found.ok && found.value.kind === "file" && found.value.modifiedMs < clock.nowMs() - unfinishedMs;
}

function isDead(sys: Sys, path: string, isLive: boolean, network: string): boolean {
  if (isLive) return false;
  const backup = readBackup(sys, path);
  return backup.ok && backup.value?.network === network;
}
