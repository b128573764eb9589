import * as fs from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import type { CLibrary } from "./linux-c.ts";
import { connectNetlink, createNetlink } from "./linux-netlink.ts";
import { must } from "./outcome-testing.ts";

/** ECONNREFUSED and EPERM. */
const [refused, denied] = [111, 1];

function createLibrary(changes: Partial<CLibrary> = {}): CLibrary {
  const library: Partial<CLibrary> = {
    setsockopt: () => 0,
    connect: () => 0,
    errno: () => refused,
    ...changes,
  };
  return library as CLibrary;
}

/** A file in the place of a socket: what is read from it is what it holds. */
function descriptorOf(sizeBytes: number): number {
  const root = fs.mkdtempSync(join(tmpdir(), "hwt-netlink-"));
  fs.writeFileSync(join(root, "socket"), new Uint8Array(sizeBytes).fill(7));
  const descriptor = fs.openSync(join(root, "socket"), "r");
  fs.rmSync(root, { recursive: true });
  return descriptor;
}

describe("a datagram", () => {
  test("is taken whole", () => {
    const socket = must(connectNetlink(createLibrary(), descriptorOf(40_000)));
    expect(must(socket.receive())).toEqual(new Uint8Array(40_000).fill(7));
    socket.close();
  });

  test("is no other's memory: the next one does not change it", () => {
    const socket = must(connectNetlink(createLibrary(), descriptorOf(10)));
    const other = must(connectNetlink(createLibrary(), descriptorOf(20)));
    const [one, two] = [must(socket.receive()), must(other.receive())];
    expect([one.buffer === two.buffer, one.buffer.byteLength]).toEqual([false, 10]);
    for (const each of [socket, other]) each.close();
  });

  test.each([64 * 1024, 70_000])("of %i bytes may be cut off, and is refused", (sizeBytes) => {
    const socket = must(connectNetlink(createLibrary(), descriptorOf(sizeBytes)));
    expect(socket.receive()).toMatchObject({ error: { code: "EMSGSIZE" } });
    socket.close();
  });
});

test("a socket that cannot be connected is closed", () => {
  const descriptor = descriptorOf(1);
  const connected = connectNetlink(createLibrary({ connect: () => -1 }), descriptor);
  expect(connected).toMatchObject({
    error: { code: "ECONNREFUSED", message: expect.stringContaining("connect") },
  });
  expect(() => fs.fstatSync(descriptor)).toThrow("EBADF");
});

test("an option that the kernel does not know is done without", () => {
  const connected = connectNetlink(createLibrary({ setsockopt: () => -1 }), descriptorOf(1));
  expect(connected.ok).toBe(true);
  if (connected.ok) connected.value.close();
});

test("a socket that cannot be made says which", () => {
  const made = createNetlink(createLibrary({ socket: () => -1, errno: () => denied }), "netfilter");
  expect(made).toMatchObject({ error: { code: "EPERM", message: expect.stringContaining("netfilter") } });
});
