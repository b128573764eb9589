import { openNamespace } from "./linux-network.ts";

/**
 * A program for network.live.test.ts, to be run by each engine. It does one thing of sys.network in the namespace of its first
 * argument, and prints as JSON what it saw.
 */
const [, , path = "", what = "", ...args] = process.argv;
const own = openNamespace();
const opened = openNamespace(path);
if (!own.ok || !opened.ok) throw new Error("the namespaces cannot be opened");
const namespace = opened.value;

/** RTM_GETLINK of all links. */
const listLinks = new Uint8Array(32);
new Uint32Array(listLinks.buffer).set([32, 18 | (0x301 << 16), 7, 0, 0, 0]);

export type ProbedThing = keyof typeof things;

const things = {
  identities: () => [own.value.identity, namespace.identity],
  links: () => {
    const socket = namespace.socket("route");
    if (!socket.ok) return socket;
    const sent = socket.value.send(listLinks);
    const received = socket.value.receive();
    return sent.ok && received.ok ? Buffer.from(received.value).toString("latin1") : received;
  },
  settings: () => {
    const name = "ipv4/conf/all/forwarding";
    const before = namespace.readSetting(name);
    const elsewhere = own.value.readSetting(name);
    const written = namespace.writeSetting(name, "1");
    return [before, written, namespace.readSetting(name), elsewhere, own.value.readSetting(name)];
  },
  tap: () => namespace.makeTap({ name: args[0] ?? "", multiQueue: args[1] === "many", owner: 5, group: 6 }),
  frame: () => namespace.sendFrame(Number(args[0]), new Uint8Array(60).fill(0xff)),
  /** A signal comes while it waits for an answer that does not come. */
  signal: async () => {
    process.on("SIGUSR1", () => undefined);
    const socket = namespace.socket("route");
    const { spawn } = await import("node:child_process");
    spawn("sh", ["-c", `sleep 1; kill -USR1 ${process.pid}`], { stdio: "ignore" });
    return socket.ok ? socket.value.receive() : socket;
  },
} satisfies Record<string, () => unknown>;

const thing: () => unknown = things[what as ProbedThing];
process.stdout.write(JSON.stringify(await thing()));
