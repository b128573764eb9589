import type { Attempt, Fault } from "../sys/fault.ts";
import type { NetlinkSocket } from "../sys/network.ts";
import { fail, ok } from "../sys/outcome.ts";
import { be16, joined, u8 } from "./bytes.ts";
import { decodeMessages, encodeMessage, flag } from "./message.ts";
import { malformed, type Request, readRefusal, takeSequence } from "./talk.ts";

/** NFNL_MSG_BATCH_*. */
export const batchMessage = { begin: 16, end: 17 } as const;
/** NFNL_SUBSYS_NFTABLES. */
const nftablesSubsystem = 10;

/**
 * Sends changes of the packet filter as one transaction: the kernel makes all of them or none. The failure is that of the first
 * change that is refused, and its message names the change.
 */
export function commit(socket: NetlinkSocket, changes: readonly Request<void>[]): Attempt {
  if (changes.length === 0) return ok(undefined);
  const begin = takeSequence();
  const parts = [edge(batchMessage.begin, begin)];
  const words = new Map<number, string>();
  let last = begin;
  for (const [index, change] of changes.entries()) {
    last = takeSequence();
    words.set(last, change.words);
    // Refusals come unasked. One acknowledgement, of the last change, ends the answer.
    const asks = index === changes.length - 1 ? flag.acknowledge : 0;
    const flags = change.flags | flag.request | asks;
    parts.push(encodeMessage({ ...change, flags, sequence: last, port: 0 }));
  }
  parts.push(edge(batchMessage.end, takeSequence()));
  const sent = socket.send(joined(parts), [...words.values()].join(", "));
  return sent.ok ? collectRefusals(socket, begin, last, words) : sent;
}

/** Reads until the answer to the last change, or until the whole transaction is refused by the number of its beginning. */
function collectRefusals(
  socket: NetlinkSocket,
  begin: number,
  last: number,
  words: ReadonlyMap<number, string>,
): Attempt {
  let refusal: Fault | undefined;
  for (;;) {
    const datagram = socket.receive();
    if (!datagram.ok) return datagram;
    const messages = decodeMessages(datagram.value);
    if (messages === undefined) return fail(malformed("change the packet filter"));
    for (const message of messages) {
      const { sequence } = message;
      // Answers to an earlier request, which was given up, are passed over.
      if (sequence < begin || sequence > last) continue;
      const refused = readRefusal(message);
      const change = words.get(sequence);
      if (refused !== undefined) refusal ??= naming(refused, change);
      if (sequence === last || (change === undefined && refused !== undefined)) {
        return refusal === undefined ? ok(undefined) : fail(refusal);
      }
    }
  }
}

function naming({ code, message }: Fault, change: string | undefined): Fault {
  return { code, message: change === undefined ? message : `${message} (at: ${change})` };
}

function edge(type: number, sequence: number): Uint8Array {
  const payload = joined([u8(0), u8(0), be16(nftablesSubsystem)]);
  return encodeMessage({ type, flags: flag.request, sequence, port: 0, payload });
}
