import type { Sys } from "../../../sys/sys.ts";
import { ciliumRemedy, hasPlugin, type RenamedFile } from "../conf-folder.ts";
import type { Configuration } from "../configuration.ts";
import { readManifest } from "../install/manifest.ts";
import { type MetaPlugin, metaPluginAmong } from "../meta-plugins.ts";
import type { Wanting } from "./check-definitions.ts";
import { type Finding, fine, problem, warning } from "./finding.ts";

/**
 * Checks of what other programs do in the runtime's folder: agents that rename, remove or rewrite files, and other
 * meta-plugins.
 */

const installedBy = "/etc/cni/hawser";
const area = "configuration";

/** Tells of hawser's configuration under a name that no runtime reads. */
export function renamedAway(confDir: string, { name, former, byCilium }: RenamedFile): Finding {
  const what = `${confDir}/${former}, with hawser in it, was renamed to ${name}`;
  if (byCilium) {
    return problem(
      area,
      what,
      "Cilium's agent does that to every configuration but its own, at each of its starts, while cni.exclusive is true, which is its default. Pods get nothing from hawser.",
      `${ciliumRemedy}; then install hawser again, which before would end in the same, and remove ${name}.`,
    );
  }
  return problem(
    area,
    what,
    "Runtimes read only .conf, .conflist and .json. Pods get nothing from hawser.",
    `Find out who renamed it, then: mv ${confDir}/${name} ${confDir}/${former}`,
  );
}

/** Tells of a configuration of `hawser install` that is gone, or has lost hawser. */
export function lostInstallation(sys: Sys, confDir: string, paths: readonly string[]): Finding | undefined {
  const manifest = readManifest(sys, "", installedBy);
  if (!manifest.ok || manifest.value === undefined || manifest.value.confDir !== confDir) return undefined;
  const { mode, file } = manifest.value;
  const path = `${confDir}/${file}`;
  const todo = `Run hawser install${mode === "chained" ? " --mode chained" : ""} again. The DaemonSet's pod (install --stay) does it by itself: is it running on this node?`;
  if (mode === "chained" && paths.includes(path)) {
    const why =
      "The primary's own installer has written it anew, as those of Calico, Cilium, flannel and the clouds do at each start. Pods get nothing from hawser.";
    return problem(area, `${path} has lost hawser, which hawser install had put into it`, why, todo);
  }
  const why = "Somebody has removed it since. Pods get nothing from hawser.";
  return problem(area, `${path}, which hawser install wrote, is gone`, why, todo);
}

/** Checks whether Cilium's agent renames hawser's file, or would. */
export function checkCilium(
  sys: Sys,
  confDir: string,
  paths: readonly string[],
  own: Configuration,
  renamed: readonly RenamedFile[],
): Finding[] {
  const taken = renamed.filter(({ byCilium }) => byCilium).map(({ name }) => name);
  if (taken.length > 0) {
    return [
      warning(
        area,
        `Cilium's agent has renamed files of ${confDir}: ${taken.join(", ")}`,
        `It does so at each of its starts while cni.exclusive is true, which is its default: ${own.path} is next.`,
        `${ciliumRemedy}; then remove ${taken.map((name) => `${confDir}/${name}`).join(" ")}.`,
      ),
    ];
  }
  const ciliums = paths.filter((path) => hasPlugin(sys, path, "cilium-cni") === true);
  const [theirs] = ciliums;
  if (theirs === undefined || ciliums.includes(own.path)) return [];
  return [fine(area, `Cilium (${theirs}) must run with cni.exclusive=false: else it renames ${own.path}`)];
}

/**
 * Tells of a meta-plugin beside hawser in the runtime's list or among hawser's networks, and of plugins that a pod
 * would get twice.
 */
export function checkOtherPlugins(configuration: Configuration, wanting: readonly Wanting[]): Finding[] {
  const { path, before, after } = configuration;
  const beside = metaPluginAmong([...before, ...after]);
  const list = beside === undefined ? [] : [metaPluginProblem(`the list of ${path}`, beside)];
  const networks = wanting.flatMap(({ user, plugins }) => {
    const found = metaPluginAmong(plugins);
    return found === undefined ? [] : [metaPluginProblem(user, found)];
  });
  return [...list, ...networks, ...checkMeshes(configuration, wanting)];
}

/**
 * Plugins of service meshes. Their installers append them to the first list, and each must redirect a pod's traffic
 * only once.
 */
const meshes: readonly unknown[] = ["istio-cni", "linkerd-cni", "kuma-cni", "consul-cni"];

/** Tells of a mesh's plugin that stands both in the primary's list and in hawser's. */
function checkMeshes({ path, after }: Configuration, wanting: readonly Wanting[]): Finding[] {
  const primary = wanting.filter(({ user }) => user.startsWith("primary ")).flatMap(({ plugins }) => plugins);
  return after
    .filter(({ type }) => meshes.includes(type) && primary.some((plugin) => plugin.type === type))
    .map(({ type }) =>
      warning(
        area,
        `${type} runs twice for each pod: behind hawser in ${path}, and in the primary network's list`,
        "Its installer has put it into the list that is now the first; hawser calls the other as well.",
        `Take it out of the primary network's list.`,
      ),
    );
}

function metaPluginProblem(where: string, { type, owner }: MetaPlugin): Finding {
  return problem(
    area,
    `${where} has a plugin ${type}: ${owner}, which attaches a pod's networks itself`,
    "Each network would be attached twice, so no pod that asks for one would start.",
    owner.startsWith("Multus")
      ? "Name the cluster's own network in its place (delegate, or the list); hawser migrate multus prints how."
      : "Name the cluster's own network in its place.",
  );
}
