import { describe, expect, test } from "vitest";
import type { Attempt } from "../sys/fault.ts";
import type { NetlinkSocket } from "../sys/network.ts";
import { fail, ok } from "../sys/outcome.ts";
import { joined, readU16, readU32, u32, zeroEnded } from "./bytes.ts";
import { errnoNumber } from "./errno.ts";
import { attribute, control, encodeMessage, flag } from "./message.ts";
import { type Request, talk } from "./talk.ts";

/** One datagram, made when the sequence of the request is known, or the code of a failure. */
type Answer = ((sequence: number) => Uint8Array) | string;

interface Scripted extends NetlinkSocket {
  readonly sent: { readonly sequence: number; readonly flags: number; readonly effect: string | undefined }[];
}

/** A kernel that answers each request with the next list of datagrams. The last list serves all further requests. */
function createSocket(...script: readonly (readonly Answer[])[]): Scripted {
  const sent: Scripted["sent"] = [];
  let pending: Answer[] = [];
  return {
    port: 7,
    sent,
    send: (datagram, effect) => {
      sent.push({ sequence: readU32(datagram, 8), flags: readU16(datagram, 6), effect });
      pending = [...(script[Math.min(sent.length, script.length) - 1] ?? [])];
      return ok(undefined);
    },
    receive: (): Attempt<Uint8Array> => {
      const next = pending.shift();
      if (next === undefined) return fail({ code: "ETIMEDOUT", message: "ETIMEDOUT: no answer" });
      if (typeof next === "string") return fail({ code: next, message: `${next}: receive` });
      return ok(next(sent.at(-1)?.sequence ?? 0));
    },
    close: () => undefined,
  };
}

function message(type: number, payload: Uint8Array, flags = 0): Answer {
  return (sequence) => encodeMessage({ type, flags, sequence, port: 7, payload });
}

/** Several messages in one datagram. */
function together(...answers: readonly Answer[]): Answer {
  return (sequence) =>
    joined(answers.map((each) => (typeof each === "string" ? new Uint8Array() : each(sequence))));
}

const number = (code: string): Uint8Array => u32(-errnoNumber(code) >>> 0);
/** The head of the request, as a capped error repeats it. */
const head = new Uint8Array(16);
const acknowledged = message(control.error, joined([u32(0), head]), flag.capped);
const done = message(control.done, u32(0), flag.multi);
const one = message(16, u32(1), flag.multi);
const two = message(16, u32(2), flag.multi);

/** Its answers are numbers. */
const list: Request<number[]> = {
  words: "list",
  type: 18,
  flags: flag.dump,
  payload: new Uint8Array(),
  changes: false,
  read: (answers) => answers.map(({ payload }) => readU32(payload)),
};
const get: Request<number[]> = { ...list, words: "get", flags: 0 };
const make: Request<number[]> = { ...list, words: "make", type: 16, flags: flag.create, changes: true };

describe("a request", () => {
  test("asks for an acknowledgement, and its words are the effect", () => {
    const socket = createSocket([acknowledged]);
    expect(talk(socket, make)).toEqual(ok([]));
    expect(socket.sent).toMatchObject([
      { flags: flag.create | flag.request | flag.acknowledge, effect: "make" },
    ]);
  });

  test("that changes nothing is no effect", () => {
    const socket = createSocket([one, acknowledged]);
    expect(talk(socket, get)).toEqual(ok([1]));
    expect(socket.sent).toMatchObject([{ effect: undefined }]);
  });

  test("whose flag says dump, but which changes something, is none", () => {
    const socket = createSocket([acknowledged]);
    talk(socket, { ...make, flags: flag.create | flag.replace | flag.exclusive });
    expect((socket.sent[0]?.flags ?? 0) & flag.acknowledge).toBe(flag.acknowledge);
  });

  test("has a sequence of its own", () => {
    const socket = createSocket([acknowledged]);
    for (let count = 0; count < 3; count++) talk(socket, make);
    expect(new Set(socket.sent.map(({ sequence }) => sequence)).size).toBe(3);
  });

  test("does not take the answers to an earlier one", () => {
    const stale = message(16, u32(9));
    const late: Answer = (sequence) => (stale as (sequence: number) => Uint8Array)(sequence - 1);
    const refusedLate: Answer = (sequence) =>
      (refusal("EPERM") as (sequence: number) => Uint8Array)(sequence - 1);
    const socket = createSocket([late, refusedLate, one, late, acknowledged]);
    expect(talk(socket, get)).toEqual(ok([1]));
  });

  test("is not sent again when its answer is lost: the kernel may have done it", () => {
    const socket = createSocket(["ENOBUFS"], [acknowledged]);
    expect(talk(socket, make)).toMatchObject({ error: { code: "ENOBUFS" } });
    expect(socket.sent).toHaveLength(1);
  });

  test("that cannot be sent fails so", () => {
    const socket = { ...createSocket([]), send: () => fail({ code: "EPERM", message: "EPERM: send" }) };
    expect(talk(socket, make)).toEqual(fail({ code: "EPERM", message: "EPERM: send" }));
  });
});

/** A refusal whose words are behind the head of the request, or behind all of it. */
function refusal(code: string, words?: string, repeated?: Uint8Array): Answer {
  const own = words === undefined ? [] : [attribute(1, zeroEnded(words))];
  const flags = (words === undefined ? 0 : flag.withAttributes) | (repeated === undefined ? flag.capped : 0);
  return message(control.error, joined([number(code), repeated ?? head, ...own]), flags);
}

describe("a refusal", () => {
  test.each([
    ["without words", refusal("EEXIST"), "EEXIST: File exists"],
    [
      "with the kernel's words",
      refusal("EOPNOTSUPP", "Unknown device type"),
      "EOPNOTSUPP: Operation not supported (Unknown device type)",
    ],
    [
      "with words that end in a full stop",
      refusal("EINVAL", "Invalid VLAN id."),
      "EINVAL: Invalid argument (Invalid VLAN id)",
    ],
    [
      "with words behind the whole request",
      refusal("EINVAL", "Bad", joined([u32(24), new Uint8Array(20)])),
      "EINVAL: Invalid argument (Bad)",
    ],
    ["cut off", message(control.error, number("EPERM")), "EPERM: Operation not permitted"],
    [
      "of a number without a name",
      message(control.error, joined([u32(-999 >>> 0), head])),
      "E999: error 999",
    ],
  ])("%s", (_what, answer, text) => {
    const code = text.slice(0, text.indexOf(":"));
    expect(talk(createSocket([answer]), make)).toEqual(fail({ code, message: text }));
  });

  test("ends a dump, too", () => {
    const unsupported = message(
      control.done,
      joined([number("EOPNOTSUPP"), attribute(1, zeroEnded("No such thing"))]),
      flag.multi | flag.withAttributes,
    );
    const text = "EOPNOTSUPP: Operation not supported (No such thing)";
    expect(talk(createSocket([one, unsupported]), list)).toEqual(fail({ code: "EOPNOTSUPP", message: text }));
  });
});

describe("a dump", () => {
  test("is all datagrams and messages up to its end", () => {
    const socket = createSocket([together(one, two), message(control.noop, u32(0)), together(two, done)]);
    expect(talk(socket, list)).toEqual(ok([1, 2, 2]));
    expect((socket.sent[0]?.flags ?? 0) & flag.acknowledge).toBe(0);
  });

  test("is begun anew if what it lists changed meanwhile", () => {
    const changed = message(16, u32(9), flag.multi | flag.dumpInterrupted);
    const socket = createSocket([changed, done], [one, together(two, done)]);
    expect(talk(socket, list)).toEqual(ok([1, 2]));
    expect(socket.sent).toHaveLength(2);
  });

  test("is given up if it always changes", () => {
    const changed = message(16, u32(9), flag.multi | flag.dumpInterrupted);
    const socket = createSocket([changed, done]);
    expect(talk(socket, list)).toMatchObject({ error: { code: "EINTR" } });
    expect(socket.sent).toHaveLength(11);
  });

  test("is begun anew if answers were lost", () => {
    const socket = createSocket([one, "ENOBUFS"], [one, done]);
    expect(talk(socket, list)).toEqual(ok([1]));
    expect(socket.sent).toHaveLength(2);
  });

  test("is given up if answers are always lost", () => {
    const socket = createSocket(["ENOBUFS"]);
    expect(talk(socket, list)).toMatchObject({ error: { code: "ENOBUFS" } });
    expect(socket.sent).toHaveLength(11);
  });

  test("whose end does not come is not asked for again", () => {
    const socket = createSocket([one]);
    expect(talk(socket, list)).toMatchObject({ error: { code: "ETIMEDOUT" } });
    expect(socket.sent).toHaveLength(1);
  });
});

test.each([
  ["a length beyond the end", () => joined([u32(64), new Uint8Array(12)])],
  ["a length below a head's", () => new Uint8Array(16)],
  ["half a head", () => new Uint8Array(7)],
] satisfies [string, () => Uint8Array][])("an answer with %s is no answer", (_what, bytes) => {
  for (const request of [get, list, make]) {
    expect(talk(createSocket([bytes]), request)).toMatchObject({ error: { code: "EBADMSG" } });
  }
});

test("an overrun that the kernel tells is a loss", () => {
  const overrun = message(control.overrun, u32(0));
  expect(talk(createSocket([overrun]), make)).toMatchObject({ error: { code: "ENOBUFS" } });
});
