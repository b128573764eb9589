import { findPlugin } from "../../../cni/delegate.ts";
import { isObject, type JsonObject } from "../../../cni/json.ts";
import type { Sys } from "../../../sys/sys.ts";
import { type Finding, fine, problem, problemOf } from "./finding.ts";

/** Plugin types that configurations name, IPAM inside of them included, each with who names it first. */
export function typesIn(
  users: readonly { readonly user: string; readonly plugins: readonly JsonObject[] }[],
): ReadonlyMap<string, string> {
  const types = new Map<string, string>();
  for (const { user, plugins } of users) {
    for (const plugin of plugins) {
      const { ipam } = plugin;
      // `{}` and a missing type mean that there is no IPAM.
      const inner = isObject(ipam) ? ipam.type : undefined;
      for (const type of [plugin.type, inner]) {
        if (typeof type === "string" && type !== "" && !types.has(type)) types.set(type, user);
      }
    }
  }
  return types;
}

/** Whether each plugin is where the runtime and hawser look for it, and can be executed. */
export function checkPlugins(
  sys: Sys,
  types: ReadonlyMap<string, string>,
  folders: readonly string[],
): Finding[] {
  return Array.from(types, ([type, user]) => checkPlugin(sys, type, user, folders));
}

function checkPlugin(sys: Sys, type: string, user: string, folders: readonly string[]): Finding {
  const found = findPlugin(sys, type, folders);
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
