import {
  type ClientRequest,
  Agent as HttpAgent,
  type IncomingMessage,
  request as startHttp,
} from "node:http";
import { Agent as HttpsAgent, request as startHttps } from "node:https";
import { gather } from "./gather.ts";
import {
  encodingProblem,
  type HttpAttempt,
  type HttpFault,
  type HttpRequest,
  longestAnswer,
  noMaterial,
  type TlsMaterial,
  toHttpFault,
  tooLong,
} from "./http.ts";
import { withAuthority } from "./linux-authority.ts";
import { fail, ok } from "./outcome.ts";

/**
 * Connections are kept for the next request, and idle ones do not keep the process alive. An agent of our own uses no
 * proxy, whatever NODE_USE_ENV_PROXY says.
 */
const plainAgent = new HttpAgent({ keepAlive: true });
const agents = new WeakMap<TlsMaterial, HttpsAgent>();

async function agentFor(url: string, tls: TlsMaterial): Promise<HttpsAgent> {
  const known = agents.get(tls);
  if (known !== undefined) return known;
  const material = await withAuthority(url, tls);
  // Always said: without it NODE_TLS_REJECT_UNAUTHORIZED=0 would decide.
  const agent = new HttpsAgent({ keepAlive: true, ...material, rejectUnauthorized: true });
  agents.set(tls, agent);
  return agent;
}

/** The longest headers of an answer. It is Node's own default, which NODE_OPTIONS could raise. */
const maxHeaderSize = 16 * 1024;

/** Sends a request on Node, with modules that are loaded only for this. Rejects when the signal aborts it. */
export async function requestWithNode(request: HttpRequest, signal: AbortSignal): Promise<HttpAttempt> {
  const { url, tls = noMaterial } = request;
  const agent = url.startsWith("https:") ? await agentFor(url, tls) : plainAgent;
  return new Promise((resolve, reject) => {
    const failed = (error: Error): void => {
      if (signal.aborted) reject(error);
      else resolve(fail(toHttpFault(error)));
    };
    try {
      const outgoing = start(request, agent, signal, (incoming) => {
        readAnswer(incoming, request.maxBytes ?? longestAnswer, failed, (attempt) => {
          resolve(attempt);
          if (!attempt.ok) outgoing.destroy();
        });
      });
      outgoing.on("error", failed);
      outgoing.end(request.body);
    } catch (error) {
      // A text that is no certificate is thrown here.
      reject(error);
    }
  });
}

function start(
  { method, url, headers }: HttpRequest,
  agent: HttpAgent,
  signal: AbortSignal,
  answered: (incoming: IncomingMessage) => void,
): ClientRequest {
  const options = {
    method,
    headers: { ...headers, "accept-encoding": "identity" },
    agent,
    signal,
    maxHeaderSize,
  };
  return url.startsWith("https:") ? startHttps(url, options, answered) : startHttp(url, options, answered);
}

function readAnswer(
  incoming: IncomingMessage,
  maxBytes: number,
  failed: (error: Error) => void,
  settle: (attempt: HttpAttempt) => void,
): void {
  const refuse = (fault: HttpFault): void => settle(fail(fault));
  // An error after the promise has been settled changes nothing.
  incoming.on("error", failed);
  const encoded = encodingProblem(incoming.headers["content-encoding"] ?? null);
  const isTooLong = Number(incoming.headers["content-length"] ?? 0) > maxBytes;
  if (encoded !== undefined || isTooLong) {
    refuse(encoded ?? tooLong(maxBytes));
    return;
  }
  const gathering = gather(maxBytes);
  incoming.on("data", (part: Buffer) => {
    if (!gathering.add(part)) refuse(tooLong(maxBytes));
  });
  incoming.on("end", () => {
    const { statusCode: status = 0, headers: answered } = incoming;
    const { "retry-after": retryAfter, date } = answered;
    const told = {
      ...(retryAfter === undefined ? {} : { retryAfter }),
      ...(date === undefined ? {} : { date }),
    };
    settle(ok({ status, body: gathering.text(), ...told }));
  });
}
