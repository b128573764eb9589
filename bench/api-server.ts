import { readFileSync } from "node:fs";
import { join } from "node:path";
import { type KubeApi, startKubeApi } from "../tools/testbed/kube-api.ts";
import { writeKubeconfig } from "../tools/testbed/test-kubeconfig.ts";

/**
 * `api-server.ts FOLDER`: an API server with the objects of FOLDER/objects.json, as FOLDER/kubeconfig names it. A process
 * of its own, since the bench stands still while it times a call. Says `ready`, and ends with its stdin.
 */
const folder = process.argv[2] ?? "";
const api = await startKubeApi();
for (const object of JSON.parse(readFileSync(join(folder, "objects.json"), "utf8")) as Parameters<
  KubeApi["put"]
>[0][])
  api.put(object);
writeKubeconfig(join(folder, "kubeconfig"), api);
process.stdout.write("ready\n");
process.stdin.on("end", () => void api.stop()).resume();
