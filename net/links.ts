import {
  joined,
  printHardware,
  readI32,
  readText,
  readU8,
  readU16,
  readU32,
  u32,
  zeroEnded,
} from "./bytes.ts";
import {
  encodeInfo,
  family,
  infoAttribute,
  type LinkKind,
  type LinkSpec,
  linkAttribute,
  linkFlag,
  linkHeader,
  specAttributes,
  specHeader,
} from "./link-kinds.ts";
import { type Attributes, attribute, flag, listAttributes, type Message, readAttributes } from "./message.ts";
import type { Request } from "./talk.ts";

/** Types of messages about links. */
export const linkMessage = { made: 16, removed: 17, get: 18, set: 19 } as const;

/** What of a link is to change. `up` false takes it down. */
export interface LinkChange {
  readonly name?: string;
  readonly mtu?: number;
  readonly hardware?: Uint8Array;
  readonly up?: boolean;
  /** 0 takes it out of its master. */
  readonly master?: number;
  readonly namespace?: number;
  /** Empty removes it. */
  readonly alias?: string;
  readonly transmitQueue?: number;
  readonly promiscuous?: boolean;
  readonly allMulticast?: boolean;
}

/** A link as the kernel tells it. */
export interface Link {
  readonly index: number;
  readonly name: string;
  /** Of the kernel's own type (`ARPHRD_*`): 1 Ethernet, 772 loopback, 65534 none. */
  readonly hardwareType: number;
  readonly flags: number;
  readonly isUp: boolean;
  readonly hardware: Uint8Array;
  readonly mtu: number;
  /** `veth`, `bridge`, ...; undefined for what the kernel gives no kind, like a network card. */
  readonly kind: string | undefined;
  /** The attributes of its kind (`IFLA_INFO_DATA`). */
  readonly kindData: Attributes;
  /** The kind of its master, and the attributes that it has as that master's. */
  readonly portKind: string | undefined;
  readonly portData: Attributes;
  readonly master: number | undefined;
  /** The index of its parent or peer: in its own namespace, unless `parentNamespace` says which. */
  readonly parent: number | undefined;
  readonly parentNamespace: number | undefined;
  readonly alias: string | undefined;
  readonly alternativeNames: readonly string[];
  readonly transmitQueue: number;
  /** IF_OPER_*: 6 is up, 2 down, 0 unknown. */
  readonly operState: number;
  readonly permanentHardware: Uint8Array | undefined;
  /** The device below it, `0000:00:04.0` on `pci`. */
  readonly device: { readonly bus: string; readonly name: string } | undefined;
  readonly attributes: Attributes;
}

const specificBytes = 16;
/** RTEXT_FILTER_SKIP_STATS. */
const skipStatistics = 8;

export function makeLink(spec: LinkSpec, kind: LinkKind): Request<void> {
  return {
    words: `make link ${spec.name} (${kind.kind})`,
    type: linkMessage.made,
    flags: flag.create | flag.exclusive,
    payload: joined([specHeader(spec), ...specAttributes(spec), encodeInfo(kind)]),
    changes: true,
    read: () => undefined,
  };
}

/** Errors: `ENODEV` if there is no such link. */
export function setLink(index: number, change: LinkChange): Request<void> {
  const { name, mtu, hardware, master, namespace, alias, transmitQueue } = change;
  const { header, mask } = changedFlags(change);
  const parts = [
    ...(name === undefined ? [] : [attribute(linkAttribute.name, zeroEnded(name))]),
    ...(mtu === undefined ? [] : [attribute(linkAttribute.mtu, u32(mtu))]),
    ...(hardware === undefined ? [] : [attribute(linkAttribute.hardware, hardware)]),
    ...(master === undefined ? [] : [attribute(linkAttribute.master, u32(master))]),
    ...(namespace === undefined ? [] : [attribute(linkAttribute.descriptor, u32(namespace))]),
    ...(alias === undefined ? [] : [attribute(linkAttribute.alias, new TextEncoder().encode(alias))]),
    ...(transmitQueue === undefined ? [] : [attribute(linkAttribute.transmitQueue, u32(transmitQueue))]),
  ];
  return {
    words: `set link ${index}: ${Object.keys(change).join(", ")}`,
    type: linkMessage.made,
    flags: 0,
    payload: joined([linkHeader(family.unspecified, index, header, mask), ...parts]),
    changes: true,
    read: () => undefined,
  };
}

export function removeLink(index: number): Request<void> {
  return {
    words: `remove link ${index}`,
    type: linkMessage.removed,
    flags: 0,
    payload: linkHeader(family.unspecified, index, 0, 0),
    changes: true,
    read: () => undefined,
  };
}

/** One link, by its index or its name (of at most 15 bytes). Errors: `ENODEV`. */
export function getLink(wanted: number | string): Request<Link> {
  const index = typeof wanted === "number" ? wanted : 0;
  const named = typeof wanted === "string" ? [attribute(linkAttribute.name, zeroEnded(wanted))] : [];
  const skip = attribute(linkAttribute.extended, u32(skipStatistics));
  return {
    words: `look at link ${wanted}`,
    type: linkMessage.get,
    flags: 0,
    payload: joined([linkHeader(family.unspecified, index, 0, 0), ...named, skip]),
    changes: false,
    read: ([answer]) => {
      if (answer === undefined)
        throw new Error("the kernel acknowledged a question about a link and told none");
      return readLink(answer);
    },
  };
}

export function listLinks(): Request<Link[]> {
  const skip = attribute(linkAttribute.extended, u32(skipStatistics));
  return {
    words: "list the links",
    type: linkMessage.get,
    flags: flag.dump,
    payload: joined([linkHeader(family.unspecified, 0, 0, 0), skip]),
    changes: false,
    read: (answers) => answers.filter(({ type }) => type === linkMessage.made).map(readLink),
  };
}

export function readLink({ payload }: Message): Link {
  const attributes = readAttributes(payload, specificBytes);
  const flags = readU32(payload, 8);
  const info = readAttributes(attributes.get(linkAttribute.info) ?? nothing);
  const number = (type: number): number | undefined => {
    const data = attributes.get(type);
    return data === undefined ? undefined : readI32(data);
  };
  const text = (type: number, from: Attributes = attributes): string | undefined => {
    const data = from.get(type);
    return data === undefined ? undefined : readText(data);
  };
  const master = number(linkAttribute.master);
  const bus = text(linkAttribute.parentBus);
  const device = text(linkAttribute.parentDevice);
  return {
    index: readI32(payload, 4),
    name: text(linkAttribute.name) ?? "",
    hardwareType: readU16(payload, 2),
    flags,
    isUp: (flags & linkFlag.up) !== 0,
    hardware: attributes.get(linkAttribute.hardware) ?? nothing,
    mtu: number(linkAttribute.mtu) ?? 0,
    kind: text(infoAttribute.kind, info),
    kindData: readAttributes(info.get(infoAttribute.data) ?? nothing),
    portKind: text(infoAttribute.portKind, info),
    portData: readAttributes(info.get(infoAttribute.portData) ?? nothing),
    master: master === 0 ? undefined : master,
    parent: number(linkAttribute.parent),
    parentNamespace: number(linkAttribute.parentNamespace),
    alias: text(linkAttribute.alias),
    alternativeNames: listAttributes(attributes.get(linkAttribute.propList) ?? nothing)
      .filter(({ type }) => type === linkAttribute.altName)
      .map(({ data }) => readText(data)),
    transmitQueue: number(linkAttribute.transmitQueue) ?? 0,
    operState: readU8(attributes.get(linkAttribute.operState) ?? nothing),
    permanentHardware: attributes.get(linkAttribute.permanentHardware),
    device: device === undefined ? undefined : { bus: bus ?? "", name: device },
    attributes,
  };
}

export function printLink({ name, hardware, kind = "device" }: Link): string {
  return `${name} (${kind}, ${printHardware(hardware)})`;
}

const nothing = new Uint8Array();

function changedFlags({ up, promiscuous, allMulticast }: LinkChange): { header: number; mask: number } {
  let header = 0;
  let mask = 0;
  const set = (bit: number, value: boolean | undefined): void => {
    if (value === undefined) return;
    mask |= bit;
    if (value) header |= bit;
  };
  set(linkFlag.up, up);
  set(linkFlag.promiscuous, promiscuous);
  set(linkFlag.allMulticast, allMulticast);
  return { header, mask };
}
