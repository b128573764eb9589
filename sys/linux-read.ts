import { closeSync, constants, fstatSync, openSync, readSync } from "node:fs";

/**
 * The default limit. No file that we read is nearly as long: the kubelet's checkpoint, a list of addresses, a bundle of
 * authorities.
 */
const longestFile = 16 * 1024 * 1024;
/** A file below /proc, or a pipe, tells no size. */
const firstBytes = 16 * 1024;

/**
 * The text of a file. Others may write the file while we read, so never more than `maxBytes` are taken into memory. A
 * larger file is thrown as EFBIG.
 */
export function readBounded(path: string, maxBytes = longestFile): string {
  const descriptor = openSync(path, constants.O_RDONLY);
  try {
    const { size } = fstatSync(descriptor);
    if (size > maxBytes) throw tooLarge(path, maxBytes);
    // One byte more than the file has: so a read shows its end.
    let buffer = Buffer.allocUnsafe(1 + (size > 0 ? size : Math.min(firstBytes, maxBytes)));
    let length = 0;
    for (;;) {
      const count = readSync(descriptor, buffer, length, buffer.length - length, null);
      length += count;
      if (count === 0) return buffer.toString("utf8", 0, length);
      if (length > maxBytes) throw tooLarge(path, maxBytes);
      if (length === buffer.length) buffer = doubled(buffer, maxBytes + 1);
    }
  } finally {
    closeSync(descriptor);
  }
}

function doubled(buffer: Buffer, mostBytes: number): Buffer<ArrayBuffer> {
  const grown = Buffer.allocUnsafe(Math.min(2 * buffer.length, mostBytes));
  buffer.copy(grown);
  return grown;
}

function tooLarge(path: string, maxBytes: number): Error {
  const message = `EFBIG: it has more than ${maxBytes} bytes, read '${path}'`;
  return Object.assign(new Error(message), { code: "EFBIG" });
}
