import type { CniError } from "../../cni/errors.ts";
import type { MetaConfig, NetworkSource } from "../../plugins/meta/config/config.ts";
import type { Sys } from "../../sys/sys.ts";

/** The configuration with the folders that explain looks into, and notes for the person about them. */
export interface Placed {
  readonly config: MetaConfig;
  readonly notes: readonly string[];
}

/** The configuration's file, and the folders that the person names instead of the configuration's. */
export interface ExplainPlaces {
  readonly config: string;
  readonly definitions: string | undefined;
  readonly confDir: string | undefined;
}

/** Where a runtime has the configuration that is explained. */
const runtimeDir = "/etc/cni/net.d";

/**
 * Chooses the folders to look into. A configuration names folders of its node. Where these do not exist, folders beside
 * the configuration replace them: `net.d` for definitions, its own folder for networks. Options of the person come
 * first.
 */
export function placeHere(
  sys: Sys,
  config: MetaConfig,
  { config: path, definitions, confDir }: ExplainPlaces,
): Placed {
  const folder = path.includes("/") ? path.slice(0, path.lastIndexOf("/")) || "/" : ".";
  const notes: string[] = [];
  const instead = (wanted: string, beside: string, what: string, option: string): string => {
    if (isThere(sys, wanted) || !isThere(sys, beside)) return wanted;
    notes.push(
      `There is no folder ${wanted} here: ${what} are looked for in ${beside} (${option} names another).`,
    );
    return beside;
  };
  const definitionsDir =
    definitions ?? instead(config.definitionsDir, `${folder}/net.d`, "definitions", "--definitions");
  const needsConfDir = [config.primary, ...config.defaultNetworks].some(
    ({ kind }) => kind === "named" || kind === "defined",
  );
  const ownConfDir = needsConfDir
    ? instead(config.confDir, folder, "networks by their names", "--conf-dir")
    : config.confDir;
  const standIn = confDir ?? folder;
  const here = (source: NetworkSource): NetworkSource =>
    source.kind === "path" ? moved(sys, source.path, standIn) : source;
  const { primary } = config;
  return {
    config: {
      ...config,
      definitionsDir,
      confDir: confDir ?? ownConfDir,
      primary: primary.kind === "chained" ? primary : here(primary),
      defaultNetworks: config.defaultNetworks.map(here),
    },
    notes,
  };
}

/** A network's source. A path in the runtime's folder is replaced if only the replacing folder has the file. */
function moved(sys: Sys, path: string, standIn: string): NetworkSource {
  const inside = path.startsWith(`${runtimeDir}/`) ? `${standIn}${path.slice(runtimeDir.length)}` : path;
  return { kind: "path", path: isThere(sys, path) || !isThere(sys, inside) ? path : inside };
}

function isThere(sys: Sys, path: string): boolean {
  return sys.files.stat(path).ok;
}

/** The error with hints for a person who has the files, but not in a node's folders. */
export function withOptions(
  sys: Sys,
  error: CniError,
  { config }: Placed,
  { definitions, confDir }: ExplainPlaces,
): CniError {
  if (error.id !== "kube.unknown-network") return error;
  const hints = [
    ...(definitions === undefined && !isThere(sys, config.definitionsDir)
      ? ["--definitions names another folder of definitions (<folder>/<namespace>/<name>.json)."]
      : []),
    ...(confDir === undefined && error.msg.includes('find network "')
      ? ["--conf-dir names another folder of the runtime's networks."]
      : []),
  ];
  return hints.length === 0 ? error : { ...error, details: [error.details, ...hints].join(" ") };
}
