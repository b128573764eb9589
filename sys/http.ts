import type { Fault } from "./fault.ts";
import type { Outcome } from "./outcome.ts";

export interface HttpRequest {
  readonly method: "GET" | "POST" | "PATCH";
  /** `http:` or `https:`. No proxy of the environment is used: what a node talks to is beside it. */
  readonly url: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body?: string;
  /** Until the last byte of the response. */
  readonly timeoutMs: number;
  /** The same object for every request to one server: connections are kept by it. */
  readonly tls?: TlsMaterial;
  /** A longer body is refused (`EMSGSIZE`) as soon as it is longer; `longestAnswer` where nothing is said. */
  readonly maxBytes?: number;
}

/**
 * PEM texts. Without `ca` the engine's own authorities count, and no others. The server's certificate is verified in any
 * case; there is no way to say otherwise.
 */
export interface TlsMaterial {
  readonly ca?: string;
  readonly cert?: string;
  readonly key?: string;
  /** Whose certificate the server has to show, where that is not the URL's host. Spelled as both engines want it. */
  readonly servername?: string;
}

/** Any status is a response; redirections are not followed. An encoded one is refused: we have asked for none. */
export interface HttpResponse {
  readonly status: number;
  readonly body: string;
  /** When to come again (the header of this name), if the server says so. */
  readonly retryAfter?: string;
  /** The server's own clock (the header of this name), to the second, if it tells. */
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

/** What nobody legitimate exceeds: an object of Kubernetes has 1.5 MiB at most in etcd, a page of addresses less. */
export const longestAnswer = 8 * 1024 * 1024;

export function tooLong(maxBytes: number): HttpFault {
  return { code: "EMSGSIZE", message: `the answer has more than ${maxBytes} bytes`, sent: "maybe" };
}

/** Why an answer with this content-encoding is not read: a few kilobytes of gzip become gigabytes. */
export function encodingProblem(encoding: string | null): HttpFault | undefined {
  if (encoding === null || /^(identity)?$/i.test(encoding.trim())) return undefined;
  return { code: "ENOTSUP", message: "the answer is compressed, which was not asked for", sent: "maybe" };
}

/** Nobody was there to read it: no name, no way, no listener, no right, no descriptor left. */
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

/** Of TLS: certificates that were refused by us or by the server, files that are none. */
const unsentPrefix =
  /^(ERR_TLS_|ERR_SSL_|ERR_OSSL_|ERR_INVALID_|UNABLE_TO_|CERT_|SELF_SIGNED_|DEPTH_ZERO_|HOSTNAME_|INVALID_|CRL_)/;

/** Of these, those by which the server's own certificate is refused; no later try has another end. */
const distrustPrefix =
  /^(ERR_TLS_CERT_|UNABLE_TO_(GET|VERIFY)_|CERT_|SELF_SIGNED_|DEPTH_ZERO_|HOSTNAME_|INVALID_CA|CRL_)/;

/** Whether a failure with this code means that the server is not who it has to be. */
export function isDistrust(code: string): boolean {
  return distrustPrefix.test(code);
}

/** Whether a failure with this code leaves open that the server has read the request. What is unknown may have been. */
export function wasSent(code: string): HttpFault["sent"] {
  return unsentCodes.has(code) || unsentPrefix.test(code) ? "no" : "maybe";
}
const headersTooLong = /^(HPE_HEADER_OVERFLOW|ResponseHeadersTooLarge)$/;
const noHttp = /^(HPE_|Malformed_)/;

/** Each engine has codes of its own for what is no HTTP, or has no code for it. */
export function toHttpFault(error: unknown): HttpFault {
  if (!(error instanceof Error)) throw error;
  const { code } = error as { code?: unknown };
  const said = typeof code === "string" ? code : "EBADMSG";
  const own = headersTooLong.test(said) ? "EMSGSIZE" : noHttp.test(said) ? "EBADMSG" : said;
  // Bun's advice is for those who can change the program.
  const [message = ""] = error.message.split(/ For more information, pass |\n/);
  return { code: own, message: message.trim(), sent: wasSent(own) };
}

/** Of a server that nothing is said of. */
export const noMaterial: TlsMaterial = {};
