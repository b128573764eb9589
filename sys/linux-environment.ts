import type { Attempt } from "./fault.ts";
import { fail, ok } from "./outcome.ts";

/**
 * Variables that the engines below us (Bun, Node, their OpenSSL and event loop) obey. They name authorities, switch
 * verification off, print what is sent, load code or settings, or write files. Whoever starts the runtime may have set
 * them for another purpose. HTTP_PROXY and its like are not among them, nor are NODE_EXTRA_CA_CERTS, SSL_CERT_FILE and
 * NODE_TLS_REJECT_UNAUTHORIZED, which whole fleets set on every node: to begin anew would cost each call a second
 * start. Each request says by itself that there is no proxy, and which authorities it trusts.
 */
const engineNames: ReadonlySet<string> = new Set([
  ...["SSLKEYLOGFILE", "CTLOG_FILE"],
  ...["NODE_DEBUG", "NODE_DEBUG_NATIVE", "NODE_REDIRECT_WARNINGS", "NODE_V8_COVERAGE"],
  ...["NODE_OPTIONS", "NODE_PATH", "NODE_ICU_DATA", "NODE_REPL_EXTERNAL_MODULE"],
  ...["NODE_COMPILE_CACHE", "NODE_COMPILE_CACHE_PORTABLE", "NODE_COMPILE_CACHE_READONLY"],
  ...["NODE_CHANNEL_FD", "NODE_CHANNEL_SERIALIZATION_MODE", "NODE_UNIQUE_ID", "NODE_CLUSTER_SCHED_POLICY"],
  ...["NODE_PENDING_DEPRECATION", "NODE_PRESERVE_SYMLINKS", "NODE_PRESERVE_SYMLINKS_MAIN"],
]);
const enginePrefixes = ["BUN_", "JSC_", "WTF_", "OPENSSL_", "UV_", "PKG_", "DEBUG_PKG_"];
/** Under Bun: foreign functions, by which we reach the kernel's network, need the compiler that this switches off. */
const compilerSwitch = "BUN_JSC_useJIT";
/** Variables that only change speed. They stay, because our tools and children are given them. */
const harmlessName = /^BUN_(JSC_useJIT$|BYTECODE_)/;

/** The variables that were left out, for our children: it is their environment, not ours. */
const keptIn = "HAWSER_ENGINE_VARIABLES";

type Variables = Readonly<Record<string, string | undefined>>;

export function isEngineVariable(name: string): boolean {
  if (engineNames.has(name)) return true;
  for (const prefix of enginePrefixes) {
    if (name.startsWith(prefix)) return !harmlessName.test(name);
  }
  return false;
}

/**
 * The environment that we were started with. If it has variables for the engine, this program first begins anew without
 * them, in the same process, because the engine reads them before we run. BUN_OPTIONS, BUN_BE_BUN and, on Node,
 * NODE_OPTIONS and OPENSSL_CONF would take effect even before that; the build removes them (tools/build.ts).
 */
export function ownEnvironment(usesNetwork: boolean): Attempt<Variables> {
  const isLeft = (name: string): boolean =>
    isEngineVariable(name) || (name === compilerSwitch && usesNetwork && process.versions.bun !== undefined);
  // A loop, where a regular expression and `filter` would cost every call a tenth of a millisecond.
  for (const name of Object.keys(process.env)) {
    if (isLeft(name)) return beginAnew(Object.entries(process.env), isLeft);
  }
  const kept = process.env[keptIn];
  if (kept === undefined) return ok(process.env);
  const { [keptIn]: _kept, ...others } = process.env;
  return ok({ ...others, ...parse(kept) });
}

function beginAnew(
  given: readonly [string, string | undefined][],
  isLeft: (name: string) => boolean,
): Attempt<Variables> {
  const engine = Object.fromEntries(given.filter(([name]) => isLeft(name)));
  const rest = given.filter(([name]) => !(name in engine) && name !== keptIn);
  const env = { ...Object.fromEntries(rest), [keptIn]: JSON.stringify(engine) };
  try {
    const [executable, args] = ["/proc/self/exe", process.argv.slice(2)];
    process.execve?.(executable, [process.argv0, ...args], env as NodeJS.ProcessEnv);
    return fail({ code: "ENOSYS", message: "the engine cannot begin anew" });
  } catch (error) {
    return fail({ code: "EINVAL", message: error instanceof Error ? error.message : String(error) });
  }
}

/** Reads the variables that were left out. A person who sets another text changes only what our children are given. */
function parse(text: string): Variables {
  try {
    const json: unknown = JSON.parse(text);
    if (typeof json !== "object" || json === null) return {};
    return Object.fromEntries(Object.entries(json).filter(([, value]) => typeof value === "string"));
  } catch {
    return {};
  }
}
