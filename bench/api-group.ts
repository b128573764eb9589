import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { networkDefinition, pod } from "../tools/testbed/kube-objects.ts";
import type { Bench, BenchGroup, Findings } from "./bench-group.ts";
import { throughHawser, versionOf } from "./candidates.ts";
import { above, ratiosOf } from "./cost.ts";
import { medianOf, summariseAll, takeTurns } from "./rounds.ts";
import { BenchFailure } from "./timed-call.ts";

const rounds = 40;
const networks = 3;
const annotation = "k8s.v1.cni.cncf.io/networks";

/** One pod of three networks, with more or less of what an ADD needs known on the node already. */
export const apiGroup: BenchGroup = {
  title: "Kubernetes API",
  run: (bench) => withServer(bench, (folder) => compare(bench, folder)),
};

/** Starts the server for the group, and ends it in any case. The server ends by itself when the bench is killed. */
async function withServer(bench: Bench, use: (folder: string) => Promise<Findings>): Promise<Findings> {
  const folder = join(dirname(bench.scene.versionInput), "api");
  mkdirSync(folder, { recursive: true });
  writeFileSync(join(folder, "objects.json"), JSON.stringify(objectsOf(bench)));
  const script = join(import.meta.dirname, "api-server.ts");
  const child = spawn("setpriv", ["--pdeathsig", "KILL", process.execPath, script, folder], {
    // The server's certificates lie in the folder of the run, and are removed with it.
    env: { ...process.env, TMPDIR: folder },
    stdio: ["pipe", "pipe", "inherit"],
  });
  try {
    const said = await Promise.race([once(child.stdout, "data"), once(child, "exit").then(() => undefined)]);
    if (said === undefined) throw new BenchFailure("the API server did not start");
    return await use(folder);
  } finally {
    child.stdin.end();
    if (child.exitCode === null) await once(child, "exit");
  }
}

/** The objects of the API: the pod with its annotation, and the definitions that it names. */
function objectsOf({ scene }: Bench): object[] {
  const secondaries = scene.delegates
    .slice(1, networks)
    .map((file) => JSON.parse(readFileSync(file, "utf8")));
  const chosen = secondaries.map(({ name }) => name).join(",");
  return [
    pod("default", "bench", { [annotation]: chosen }),
    ...secondaries.map((config) => networkDefinition("default", config.name, config)),
  ];
}

async function compare({ timer, scene, programs, onRound }: Bench, folder: string): Promise<Findings> {
  const local = scene.hawserConfig({ networks, chained: false, parallel: false, native: false });
  const candidate = (name: string, changes: object) =>
    throughHawser(timer, scene, name, {
      executable: programs.hawser,
      cniPath: programs.pluginsDir,
      inputFile: variant(folder, local, name, changes),
    });
  const kubeconfig = join(folder, "kubeconfig");
  const nothing = { definitionsDir: join(folder, "none") };
  const candidates = [
    versionOf(timer, "empty", programs.empty, scene.versionInput),
    candidate("local", {}),
    candidate("local+status", { kubeconfig }),
    candidate("definitions", { kubeconfig, ...nothing }),
    candidate("pod+definitions", { kubeconfig, ...nothing, runtimeConfig: {} }),
  ];
  const summaries = summariseAll(takeTurns(candidates, rounds, onRound));
  const of = (name: string) => medianOf(summaries, name);
  const overhead = (name: string) =>
    ratiosOf(`api-add3.(${name}-local)/empty`, above(of(`${name} ADD`), of("local ADD")), of("empty"));
  const against = (name: string) => ratiosOf(`api-del3.${name}/local`, of(`${name} DEL`), of("local DEL"));
  const others = ["local+status", "definitions", "pod+definitions"];
  return { summaries, measures: [...others.flatMap(overhead), ...against("pod+definitions")] };
}

/** The configuration with some fields of it changed. */
function variant(folder: string, file: string, name: string, changes: object): string {
  const config = JSON.parse(readFileSync(file, "utf8")) as object;
  const path = join(folder, `${name.replaceAll("+", "-")}.json`);
  writeFileSync(path, `${JSON.stringify({ ...config, ...changes })}\n`);
  return path;
}
