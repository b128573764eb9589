import * as fs from "node:fs";
import type { IncomingMessage, ServerResponse } from "node:http";
import { createServer } from "node:https";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { TLSSocket } from "node:tls";
import { parseApiPath } from "../../kube/api-path.ts";
import { type Authority, type Certificate, makeAuthority } from "./certificates.ts";
import { type ApiRefusal, created, type KubeObject, mergePatch, statusOf } from "./kube-objects.ts";
import { shapeProblems } from "./kube-schema.ts";

/** A Kubernetes API server over TLS with pods and network definitions: ours or the real one. */
export interface KubeServer {
  /** `https://127.0.0.1:40001` */
  readonly url: string;
  readonly authority: Authority;
  /** The certificate of the user `hawser`, who may read pods and definitions and patch pods' status. */
  readonly client: Certificate;
  /** The token of the user `hawser`. No other token belongs to a user. */
  readonly token: string;
  create(object: KubeObject): Promise<KubeObject>;
  /** Reads the object at a path of the API as an administrator. */
  read(path: string): Promise<KubeObject | undefined>;
  /** The requests of `hawser` since `forget`, in the order of arrival: `get /api/v1/...`. */
  asked(): readonly string[];
  forget(): void;
  stop(): Promise<void>;
}

/** Our API server. A test can make it fail. */
export interface KubeApi extends KubeServer {
  token: string;
  /** The rights of `hawser`: `get pods`, `patch pods/status`. */
  readonly rights: Set<string>;
  /** Every request, in the order of their arrival. */
  readonly requests: readonly KubeRequest[];
  /** The fault that a request meets in place of an answer. */
  fault: (request: KubeRequest) => InjectedFault | undefined;
  /** Creates or replaces an object, and returns it as the server keeps it. Throws if no API server would take it. */
  put(object: KubeObject): KubeObject;
  /** The object at a path of the API. */
  at(path: string): KubeObject | undefined;
  remove(path: string): void;
  /** The greatest number of requests at one moment, since `forget`. */
  mostAtOnce(): number;
  /** The number of connections, since `forget`. */
  connections(): number;
  /** A Unix socket that serves the same API. It can be reached from every network namespace. */
  readonly socket: string;
}

export interface KubeRequest {
  /** The number of the request since `forget`, from 0 on. */
  readonly number: number;
  readonly method: string;
  readonly path: string;
  /** The user, undefined if the request has none. */
  readonly user: string | undefined;
}

export type InjectedFault =
  | { readonly kind: "slow"; readonly ms: number }
  /** The server answers only after this moment. */
  | { readonly kind: "until"; readonly moment: Promise<void> }
  | { readonly kind: "status"; readonly code: number; readonly retryAfterS?: number }
  /** The answer has this text as its body, and code 200 unless another is given. */
  | { readonly kind: "body"; readonly text: string; readonly code?: number }
  /** The connection is closed without an answer. */
  | { readonly kind: "reset" }
  /** The answer breaks off halfway. */
  | { readonly kind: "truncated" }
  /** The server never answers. */
  | { readonly kind: "silent" };

const kinds: Readonly<Record<string, string>> = {
  Pod: "pods",
  NetworkAttachmentDefinition: "network-attachment-definitions",
};

interface State {
  readonly api: Omit<KubeApi, "url" | "stop" | "socket">;
  readonly objects: Map<string, KubeObject>;
  readonly requests: KubeRequest[];
  revision: number;
  underWay: number;
  mostAtOnce: number;
  connections: number;
}

export async function startKubeApi(): Promise<KubeApi> {
  const root = fs.mkdtempSync(join(tmpdir(), "hawser-kube-api-"));
  const authority = makeAuthority(root);
  const server = authority.issue("server", "/CN=kube-apiserver", "IP:127.0.0.1,IP:::1,DNS:kubernetes");
  const client = authority.issue("client", "/CN=hawser", "DNS:hawser");
  const state = newState(authority, client);
  const options = {
    ca: fs.readFileSync(authority.caFile),
    cert: fs.readFileSync(server.certFile),
    key: fs.readFileSync(server.keyFile),
    requestCert: true,
    rejectUnauthorized: false,
  };
  const socket = join(root, "api.sock");
  const listeners = [{ port: 0, host: "127.0.0.1" }, { path: socket }].map(async (place) => {
    const listener = createServer(options, (request, response) => void serve(state, request, response));
    listener.on("secureConnection", () => state.connections++);
    listener.on("tlsClientError", () => undefined);
    await new Promise<void>((resolve) => listener.listen(place, resolve));
    return listener;
  });
  const servers = await Promise.all(listeners);
  const [first] = servers.map((each) => each.address() as AddressInfo);
  const stop = async (): Promise<void> => {
    for (const each of servers) {
      each.closeAllConnections();
      await new Promise((resolve) => each.close(resolve));
    }
    fs.rmSync(root, { recursive: true, force: true });
  };
  return Object.assign(state.api, { url: `https://127.0.0.1:${first?.port}`, socket, stop });
}

function newState(authority: Authority, client: Certificate): State {
  const objects = new Map<string, KubeObject>();
  const requests: KubeRequest[] = [];
  const state: State = {
    objects,
    requests,
    revision: 0,
    underWay: 0,
    mostAtOnce: 0,
    connections: 0,
    api: {
      authority,
      client,
      token: "token-of-hawser",
      rights: new Set(["get pods", "patch pods/status", "get network-attachment-definitions"]),
      requests,
      fault: () => undefined,
      put: (object) => {
        const problems = shapeProblems(object.kind, object);
        if (problems.length > 0) throw new Error(`not a ${object.kind}: ${problems.join("; ")}`);
        const kept = created(object, ++state.revision);
        objects.set(pathOf(object), kept);
        return kept;
      },
      create: async (object) => state.api.put(object),
      read: async (path) => objects.get(path),
      asked: () => requests.map(({ method, path }) => `${method.toLowerCase()} ${path}`),
      at: (path) => objects.get(path),
      remove: (path) => void objects.delete(path),
      forget: () => {
        requests.length = 0;
        state.mostAtOnce = 0;
        state.connections = 0;
      },
      mostAtOnce: () => state.mostAtOnce,
      connections: () => state.connections,
    },
  };
  return state;
}

export function pathOf({ apiVersion, kind, metadata: { namespace, name } }: KubeObject): string {
  const root = apiVersion.includes("/") ? "/apis" : "/api";
  return `${root}/${apiVersion}/namespaces/${namespace}/${kinds[kind]}/${name}`;
}

async function serve(state: State, incoming: IncomingMessage, response: ServerResponse): Promise<void> {
  const { method = "", url: path = "" } = incoming;
  const request = { number: state.requests.length, method, path, user: userOf(state, incoming) };
  state.requests.push(request);
  state.mostAtOnce = Math.max(state.mostAtOnce, ++state.underWay);
  response.once("close", () => state.underWay--);
  let body = "";
  for await (const part of incoming.setEncoding("utf8")) body += part;
  const fault = state.api.fault(request);
  if (fault?.kind === "slow") await new Promise((resolve) => setTimeout(resolve, fault.ms));
  else if (fault?.kind === "until") await fault.moment;
  else if (fault !== undefined) return misbehave(fault, incoming, response);
  const answer = decide(state, request, incoming.headers["content-type"] ?? "", body);
  const isObject = "metadata" in answer;
  send(response, isObject ? 200 : answer.code, isObject ? answer : statusOf(answer));
}

/** The user of a request. A token counts before a certificate. */
function userOf({ api }: State, { headers, socket }: IncomingMessage): string | undefined {
  const { authorization } = headers;
  if (authorization !== undefined) return authorization === `Bearer ${api.token}` ? "hawser" : undefined;
  const { authorized, getPeerCertificate } = socket as TLSSocket;
  return authorized ? String(getPeerCertificate.call(socket).subject?.CN) : undefined;
}

function send(response: ServerResponse, code: number, body: object): void {
  response.writeHead(code, { "content-type": "application/json" }).end(JSON.stringify(body));
}

/** Does to a request what the fault says. A `silent` one gets no answer. */
function misbehave(
  fault: Exclude<InjectedFault, { kind: "slow" | "until" }>,
  { socket, headers }: IncomingMessage,
  response: ServerResponse,
): void {
  switch (fault.kind) {
    case "status": {
      if (fault.retryAfterS !== undefined) response.setHeader("retry-after", String(fault.retryAfterS));
      // A real server never repeats a token in its answer, but a proxy before it might.
      const message = `made to fail; you sent ${headers.authorization}`;
      send(response, fault.code, statusOf({ code: fault.code, reason: "Fault", message }));
      break;
    }
    case "body":
      response.writeHead(fault.code ?? 200, { "content-type": "text/plain" }).end(fault.text);
      break;
    case "reset":
      socket.destroy();
      break;
    case "truncated":
      response.writeHead(200, { "content-type": "application/json", "content-length": "1000" });
      response.write(`{"kind":`, () => socket.destroy());
      break;
    case "silent":
      break;
  }
}

/**
 * The object, or a refusal. Like a real server, and in its words, this judges first the user, then the user's rights, then
 * whether the object exists, then the patch.
 */
function decide(
  state: State,
  request: KubeRequest,
  contentType: string,
  body: string,
): KubeObject | ApiRefusal {
  const { user, path, method } = request;
  if (user === undefined) return { code: 401, reason: "Unauthorized", message: "Unauthorized" };
  const target = parseApiPath(path);
  const details = target && {
    name: target.name,
    ...(target.group && { group: target.group }),
    kind: target.resource,
  };
  const verb = method.toLowerCase();
  if (target === undefined || !state.api.rights.has(`${verb} ${target.resource}`)) {
    const message = `${target?.resource} "${target?.name}" is forbidden: User "${user}" cannot ${verb} resource "${target?.resource}" in API group "${target?.group}" in the namespace "${target?.namespace}"`;
    return { code: 403, reason: "Forbidden", message, ...(details && { details }) };
  }
  const key = path.replace(/\/status$/, "");
  const object = state.objects.get(key);
  if (object === undefined) {
    const kind = target.resource.replace(/\/status$/, "");
    const full = target.group === "" ? kind : `${kind}.${target.group}`;
    const about = { ...details, kind };
    return { code: 404, reason: "NotFound", message: `${full} "${target.name}" not found`, details: about };
  }
  if (method === "GET") return object;
  const patched = patch(object, contentType, body);
  if ("code" in patched) return patched;
  const version = String(++state.revision);
  const kept = { ...patched, metadata: { ...patched.metadata, resourceVersion: version } } as KubeObject;
  state.objects.set(key, kept);
  return kept;
}

function patch(object: KubeObject, contentType: string, body: string): KubeObject | ApiRefusal {
  const { kind, metadata } = object;
  if (contentType !== "application/merge-patch+json")
    return { code: 415, reason: "UnsupportedMediaType", message: "415: Unsupported Media Type", details: {} };
  const change = parsed(body);
  if (change === undefined) return { code: 400, reason: "BadRequest", message: "error decoding patch" };
  const patched = mergePatch(object, change) as KubeObject;
  const problems = shapeProblems(kind, patched);
  if (problems.length > 0) return invalid(object, "patch", problems.join("; "));
  // A real server answers 409 for another uid only to an update, and 422 to a patch.
  if (patched.metadata.uid !== metadata.uid) return invalid(object, "metadata.uid", "field is immutable");
  if (patched.metadata.resourceVersion !== metadata.resourceVersion) {
    const message = `Operation cannot be fulfilled on ${kinds[kind]} "${metadata.name}": the object has been modified; please apply your changes to the latest version and try again`;
    return { code: 409, reason: "Conflict", message, details: { name: metadata.name, kind: kinds[kind] } };
  }
  return patched;
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

function invalid({ kind, metadata: { name } }: KubeObject, field: string, why: string): ApiRefusal {
  const causes = [{ reason: "FieldValueInvalid", message: why, field }];
  const message = `${kind} "${name}" is invalid: ${field}: ${why}`;
  return { code: 422, reason: "Invalid", message, details: { name, kind, causes } };
}
