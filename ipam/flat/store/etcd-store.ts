import { type Outcome, ok } from "../../../sys/outcome.ts";
import type { Sys } from "../../../sys/sys.ts";
import { openClient } from "./etcd-client.ts";
import type { EtcdSettings } from "./etcd-config.ts";
import { defaultLimits, type EtcdLimits, type EtcdNode } from "./etcd-session.ts";
import { decodeReply, encodeTxn } from "./etcd-wire.ts";
import { isRead, type Store, type StoreFault, type Txn, type TxnReply } from "./store.ts";

/**
 * Opens a store in an etcd cluster (3.4 to 3.6) over its JSON gateway. A read that fails goes on to the next endpoint. A
 * write that may have been done is a fault `unknown`. A folder on this node keeps the last good endpoint and the token.
 */
export function openEtcd(
  sys: Sys,
  settings: EtcdSettings,
  node: EtcdNode,
  limits: EtcdLimits = defaultLimits,
): Store {
  const client = openClient(sys, settings, node, limits);
  const prefix = `${settings.prefix}/`;
  const txn = (asked: Txn): Promise<Outcome<TxnReply, StoreFault>> =>
    client.call({
      path: "/v3/kv/txn",
      body: encodeTxn(asked, prefix),
      repeatable: isRead(asked),
      read: (body, atMs) => {
        const reply = decodeReply(body, asked, prefix);
        return reply.ok && atMs !== undefined ? ok({ ...reply.value, atMs }) : reply;
      },
    });
  return {
    label: `etcd at ${settings.endpoints.join(", ")}`,
    roundTrips: () => client.roundTrips(),
    txn,
    health: async () => {
      if (await client.isHealthy()) return ok(undefined);
      const probe = await txn(neverDone);
      return probe.ok ? ok(undefined) : probe;
    },
  };
}

/** Under its NOSPACE alarm etcd refuses each transaction with a put, before it compares anything. */
const neverDone: Txn = {
  compare: [
    { kind: "absent", key: "health" },
    { kind: "present", key: "health" },
  ],
  success: [{ kind: "put", key: "health", value: "" }],
  failure: [],
};
