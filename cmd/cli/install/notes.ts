import { ciliumRemedy } from "../conf-folder.ts";
import type { PrimaryFile } from "./compose.ts";
import type { InstallOptions } from "./install-options.ts";
import type { NodeView } from "./install-view.ts";

/** Notes about what may undo the installation later, although it succeeds now. */
export function notesOn(
  { mode, confDir }: InstallOptions,
  { renamed }: NodeView,
  primary: PrimaryFile,
  file: string,
): string[] {
  const path = `${confDir}/${file}`;
  const taken = renamed.filter(({ byCilium }) => byCilium).map(({ name }) => name);
  const isCilium = primary.plugins.some(({ type }) => type === "cilium-cni");
  if (isCilium && mode === "chained") {
    return [
      `Cilium's agent writes ${path} anew at each of its starts, without hawser. Keep hawser install --stay running, or take --mode owner with cni.exclusive=false.`,
    ];
  }
  if (taken.length > 0) {
    return [
      `Cilium's agent has renamed other configurations here (${taken.join(", ")}), and will do so to ${path}. ${ciliumRemedy}.`,
    ];
  }
  if (!isCilium) return [];
  return [
    `Cilium's agent renames ${path} at each of its starts while cni.exclusive is true, which is its default. ${ciliumRemedy}.`,
  ];
}
