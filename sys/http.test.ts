import { execFile } from "node:child_process";
import * as fs from "node:fs";
import * as net from "node:net";
import * as os from "node:os";
import * as path from "node:path";
import * as tls from "node:tls";
import { promisify } from "node:util";
import * as zlib from "node:zlib";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { makeAuthority, readPair } from "../tools/testbed/certificates.ts";
import { createFake } from "./fake.ts";
import { isDistrust, wasSent } from "./http.ts";
import { ok } from "./outcome.ts";

const here = import.meta.dirname;
let folder: string;
const servers: net.Server[] = [];

beforeAll(() => {
  folder = fs.mkdtempSync(path.join(os.tmpdir(), "hawser-http-"));
});
afterAll(() => {
  for (const server of servers) server.close();
  fs.rmSync(folder, { recursive: true });
});

type Serve = (socket: net.Socket) => void;

/** What a server says to the first bytes it gets. */
function saying(text: string): Serve {
  return (socket) => socket.once("data", () => socket.end(text));
}
const fine = "HTTP/1.1 200 OK\r\ncontent-length: 6\r\nconnection: close\r\n\r\n\u00e4gypt";

const later =
  "HTTP/1.1 429 Later\r\nRetry-After: 3\r\nDate: Fri, 27 Nov 2026 17:30:32 GMT\r\nconnection: close\r\n\r\nno";

/** Starts a server on a free port of the loopback; its URL. */
async function serve(handler: Serve, options?: tls.TlsOptions): Promise<string> {
  const listener: Serve = (socket) => {
    socket.on("error", () => {});
    handler(socket);
  };
  const server = options === undefined ? net.createServer(listener) : tls.createServer(options, listener);
  server.on("tlsClientError", () => {});
  servers.push(server);
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as net.AddressInfo;
  return `${options === undefined ? "http" : "https"}://127.0.0.1:${port}/path`;
}

interface Case {
  readonly url: string;
  readonly tls?: object;
  readonly timeoutMs?: number;
}

async function plainCases(): Promise<Record<string, Case>> {
  const gone = await serve(saying(""));
  servers.pop()?.close();
  return {
    answers: { url: await serve(saying(fine)) },
    refuses: { url: await serve(saying("HTTP/1.1 503 Busy\r\nconnection: close\r\n\r\nno")) },
    "puts off": { url: await serve(saying(later)) },
    redirects: {
      url: await serve(saying("HTTP/1.1 302 Found\r\nlocation: /x\r\nconnection: close\r\n\r\n")),
    },
    "is not there": { url: gone },
    "has no name": { url: "http://nowhere.invalid:2379/" },
    "resets after reading": {
      url: await serve((socket) => socket.once("data", () => socket.resetAndDestroy())),
    },
    "closes after reading": { url: await serve(saying("")) },
    "stops amid the answer": { url: await serve(saying("HTTP/1.1 200 OK\r\ncontent-length: 20\r\n\r\n{}")) },
    "speaks no HTTP": { url: await serve(saying("220 smtp\r\n\r\n")) },
    "is silent": { url: await serve(() => {}), timeoutMs: 200 },
  };
}

async function tlsCases(): Promise<Record<string, Case>> {
  const authority = makeAuthority(folder);
  const ca = fs.readFileSync(authority.caFile, "utf8");
  const otherCa = fs.readFileSync(makeAuthority(folder, "other").caFile, "utf8");
  const server = readPair(authority.issue("server", "/CN=server", "IP:127.0.0.1"));
  const elsewhere = readPair(authority.issue("elsewhere", "/CN=elsewhere", "DNS:elsewhere"));
  const client = readPair(authority.issue("client", "/O=pods", "DNS:client"));
  const mutual = { ...server, ca, requestCert: true };
  const url = await serve(saying(fine), server);
  const askedUrl = await serve(saying(fine), mutual);
  const asked12Url = await serve(saying(fine), { ...mutual, maxVersion: "TLSv1.2" });
  return {
    "has a certificate of the authority": { url, tls: { ca } },
    "has a certificate of another authority": { url, tls: { ca: otherCa } },
    "has a certificate of no known authority": { url },
    "puts off, by TLS": { url: await serve(saying(later), server), tls: { ca } },
    "has a certificate for the name that is wanted": {
      url: await serve(saying(fine), elsewhere),
      tls: { ca, servername: "elsewhere" },
    },
    "has a certificate for another name than is wanted": { url, tls: { ca, servername: "elsewhere" } },
    "has a certificate for another host": { url: await serve(saying(fine), elsewhere), tls: { ca } },
    "wants a certificate and gets it": { url: askedUrl, tls: { ca, ...client } },
    "wants a certificate and gets none": { url: askedUrl, tls: { ca } },
    "wants a certificate and gets none, TLS 1.2": { url: asked12Url, tls: { ca } },
    "speaks no TLS": { url: (await serve(saying(fine))).replace("http:", "https:"), tls: { ca } },
    "gets a key that is none": { url, tls: { ca, cert: client.cert, key: "nonsense" } },
    "gets a key of another certificate": { url, tls: { ca, cert: client.cert, key: server.key } },
  };
}

const answer = { status: 200, body: "\u00e4gypt" };
const putOff = { status: 429, body: "no", retryAfter: "3", date: "Fri, 27 Nov 2026 17:30:32 GMT" };
const expected: Record<string, unknown> = {
  answers: answer,
  refuses: { status: 503, body: "no" },
  redirects: { status: 302, body: "" },
  "puts off": putOff,
  "puts off, by TLS": putOff,
  "has a certificate for the name that is wanted": answer,
  "has a certificate for another name than is wanted": "no, distrusted",
  "is not there": "no",
  "has no name": "no",
  "resets after reading": "maybe ECONNRESET",
  "closes after reading": "maybe ECONNRESET",
  "stops amid the answer": "maybe ECONNRESET",
  "is silent": "maybe ETIMEDOUT",
  "has a certificate of the authority": answer,
  "has a certificate of another authority": "no, distrusted",
  "has a certificate of no known authority": "no, distrusted",
  "has a certificate for another host": "no, distrusted",
  "wants a certificate and gets it": answer,
  "wants a certificate and gets none": "no",
  "wants a certificate and gets none, TLS 1.2": "no",
  "speaks no TLS": "no",
  "gets a key that is none": "no",
  "gets a key of another certificate": "no",
};

/** The same program under both engines. It ends by itself: an agent that keeps it would end it by the timeout. */
const engines: [string, string[]][] = [
  ["node", [process.execPath, "--no-warnings"]],
  ["bun", [path.join(here, "../node_modules/.bin/bun"), "run"]],
];

describe.each(engines)("under %s", (engine, [executable = "", ...options]) => {
  const run = async (text: string, env: Record<string, string> = {}): Promise<string> => {
    const file = path.join(folder, "program.ts");
    fs.writeFileSync(file, `import { linux } from "${here}/linux.ts";\n${text}`);
    const environment = { PATH: process.env.PATH ?? "", ...env };
    const done = await promisify(execFile)(executable, [...options, file], {
      timeout: 30_000,
      env: environment,
    });
    return done.stdout;
  };

  test("an answer is an answer, and a fault tells whether the server can have read the request", async () => {
    const cases = { ...(await plainCases()), ...(await tlsCases()) };
    const said = await run(`
      import { isDistrust } from "${here}/http.ts";
      const ends = {};
      for (const [name, one] of Object.entries(${JSON.stringify(cases)})) {
        const request = { method: "POST", headers: { "x-a": "b" }, body: "{}", timeoutMs: 10_000, ...one };
        const reply = await linux.http.request(request);
        ends[name] = reply.ok ? reply.value : reply.error.sent;
        if (ends[name] === "maybe") ends[name] += " " + reply.error.code;
        if (!reply.ok && isDistrust(reply.error.code)) ends[name] += ", distrusted";
        if (!reply.ok && (reply.error.code === "" || reply.error.message === "")) ends[name] = reply.error;
      }
      console.log(JSON.stringify(ends));`);
    // Bun tells it from a closed connection by nothing.
    const noHttp = engine === "bun" ? "maybe ECONNRESET" : "maybe EBADMSG";
    expect(JSON.parse(said)).toEqual({ ...expected, "speaks no HTTP": noHttp });
  });

  test("what is sent arrives: method, path, headers, body; a kept connection carries the next", async () => {
    const seen: string[] = [];
    let connections = 0;
    const url = await serve((socket) => {
      connections++;
      socket.on("data", (data) => {
        seen.push(data.toString("utf8"));
        socket.write("HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n{}");
      });
    });
    await run(`
      const base = { url: ${JSON.stringify(url)}, headers: { authorization: "tok" }, timeoutMs: 10_000 };
      await linux.http.request({ ...base, method: "POST", body: "b\u00f6dy" });
      await linux.http.request({ ...base, method: "PATCH", body: "{}" });
      await linux.http.request({ ...base, method: "GET" });`);
    const text = seen.join("");
    expect(text).toMatch(/^POST \/path HTTP\/1\.1\r\n/);
    expect(text).toContain("b\u00f6dy");
    expect(text).toMatch(/PATCH \/path HTTP\/1\.1\r\n/);
    expect(text).toMatch(/GET \/path HTTP\/1\.1\r\n/);
    expect(text.match(/authorization: tok/gi)?.length).toBe(3);
    // Node's fetch may not see its first connection free before it wants the next.
    expect(connections).toBeLessThanOrEqual(engine === "bun" ? 1 : 2);
  });

  test("no more of an answer is taken than is allowed, whatever is announced, and nothing that is compressed", async () => {
    const endless = (head: string, part: string) => (socket: net.Socket) =>
      void socket.once("data", () => {
        socket.write(head);
        const more = (): void => {
          while (socket.writable && socket.write(part));
          if (socket.writable) socket.once("drain", more);
        };
        more();
      });
    const start = "HTTP/1.1 200 OK\r\n";
    const chunked = `${start}transfer-encoding: chunked\r\n\r\n`;
    const bomb = zlib.gzipSync(Buffer.alloc(50_000_000));
    const cases = {
      endless: await serve(endless(chunked, `10000\r\n${"x".repeat(65536)}\r\n`)),
      "endless, byte by byte": await serve(endless(chunked, "1\r\nx\r\n".repeat(10_000))),
      "until it closes": await serve(endless(`${start}\r\n`, "x".repeat(65536))),
      announced: await serve(saying(`${start}content-length: 99999999999\r\n\r\n`)),
      "headers without end": await serve(endless(start, `x-more: ${"y".repeat(1000)}\r\n`.repeat(100))),
      "one header without end": await serve(endless(`${start}x-more: `, "y".repeat(65536))),
      compressed: await serve(
        (socket) =>
          void socket.once("data", () => {
            socket.write(`${start}content-encoding: gzip\r\ncontent-length: ${bomb.length}\r\n\r\n`);
            socket.end(bomb);
          }),
      ),
      "as long as is allowed": await serve(saying(`${start}content-length: 100\r\n\r\n${"x".repeat(100)}`)),
      "one byte longer": await serve(saying(`${start}content-length: 101\r\n\r\n${"x".repeat(101)}`)),
    };
    const said = await run(`
      import { readFileSync } from "node:fs";
      const ends = {};
      for (const [name, url] of Object.entries(${JSON.stringify(cases)})) {
        const maxBytes = name.startsWith("as long") || name.startsWith("one byte") ? 100 : 1_000_000;
        const request = { method: "GET", url, headers: {}, timeoutMs: 20_000, maxBytes };
        const reply = await linux.http.request(request);
        ends[name] = reply.ok ? reply.value.body.length : reply.error.code;
      }
      const most = /VmHWM:\\s+(\\d+)/.exec(readFileSync("/proc/self/status", "utf8"))[1];
      console.log(JSON.stringify({ ends, megabytes: Math.round(most / 1024) }));`);
    const { ends, megabytes } = JSON.parse(said);
    expect(ends).toEqual({
      endless: "EMSGSIZE",
      "endless, byte by byte": "EMSGSIZE",
      "until it closes": "EMSGSIZE",
      announced: "EMSGSIZE",
      "headers without end": expect.stringMatching(/^(EBADMSG|EMSGSIZE)$/),
      "one header without end": expect.stringMatching(/^(EBADMSG|EMSGSIZE)$/),
      compressed: "ENOTSUP",
      "as long as is allowed": 100,
      "one byte longer": "EMSGSIZE",
    });
    expect(megabytes).toBeLessThan(250);
  });

  test("certificates are verified whatever the environment says", async () => {
    const authority = makeAuthority(folder, "unknown");
    const ca = fs.readFileSync(makeAuthority(folder, "known").caFile, "utf8");
    const url = await serve(
      saying(fine),
      readPair(authority.issue("stranger", "/CN=stranger", "IP:127.0.0.1")),
    );
    const program = `
      const base = { method: "GET", url: "${url}", headers: {}, timeoutMs: 10_000 };
      const target = { ...base, tls: { ca: ${JSON.stringify(ca)} } };
      const ends = [await linux.http.request(target), await linux.http.request(base)];
      console.log(ends.map((end) => end.ok ? "trusted" : end.error.code).join());`;
    const refused =
      /^(UNABLE_TO_\w+|SELF_SIGNED_\w+|DEPTH_ZERO_\w+),(UNABLE_TO_\w+|SELF_SIGNED_\w+|DEPTH_ZERO_\w+)\n$/;
    expect(await run(program, { NODE_TLS_REJECT_UNAUTHORIZED: "0" })).toMatch(refused);
    const named = { NODE_EXTRA_CA_CERTS: authority.caFile, SSL_CERT_FILE: authority.caFile };
    expect(await run(program, { ...named, NODE_USE_SYSTEM_CA: "1" })).toMatch(refused);
  });

  test("a proxy of the environment is not asked", async () => {
    const proxy = await serve(
      saying("HTTP/1.1 200 OK\r\ncontent-length: 5\r\nconnection: close\r\n\r\nproxy"),
    );
    const url = await serve(saying(fine));
    const said = await run(
      `const reply = await linux.http.request({ url: "${url}", method: "GET", headers: {}, timeoutMs: 10_000 });
       console.log(reply.value.body);`,
      { HTTP_PROXY: new URL(proxy).origin, http_proxy: new URL(proxy).origin, NODE_USE_ENV_PROXY: "1" },
    );
    expect(said).toBe("\u00e4gypt\n");
  });
});

test.each([
  ["ECONNREFUSED", "no"],
  ["UNABLE_TO_GET_ISSUER_CERT_LOCALLY", "no"],
  ["ERR_SSL_TLSV13_ALERT_CERTIFICATE_REQUIRED", "no"],
  ["ECONNRESET", "maybe"],
  ["ETIMEDOUT", "maybe"],
  ["EPIPE", "maybe"],
  ["UND_ERR_SOCKET", "maybe"],
  ["something new", "maybe"],
] as const)("%s: sent: %s", (code, sent) => {
  expect(wasSent(code)).toBe(sent);
});

test.each([
  ["UNABLE_TO_VERIFY_LEAF_SIGNATURE", true],
  ["SELF_SIGNED_CERT_IN_CHAIN", true],
  ["DEPTH_ZERO_SELF_SIGNED_CERT", true],
  ["CERT_HAS_EXPIRED", true],
  ["ERR_TLS_CERT_ALTNAME_INVALID", true],
  ["ERR_SSL_TLSV13_ALERT_CERTIFICATE_REQUIRED", false],
  ["ECONNREFUSED", false],
])("%s: the server's certificate is refused: %s", (code, expected) => {
  expect(isDistrust(code)).toBe(expected);
});

describe("on the fake machine", () => {
  const request = { method: "POST", url: "http://etcd/x", headers: {}, body: "b", timeoutMs: 100 } as const;

  test("a request is a numbered effect, answered by the machine's handler", async () => {
    const fake = createFake({ http: ({ body }) => ok({ status: 201, body: `${body}!` }) });
    expect(await fake.sys.http.request(request)).toEqual(ok({ status: 201, body: "b!" }));
    expect(fake.effects()).toEqual(["http POST http://etcd/x"]);
  });

  test("without a handler nobody listens", async () => {
    const reply = await createFake().sys.http.request(request);
    expect(reply).toMatchObject({ ok: false, error: { code: "ECONNREFUSED", sent: "no" } });
  });

  test("it can fail undone, or be done and its answer be lost", async () => {
    let served = 0;
    const fake = createFake({ http: () => ok({ status: 200, body: String(++served) }) });
    fake.failAt(0, "ECONNREFUSED");
    fake.failAt(1, "ECONNRESET");
    fake.loseReplyAt(2);
    const sent = [];
    for (let count = 0; count < 3; count++) {
      const reply = await fake.sys.http.request(request);
      sent.push([reply.ok ? "answered" : reply.error.sent, served]);
    }
    expect(sent).toEqual([
      ["no", 0],
      ["maybe", 0],
      ["maybe", 1],
    ]);
  });

  test("an answer after the timeout is none, on the machine's clock", async () => {
    const fake = createFake({
      http: async () => {
        await fake.machine.clock.sleep(101);
        return ok({ status: 200, body: "" });
      },
    });
    const reply = await fake.sys.http.request(request);
    expect(reply).toMatchObject({ ok: false, error: { code: "ETIMEDOUT", sent: "maybe" } });
    expect(fake.sys.clock.monotonicMs()).toBe(100);
  });

  test.each([
    ["before", 0],
    ["half", 1],
    ["after", 1],
  ] as const)("a crash %s a request lets the server do it %i times", async (when, times) => {
    let served = 0;
    const fake = createFake({ http: () => ok({ status: 200, body: String(++served) }) });
    fake.crashAt(0, when);
    await expect(fake.sys.http.request(request)).rejects.toThrow("was stopped at http");
    expect(served).toBe(times);
  });
});
