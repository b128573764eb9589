import { type ClientHttp2Session, type ClientHttp2Stream, connect, constants } from "node:http2";
import { connect as connectSocket } from "node:net";
import { type Gathering, gather } from "./gather.ts";
import { fail, ok } from "./outcome.ts";
import { type RpcAttempt, type RpcRequest, rpcFault, statusName } from "./rpc.ts";

/** The longest path of a socket's address in the kernel, without the byte that ends it. */
const longestPath = 107;
/** The bytes before each message: whether it is compressed (1 byte), and its length (4 bytes). */
const prefixBytes = 5;

type Headers = Readonly<Record<string, string | readonly string[] | number | undefined>>;

/**
 * The part of the answer that has arrived. The status is in the trailers, or in the only headers of an answer without a
 * message.
 */
interface Answer {
  httpStatus: number | undefined;
  status: string | undefined;
  message: string;
  readonly gathering: Gathering;
}

/**
 * gRPC over HTTP/2 with node:http2, which Node and Bun both have. Loaded only when somebody calls. Each call has a
 * connection of its own, because a process makes one call or two. By hand: docs/architecture.md tells what
 * @grpc/grpc-js would cost.
 */
export function callRpc(request: RpcRequest): Promise<RpcAttempt> {
  if (Buffer.byteLength(request.socket) > longestPath) {
    const why = `a socket's path has at most ${longestPath} bytes`;
    return Promise.resolve(fail(rpcFault(request, "ENAMETOOLONG", why)));
  }
  return new Promise((resolve) => {
    const socket = connectSocket(request.socket);
    const session = connect("http://localhost", {
      createConnection: () => socket,
      settings: { enablePush: false },
    });
    let isSettled = false;
    const settle = (attempt: RpcAttempt): void => {
      if (isSettled) return;
      isSettled = true;
      clearTimeout(timer);
      // `close` would wait for the server.
      session.destroy();
      socket.destroy();
      resolve(attempt);
    };
    const refuse = (code: string, why: string): void => settle(fail(rpcFault(request, code, why)));
    const timer = setTimeout(
      () => refuse("ETIMEDOUT", `no answer within ${request.timeoutMs} ms`),
      request.timeoutMs,
    );
    const failed = (error: unknown): void => {
      const { code, message } = error as { code?: unknown; message?: unknown };
      refuse(typeof code === "string" ? code : "EBADMSG", String(message));
    };
    // Node tells of a failed connection on the stream, as a cancellation; the socket knows why.
    socket.on("error", failed);
    session.on("error", failed);
    exchange(session, request, failed, refuse, settle);
  });
}

function exchange(
  session: ClientHttp2Session,
  request: RpcRequest,
  failed: (error: unknown) => void,
  refuse: (code: string, why: string) => void,
  settle: (attempt: RpcAttempt) => void,
): void {
  const gathering = gather(request.maxBytes + prefixBytes);
  const answer: Answer = { httpStatus: undefined, status: undefined, message: "", gathering };
  const stream = open(session, request);
  stream.on("response", (headers: Headers) => {
    answer.httpStatus = Number(headers[constants.HTTP2_HEADER_STATUS]);
    readStatus(answer, headers);
  });
  stream.on("trailers", (headers: Headers) => readStatus(answer, headers));
  stream.on("data", (part: Buffer) => {
    if (!gathering.add(part)) refuse("EMSGSIZE", `the answer has more than ${request.maxBytes} bytes`);
  });
  // In the same turn the socket or the session reports why the connection broke. Wait for that.
  stream.on("error", (error: unknown) => void setImmediate(() => failed(error)));
  stream.on("close", () => void setImmediate(() => settle(judge(request, answer))));
}

function open(session: ClientHttp2Session, { method, body, timeoutMs }: RpcRequest): ClientHttp2Stream {
  const stream = session.request({
    ":method": "POST",
    ":path": method,
    "content-type": "application/grpc",
    te: "trailers",
    // At most eight digits, says gRPC.
    "grpc-timeout": `${Math.min(Math.ceil(timeoutMs), 99_999_999)}m`,
    "user-agent": "hawser",
  });
  const prefix = Buffer.alloc(prefixBytes);
  prefix.writeUInt32BE(body.length, 1);
  stream.end(Buffer.concat([prefix, body]));
  return stream;
}

function readStatus(answer: Answer, headers: Headers): void {
  const status = headers["grpc-status"];
  if (status === undefined) return;
  answer.status = String(status);
  answer.message = decodeMessage(String(headers["grpc-message"] ?? ""));
}

/** Percent-encoded UTF-8; one that is not is shown as it came. */
function decodeMessage(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}

function judge(request: RpcRequest, answer: Answer): RpcAttempt {
  const { httpStatus, status } = answer;
  if (httpStatus === undefined)
    return fail(rpcFault(request, "ECONNRESET", "the connection was closed without an answer"));
  if (status !== undefined && status !== "0") {
    const name = statusName(status);
    return fail(rpcFault(request, name, `${answer.message || "it is refused"} (${name})`, true));
  }
  const bad = (why: string): RpcAttempt => fail(rpcFault(request, "EBADMSG", why));
  if (httpStatus !== 200) return bad(`HTTP status ${httpStatus}: this is no gRPC service`);
  if (status === undefined) return bad("the answer has no grpc-status");
  const bytes = Buffer.from(answer.gathering.bytes());
  if (bytes.length < prefixBytes) return bad("the answer has no message");
  if (bytes[0] !== 0) return bad("the answer is compressed, which was not asked for");
  const sizeBytes = bytes.readUInt32BE(1);
  const message = bytes.subarray(prefixBytes);
  return sizeBytes === message.length
    ? ok(message)
    : bad(`a message of ${sizeBytes} bytes was announced, ${message.length} came`);
}
