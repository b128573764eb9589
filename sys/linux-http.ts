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
 * What Bun's fetch has beyond the standard. `proxy: false` makes it ignore HTTP_PROXY, `decompress: false` keeps it
 * from making a gigabyte of a megabyte.
 */
interface EngineOptions extends RequestInit {
  readonly proxy: false;
  readonly decompress: false;
  readonly tls: VerifiedTls;
}

/** Always said: without it NODE_TLS_REJECT_UNAUTHORIZED=0 would decide. */
interface VerifiedTls extends TlsMaterial {
  readonly rejectUnauthorized: true;
}

const isBun = process.versions.bun !== undefined;

/**
 * Under Bun this is fetch, which costs a plugin 1 ms where node:http costs 6. Under Node it is node:http, because
 * Node's fetch takes no certificates.
 */
export async function requestHttp(request: HttpRequest): Promise<HttpAttempt> {
  const control = new AbortController();
  const timer = setTimeout(() => control.abort(), request.timeoutMs);
  try {
    if (isBun) return await requestWithFetch(request, control);
    const { requestWithNode } = await import("./linux-https.ts");
    return await requestWithNode(request, control.signal);
  } catch (error) {
    return fail(control.signal.aborted ? timedOut(request) : toHttpFault(error));
  } finally {
    clearTimeout(timer);
  }
}

const verifiedOf = new WeakMap<TlsMaterial, VerifiedTls>();

/** One object for one server, so that its connection is kept. */
async function verified(url: string, tls: TlsMaterial = noMaterial): Promise<VerifiedTls> {
  const known = verifiedOf.get(tls) ?? { ...(await withAuthority(url, tls)), rejectUnauthorized: true };
  verifiedOf.set(tls, known);
  return known;
}

async function requestWithFetch(request: HttpRequest, control: AbortController): Promise<HttpAttempt> {
  const { method, url, headers, body, tls, maxBytes = longestAnswer } = request;
  const options: EngineOptions = {
    method,
    headers: { ...headers, "accept-encoding": "identity" },
    signal: control.signal,
    redirect: "manual",
    proxy: false,
    decompress: false,
    tls: await verified(url, tls),
    ...(body === undefined ? {} : { body }),
  };
  const response = await fetch(url, options);
  const encoded = encodingProblem(response.headers.get("content-encoding"));
  const text = encoded === undefined ? await readBody(response, maxBytes) : undefined;
  if (text === undefined) {
    control.abort();
    return fail(encoded ?? tooLong(maxBytes));
  }
  const retryAfter = response.headers.get("retry-after");
  const date = response.headers.get("date");
  const told = { ...(retryAfter === null ? {} : { retryAfter }), ...(date === null ? {} : { date }) };
  return ok({ status: response.status, body: text, ...told });
}

/** Reads a body; undefined as soon as it is longer than allowed. */
async function readBody(response: Response, maxBytes: number): Promise<string | undefined> {
  if (Number(response.headers.get("content-length") ?? 0) > maxBytes) return undefined;
  const reader = response.body?.getReader();
  if (reader === undefined) return "";
  const gathering = gather(maxBytes);
  for (;;) {
    const { value, done } = await reader.read();
    if (done) return gathering.text();
    if (!gathering.add(value)) return undefined;
  }
}

/** No name resolved and no answer look the same from here: it may have been sent. */
function timedOut({ timeoutMs }: HttpRequest): HttpFault {
  return { code: "ETIMEDOUT", message: `no answer within ${timeoutMs} ms`, sent: "maybe" };
}
