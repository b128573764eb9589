import type { FakeClock } from "./fake-clock.ts";
import { type Http, type HttpAttempt, type HttpRequest, wasSent } from "./http.ts";
import { fail } from "./outcome.ts";

/** What the servers do. The part up to the first wait is done at once. A test's mistake is thrown. */
export type HttpHandler = (request: HttpRequest) => HttpAttempt | Promise<HttpAttempt>;

/** The simulated process that sends the request. */
export interface FakeClient {
  /** Numbers an effect and returns what is planned for it. With `isLost` the effect is done, and its answer does not arrive. */
  plannedFor(call: string): { fault?: string; crash?: "before" | "half" | "after"; isLost: boolean };
  /** Throws when the process is dead. */
  breathe(): void;
  die(call: string): never;
}

export function createHttp(clock: FakeClock, handler: HttpHandler | undefined, asker: FakeClient): Http {
  return {
    request: async (request) => {
      const call = `http ${request.method} ${request.url}`;
      const { fault, crash, isLost } = asker.plannedFor(call);
      if (fault !== undefined) return failed(fault, call);
      if (crash === "before") return asker.die(call);
      const answer = exchange(clock, handler, request);
      // The process is dead, so nobody would hear of a mistake in the handler.
      answer.catch(() => {});
      if (crash === "half") return asker.die(call);
      const reply = await answer;
      asker.breathe();
      if (crash === "after") return asker.die(call);
      return isLost ? failed("ECONNRESET", call) : reply;
    },
  };
}

function failed(code: string, call: string): HttpAttempt {
  return fail({ code, message: `${code}: ${call}`, sent: wasSent(code) });
}

/** Waits on the machine's clock. An answer that comes too late is not waited for, but what the server did is done. */
async function exchange(
  clock: FakeClock,
  handler: HttpHandler | undefined,
  request: HttpRequest,
): Promise<HttpAttempt> {
  const { method, url, timeoutMs } = request;
  if (handler === undefined) return failed("ECONNREFUSED", `http ${method} ${url}`);
  const timeout = clock.timer(timeoutMs);
  const late = timeout.done.then(() => failed("ETIMEDOUT", `http ${method} ${url}`));
  const answer = await Promise.race([work(handler, request), late]);
  timeout.cancel();
  return answer;
}

/** A handler that throws before its first wait rejects like one that throws after it. */
async function work(handler: HttpHandler, request: HttpRequest): Promise<HttpAttempt> {
  return await handler(request);
}
