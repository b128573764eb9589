import { spawnSync } from "node:child_process";
import { dirname } from "node:path";
import { hideMachine } from "./demo-node.ts";
import { makePrinter } from "./printer.ts";
import { DemoFailure, run } from "./programs.ts";
import { findPrograms } from "./runtime.ts";
import { tellStory } from "./story.ts";

const root = dirname(dirname(import.meta.dirname));
const insideMark = "--inside";

/**
 * `make demo`. The story runs in network and mount namespaces of its own. The kernel removes them with the last process in
 * them. So nothing is left on the machine, even after a failure, Ctrl-C or kill -9.
 */
function main(): number {
  try {
    return process.argv.includes(insideMark) ? inside() : outside();
  } catch (error) {
    if (!(error instanceof DemoFailure)) throw error;
    process.stderr.write(`\nThe demonstration stops here: ${error.message}\n`);
    return 1;
  }
}

function outside(): number {
  requireMachine();
  findPrograms(root);
  const argv = ["--net", "--mount", process.execPath, import.meta.filename, insideMark];
  const child = spawnSync("unshare", argv, { stdio: "inherit" });
  if (child.error !== undefined) throw new DemoFailure(`cannot run unshare: ${child.error.message}`);
  return child.status ?? 130;
}

function inside(): number {
  const startedMs = performance.now();
  const colours = process.stdout.isTTY === true && (process.env.NO_COLOR ?? "") === "";
  const printer = makePrinter((text) => process.stdout.write(text), colours);
  hideMachine();
  printer.title("Hawser: two pods, three networks each");
  printer.say("All of it happens in network and mount namespaces of this demonstration's own, which vanish");
  printer.say("when it ends: this machine's own network and files are not touched.");
  tellStory(printer, findPrograms(root));
  const seconds = ((performance.now() - startedMs) / 1000).toFixed(1);
  printer.title(`All of it held. (${seconds} s)`);
  return 0;
}

/** Says everything that the machine lacks at once, each with a remedy. */
function requireMachine(): void {
  if (process.platform !== "linux" || process.getuid?.() !== 0) {
    throw new DemoFailure("it makes network namespaces: run it as root on Linux");
  }
  const tools = [
    { argv: ["ip", "-V"], packageName: "iproute2" },
    { argv: ["ping", "-V"], packageName: "iputils-ping" },
    { argv: ["unshare", "--net", "--mount", "true"], packageName: "util-linux" },
  ];
  const missing = tools.filter(({ argv }) => !works(argv)).map(({ packageName }) => packageName);
  if (missing.length === 0) return;
  const refused = missing.includes("util-linux") ? "\n(unshare also needs CAP_SYS_ADMIN.)" : "";
  throw new DemoFailure(`not usable here: programs of ${missing.join(", ")}; install them${refused}`);
}

function works(argv: readonly string[]): boolean {
  try {
    return run(argv).code === 0;
  } catch {
    return false;
  }
}

process.exitCode = main();
