import { joined, readI32, u8, u32 } from "./bytes.ts";
import { attribute, type Message, readAttributes } from "./message.ts";
import type { Request } from "./talk.ts";

const idMessage = { made: 88, get: 90 } as const;
/** NETNSA_*. */
const idAttribute = { id: 1, descriptor: 3 } as const;
/** NETNSA_NSID_NOT_ASSIGNED: no ID yet, or, in a request, any. */
const unassigned = -1;

/** `struct rtgenmsg` with its padding. */
const header = joined([u8(0), u8(0), u8(0), u8(0)]);

/**
 * The ID by which the socket's namespace knows another one, which a descriptor names: the kernel says by it where the peer of a
 * link is (`parentNamespace`). Undefined if it knows it by none, so no link of here has its peer there.
 */
export function getNamespaceId(descriptor: number): Request<number | undefined> {
  return {
    words: "look at the ID of a namespace",
    type: idMessage.get,
    flags: 0,
    payload: joined([header, attribute(idAttribute.descriptor, u32(descriptor))]),
    changes: false,
    read: ([answer]) => (answer === undefined ? undefined : readNamespaceId(answer)),
  };
}

export function readNamespaceId({ payload }: Message): number | undefined {
  const id = readAttributes(payload, header.length).get(idAttribute.id);
  const number = id === undefined ? unassigned : readI32(id);
  return number === unassigned ? undefined : number;
}

/** Gives a namespace an ID that the kernel chooses. Errors: `EEXIST` if it has one. */
export function assignNamespaceId(descriptor: number): Request<void> {
  return {
    words: "give a namespace an ID",
    type: idMessage.made,
    flags: 0,
    payload: joined([
      header,
      attribute(idAttribute.id, u32(unassigned)),
      attribute(idAttribute.descriptor, u32(descriptor)),
    ]),
    changes: true,
    read: () => undefined,
  };
}
