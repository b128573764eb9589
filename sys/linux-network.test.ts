import { execFileSync } from "node:child_process";
import * as fs from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, test } from "vitest";
import { openNamespace } from "./linux-network.ts";
import type { NetworkNamespace } from "./network.ts";
import { must } from "./outcome-testing.ts";

const root = fs.mkdtempSync(join(tmpdir(), "hwt-network-"));
afterAll(() => fs.rmSync(root, { recursive: true }));

function own(): NetworkNamespace {
  return must(openNamespace());
}

/** O_CLOEXEC, as fdinfo shows it. */
const closedByExec = 0o2000000;

/** What each descriptor leads to, with its flags. One that lists them is gone by then. */
function descriptors(): Map<string, number> {
  const found = fs.readdirSync("/proc/self/fd").flatMap((each): [string, number][] => {
    if (!fs.existsSync(`/proc/self/fdinfo/${each}`)) return [];
    const flags = /^flags:\s*(\d+)/m.exec(fs.readFileSync(`/proc/self/fdinfo/${each}`, "utf8"))?.[1] ?? "";
    return [[`${each} ${fs.readlinkSync(`/proc/self/fd/${each}`)}`, Number.parseInt(flags, 8)]];
  });
  return new Map(found);
}

describe("our own network namespace", () => {
  test("is the same by any path of it", () => {
    const { ino, dev } = fs.statSync("/proc/thread-self/ns/net");
    const paths = [undefined, "/proc/self/ns/net", `/proc/${process.pid}/ns/net`];
    expect(paths.map((path) => must(openNamespace(path)).identity)).toEqual(paths.map(() => `${dev}:${ino}`));
  });

  test("is closed once, and takes no descriptor of another with it", () => {
    const namespace = own();
    namespace.close();
    const taken = fs.openSync("/dev/null", "r");
    expect(taken).toBe(namespace.descriptor);
    namespace.close();
    expect(fs.fstatSync(taken).isCharacterDevice()).toBe(true);
    fs.closeSync(taken);
  });

  test("is not inherited by children, nor are its sockets", () => {
    const before = descriptors();
    const namespace = own();
    const sockets = [must(namespace.socket("route")), must(namespace.socket("netfilter"))];
    const added = [...descriptors()].filter(([name]) => !before.has(name));
    expect(added).toHaveLength(3);
    expect(added.filter(([, flags]) => (flags & closedByExec) === 0)).toEqual([]);
    for (const each of [...sockets, namespace]) each.close();
  });
});

describe("what is no network namespace", () => {
  fs.writeFileSync(join(root, "file"), "");
  execFileSync("mkfifo", [join(root, "pipe")]);
  test.each([
    [join(root, "nothing"), "ENOENT"],
    [join(root, "file", "below"), "ENOTDIR"],
    [join(root, "file"), "EINVAL"],
    [join(root, "pipe"), "EINVAL"],
    [root, "EINVAL"],
    ["/dev/null", "EINVAL"],
    ["/proc/self/ns/mnt", "EINVAL"],
  ])("%s: %s", (path, code) => {
    const before = fs.readdirSync("/proc/self/fd").length;
    const opened = openNamespace(path);
    expect(opened).toMatchObject({ ok: false, error: { code } });
    expect(opened.ok ? "" : opened.error.message).toContain(`open '${path}'`);
    expect(fs.readdirSync("/proc/self/fd")).toHaveLength(before);
  });
});

describe("settings", () => {
  test("are read without the line's end", () => {
    expect(must(own().readSetting("ipv4/ip_forward"))).toMatch(/^[01]$/);
  });

  test.each([
    "../kernel/hostname",
    "ipv4/../ipv4/ip_forward",
    "/ipv4",
    "ipv4//ip_forward",
    "",
    ".",
    "ipv4/a\0b",
  ])("have no such name: %j", (name) => {
    const refusal = { ok: false, error: { code: "EINVAL" } };
    expect(own().readSetting(name)).toMatchObject(refusal);
    expect(own().writeSetting(name, "1")).toMatchObject(refusal);
  });

  test("that the kernel does not have are refused in its words", () => {
    expect(own().readSetting("ipv4/conf/hwt-none/forwarding")).toMatchObject({ error: { code: "ENOENT" } });
    expect(own().writeSetting("ipv4/hwt-none", "1")).toMatchObject({ error: { code: expect.any(String) } });
  });
});

describe("a socket to the kernel", () => {
  /** RTM_GETLINK of interface 1, `lo`: `struct nlmsghdr` and `struct ifinfomsg`. */
  const askForLo = new Uint8Array(32);
  new Uint32Array(askForLo.buffer).set([32, 18 | (1 << 16), 7, 0, 0, 1]);

  test("gets the answer to what it asks", () => {
    const socket = must(own().socket("route"));
    expect(socket.send(askForLo).ok).toBe(true);
    const answer = must(socket.receive());
    const view = new DataView(answer.buffer);
    expect(view.getUint32(0, true)).toBeLessThanOrEqual(answer.length);
    expect([view.getUint16(4, true), view.getUint32(8, true), view.getUint32(12, true)]).toEqual([
      16,
      7,
      socket.port,
    ]);
    expect(Buffer.from(answer).includes("lo\0")).toBe(true);
    socket.close();
  });

  test("has a number of its own", () => {
    const sockets = [must(own().socket("route")), must(own().socket("netfilter"))];
    expect(new Set(sockets.map(({ port }) => port))).not.toContain(0);
    for (const socket of sockets) socket.close();
  });

  test("fails once it is closed", () => {
    const socket = must(own().socket("route"));
    socket.close();
    socket.close();
    expect(socket.send(askForLo)).toMatchObject({ error: { code: "EBADF" } });
    expect(socket.receive()).toMatchObject({ error: { code: "EBADF" } });
  });
});

test.each(["", "sixteen-is-long-", "tap%d", "a\0b"])("%j is no name of a TAP interface", (name) => {
  expect(own().makeTap({ name, multiQueue: false })).toMatchObject({ error: { code: "EINVAL" } });
});
