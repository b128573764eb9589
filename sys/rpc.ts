import type { Fault } from "./fault.ts";
import type { Outcome } from "./outcome.ts";

/** One unary gRPC call over a Unix socket, without encryption: what the daemons of a node speak among themselves. */
export interface RpcRequest {
  /** Absolute path of the socket. */
  readonly socket: string;
  /** `/package.Service/Method`. */
  readonly method: string;
  /** The request message, encoded. */
  readonly body: Uint8Array;
  /** Until the last byte of the answer. */
  readonly timeoutMs: number;
  /** A longer answer is refused. */
  readonly maxBytes: number;
}

/**
 * `code` is the errno's name, or, of a server that answered, the name of its gRPC status (`UNIMPLEMENTED`); `message`
 * names the socket and the method.
 */
export interface RpcFault extends Fault {
  /** Whether the server itself refused the call. */
  readonly answered: boolean;
}

/** The response message, encoded. */
export type RpcAttempt = Outcome<Uint8Array, RpcFault>;

export interface Rpc {
  call(request: RpcRequest): Promise<RpcAttempt>;
}

/** gRPC's status codes by their numbers. */
const statusNames = [
  "OK",
  "CANCELLED",
  "UNKNOWN",
  "INVALID_ARGUMENT",
  "DEADLINE_EXCEEDED",
  "NOT_FOUND",
  "ALREADY_EXISTS",
  "PERMISSION_DENIED",
  "RESOURCE_EXHAUSTED",
  "FAILED_PRECONDITION",
  "ABORTED",
  "OUT_OF_RANGE",
  "UNIMPLEMENTED",
  "INTERNAL",
  "UNAVAILABLE",
  "DATA_LOSS",
  "UNAUTHENTICATED",
];

/** The name of a `grpc-status`; one that nobody has defined counts as UNKNOWN, as gRPC has it. */
export function statusName(status: string): string {
  return (/^\d{1,2}$/.test(status) ? statusNames[Number(status)] : undefined) ?? "UNKNOWN";
}

export function rpcFault(
  { socket, method }: RpcRequest,
  code: string,
  why: string,
  answered = false,
): RpcFault {
  return { code, message: `call ${method} on ${socket}: ${why}`, answered };
}
