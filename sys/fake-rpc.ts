import type { FakeClock } from "./fake-clock.ts";
import type { FakeClient } from "./fake-http.ts";
import { fail } from "./outcome.ts";
import { type Rpc, type RpcAttempt, type RpcRequest, rpcFault } from "./rpc.ts";

/** Plays the services behind the machine's sockets. */
export type RpcHandler = (request: RpcRequest) => RpcAttempt | Promise<RpcAttempt>;

export function createRpc(clock: FakeClock, handler: RpcHandler | undefined, asker: FakeClient): Rpc {
  return {
    call: async (request) => {
      const call = `rpc ${request.socket} ${request.method}`;
      const { fault, crash } = asker.plannedFor(call);
      if (fault !== undefined) return fail(rpcFault(request, fault, fault));
      if (crash === "before" || crash === "half") return asker.die(call);
      const answer = await exchange(clock, handler, request);
      asker.breathe();
      return crash === "after" ? asker.die(call) : answer;
    },
  };
}

async function exchange(
  clock: FakeClock,
  handler: RpcHandler | undefined,
  request: RpcRequest,
): Promise<RpcAttempt> {
  if (handler === undefined) return fail(rpcFault(request, "ENOENT", "there is no such socket"));
  const timeout = clock.timer(request.timeoutMs);
  const late = timeout.done.then(() =>
    fail(rpcFault(request, "ETIMEDOUT", `no answer within ${request.timeoutMs} ms`)),
  );
  const answer = await Promise.race([Promise.resolve(handler(request)), late]);
  timeout.cancel();
  return answer;
}
