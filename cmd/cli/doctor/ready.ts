import { isConfiguration } from "../../../kube/definition-files.ts";
import { fail, type Outcome, ok } from "../../../sys/outcome.ts";
import type { Sys } from "../../../sys/sys.ts";
import { hasPlugin } from "../conf-folder.ts";
import { readManifest } from "../install/manifest.ts";
import { paint, plain, printDocument, type Terminal } from "../terminal.ts";

const executable = 0o111;

/** Where to look for what `hawser install` leaves. */
interface ReadyOptions {
  readonly root: string;
  readonly ownDir: string;
  readonly json: boolean;
}

/** `hawser doctor --ready`: whether a runtime that starts a pod now calls this hawser. For the DaemonSet's probe. */
export function tellReady(sys: Sys, terminal: Terminal, options: ReadyOptions, program: string): number {
  const ready = judge(sys, options, program);
  const what = ready.ok ? ready.value : ready.error;
  if (options.json) printDocument(terminal, { ready: ready.ok, what });
  else if (ready.ok) terminal.print(`ready: ${plain(what)}`);
  else terminal.complain(`${paint(terminal, "red", "not ready:")} ${plain(what)}`);
  return ready.ok ? 0 : 1;
}

function judge(sys: Sys, { root, ownDir }: ReadyOptions, program: string): Outcome<string, string> {
  const manifest = readManifest(sys, root, ownDir);
  if (!manifest.ok) return fail(manifest.error.msg);
  if (manifest.value === undefined)
    return fail(`hawser install has not come to its end: there is no note in ${ownDir}`);
  const { binDir, confDir, file } = manifest.value;
  const binary = checkBinary(sys, root, `${binDir}/hawser`, program);
  if (!binary.ok) return binary;
  const names = sys.files.list(root + confDir);
  if (!names.ok) return fail(`${confDir} cannot be read: ${names.error.code}`);
  const first = names.value.find(isConfiguration);
  if (first !== file) return fail(`the runtime reads ${first ?? "nothing"} in ${confDir}, not ${file}`);
  const path = `${confDir}/${file}`;
  if (hasPlugin(sys, root + path, "hawser") !== true) return fail(`there is no hawser in ${path}`);
  return ok(`the runtime reads ${path} and finds ${binDir}/hawser`);
}

/** An upgrade is complete when the program on the node is the one that runs this command. Their sizes are compared. */
function checkBinary({ files }: Sys, root: string, path: string, program: string): Outcome<void, string> {
  const there = files.stat(root + path);
  if (!there.ok) return fail(`there is no ${path}`);
  if ((there.value.mode & executable) === 0) return fail(`${path} cannot be executed`);
  const own = files.stat(program);
  const isOther = own.ok && own.value.sizeBytes !== there.value.sizeBytes;
  return isOther ? fail(`${path} is another version's`) : ok(undefined);
}
