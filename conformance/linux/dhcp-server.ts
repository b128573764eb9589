import { createSocket } from "node:dgram";
import * as fs from "node:fs";
import { answerDhcp, type Leases } from "../dhcp.ts";

const [serverPort, clientPort] = [67, 68] as const;

/** `hawser-conformance dhcp-server FILE`: serves its network namespace, and creates the file once it is ready. */
export function serveDhcp(ready: string): Promise<never> {
  const leases: Leases = new Map();
  const socket = createSocket("udp4");
  socket.on("message", (message) => {
    const answer = answerDhcp(message, leases);
    // The client has no address yet: the answer goes to all, and its transaction ID names the client.
    if (answer !== undefined) socket.send(answer, clientPort, "255.255.255.255");
  });
  socket.bind(serverPort, () => {
    socket.setBroadcast(true);
    fs.writeFileSync(ready, "");
  });
  // The machine ends this process at the end of the case.
  return new Promise(() => undefined);
}
