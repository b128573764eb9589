import { findPlugin } from "../../../cni/delegate.ts";
import type { CniError } from "../../../cni/errors.ts";
import { isObject } from "../../../cni/json.ts";
import { ownPluginOf } from "../../../cni/native.ts";
import type { Outcome } from "../../../sys/outcome.ts";
import type { Sys } from "../../../sys/sys.ts";
import type { Wanting } from "./check-definitions.ts";
import { type Finding, fine, problem, problemOf } from "./finding.ts";

/** Plugin types, each with the first configuration that names it. */
export interface WantedTypes {
  /** Types whose executables are run. */
  readonly executables: ReadonlyMap<string, string>;
  /** Types that hawser's own plugins are run for. */
  readonly own: ReadonlyMap<string, string>;
}

/** The plugin types that configurations name, IPAM types included. */
export function typesIn(wanting: readonly Wanting[]): WantedTypes {
  const executables = new Map<string, string>();
  const own = new Map<string, string>();
  for (const { user, plugins, native = [] } of wanting) {
    for (const plugin of plugins) {
      const { ipam } = plugin;
      // `{}` and a missing type mean that there is no IPAM.
      const inner = isObject(ipam) ? ipam.type : undefined;
      for (const type of [plugin.type, inner]) {
        if (typeof type !== "string" || type === "") continue;
        const types = native.includes(type) ? own : executables;
        if (!types.has(type)) types.set(type, user);
      }
    }
  }
  return { executables, own };
}

export interface CheckedPlugins {
  readonly findings: readonly Finding[];
  /** The executables that were found. */
  readonly paths: readonly string[];
}

/** Checks that each plugin is where the runtime and hawser look for it, and can be executed. */
export function checkPlugins(
  sys: Sys,
  { executables, own }: WantedTypes,
  folders: readonly string[],
): CheckedPlugins {
  const searched = Array.from(executables, ([type, user]) => ({
    type,
    user,
    found: findPlugin(sys, type, folders),
  }));
  return {
    findings: [
      ...searched.map(({ type, user, found }) => judge(sys, type, user, found)),
      ...Array.from(own.keys(), (type) => fine("plugins", `${type}: ${ownPluginOf(type)}, in this program`)),
    ],
    paths: searched.flatMap(({ found }) => (found.ok ? [found.value] : [])),
  };
}

function judge(sys: Sys, type: string, user: string, found: Outcome<string, CniError>): Finding {
  if (!found.ok) {
    const finding = problemOf("plugins", found.error, "Install it; name other folders by --plugin-dir.");
    return { ...finding, what: `${finding.what} (wanted by ${user})` };
  }
  const stat = sys.files.stat(found.value);
  if (stat.ok && (stat.value.mode & 0o111) === 0) {
    return problem(
      "plugins",
      `${found.value} (wanted by ${user}) is not executable`,
      `Its mode is 0${stat.value.mode.toString(8)}.`,
      `chmod 0755 ${found.value}`,
    );
  }
  return fine("plugins", `${type}: ${found.value}`);
}

/** Tells which networks are slower than they could be, because hawser's own plugin does not understand a field. */
export function tellExecutables(wanting: readonly Wanting[]): Finding[] {
  return wanting.flatMap(({ user, executables = [] }) =>
    executables.map(({ type, field }) =>
      fine("plugins", `${user}: the executable ${type} is run, as hawser's own does not understand ${field}`),
    ),
  );
}
