import * as fs from "node:fs";
import { join } from "node:path";
import type { Bed } from "./bed.ts";
import { startProgram } from "./call.ts";
import { until } from "./etcd.ts";
import type { KubeApi } from "./kube-api.ts";

const port = 6443;

/** Passes bytes on unread, so that TLS is from end to end. */
const program = `
const net = require("node:net");
const [socket, ready] = process.argv.slice(1);
const server = net.createServer((near) => {
  const far = net.connect(socket);
  for (const [from, to] of [[near, far], [far, near]]) from.on("error", () => to.destroy()).pipe(to);
});
server.listen(${port}, "127.0.0.1", () => require("node:fs").writeFileSync(ready, ""));`;

/**
 * Makes the server reachable within the bed's network namespace, which has no way out. Returns the server's URL there. The gate
 * ends with the bed.
 */
export async function openGate(bed: Bed, { socket }: KubeApi): Promise<string> {
  const ready = join(bed.root, "gate");
  startProgram(bed, [process.execPath, "-e", program, socket, ready], {}, "");
  await until("the gate to the API server is open", async () => fs.existsSync(ready));
  return `https://127.0.0.1:${port}`;
}
