import type { EnvironmentVariables } from "./environment.ts";

/**
 * The variable that tells a plugin of ours which other plugins are run by ours as well: types with commas between them, such as
 * `bridge,host-local`. So bridge gets its addresses from our host-local without a process. It is for our own plugins alone: who
 * runs another program takes it out of the environment.
 */
export const nativeVariable = "HAWSER_NATIVE";

export function nativeIn(variables: EnvironmentVariables): readonly string[] {
  const text = variables[nativeVariable] ?? "";
  return text === "" ? [] : text.split(",");
}

/** The name of our own plugin that does what the reference plugin of this type does. */
export function ownPluginOf(type: string): string {
  return `hawser-${type}`;
}

/** The file of this program. */
export const ownExecutable = "/proc/self/exe";
