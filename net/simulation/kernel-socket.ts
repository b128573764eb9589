import type { Attempt } from "../../sys/fault.ts";
import type { NetlinkProtocol, NetlinkSocket } from "../../sys/network.ts";
import { fail, ok } from "../../sys/outcome.ts";
import { joined, readI32, readText, readU32, u32, zeroEnded } from "../bytes.ts";
import { errnoNumber } from "../errno.ts";
import { linkAttribute } from "../link-kinds.ts";
import {
  attribute,
  control,
  decodeMessages,
  encodeMessage,
  flag,
  headerBytes,
  listAttributes,
  type Message,
  readAttributes,
} from "../message.ts";
import { answerAddress } from "./kernel-addresses.ts";
import { answerNeighbour } from "./kernel-bridge.ts";
import { nsidOf } from "./kernel-link-bytes.ts";
import { answerLink } from "./kernel-links.ts";
import {
  deviceNamed,
  done,
  isRefusal,
  type KernelAnswer,
  type KernelReply,
  type NetSpace,
  type Refusal,
  refuse,
  type SimulatedHost,
} from "./kernel-model.ts";
import { answerNetfilter, isNetfilterGet, type Replied } from "./kernel-nftables.ts";
import { answerRoute } from "./kernel-routes.ts";
import { answerRule } from "./kernel-rules.ts";

/** What lies ready to be received: a datagram, or the word that some was lost. */
type Ready = Uint8Array | "lost";

/** A socket of the simulated kernel. It reads and writes the kernel's own bytes. */
export function openSocket(
  machine: SimulatedHost,
  space: NetSpace,
  protocol: NetlinkProtocol,
): NetlinkSocket {
  const port = ++machine.lastPort;
  const ready: Ready[] = [];
  let isOpen = true;
  return {
    port,
    send: (datagram) => {
      if (!isOpen) return failed("EBADF", "send to a socket that is closed");
      const messages = decodeMessages(datagram);
      if (messages === undefined) return failed("EINVAL", "send what is no message");
      const replies: Replied[] =
        protocol === "netfilter"
          ? answerNetfilter(space.ruleset, messages)
          : messages.map((message) => [message, answerRoutes(machine, space, message)] as const);
      for (const [message, reply] of replies) ready.push(...encodeReply(machine, port, message, reply));
      return ok(undefined);
    },
    receive: () => {
      if (!isOpen) return failed("EBADF", "receive from a socket that is closed");
      const next = ready.shift();
      if (next === undefined) return failed("ETIMEDOUT", "receive an answer");
      return next === "lost" ? failed("ENOBUFS", "receive an answer") : ok(next);
    },
    close: () => {
      isOpen = false;
    },
  };
}

function failed(code: string, call: string): Attempt<never> {
  return fail({ code, message: `${code}: ${call}` });
}

function answerRoutes(machine: SimulatedHost, space: NetSpace, message: Message): KernelReply {
  if ((message.flags & flag.request) === 0) return refuse("EINVAL");
  // The messages are in fours: new, removed, get, set.
  switch (message.type >> 2) {
    case 4:
      return answerLink(machine, space, message);
    case 5:
      return answerAddress(machine, space, message);
    case 6:
      return answerRoute(machine, space, message);
    case 7:
      return answerNeighbour(space, message);
    case 8:
      return answerRule(space, message);
    case 22:
      return answerId(machine, space, message);
    case 27:
      return answerNames(space, message);
    default:
      return refuse("EOPNOTSUPP");
  }
}

/** NETNSA_*. */
const idAttribute = { id: 1, descriptor: 3 } as const;
const namesId = 88;

/** By which number this namespace knows another. */
function answerId(machine: SimulatedHost, space: NetSpace, { type, payload }: Message): KernelReply {
  const attributes = readAttributes(payload, 4);
  const descriptor = attributes.get(idAttribute.descriptor);
  if (descriptor === undefined) return refuse("EINVAL", "Peer netns reference is missing");
  const other = machine.descriptors.get(readU32(descriptor));
  if (other === undefined) return refuse("EBADF", "Peer netns reference is invalid");
  if (type !== namesId) {
    const id = space.known.get(other) ?? -1;
    const payload = joined([u32(0), attribute(idAttribute.id, u32(id >>> 0))]);
    return [{ type: namesId, payload }];
  }
  if (space.known.has(other)) return refuse("EEXIST", "Peer netns already has a nsid assigned");
  const wanted = readI32(attributes.get(idAttribute.id) ?? u32(0xffffffff));
  if (wanted < 0) nsidOf(space, other);
  else space.known.set(other, wanted);
  return done;
}

/** Further names of a link. */
function answerNames(space: NetSpace, { type, payload }: Message): KernelReply {
  const device = space.devices.get(readU32(payload, 4));
  if (device === undefined) return refuse("ENODEV");
  const list = readAttributes(payload, 16).get(linkAttribute.propList) ?? new Uint8Array();
  for (const { data } of listAttributes(list)) {
    const name = readText(data);
    const isOurs = device.altNames.includes(name);
    if (type === 109 && !isOurs) return refuse("ENOENT");
    if (type === 108 && deviceNamed(space, name) !== undefined) return refuse("EEXIST");
    device.altNames =
      type === 109 ? device.altNames.filter((each) => each !== name) : [...device.altNames, name];
  }
  return done;
}

const usualDumpBytes = 4096;

function encodeReply(machine: SimulatedHost, port: number, message: Message, reply: KernelReply): Ready[] {
  const { sequence, flags, type } = message;
  const isGet = type < 256 ? (type & 3) === 2 : isNetfilterGet(type);
  const isDump = isGet && (flags & flag.dump) === flag.dump;
  const spoil = machine.options.disturb?.(machine.answers++, isDump, !isGet);
  const head = { sequence, port };
  const shaken = spoil === "interrupted" && isDump ? flag.dumpInterrupted : 0;
  const datagrams = isRefusal(reply)
    ? [encodeRefusal(message, port, reply)]
    : isDump
      ? encodeDump(
          reply,
          { ...head, flags: flag.multi | shaken },
          machine.options.dumpBytes ?? usualDumpBytes,
        )
      : [
          ...reply.map((answer) => encodeMessage({ ...answer, ...head, flags: 0 })),
          ...((flags & flag.acknowledge) === 0 ? [] : [encodeRefusal(message, port, undefined)]),
        ];
  const [first, ...rest] = datagrams;
  if (spoil === "lost") return ["lost", ...(isDump ? rest : [])];
  if (spoil !== "truncated" || first === undefined) return datagrams;
  return [first.subarray(0, Math.max(headerBytes, (first.length >> 1) & ~3) - 2), ...rest];
}

function encodeDump(
  answers: readonly KernelAnswer[],
  head: { readonly sequence: number; readonly port: number; readonly flags: number },
  most: number,
): Uint8Array[] {
  const datagrams: Uint8Array[] = [];
  let parts: Uint8Array[] = [];
  let length = 0;
  const flush = (): void => {
    if (parts.length > 0) datagrams.push(joined(parts));
    parts = [];
    length = 0;
  };
  for (const answer of answers) {
    const bytes = encodeMessage({ ...answer, ...head });
    if (length + bytes.length > most) flush();
    parts.push(bytes);
    length += bytes.length;
  }
  flush();
  datagrams.push(encodeMessage({ ...head, type: control.done, payload: u32(0) }));
  return datagrams;
}

/** An acknowledgement is a refusal with the number 0. */
function encodeRefusal(message: Message, port: number, refusal: Refusal | undefined): Uint8Array {
  const { sequence } = message;
  const words = refusal?.words;
  const repeated = encodeMessage({ ...message, payload: new Uint8Array() });
  const flags = flag.capped | (words === undefined ? 0 : flag.withAttributes);
  const number = refusal === undefined ? 0 : -errnoNumber(refusal.refused);
  const payload = joined([
    u32(number >>> 0),
    repeated,
    ...(words === undefined ? [] : [attribute(1, zeroEnded(words))]),
  ]);
  return encodeMessage({ type: control.error, flags, sequence, port, payload });
}
