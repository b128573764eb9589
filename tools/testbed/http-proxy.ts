import * as http from "node:http";
import type { AddressInfo } from "node:net";

/** A proxy before an HTTP server. It counts requests, and loses answers as a network does. */
export interface HttpProxy {
  readonly url: string;
  /** For each connection that has ended, the number of its requests. A process of ours has one connection. */
  readonly perConnection: readonly number[];
  /** The paths of all requests. */
  readonly paths: readonly string[];
  /** Whether the answer to the request of this number is lost. The server has done the request. */
  losesAnswer: (request: number) => boolean;
  stop(): Promise<void>;
}

export async function startProxy(target: string): Promise<HttpProxy> {
  const perConnection: number[] = [];
  const paths: string[] = [];
  const agent = new http.Agent({ keepAlive: true });
  let count = 0;
  const server = http.createServer((incoming, outgoing) => {
    const number = count++;
    const { url = "/", method, headers, socket } = incoming;
    paths.push(url);
    const forwarded = http.request(target + url, { method, headers, agent }, (answer) => {
      if (proxy.losesAnswer(number)) {
        answer.resume().on("end", () => socket.destroy());
        return;
      }
      outgoing.writeHead(answer.statusCode ?? 500, answer.headers);
      answer.pipe(outgoing);
    });
    forwarded.on("error", () => socket.destroy());
    incoming.pipe(forwarded);
  });
  server.on("connection", (socket) => {
    let requests = 0;
    const before = (incoming: http.IncomingMessage): void => {
      if (incoming.socket === socket) requests++;
    };
    server.prependListener("request", before);
    socket.once("close", () => {
      server.off("request", before);
      perConnection.push(requests);
    });
  });
  server.setMaxListeners(0);
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const proxy: HttpProxy = {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    perConnection,
    paths,
    losesAnswer: () => false,
    stop: async () => {
      agent.destroy();
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
  return proxy;
}
