import { sha256 } from "../../cni/sha256.ts";

/**
 * The name of a host's end: `veth` and 8 hexadecimal digits, as the reference plugins name it. Theirs is random. Ours follows from
 * the attachment, so that a DEL without a namespace finds it. `turn` counts the names that are taken by others.
 */
export function hostEndName(containerId: string, ifname: string, turn = 0): string {
  const of = turn === 0 ? `${containerId}\n${ifname}` : `${containerId}\n${ifname}\n${turn}`;
  return `veth${sha256(of).slice(0, 8)}`;
}
