/** The parts of an answer, as long as they fit. */
export interface Gathering {
  /** Takes a part. False once there is more than allowed; what has arrived is dropped then. */
  add(part: Uint8Array): boolean;
  sizeBytes(): number;
  bytes(): Uint8Array;
  /** The text in UTF-8, without a byte order mark. */
  text(): string;
}

const firstBytes = 16 * 1024;

/**
 * One growing buffer and no list of parts: a server that sends its answer byte by byte would make each byte cost an
 * object, which is a hundred times of what was allowed.
 */
export function gather(maxBytes: number): Gathering {
  let buffer = new Uint8Array(0);
  let size = 0;
  const reserve = (wanted: number): void => {
    if (wanted <= buffer.length) return;
    const grown = new Uint8Array(Math.min(maxBytes, Math.max(firstBytes, wanted, buffer.length * 2)));
    grown.set(buffer.subarray(0, size));
    buffer = grown;
  };
  return {
    add: (part) => {
      if (size + part.length > maxBytes) {
        buffer = new Uint8Array(0);
        size = 0;
        return false;
      }
      reserve(size + part.length);
      buffer.set(part, size);
      size += part.length;
      return true;
    },
    sizeBytes: () => size,
    bytes: () => buffer.subarray(0, size),
    text: () => new TextDecoder().decode(buffer.subarray(0, size)),
  };
}
