import { closeSync, constants, fstatSync, openSync, readSync } from "node:fs";

/** What no file of the field exceeds by far: the kubelet's checkpoint, a list of addresses, a bundle of authorities. */
const longestFile = 16 * 1024 * 1024;
/** A file below /proc, or a pipe, tells no size. */
const firstBytes = 16 * 1024;

/**
 * The text of a file, which others may write while we read: never more than `maxBytes` are taken into memory. What is
 * larger is thrown as EFBIG.
 */
export function readBounded(path: string, maxBytes = longestFile): string {
  const descriptor = openSync(path, constants.O_RDONLY);
  try {
    const { size } = fstatSync(descriptor);
    if (size > maxBytes) throw tooLarge(path, maxBytes);
    // One byte more than there is: so the end shows itself.
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
