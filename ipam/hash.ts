/**
 * Hashes a text to 128 bits, which are the same on every node and for ever: stable addresses are derived from them. The hash
 * is not cryptographic. A user who chooses a pod's name can choose its preferred address, but the store decides who has it.
 */
export function hash128(text: string): bigint {
  let a = 0x9747b28c;
  let b = 0x3c6ef372;
  let c = 0xa54ff53a;
  let d = 0x510e527f;
  // Four hashes run side by side in one loop without calls, because one ADD is too short for the engine to compile it.
  for (let at = 0; at < text.length; at++) {
    let unit = Math.imul(text.charCodeAt(at), 0xcc9e2d51);
    unit = (unit << 15) | (unit >>> 17);
    unit = Math.imul(unit, 0x1b873593);
    a ^= unit;
    a = (((a << 13) | (a >>> 19)) * 5 + 0xe6546b64) | 0;
    b ^= unit;
    b = (((b << 13) | (b >>> 19)) * 5 + 0xe6546b64) | 0;
    c ^= unit;
    c = (((c << 13) | (c >>> 19)) * 5 + 0xe6546b64) | 0;
    d ^= unit;
    d = (((d << 13) | (d >>> 19)) * 5 + 0xe6546b64) | 0;
  }
  return [a, b, c, d].reduce((bits, hash) => (bits << 32n) | BigInt(finished(hash, text.length)), 0n);
}

/** The last mixing of MurmurHash3. The loop above is its mixing of UTF-16 units, from four seeds. */
function finished(mixed: number, length: number): number {
  let hash = mixed ^ length;
  hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b);
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35);
  return (hash ^ (hash >>> 16)) >>> 0;
}

/** The last MAC address: one claim asks for the same a dozen times. */
let known: { readonly text: string; readonly mac: string } | undefined;

/** Derives a locally administered unicast MAC address from an identity. `attempt` counts collisions. */
export function stableMac(pool: string, identity: string, attempt: number): string {
  const text = `${pool}|${identity}|mac|${attempt}`;
  if (known?.text !== text) known = { text, mac: macOfBits(hash128(text)) };
  return known.mac;
}

function macOfBits(bits: bigint): string {
  const octets = [0, 8, 16, 24, 32].map((shift) => Number((bits >> BigInt(shift)) & 0xffn));
  return [0x02, ...octets].map((octet) => octet.toString(16).padStart(2, "0")).join(":");
}
