import { execFile } from "node:child_process";
import * as fs from "node:fs";
import * as http2 from "node:http2";
import * as net from "node:net";
import * as os from "node:os";
import * as path from "node:path";
import { promisify } from "node:util";
import * as grpc from "@grpc/grpc-js";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { createFake } from "./fake.ts";
import { ok } from "./outcome.ts";
import { statusName } from "./rpc.ts";

const here = import.meta.dirname;
let folder: string;
const closers: (() => void)[] = [];

beforeAll(async () => {
  folder = fs.mkdtempSync(path.join(os.tmpdir(), "hawser-rpc-"));
  await startService();
  await Promise.all(Object.entries(strangers).map(([name, server]) => listen(name, server())));
});
afterAll(() => {
  for (const close of closers) close();
  fs.rmSync(folder, { recursive: true });
});

const socketOf = (name: string): string => path.join(folder, name);

type Respond = (call: grpc.ServerUnaryCall<Buffer, Buffer>, answer: grpc.sendUnaryData<Buffer>) => void;

const asIs = (bytes: Buffer): Buffer => bytes;
const megabyte = 1024 * 1024;

/** Messages of bytes that mean nothing: what is in them is not the transport's business. */
const methods: Readonly<Record<string, Respond>> = {
  Echo: ({ request }, answer) => answer(null, request),
  Empty: (_call, answer) => answer(null, Buffer.alloc(0)),
  Large: (_call, answer) => answer(null, Buffer.alloc(megabyte, 7)),
  TooLarge: (_call, answer) => answer(null, Buffer.alloc(megabyte + 1)),
  Refuse: (_call, answer) => answer({ code: grpc.status.NOT_FOUND, details: "no p\u00f6d 100%" }),
  Break: (_call, answer) => answer({ code: grpc.status.UNKNOWN, details: "method disabled" }),
  Deadline: (call, answer) =>
    answer(null, Buffer.from(String(Number(call.getDeadline()) <= Date.now() + 10_000))),
  Silent: () => {},
};

/** A server of the implementation that the field uses. */
async function startService(): Promise<void> {
  const server = new grpc.Server();
  const definition = Object.fromEntries(
    Object.keys(methods).map((name) => [
      name,
      {
        path: `/test.Service/${name}`,
        requestStream: false,
        responseStream: false,
        requestSerialize: asIs,
        requestDeserialize: asIs,
        responseSerialize: asIs,
        responseDeserialize: asIs,
      },
    ]),
  );
  server.addService(definition, { ...methods });
  await promisify(server.bindAsync.bind(server))(
    `unix:${socketOf("service")}`,
    grpc.ServerCredentials.createInsecure(),
  );
  closers.push(() => server.forceShutdown());
}

/** Servers that do not speak gRPC, or speak it badly. */
const strangers: Readonly<Record<string, () => net.Server>> = {
  "speaks no HTTP": () => net.createServer((socket) => socket.end("220 smtp\r\n\r\n")),
  "hangs up": () => net.createServer((socket) => socket.once("data", () => socket.destroy())),
  "is no gRPC": () => http2Server((stream) => stream.respond({ ":status": 404 }, { endStream: true })),
  "has no status": () => answering(frame("abc"), undefined),
  "has no message": () => answering(Buffer.alloc(0), "0"),
  "is compressed": () => answering(frame("abc", 1), "0"),
  "is cut": () => answering(frame("abcdef").subarray(0, 8), "0"),
  "has a status that nobody knows": () => answering(Buffer.alloc(0), "77"),
};

function http2Server(handler: (stream: http2.ServerHttp2Stream) => void): net.Server {
  const server = http2.createServer();
  server.on("stream", (stream: http2.ServerHttp2Stream) => {
    stream.on("error", () => {});
    handler(stream);
  });
  return server;
}

function answering(body: Buffer, status: string | undefined): net.Server {
  return http2Server((stream) => {
    const trailers = status === undefined ? {} : { "grpc-status": status };
    stream.respond({ ":status": 200, "content-type": "application/grpc" }, { waitForTrailers: true });
    stream.on("wantTrailers", () => stream.sendTrailers(trailers));
    stream.end(body);
  });
}

function frame(text: string, compressed = 0): Buffer {
  const prefix = Buffer.alloc(5);
  prefix[0] = compressed;
  prefix.writeUInt32BE(text.length, 1);
  return Buffer.concat([prefix, Buffer.from(text)]);
}

async function listen(name: string, server: net.Server): Promise<void> {
  server.on("connection", (socket: net.Socket) => {
    socket.on("error", () => {});
    closers.push(() => socket.destroy());
  });
  closers.push(() => server.close());
  await new Promise<void>((resolve) => server.listen(socketOf(name), resolve));
}

/** The same program under both engines. It ends by itself: a connection that keeps it would end it by the timeout. */
const engines: [string, string[]][] = [
  ["node", [process.execPath, "--no-warnings"]],
  ["bun", [path.join(here, "../node_modules/.bin/bun"), "run"]],
];

interface Said {
  readonly text?: string;
  readonly sizeBytes?: number;
  readonly error?: { code: string; message: string; answered: boolean };
}

describe.each(engines)("under %s", (_engine, [executable = "", ...options]) => {
  const call = async (socket: string, method: string, timeoutMs = 10_000): Promise<Said> => {
    const file = path.join(folder, "program.ts");
    fs.writeFileSync(
      file,
      `import { linux } from "${here}/linux.ts";
      const [socket, method, timeout] = process.argv.slice(2);
      const body = new TextEncoder().encode("b\\u00f6dy");
      const request = { socket, method, body, timeoutMs: Number(timeout), maxBytes: ${megabyte} };
      const reply = await linux.rpc.call(request);
      const shown = reply.ok
        ? { text: new TextDecoder().decode(reply.value.subarray(0, 20)), sizeBytes: reply.value.length }
        : { error: reply.error };
      console.log(JSON.stringify(shown));`,
    );
    const args = [...options, file, socket, method, String(timeoutMs)];
    const done = await promisify(execFile)(executable, args, { timeout: 30_000 });
    return JSON.parse(done.stdout) as Said;
  };
  const service = (method: string, timeoutMs?: number): Promise<Said> =>
    call(socketOf("service"), `/test.Service/${method}`, timeoutMs);

  test("the message arrives, and the answer comes back", async () => {
    expect(await service("Echo")).toEqual({ text: "b\u00f6dy", sizeBytes: 5 });
    expect(await service("Empty")).toEqual({ text: "", sizeBytes: 0 });
  });

  test("an answer of many frames is whole; one byte more than allowed is refused", async () => {
    expect(await service("Large")).toMatchObject({ sizeBytes: megabyte });
    expect(await service("TooLarge")).toMatchObject({ error: { code: "EMSGSIZE", answered: false } });
  });

  test.each([
    ["Refuse", "NOT_FOUND", "no p\u00f6d 100% (NOT_FOUND)"],
    ["Break", "UNKNOWN", "method disabled (UNKNOWN)"],
    ["Nothing", "UNIMPLEMENTED", "(UNIMPLEMENTED)"],
  ])("a status of the server is one: %s", async (method, code, text) => {
    const { error } = await service(method);
    expect(error).toMatchObject({ code, answered: true });
    expect(error?.message).toContain(`call /test.Service/${method} on ${socketOf("service")}: `);
    expect(error?.message).toContain(text);
  });

  test("the server is told the deadline, and does not have to keep it", async () => {
    expect(await service("Deadline")).toMatchObject({ text: "true" });
    expect(await service("Silent", 200)).toMatchObject({ error: { code: "ETIMEDOUT", answered: false } });
  });

  test.each([
    ["is no gRPC", "EBADMSG", "HTTP status 404"],
    ["has no status", "EBADMSG", "no grpc-status"],
    ["has no message", "EBADMSG", "no message"],
    ["is compressed", "EBADMSG", "compressed"],
    ["is cut", "EBADMSG", "6 bytes was announced, 3 came"],
    ["has a status that nobody knows", "UNKNOWN", "it is refused (UNKNOWN)"],
    ["is not there", "ENOENT", "is not there"],
    ["speaks no HTTP", "", "speaks no HTTP"],
    ["hangs up", "", "hangs up"],
  ])("what %s is told as such", async (name, code, text) => {
    const { error } = await call(socketOf(name), "/a.B/C");
    expect(error?.message).toContain(`call /a.B/C on ${socketOf(name)}: `);
    expect(error?.message).toContain(text);
    // The engines have different codes for a broken connection.
    if (code !== "") expect(error?.code).toBe(code);
    expect(error?.code).not.toBe("");
  });

  test("a file that is no socket, and a path that is too long for one", async () => {
    fs.writeFileSync(socketOf("file"), "");
    expect(await call(socketOf("file"), "/a.B/C")).toMatchObject({ error: { code: "ECONNREFUSED" } });
    const { error } = await call(socketOf("x".repeat(108)), "/a.B/C");
    expect(error).toMatchObject({ code: "ENAMETOOLONG" });
  });
});

test.each([
  ["5", "NOT_FOUND"],
  ["16", "UNAUTHENTICATED"],
  ["17", "UNKNOWN"],
  ["-1", "UNKNOWN"],
  ["length", "UNKNOWN"],
])("grpc-status %s is %s", (status, name) => {
  expect(statusName(status)).toBe(name);
});

describe("on the fake machine", () => {
  const request = {
    socket: "/s",
    method: "/a.B/C",
    body: new Uint8Array([1]),
    timeoutMs: 100,
    maxBytes: 9,
  };

  test("a call is a numbered effect, answered by the machine's handler; without one there is no socket", async () => {
    const fake = createFake({ rpc: ({ body }) => ok(body) });
    expect(await fake.sys.rpc.call(request)).toEqual(ok(request.body));
    expect(fake.effects()).toEqual(["rpc /s /a.B/C"]);
    expect(await createFake().sys.rpc.call(request)).toMatchObject({ ok: false, error: { code: "ENOENT" } });
  });

  test("it can fail, and is late on the machine's clock", async () => {
    const fake = createFake({
      rpc: async () => {
        await fake.machine.clock.sleep(101);
        return ok(request.body);
      },
    });
    fake.failAt(0, "ECONNREFUSED");
    expect(await fake.sys.rpc.call(request)).toMatchObject({ ok: false, error: { code: "ECONNREFUSED" } });
    expect(await fake.sys.rpc.call(request)).toMatchObject({ ok: false, error: { code: "ETIMEDOUT" } });
    expect(fake.sys.clock.monotonicMs()).toBe(100);
  });

  test.each([
    ["before", 0],
    ["half", 0],
    ["after", 1],
  ] as const)("a crash %s a call lets the server answer it %i times", async (when, times) => {
    let served = 0;
    const fake = createFake({
      rpc: () => {
        served++;
        return ok(request.body);
      },
    });
    fake.crashAt(0, when);
    await expect(fake.sys.rpc.call(request)).rejects.toThrow("was stopped at rpc");
    expect(served).toBe(times);
  });
});
