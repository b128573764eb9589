/** A DHCP server (RFC 2131) for plugins that get their addresses from one: IPv4, one /24, leases without an end. */

/** The server's own address, which is the gateway as well. The server gives the addresses from .10 on. */
export const serverAddress = [10, 88, 0, 1] as const;
const firstHost = 10;
const lastHost = 254;
const leaseSeconds = 3600;

const headerBytes = 240;
const magic = [99, 130, 83, 99] as const;
const option = {
  mask: 1,
  router: 3,
  nameserver: 6,
  leaseTime: 51,
  type: 53,
  server: 54,
  client: 61,
  end: 255,
} as const;
const type = { discover: 1, offer: 2, request: 3, ack: 5, release: 7 } as const;

/** The last byte of each client's address, by the client. */
export type Leases = Map<string, number>;

/** The server's answer. It answers neither a release, nor what it does not understand, nor when no address is left. */
export function answerDhcp(message: Uint8Array, leases: Leases): Uint8Array | undefined {
  const options = optionsOf(message);
  if (options === undefined) return undefined;
  const client = keyOf(options.get(option.client) ?? message.slice(28, 44));
  switch (options.get(option.type)?.[0]) {
    case type.discover:
      return reply(message, type.offer, lease(leases, client));
    case type.request:
      return reply(message, type.ack, lease(leases, client));
    case type.release:
      leases.delete(client);
      return undefined;
    default:
      return undefined;
  }
}

function lease(leases: Leases, client: string): number | undefined {
  const had = leases.get(client);
  if (had !== undefined) return had;
  const taken = new Set(leases.values());
  for (let host = firstHost; host <= lastHost; host++) {
    if (taken.has(host)) continue;
    leases.set(client, host);
    return host;
  }
  return undefined;
}

function keyOf(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString("hex");
}

/** The options of a request; undefined when it is none. */
function optionsOf(message: Uint8Array): ReadonlyMap<number, Uint8Array> | undefined {
  const isRequest = message[0] === 1 && magic.every((byte, at) => message[236 + at] === byte);
  if (!isRequest) return undefined;
  const options = new Map<number, Uint8Array>();
  for (let at = headerBytes; at < message.length && message[at] !== option.end; ) {
    const code = message[at] ?? 0;
    const length = code === 0 ? -1 : (message[at + 1] ?? 0);
    if (code !== 0) options.set(code, message.slice(at + 2, at + 2 + length));
    at += length + 2;
  }
  return options;
}

function reply(request: Uint8Array, kind: number, host: number | undefined): Uint8Array | undefined {
  if (host === undefined) return undefined;
  const header = new Uint8Array(headerBytes);
  // Transaction, flags and hardware address are the request's.
  header.set(request.slice(0, headerBytes));
  header[0] = 2;
  header.fill(0, 12, 28);
  header.set([...serverAddress.slice(0, 3), host], 16);
  header.set(serverAddress, 20);
  const seconds = [leaseSeconds >>> 24, leaseSeconds >>> 16, leaseSeconds >>> 8, leaseSeconds].map(
    (each) => each & 255,
  );
  const options: readonly (readonly number[])[] = [
    [option.type, 1, kind],
    [option.server, 4, ...serverAddress],
    [option.leaseTime, 4, ...seconds],
    [option.mask, 4, 255, 255, 255, 0],
    [option.router, 4, ...serverAddress],
    [option.nameserver, 4, ...serverAddress],
    [option.end],
  ];
  return Uint8Array.from([...header, ...options.flat()]);
}
