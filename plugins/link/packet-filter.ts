import { type CniError, failWith } from "../../cni/errors.ts";
import { commit } from "../../net/nftables-batch.ts";
import { type Request, talk } from "../../net/talk.ts";
import type { Attempt, Fault } from "../../sys/fault.ts";
import type { NetlinkSocket, NetworkNamespace } from "../../sys/network.ts";
import { fail, type Outcome, ok } from "../../sys/outcome.ts";

/** What is asked of the packet filter of one namespace. */
export type FilterPlan = (socket: NetlinkSocket) => Attempt<readonly Request<void>[]>;

/** What was listed may be gone when it is to be removed, or used again, or the answer is lost. Every plan may be made twice. */
const moved = ["ENOENT", "EBUSY", "EAGAIN", "EINTR", "ENOBUFS"];
const mostTries = 20;

/** Looks, plans changes and makes all of them or none. If the rules have changed meanwhile, it looks again. Errors: `filter.refused`. */
export function changeFilter(
  host: NetworkNamespace,
  doing: string,
  plan: FilterPlan,
): Outcome<void, CniError> {
  return withFilter(host, doing, (socket) => {
    for (let tries = 1; ; tries++) {
      const changes = plan(socket);
      if (!changes.ok) return changes;
      const done = commit(socket, changes.value);
      if (done.ok || !moved.includes(done.error.code) || tries === mostTries) return done;
    }
  });
}

/** Several plans as one transaction. */
export function together(...plans: readonly FilterPlan[]): FilterPlan {
  return (socket) => {
    const changes: Request<void>[] = [];
    for (const plan of plans) {
      const planned = plan(socket);
      if (!planned.ok) return planned;
      changes.push(...planned.value);
    }
    return ok(changes);
  };
}

/** Errors: `filter.refused`. */
export function withFilter<T>(
  host: NetworkNamespace,
  doing: string,
  body: (socket: NetlinkSocket) => Attempt<T>,
): Outcome<T, CniError> {
  const opened = host.socket("netfilter");
  if (!opened.ok) return filterRefused(doing, opened.error);
  const socket = opened.value;
  try {
    const done = body(socket);
    return done.ok ? done : filterRefused(doing, done.error);
  } finally {
    socket.close();
  }
}

/** A kernel without nf_tables, or without what a family of it needs, answers a question with one of these. */
const unsupported = ["EINVAL", "EOPNOTSUPP", "EAFNOSUPPORT", "EPROTONOSUPPORT"];

/** Asks for what may not be there: undefined if it is not, and if the kernel has no such packet filter. */
export function askFilter<T>(socket: NetlinkSocket, request: Request<T>): Attempt<T | undefined> {
  const answer = talk(socket, request);
  if (answer.ok) return answer;
  const isAbsent = answer.error.code === "ENOENT" || unsupported.includes(answer.error.code);
  return isAbsent ? ok(undefined) : fail(answer.error);
}

function filterRefused(doing: string, fault: Fault): Outcome<never, CniError> {
  const why =
    fault.code === "EPERM"
      ? "The plugin must run as root on the node (CAP_NET_ADMIN)."
      : "These are the kernel's own words; the packet filter is as it was. The kernel needs nf_tables.";
  return failWith("link", "filter.refused", `${doing}: ${fault.message}`, why);
}
