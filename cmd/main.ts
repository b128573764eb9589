import { cniError, errorDocument } from "../cni/errors.ts";
import { printJson } from "../cni/json.ts";
import { currentVersion } from "../cni/version.ts";
import { linux } from "../sys/linux.ts";
import { ownEnvironment } from "../sys/linux-environment.ts";
import { printStdout, readStdin } from "../sys/linux-standard.ts";
import { withOwnPlugins } from "./own-plugins.ts";
import { pluginName, registry, usesNetwork } from "./registry.ts";
import { serve } from "./serve.ts";

/** Answers the exit status. Only this file ends the process. */
async function main(): Promise<number> {
  const name = pluginName(process.argv0);
  const variables = ownEnvironment(usesNetwork(name));
  if (!variables.ok) return refuse(variables.error.message);
  const sys = withOwnPlugins(linux);
  const args = process.argv.slice(2);
  if (isForPeople(name, args)) {
    const { runCommandLine } = await import("./cli/cli.ts");
    return runCommandLine(sys, args);
  }
  const load = registry[name];
  if (load === undefined) throw new Error(`pluginName answered ${name}, which is not registered`);
  const reply = await serve(sys, load, { variables: variables.value, readStdin });
  const printed = printStdout(reply.stdout);
  // The runtime has gone. The record stays, so that DEL can undo what ADD attached.
  if (!printed.ok) linux.warn(`hawser: could not write the result: ${printed.error.message}`);
  return printed.ok ? reply.exitCode : 1;
}

/** Refuses to run under variables that change how the engine behaves. */
function refuse(why: string): number {
  const doing = "leave the engine's variables (NODE_OPTIONS, BUN_... and their like) behind";
  const hint = "Take them out of the runtime's environment.";
  const error = cniError("internal", "internal.environment", `${doing}: ${why}`, hint);
  printStdout(`${printJson(errorDocument(error, currentVersion))}\n`);
  return 1;
}

/** Under the name `hawser` the program is a command line and a plugin. A runtime sets CNI_* and gives no arguments. */
function isForPeople(name: string, args: readonly string[]): boolean {
  if (name !== "hawser" || (process.env.CNI_COMMAND ?? "") !== "") return false;
  return args.length > 0 || !Object.keys(process.env).some((key) => key.startsWith("CNI_"));
}

main().then((code) => process.exit(code));
