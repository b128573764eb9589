import { createSocket } from "node:dgram";
import * as fs from "node:fs";
import { answerDhcp, type Leases } from "../dhcp.ts";

const [serverPort, clientPort] = [67, 68] as const;

/** `hawser-conformance dhcp-server FILE`: serves the network namespace that it runs in; the file tells that it does. */
export function serveDhcp(ready: string): Promise<never> {
  const leases: Leases = new Map();
  const socket = createSocket("udp4");
  socket.on("message", (message) => {
    const answer = answerDhcp(message, leases);
    // Who asks has no address yet: all are told, and the transaction says who is meant.
    if (answer !== undefined) socket.send(answer, clientPort, "255.255.255.255");
  });
  socket.bind(serverPort, () => {
    socket.setBroadcast(true);
    fs.writeFileSync(ready, "");
  });
  // It is ended with the case that it serves.
  return new Promise(() => undefined);
}
