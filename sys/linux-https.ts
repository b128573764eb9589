import { Agent, request as startRequest } from "node:https";
import type { HttpAttempt, HttpRequest, TlsMaterial } from "./http.ts";
import { toHttpFault } from "./linux-http.ts";
import { fail, ok } from "./outcome.ts";

/** Connections are kept for the next request; idle ones do not keep the process. */
const agents = new WeakMap<TlsMaterial, Agent>();

function agentFor(tls: TlsMaterial): Agent {
  const known = agents.get(tls);
  if (known !== undefined) return known;
  const agent = new Agent({ keepAlive: true, ...tls });
  agents.set(tls, agent);
  return agent;
}

/** On Node: its fetch takes no certificates. Loaded only when there are some. Rejects when the signal aborts it. */
export function requestWithNode(
  { method, url, headers, body }: HttpRequest,
  tls: TlsMaterial,
  signal: AbortSignal,
): Promise<HttpAttempt> {
  return new Promise((resolve, reject) => {
    const failed = (error: Error): void => {
      if (signal.aborted) reject(error);
      else resolve(fail(toHttpFault(error)));
    };
    try {
      const outgoing = startRequest(url, { method, headers, signal, agent: agentFor(tls) }, (incoming) => {
        let text = "";
        incoming.setEncoding("utf8");
        incoming.on("data", (part: string) => {
          text += part;
        });
        incoming.on("error", failed);
        const { statusCode: status = 0, headers: answered } = incoming;
        const retryAfter = answered["retry-after"];
        const more = retryAfter === undefined ? {} : { retryAfter };
        incoming.on("end", () => resolve(ok({ status, body: text, ...more })));
      });
      outgoing.on("error", failed);
      outgoing.end(body);
    } catch (error) {
      // Certificates that are none are thrown.
      reject(error);
    }
  });
}
