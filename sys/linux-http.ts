import type { HttpAttempt, HttpFault, HttpRequest } from "./http.ts";
import { wasSent } from "./http.ts";
import { fail, ok } from "./outcome.ts";

/** What Bun's fetch knows beyond the standard. `proxy: false` keeps it from HTTP_PROXY, which Node's does not read. */
interface EngineOptions extends RequestInit {
  readonly proxy: false;
  readonly tls?: HttpRequest["tls"];
}

const isBun = process.versions.bun !== undefined;

/** fetch, which costs a plugin 1 ms; node:http costs 6. Only Node's fetch cannot be given certificates. */
export async function requestHttp(request: HttpRequest): Promise<HttpAttempt> {
  const control = new AbortController();
  const timer = setTimeout(() => control.abort(), request.timeoutMs);
  try {
    if (request.tls !== undefined && !isBun) {
      const { requestWithNode } = await import("./linux-https.ts");
      return await requestWithNode(request, request.tls, control.signal);
    }
    return await requestWithFetch(request, control.signal);
  } catch (error) {
    return fail(control.signal.aborted ? timedOut(request) : toHttpFault(error));
  } finally {
    clearTimeout(timer);
  }
}

async function requestWithFetch(request: HttpRequest, signal: AbortSignal): Promise<HttpAttempt> {
  const { method, url, headers, body, tls } = request;
  const options: EngineOptions = {
    method,
    headers,
    signal,
    redirect: "manual",
    proxy: false,
    ...(body === undefined ? {} : { body }),
    ...(tls === undefined ? {} : { tls }),
  };
  const response = await fetch(url, options);
  const retryAfter = response.headers.get("retry-after");
  const text = await response.text();
  return ok({ status: response.status, body: text, ...(retryAfter === null ? {} : { retryAfter }) });
}

/** No name resolved and no answer look the same from here: it may have been sent. */
function timedOut({ timeoutMs }: HttpRequest): HttpFault {
  return { code: "ETIMEDOUT", message: `no answer within ${timeoutMs} ms`, sent: "maybe" };
}

/** Node's fetch tells the reason as the cause of its error. */
export function toHttpFault(error: unknown): HttpFault {
  if (!(error instanceof Error)) throw error;
  const reason = error.cause instanceof Error ? error.cause : error;
  const { code } = reason as { code?: unknown };
  // The parser's errors have no code; nor has Node's refusal of a port, which reaches nobody.
  const own = typeof code === "string" ? code : reason.message === "bad port" ? "EACCES" : "EBADMSG";
  // Node's fetch has a name of its own for a connection that the server closed.
  const text = own === "UND_ERR_SOCKET" ? "ECONNRESET" : own;
  // Bun's advice is for those who can change the program.
  const [message = ""] = reason.message.split(/ For more information, pass |\n/);
  return { code: text, message: message.trim(), sent: wasSent(text) };
}
