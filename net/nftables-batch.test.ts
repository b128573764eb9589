import { expect, test } from "vitest";
import type { NetlinkSocket } from "../sys/network.ts";
import { fail, ok } from "../sys/outcome.ts";
import { must } from "../sys/outcome-testing.ts";
import { joined, u32 } from "./bytes.ts";
import { control, decodeMessages, encodeMessage, flag, type Message } from "./message.ts";
import { addTable, flushChain, nftFamily } from "./nftables.ts";
import { commit } from "./nftables-batch.ts";
import { createKernel, homePath } from "./simulation/simulated-kernel.ts";

const tables = ["one", "two", "three"].map((table) => addTable({ family: nftFamily.inet, table }));

/** A socket that answers a batch by what these say of its messages, begin and end included. */
function answering(answers: (batch: readonly Message[]) => readonly (readonly [Message, number])[]) {
  const ready: Uint8Array[] = [];
  const effects: (string | undefined)[] = [];
  const sent: Message[] = [];
  const socket: NetlinkSocket = {
    port: 1,
    send: (datagram, effect) => {
      effects.push(effect);
      sent.push(...(decodeMessages(datagram) ?? []));
      for (const [message, number] of answers(sent)) ready.push(answer(message, number));
      return ok(undefined);
    },
    receive: () => {
      const next = ready.shift();
      return next === undefined ? fail({ code: "ETIMEDOUT", message: "ETIMEDOUT: nothing" }) : ok(next);
    },
    close: () => undefined,
  };
  return { socket, effects, sent };
}

function answer(message: Message, number: number): Uint8Array {
  const payload = joined([u32(-number >>> 0), encodeMessage({ ...message, payload: new Uint8Array() })]);
  const { sequence } = message;
  return encodeMessage({ type: control.error, flags: flag.capped, sequence, port: 1, payload });
}

function nth(batch: readonly Message[], index: number): Message {
  const message = batch[index];
  if (message === undefined) throw new Error(`the batch has no message ${index}`);
  return message;
}

test("one datagram, framed, of which only the last change is acknowledged", () => {
  const { socket, effects, sent } = answering((batch) => [[nth(batch, 3), 0]]);
  expect(commit(socket, tables)).toEqual(ok(undefined));
  expect(effects).toEqual(["add table one, add table two, add table three"]);
  expect(sent.map(({ type }) => type)).toEqual([16, 0xa00, 0xa00, 0xa00, 17]);
  expect(sent.map(({ flags }) => (flags & flag.acknowledge) !== 0)).toEqual([
    false,
    false,
    false,
    true,
    false,
  ]);
});

test("the first refused change is named, and all answers are read", () => {
  const { socket } = answering((batch) => [
    [nth(batch, 1), 2],
    [nth(batch, 2), 22],
    [nth(batch, 3), 0],
  ]);
  expect(commit(socket, tables)).toMatchObject({
    error: { code: "ENOENT", message: "ENOENT: No such file or directory (at: add table one)" },
  });
  expect(socket.receive().ok).toBe(false);
});

test("the last change may be the refused one", () => {
  const { socket } = answering((batch) => [[nth(batch, 3), 16]]);
  expect(commit(socket, tables)).toMatchObject({ error: { code: "EBUSY" } });
});

test("the whole transaction is refused by the number of its beginning", () => {
  const { socket } = answering((batch) => [[nth(batch, 0), 1]]);
  expect(commit(socket, tables)).toMatchObject({
    error: { code: "EPERM", message: "EPERM: Operation not permitted" },
  });
});

test("answers to what was asked before are passed over", () => {
  const { socket } = answering((batch) => [
    [{ ...nth(batch, 3), sequence: nth(batch, 0).sequence - 1 }, 17],
    [nth(batch, 3), 0],
  ]);
  expect(commit(socket, tables)).toEqual(ok(undefined));
});

test("the kernel makes all changes or none", async () => {
  const kernel = createKernel();
  const host = must(await kernel.open());
  const socket = must(host.socket("netfilter"));
  const place = { family: nftFamily.inet, table: "one", chain: "none" } as const;
  const refused = [addTable(place), flushChain(place), addTable({ ...place, table: "two" })];
  expect(commit(socket, refused)).toMatchObject({
    error: { code: "ENOENT", message: expect.stringContaining("(at: flush chain none)") },
  });
  expect(kernel.state()[homePath]?.tables).toEqual([]);
  expect(commit(socket, tables)).toEqual(ok(undefined));
  expect(kernel.state()[homePath]?.tables).toHaveLength(3);
});

test("no change is no message", () => {
  const { socket, effects } = answering(() => []);
  expect(commit(socket, [])).toEqual(ok(undefined));
  expect(effects).toEqual([]);
});
