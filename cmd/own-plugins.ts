import { fail, ok } from "../sys/outcome.ts";
import { innerIdentity, outerIdentity } from "../sys/process-identity.ts";
import type { Processes, RunRequest, Sys } from "../sys/sys.ts";
import { registry } from "./registry.ts";
import { serve } from "./serve.ts";

type Registry = typeof registry;

/** The file of this program, whatever has been put at its path since. */
const ownFile = "/proc/self/exe";

/**
 * Serves delegates that are this very program in this process: a process of its own would cost each the start of an engine.
 * Nobody above knows of it. A delegate gets the environment and the input that its process would get, and the report is
 * the same.
 */
export function withOwnPlugins(base: Sys, plugins: Registry = registry): Sys {
  const atWork = new Set<string>();
  let count = 0;
  const processes: Processes = {
    ...base.processes,
    isAlive: (identity) => {
      const isInner = identity !== base.processes.self() && outerIdentity(identity) === base.processes.self();
      return isInner ? atWork.has(identity) : base.processes.isAlive(identity);
    },
    run: async (request) => {
      const name = request.serveAs ?? ownName(base, plugins, request);
      if (name === undefined) return base.processes.run(request);
      const load = plugins[name];
      if (load === undefined)
        return fail({ code: "ENOENT", message: `ENOENT: this program has no plugin ${name}` });
      const identity = innerIdentity(base.processes.self(), ++count);
      atWork.add(identity);
      try {
        // Loaded late: a plugin that runs nobody does not need it.
        const { runInside } = await import("./inner-process.ts");
        const input = { variables: variablesOf(request), readStdin: () => ok(request.stdin.toWellFormed()) };
        return ok(await runInside(sys, identity, request, (inner) => serve(inner, load, input)));
      } finally {
        atWork.delete(identity);
      }
    },
  };
  const sys: Sys = { ...base, processes };
  return sys;
}

/** The name of our own plugin that the executable is. A copy of this program is another file. */
function ownName({ files }: Sys, plugins: Registry, { executable, args }: RunRequest): string | undefined {
  const name = executable.slice(executable.lastIndexOf("/") + 1);
  if (args.length > 0 || !Object.hasOwn(plugins, name)) return undefined;
  const asked = files.stat(executable);
  if (!asked.ok) return undefined;
  const own = files.stat(ownFile);
  return own.ok && own.value.identity === asked.value.identity ? name : undefined;
}

/** The variables as a process has them: the kernel keeps bytes, and half of a character is none. */
function variablesOf({ env }: RunRequest): Record<string, string> {
  const variables: Record<string, string> = {};
  for (const [name, value] of Object.entries(env)) variables[name] = value.toWellFormed();
  return variables;
}
