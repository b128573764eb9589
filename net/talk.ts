import type { Attempt, Fault } from "../sys/fault.ts";
import type { NetlinkSocket } from "../sys/network.ts";
import { fail, ok } from "../sys/outcome.ts";
import { readI32, readText } from "./bytes.ts";
import { errnoName, errnoWords } from "./errno.ts";
import {
  control,
  decodeMessages,
  encodeMessage,
  flag,
  headerBytes,
  type Message,
  readAttributes,
} from "./message.ts";

/** One message to the kernel, and how its answer is read. */
export interface Request<T> {
  /** What it does, for people: `make link veth0 (veth)`. */
  readonly words: string;
  readonly type: number;
  /** Without NLM_F_REQUEST and NLM_F_ACK. */
  readonly flags: number;
  readonly payload: Uint8Array;
  /** Whether the kernel is another after it. */
  readonly changes: boolean;
  readonly read: (answers: readonly Message[]) => T;
}

/** A dump that changes while it is read is begun anew so many times. */
const mostDumps = 10;

let lastSequence = 0;

/** The number of the next message. Its answers carry it. */
export function takeSequence(): number {
  return ++lastSequence;
}

/** Sends a request and reads its whole answer. The kernel's refusal has its errno's name and its words. */
export function talk<T>(socket: NetlinkSocket, request: Request<T>): Attempt<T> {
  const isDump = (request.flags & flag.dump) === flag.dump && !request.changes;
  for (let tries = 0; ; tries++) {
    const answers = exchange(socket, request, isDump);
    if (answers.ok) return ok(request.read(answers.value));
    // The kernel could not keep all answers, or what it listed changed meanwhile. Asking changes nothing, so we ask again.
    const mayRepeat = isDump && (answers.error.code === "ENOBUFS" || answers.error.code === "EINTR");
    if (!mayRepeat || tries === mostDumps) return answers;
  }
}

function exchange<T>(socket: NetlinkSocket, request: Request<T>, isDump: boolean): Attempt<Message[]> {
  const sequence = takeSequence();
  const flags = request.flags | flag.request | (isDump ? 0 : flag.acknowledge);
  const datagram = encodeMessage({ ...request, flags, sequence, port: 0 });
  const sent = socket.send(datagram, request.changes ? request.words : undefined);
  if (!sent.ok) return sent;
  return collect(socket, sequence, isDump, request.words);
}

/** Reads until the end of the answer. Answers to an earlier request, which was given up, are passed over. */
function collect(
  socket: NetlinkSocket,
  sequence: number,
  isDump: boolean,
  words: string,
): Attempt<Message[]> {
  const answers: Message[] = [];
  let isInterrupted = false;
  for (;;) {
    const datagram = socket.receive();
    if (!datagram.ok) return datagram;
    const messages = decodeMessages(datagram.value);
    if (messages === undefined) return fail(malformed(words));
    for (const message of messages) {
      if (message.sequence !== sequence) continue;
      if ((message.flags & flag.dumpInterrupted) !== 0) isInterrupted = true;
      if (message.type === control.error || message.type === control.done) {
        // A dump's end has a number as well, 0 if all is well; so has an acknowledgement.
        const refusal = readRefusal(message);
        if (refusal !== undefined) return fail(refusal);
        return isInterrupted && isDump ? fail(interrupted(words)) : ok(answers);
      }
      if (message.type === control.overrun) return fail(lost(words));
      if (message.type !== control.noop) answers.push(message);
    }
  }
}

/** The attribute of an error that has the kernel's own words (NLMSGERR_ATTR_MSG). */
const wordsAttribute = 1;

/** Why the kernel refuses, undefined if it acknowledges. */
export function readRefusal({ type, flags, payload }: Message): Fault | undefined {
  const number = -readI32(payload);
  if (number === 0) return undefined;
  // An error repeats the request: its head if it is capped, else all of it.
  const repeated = readI32(payload, 4);
  const behind =
    type === control.done ? 4 : (flags & flag.capped) !== 0 ? 4 + headerBytes : 4 + ((repeated + 3) & ~3);
  const said =
    (flags & flag.withAttributes) === 0 ? undefined : readAttributes(payload, behind).get(wordsAttribute);
  const code = errnoName(number);
  const own = said === undefined ? "" : ` (${readText(said).replace(/\.$/, "")})`;
  return { code, message: `${code}: ${errnoWords(number)}${own}` };
}

export function malformed(words: string): Fault {
  return { code: "EBADMSG", message: `EBADMSG: the kernel's answer cannot be read: ${words}` };
}

function interrupted(words: string): Fault {
  return { code: "EINTR", message: `EINTR: the list changed while it was read: ${words}` };
}

function lost(words: string): Fault {
  return { code: "ENOBUFS", message: `ENOBUFS: answers of the kernel were lost: ${words}` };
}
