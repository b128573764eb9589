import type { Fault } from "./fault.ts";
import type { Outcome } from "./outcome.ts";

export interface HttpRequest {
  readonly method: "GET" | "POST" | "PATCH";
  /** `http:` or `https:`. The environment's proxy is never used: a node talks to servers beside it. */
  readonly url: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body?: string;
  /** Until the last byte of the response. */
  readonly timeoutMs: number;
  /** The same object for every request to one server, so that its connections are kept. */
  readonly tls?: TlsMaterial;
  /** A longer body is refused (`EMSGSIZE`) as soon as it is longer. The default is `longestAnswer`. */
  readonly maxBytes?: number;
}

/**
 * PEM texts. Without `ca` only the engine's own authorities are trusted. The server's certificate is verified in any
 * case, and no setting prevents that.
 */
export interface TlsMaterial {
  readonly ca?: string;
  readonly cert?: string;
  readonly key?: string;
  /**
   * The name that the server's certificate must have, if it is not the URL's host. Both engines spell the option this
   * way.
   */
  readonly servername?: string;
}

/**
 * A response may have any status; redirections are not followed. An encoded response is refused, because we have asked
 * for none.
 */
export interface HttpResponse {
  readonly status: number;
  readonly body: string;
  /** When to come again, if the server says so (header Retry-After). */
  readonly retryAfter?: string;
  /** The time of the server's clock, to the second, if the server tells it (header Date). */
  readonly date?: string;
}

export interface HttpFault extends Fault {
  /** `no`: the server cannot have seen the request. `maybe`: what it asked for may have been done. */
  readonly sent: "no" | "maybe";
}

export type HttpAttempt = Outcome<HttpResponse, HttpFault>;

export interface Http {
  request(request: HttpRequest): Promise<HttpAttempt>;
}

/**
 * No legitimate answer is longer: an object of Kubernetes has at most 1.5 MiB in etcd, and a page of addresses less.
 */
export const longestAnswer = 8 * 1024 * 1024;

export function tooLong(maxBytes: number): HttpFault {
  return { code: "EMSGSIZE", message: `the answer has more than ${maxBytes} bytes`, sent: "maybe" };
}

/** Returns why an answer with this content-encoding is not read: a few kilobytes of gzip become gigabytes. */
export function encodingProblem(encoding: string | null): HttpFault | undefined {
  if (encoding === null || /^(identity)?$/i.test(encoding.trim())) return undefined;
  return { code: "ENOTSUP", message: "the answer is compressed, which was not asked for", sent: "maybe" };
}

/**
 * Codes that mean that no server can have read the request: no name, no way, no listener, no right, no descriptor left.
 */
const unsentCodes: ReadonlySet<string> = new Set([
  "ECONNREFUSED",
  "ENOTFOUND",
  "ENODATA",
  "EAI_AGAIN",
  "EAI_FAIL",
  "EHOSTUNREACH",
  "EHOSTDOWN",
  "ENETUNREACH",
  "ENETDOWN",
  "EADDRNOTAVAIL",
  "EACCES",
  "EPERM",
  "EMFILE",
  "ENFILE",
  // A TLS handshake that failed, under both engines.
  "EPROTO",
  // Bun: no socket, or certificates that cannot be used.
  "FailedToOpenSocket",
  "UND_ERR_CONNECT_TIMEOUT",
]);

/** Codes of TLS: a certificate that we or the server refused, or a file that is no certificate. */
const unsentPrefix =
  /^(ERR_TLS_|ERR_SSL_|ERR_OSSL_|ERR_INVALID_|UNABLE_TO_|CERT_|SELF_SIGNED_|DEPTH_ZERO_|HOSTNAME_|INVALID_|CRL_)/;

/** The beginnings of those codes that mean that the server's own certificate was refused. A later try ends in the same way. */
const distrustPrefix =
  /^(ERR_TLS_CERT_|UNABLE_TO_(GET|VERIFY)_|CERT_|SELF_SIGNED_|DEPTH_ZERO_|HOSTNAME_|INVALID_CA|CRL_)/;

/** Whether a failure with this code means that the server is not the one it must be. */
export function isDistrust(code: string): boolean {
  return distrustPrefix.test(code);
}

/** Whether the server may have read the request although it failed with this code. An unknown code counts as yes. */
export function wasSent(code: string): HttpFault["sent"] {
  return unsentCodes.has(code) || unsentPrefix.test(code) ? "no" : "maybe";
}
const headersTooLong = /^(HPE_HEADER_OVERFLOW|ResponseHeadersTooLarge)$/;
const noHttp = /^(HPE_|Malformed_)/;

/**
 * A fault for what an engine throws. Each engine has its own codes for an answer that is no HTTP, or no code for it.
 */
export function toHttpFault(error: unknown): HttpFault {
  if (!(error instanceof Error)) throw error;
  const { code } = error as { code?: unknown };
  const said = typeof code === "string" ? code : "EBADMSG";
  const own = headersTooLong.test(said) ? "EMSGSIZE" : noHttp.test(said) ? "EBADMSG" : said;
  // The rest of Bun's message is advice for those who can change the program.
  const [message = ""] = error.message.split(/ For more information, pass |\n/);
  return { code: own, message: message.trim(), sent: wasSent(own) };
}

/** The name of a server of which nothing else is known. */
export const noMaterial: TlsMaterial = {};
