import type { AttachmentKey } from "../../cni/attachments.ts";
import { sha512 } from "../../cni/sha512.ts";

/** Names and comments in the packet filter, letter by letter those of the reference plugins: either removes the other's. */

/** The chain of the iptables backend. The interface is not part of it. */
export function masqueradeChain({ network, containerId }: Omit<AttachmentKey, "ifname">): string {
  return `CNI-${sha512(`${network}${containerId}`)}`.slice(0, 28);
}

/** The comment of the iptables backend. */
export function chainComment({ network, containerId }: Omit<AttachmentKey, "ifname">): string {
  return `${chainCommentStart(network)}${JSON.stringify(containerId)}`;
}

/** What the comments of all attachments of a network begin with, in the iptables backend. */
export function chainCommentStart(network: string): string {
  return `name: ${JSON.stringify(network)} id: `;
}

/** What the comments of all attachments of a network begin with, in the nftables backend. */
export function networkMark(network: string): string {
  return shortHash(network);
}

/** What the comments of one attachment begin with, in the nftables backend. */
export function attachmentMark({ network, containerId, ifname }: AttachmentKey): string {
  return `${networkMark(network)}-${shortHash(`${ifname}:${containerId}`)}`;
}

/** The comment of the nftables backend. It is cut within a character, if need be. */
export function ruleComment(key: AttachmentKey): Uint8Array {
  const unquoted = (text: string): string => text.replaceAll('"', "");
  const [network, ifname, id] = [key.network, key.ifname, key.containerId].map(unquoted);
  return cutComment(`${attachmentMark(key)}, net: ${network}, if: ${ifname}, id: ${id}`);
}

/** The longest comment that nft reads. */
const longestComment = 128;

export function cutComment(text: string): Uint8Array {
  return new TextEncoder().encode(text).subarray(0, longestComment);
}

function shortHash(text: string): string {
  return sha512(text).slice(0, 16);
}
