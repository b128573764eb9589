import type { Attempt } from "./fault.ts";

/** The kernel's network, as netlink shows it. Bytes are encoded and decoded in `net/`. */
export interface Network {
  /** Opens a network namespace by the path of its file; without a path, the one that we run in. */
  open(path?: string): Promise<Attempt<NetworkNamespace>>;
}

export type NetlinkProtocol = "route" | "netfilter";

/**
 * An open network namespace. It lives as long as it is open, and must be closed. Everything is synchronous: the kernel has
 * carried out a request, and has its answer ready, when the send returns. If a method that works "in" the namespace cannot
 * bring this process back to its own, the process ends at once: nothing may run in the wrong one.
 */
export interface NetworkNamespace {
  /** The descriptor of the namespace. A message names a namespace by it (IFLA_NET_NS_FD). */
  readonly descriptor: number;
  /** Device and inode number: two paths of one namespace have the same. */
  readonly identity: string;
  /** Opens a netlink socket in it, with extended error messages and strict checks of what is asked. */
  socket(protocol: NetlinkProtocol): Attempt<NetlinkSocket>;
  /** Reads `/proc/sys/net/<name>` in it, without the line's end. `name` has slashes: `ipv4/ip_forward`. */
  readSetting(name: string): Attempt<string>;
  /** Writes `/proc/sys/net/<name>` in it. */
  writeSetting(name: string, value: string): Attempt;
  /** Sends one Ethernet frame, header included, out of an interface of it. */
  sendFrame(ifindex: number, frame: Uint8Array): Attempt;
  /** Makes a persistent TAP interface in it. */
  makeTap(tap: TapRequest): Attempt;
  close(): void;
}

export interface NetlinkSocket {
  /** The kernel's number of the socket (`nl_pid`). Answers carry it. */
  readonly port: number;
  /**
   * Sends one datagram, of one or more messages. `effect` says in words what it changes, and is left out if it only asks: tests
   * fail or stop the program at each effect.
   */
  send(datagram: Uint8Array, effect?: string): Attempt;
  /**
   * Receives one datagram, whole. Fails with `ENOBUFS` if the kernel has dropped answers: then all that are under way are
   * dropped, and the next request gets its own. Fails with `EMSGSIZE` if the datagram is larger than any that the kernel
   * sends, and `ETIMEDOUT` if there is none within seconds. A signal does not interrupt it.
   */
  receive(): Attempt<Uint8Array>;
  close(): void;
}

export interface TapRequest {
  readonly name: string;
  readonly multiQueue: boolean;
  /** User and group IDs that may open it. */
  readonly owner?: number;
  readonly group?: number;
}
