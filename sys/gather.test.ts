import fc from "fast-check";
import { expect, test } from "vitest";
import { gather } from "./gather.ts";

const bytesOf = (text: string): Uint8Array => new TextEncoder().encode(text);

test("what was added is what comes out, in whatever parts it came", () => {
  fc.assert(
    fc.property(fc.array(fc.uint8Array({ maxLength: 5_000 }), { maxLength: 30 }), (parts) => {
      const gathering = gather(200_000);
      for (const part of parts) expect(gathering.add(part)).toBe(true);
      expect(Buffer.from(gathering.bytes())).toEqual(Buffer.concat(parts));
      expect(gathering.sizeBytes()).toBe(Buffer.concat(parts).length);
    }),
  );
});

test("as much as is allowed, and not a byte more", () => {
  const gathering = gather(4);
  expect(gathering.add(bytesOf("abcd"))).toBe(true);
  expect(gathering.text()).toBe("abcd");
  expect(gathering.add(bytesOf("e"))).toBe(false);
  expect(gathering.sizeBytes()).toBe(0);
});

test("a character that is cut between two parts is whole, and a mark before the text is none of it", () => {
  const gathering = gather(100);
  const bytes = bytesOf("\ufeffä");
  for (const byte of bytes) gathering.add(Uint8Array.of(byte));
  expect(gathering.text()).toBe("ä");
});
