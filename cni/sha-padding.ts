/**
 * What FIPS 180-4 hashes of a text: its UTF-8 bytes, a one bit, zeros, and the length in bits, as whole blocks. The length takes
 * `lengthBytes` bytes of the last block.
 */
export function padded(text: string, blockBytes: number, lengthBytes: number): DataView {
  const bytes = new TextEncoder().encode(text);
  const size = Math.ceil((bytes.length + 1 + lengthBytes) / blockBytes) * blockBytes;
  const all = new Uint8Array(size);
  all.set(bytes);
  all[bytes.length] = 0x80;
  const view = new DataView(all.buffer);
  view.setBigUint64(size - 8, BigInt(bytes.length) * 8n);
  return view;
}
