import { parseArgs } from "../../cni/environment.ts";
import type { CniError } from "../../cni/errors.ts";
import { fieldOf, readObject, readText, show } from "../../cni/fields.ts";
import { canonicalHardware, hardwareOctets } from "../../cni/hardware.ts";
import type { JsonObject } from "../../cni/json.ts";
import type { Invocation } from "../../cni/plugin.ts";
import { flag, type Notes, newNotes, refuse, text } from "../../cni/readers.ts";
import { withoutTrailingSlashes } from "../../cni/slashes.ts";
import type { Outcome } from "../../sys/outcome.ts";
import { judged, optional, wholeNumber } from "../link/main-config.ts";
import type { LinkSettings } from "./link-settings.ts";
import { noteConflicts, type SysctlSetting, sysctlOf } from "./sysctls.ts";

export interface TuningConfig {
  /** The folder of the files that say what an interface had before. */
  readonly dataDir: string;
  readonly sysctls: readonly SysctlSetting[];
  readonly settings: LinkSettings;
}

const defaultDataDir = "/run/cni/tuning";

/**
 * Reads the configuration as the reference plugin does: `args.cni` counts before `runtimeConfig`, and that before CNI_ARGS, and that
 * before the configuration itself. Errors: `link.config` with every problem at once.
 */
export function parseTuningConfig({ environment, config }: Invocation): Outcome<TuningConfig, CniError> {
  const notes = newNotes();
  const { raw } = config;
  const runtime = readObject(raw, "runtimeConfig", "runtimeConfig", notes);
  const args = readObject(readObject(raw, "args", "args", notes), "cni", "args.cni", notes);
  const own = readSettings(raw, "", notes);
  const asked = readSettings(args, "args.cni", notes);
  const told = parseArgs(environment.args).get("MAC") ?? "";
  const offered = readText(runtime, "mac", "runtimeConfig", notes) ?? "";
  const settings: RawSettings = {
    ...own,
    ...(told !== "" && { mac: readMac(told, "CNI_ARGS MAC", notes) }),
    ...(offered !== "" && { mac: readMac(offered, "runtimeConfig.mac", notes) }),
    ...asked,
  };
  const sysctls = readSysctls(raw, args, environment.ifname, notes);
  readText(raw, "dataDir", "", notes);
  return judged(config, { dataDir: dataDirOf(raw), sysctls, settings: withoutUnset(settings) }, notes);
}

/** The data folder. DEL and GC read nothing else, so that they work although the configuration is wrong. */
export function dataDirOf(raw: JsonObject): string {
  const dataDir = fieldOf(raw, "dataDir");
  return typeof dataDir === "string" && dataDir !== "" ? withoutTrailingSlashes(dataDir) : defaultDataDir;
}

/** What one object says. A text that is empty, a false `promisc` and an MTU of 0 unset what another object says. */
interface RawSettings {
  readonly mac?: string | undefined;
  readonly promisc?: boolean | undefined;
  readonly mtu?: number | undefined;
  readonly allmulti?: boolean | undefined;
  readonly txQLen?: number | undefined;
}

/** The kernel's numbers of 32 bits, of which the highest bit is a sign. */
const kernelNumber = wholeNumber(0, 0x7fff_ffff);

function readSettings(object: JsonObject, above: string, notes: Notes): RawSettings {
  const mac = optional(object, "mac", text, notes, above);
  const read = {
    mac: mac === undefined ? undefined : readMac(mac, above === "" ? "mac" : `${above}.mac`, notes),
    promisc: optional(object, "promisc", flag, notes, above),
    mtu: optional(object, "mtu", kernelNumber, notes, above),
    allmulti: optional(object, "allmulti", flag, notes, above),
    txQLen: optional(object, "txQLen", kernelNumber, notes, above),
  };
  return Object.fromEntries(Object.entries(read).filter(([, value]) => value !== undefined));
}

function readMac(written: string, place: string, notes: Notes): string | undefined {
  if (written === "" || hardwareOctets(written) !== undefined) return canonicalHardware(written);
  return refuse(notes, place, `${show(written)} is no hardware address like 02:00:00:00:00:01`);
}

function withoutUnset({ mac, promisc, mtu, allmulti, txQLen }: RawSettings): LinkSettings {
  return {
    ...(mac !== undefined && mac !== "" && { mac }),
    ...(promisc === true && { promisc }),
    ...(mtu !== undefined && mtu !== 0 && { mtu }),
    ...(allmulti !== undefined && { allmulti }),
    ...(txQLen !== undefined && { txQLen }),
  };
}

/** Reads the settings of the kernel. Of one key, `args.cni` counts. */
function readSysctls(raw: JsonObject, args: JsonObject, ifname: string, notes: Notes): SysctlSetting[] {
  const own = readObject(raw, "sysctl", "sysctl", notes);
  const asked = readObject(args, "sysctl", "args.cni.sysctl", notes);
  const sysctls: SysctlSetting[] = [];
  for (const [key, value] of Object.entries({ ...own, ...asked })) {
    const place = `${Object.hasOwn(asked, key) ? "args.cni.sysctl" : "sysctl"}[${show(key)}]`;
    const read = text(value, place, notes);
    const sysctl = read === undefined ? undefined : sysctlOf(key, read, ifname);
    if (sysctl !== undefined) sysctls.push(sysctl);
    else if (read !== undefined) refuse(notes, place, "is no setting of the network: net.* is allowed");
  }
  noteConflicts(sysctls, notes);
  return sysctls;
}
