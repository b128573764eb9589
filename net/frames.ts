import { be16, be32, isSameBytes, joined, readBe16, readU8, u8 } from "./bytes.ts";

/** An ARP packet for IPv4 on Ethernet (RFC 826). */
export interface ArpPacket {
  readonly operation: "request" | "reply";
  readonly senderHardware: Uint8Array;
  readonly sender: Uint8Array;
  readonly targetHardware: Uint8Array;
  readonly target: Uint8Array;
}

/** A neighbour advertisement that nobody has asked for (RFC 4861, section 7.2.6). */
export interface NeighbourAdvertisement {
  /** The address that is advertised. It is the packet's source as well. */
  readonly target: Uint8Array;
  readonly hardware: Uint8Array;
  readonly isRouter: boolean;
  /** Whether neighbours shall replace what they know already. */
  readonly overrides: boolean;
}

const etherType = { arp: 0x0806, v6: 0x86dd } as const;
const hardwareBytes = 6;
const headerBytes = 14;
const broadcast = new Uint8Array(hardwareBytes).fill(0xff);
const arpBytes = 28;
const arpOperations = { request: 1, reply: 2 } as const;
/** Ethernet, IPv4, and the lengths of their addresses. */
const arpStart = Uint8Array.of(0, 1, 0x08, 0, hardwareBytes, 4);

/** A whole Ethernet frame to everybody on the link. */
export function encodeArp({
  operation,
  senderHardware,
  sender,
  targetHardware,
  target,
}: ArpPacket): Uint8Array {
  return joined([
    ethernet(broadcast, senderHardware, etherType.arp),
    arpStart,
    be16(arpOperations[operation]),
    senderHardware,
    sender,
    targetHardware,
    target,
  ]);
}

/** The packet of a frame, undefined if it is no ARP packet for IPv4 on Ethernet. */
export function decodeArp(frame: Uint8Array): ArpPacket | undefined {
  if (frame.length < headerBytes + arpBytes || readBe16(frame, 12) !== etherType.arp) return undefined;
  if (!isSameBytes(frame.subarray(headerBytes, headerBytes + arpStart.length), arpStart)) return undefined;
  const number = readBe16(frame, 20);
  const operation = number === arpOperations.request ? "request" : "reply";
  if (number !== arpOperations[operation]) return undefined;
  return {
    operation,
    senderHardware: frame.subarray(22, 28),
    sender: frame.subarray(28, 32),
    targetHardware: frame.subarray(32, 38),
    target: frame.subarray(38, 42),
  };
}

/** ff02::1 and the hardware address that it is sent to. */
const allNodes = Uint8Array.of(0xff, 2, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1);
const allNodesHardware = Uint8Array.of(0x33, 0x33, 0, 0, 0, 1);
const v6HeaderBytes = 40;
const icmp = 58;
/** A router hands no packet on that has fewer than 255 hops left. So who receives 255 knows that the sender is on its link. */
const hopLimit = 255;
const advertisement = 136;
const advertisementBytes = 32;
/** A target's hardware address, in units of eight bytes. */
const hardwareOption = Uint8Array.of(2, 1);
const advertisementFlag = { router: 0x80, overrides: 0x20 } as const;

/** A whole Ethernet frame to all nodes of the link. */
export function encodeAdvertisement({
  target,
  hardware,
  isRouter,
  overrides,
}: NeighbourAdvertisement): Uint8Array {
  const flags = (isRouter ? advertisementFlag.router : 0) | (overrides ? advertisementFlag.overrides : 0);
  const tail = joined([Uint8Array.of(flags, 0, 0, 0), target, hardwareOption, hardware]);
  const start = Uint8Array.of(advertisement, 0);
  const sum = icmpChecksum(target, allNodes, joined([start, be16(0), tail]));
  return joined([
    ethernet(allNodesHardware, hardware, etherType.v6),
    // Version 6, no traffic class and no flow label.
    be32(0x6000_0000),
    be16(advertisementBytes),
    u8(icmp),
    u8(hopLimit),
    target,
    allNodes,
    start,
    be16(sum),
    tail,
  ]);
}

/** The advertisement of a frame, undefined if the frame is none, is answered to somebody, or is damaged. */
export function decodeAdvertisement(frame: Uint8Array): NeighbourAdvertisement | undefined {
  const packet = frame.subarray(headerBytes);
  if (readBe16(frame, 12) !== etherType.v6 || packet.length < v6HeaderBytes + advertisementBytes)
    return undefined;
  const isAdvertisement = readU8(packet, 6) === icmp && readU8(packet, v6HeaderBytes) === advertisement;
  if (!isAdvertisement || readBe16(packet, 4) !== advertisementBytes) return undefined;
  if (readU8(packet, 7) !== hopLimit || !isSameBytes(packet.subarray(24, 40), allNodes)) return undefined;
  const source = packet.subarray(8, 24);
  const message = packet.subarray(v6HeaderBytes, v6HeaderBytes + advertisementBytes);
  // Over a message with its own checksum in it, the sum is 0.
  if (icmpChecksum(source, allNodes, message) !== 0) return undefined;
  if (!isSameBytes(message.subarray(24, 26), hardwareOption)) return undefined;
  const flags = readU8(message, 4);
  return {
    target: message.subarray(8, 24),
    hardware: message.subarray(26, 32),
    isRouter: (flags & advertisementFlag.router) !== 0,
    overrides: (flags & advertisementFlag.overrides) !== 0,
  };
}

/** The checksum of ICMPv6, over a pseudo-header as well (RFC 8200, section 8.1). */
export function icmpChecksum(source: Uint8Array, destination: Uint8Array, message: Uint8Array): number {
  const covered = joined([source, destination, be32(message.length), be32(icmp), message]);
  let sum = 0;
  for (let at = 0; at < covered.length; at += 2) sum += readBe16(covered, at);
  while (sum > 0xffff) sum = (sum & 0xffff) + (sum >>> 16);
  return ~sum & 0xffff;
}

function ethernet(destination: Uint8Array, source: Uint8Array, type: number): Uint8Array {
  return joined([destination, source, be16(type)]);
}
