import { expect, test } from "vitest";
import { answerDhcp, type Leases } from "./dhcp.ts";

const [discover, offer, request, ack, release] = [1, 2, 3, 5, 7];

/** A client's message: a transaction, a hardware address, perhaps the message's type, and perhaps a client identifier. */
function message(kind: number | undefined, hardware: number, client: readonly number[] = []): Uint8Array {
  const bytes = new Uint8Array(240);
  bytes.set([1, 1, 6, 0, 7, 7, 7, hardware], 0);
  bytes.set([2, 0, 0, 0, 0, hardware], 28);
  bytes.set([99, 130, 83, 99], 236);
  const named = client.length === 0 ? [] : [61, client.length, ...client];
  // A pad before the first option is allowed.
  return Uint8Array.from([...bytes, 0, ...(kind === undefined ? [] : [53, 1, kind]), ...named, 255]);
}

function read(answer: Uint8Array | undefined) {
  if (answer === undefined) return undefined;
  const [code, length, kind] = answer.slice(240);
  const yours = answer.slice(16, 20).join(".");
  return { reply: answer[0], transaction: [...answer.slice(4, 8)], option: [code, length], kind, yours };
}

test("an address is offered and given; the client keeps it, another gets the next", () => {
  const leases: Leases = new Map();
  const expected = { reply: 2, option: [53, 1], yours: "10.88.0.10" };
  expect(read(answerDhcp(message(discover, 1), leases))).toEqual({
    ...expected,
    transaction: [7, 7, 7, 1],
    kind: offer,
  });
  expect(read(answerDhcp(message(request, 1), leases))).toMatchObject({ ...expected, kind: ack });
  expect(read(answerDhcp(message(discover, 2), leases))?.yours).toBe("10.88.0.11");
  // The same card as the first, with another client identifier.
  expect(read(answerDhcp(message(discover, 1, [0, 9]), leases))?.yours).toBe("10.88.0.12");
});

test("a released address is given again, and none when all are taken", () => {
  const leases: Leases = new Map();
  for (let number = 0; number < 245; number++)
    expect(answerDhcp(message(discover, 1, [0, number]), leases)).toBeDefined();
  expect(answerDhcp(message(discover, 1, [1, 0]), leases)).toBeUndefined();
  expect(answerDhcp(message(release, 1, [0, 3]), leases)).toBeUndefined();
  expect(read(answerDhcp(message(discover, 1, [1, 0]), leases))?.yours).toBe("10.88.0.13");
});

test.each([
  ["no request", Uint8Array.of(2, 1, 6)],
  ["nothing", new Uint8Array(0)],
  ["no type", message(undefined, 1)],
  ["an option that is cut off", message(discover, 1).slice(0, 243)],
])("%s is not answered", (_what, bytes) => {
  expect(answerDhcp(bytes, new Map())).toBeUndefined();
});
