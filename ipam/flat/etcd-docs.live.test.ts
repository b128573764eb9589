import { type ChildProcess, execFile, spawn } from "node:child_process";
import * as fs from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { linux } from "../../sys/linux.ts";
import { etcdBinaries, until } from "../../tools/testbed/etcd.ts";
import { defaultPrefix } from "./store/etcd-config.ts";
import { openEtcd } from "./store/etcd-store.ts";
import type { Store, Txn } from "./store/store.ts";

/** The blocks of docs/ipam.md's section on etcd, pasted: with other addresses and folders, and nothing else changed. */
const repository = join(import.meta.dirname, "../..");
const text = fs.readFileSync(join(repository, "docs/ipam.md"), "utf8");
const section = text.slice(text.indexOf("\n## etcd\n"), text.indexOf("\n## Moving from whereabouts"));
const blocks = [...section.matchAll(/```sh\n(.*?)```/gs)].map(([, block = ""]) => block);
const [issue = "", member = "", address = "", users = "", viewer = "", second = "", first = "", alarm = ""] =
  blocks;

test("there are as many blocks as are tried here", () => {
  expect(blocks.map((block) => block.split("\n")[0]?.slice(0, 24))).toEqual([
    "mkdir -p /etc/etcd-hawse",
    "NAME=a IP=10.0.0.1",
    "export ETCDCTL_ENDPOINTS",
    "mkdir -p /etc/hawser && ",
    "openssl rand -hex 32 > /",
    "openssl rand -hex 32 > /",
    "etcdctl user delete haws",
    "etcdctl alarm list",
  ]);
});

const hasCtl = fs.existsSync("/usr/bin/etcdctl");
const binaries = hasCtl ? etcdBinaries() : [];
if (binaries.length === 0) test.skip("etcd by its page (skipped: there is no etcd, or no etcdctl)", () => {});

describe.each(binaries)("$name, as its page has it", ({ path }) => {
  let root: string;
  const members: ChildProcess[] = [];
  const here = (block: string): string =>
    block
      .replaceAll("10.0.0.", "127.0.77.")
      // Members see each other come from here, and check each other's addresses.
      .replace(/^issue peer .*IP:127\.0\.77\.3/m, "$&,IP:127.0.0.1")
      .replaceAll("/etc/etcd-hawser", join(root, "certificates"))
      .replaceAll("/etc/hawser", join(root, "passwords"))
      .replaceAll("/var/lib/etcd-hawser", `${join(root, "data")}-$NAME`)
      .replace(/^etcd --name/m, `exec ${path} --name`)
      .replaceAll("hawser ipam", `${join(repository, "dist/hawser")} ipam`);
  const asRoot = users.slice(users.indexOf("export ETCDCTL_USER"));
  /** In a shell of its own; the first command that fails ends it. */
  const paste = async (...pasted: string[]): Promise<string> => {
    const script = `set -e -o pipefail\n${pasted.map(here).join("\n")}`;
    const { stdout, stderr } = await promisify(execFile)("bash", ["-c", script], { timeout: 60_000 });
    return stdout + stderr;
  };
  const open = (user: string, file: string): Store =>
    openEtcd(
      linux,
      {
        endpoints: [1, 2, 3].map((last) => `https://127.0.77.${last}:2379`),
        caFile: join(root, "certificates/ca.pem"),
        certFile: join(root, "certificates/client.pem"),
        keyFile: join(root, "certificates/client-key.pem"),
        username: user,
        passwordFile: join(root, "passwords", file),
        prefix: defaultPrefix,
      },
      { folder: "", name: "" },
    );
  const put = (key: string, value = "{}"): Txn => ({
    compare: [],
    success: [{ kind: "put", key, value }],
    failure: [],
  });
  const definition = JSON.stringify({ ranges: [[{ subnet: "10.60.0.0/24" }]], node: "n", sinceMs: 0 });

  beforeAll(async () => {
    root = fs.mkdtempSync(join(tmpdir(), "hawser-docs-"));
    await paste(issue);
    for (const [at, name] of ["a", "b", "c"].entries()) {
      const own = here(member.replace("NAME=a IP=10.0.0.1", `NAME=${name} IP=10.0.0.${at + 1}`));
      const log = fs.openSync(join(root, `${name}.log`), "w");
      const env = { ...process.env, ETCD_QUOTA_BACKEND_BYTES: "3000000" };
      members.push(spawn("bash", ["-c", own], { stdio: ["ignore", log, log], env }));
      fs.closeSync(log);
    }
    await until("three members are healthy", () =>
      paste(address).then(
        () => true,
        () => false,
      ),
    );
  }, 120_000);
  afterAll(async () => {
    const gone = members.map((each) =>
      each.exitCode !== null || each.signalCode !== null
        ? undefined
        : new Promise((resolve) => each.once("exit", resolve)),
    );
    for (const each of members) each.kill("SIGKILL");
    await Promise.all(gone);
    fs.rmSync(root, { recursive: true });
  });

  test("users, a viewer, another password, and the way out of the alarm", async () => {
    await paste(address, users);
    expect(await open("hawser", "etcd-password").txn(put("pool/pods/def/x", definition))).toMatchObject({
      ok: true,
    });
    expect(await paste(address, asRoot, viewer)).toContain("10.60.0");
    expect(await open("viewer", "viewer-password").txn(put("a"))).toMatchObject({
      error: { msg: expect.stringContaining("permission denied") },
    });
    await paste(address, asRoot, second);
    for (const [user, file] of [
      ["hawser", "etcd-password"],
      ["hawser-2", "etcd-password-2"],
    ] as const)
      expect(await open(user, file).txn(put("a"))).toMatchObject({ ok: true });
    await paste(address, asRoot, first);
    expect(await open("hawser", "etcd-password").txn(put("a"))).toMatchObject({
      error: { msg: expect.stringContaining("authentication failed") },
    });
    const store = open("hawser-2", "etcd-password-2");
    let last: Awaited<ReturnType<Store["txn"]>> | undefined;
    for (let n = 0; n < 300 && last?.ok !== false; n++)
      last = await store.txn(put("big", "x".repeat(200_000)));
    expect(last).toMatchObject({ error: { msg: expect.stringContaining("space exceeded") } });
    expect(await store.health()).toMatchObject({ error: { kind: "refused" } });
    expect(await paste(address, asRoot, alarm)).toContain("NOSPACE");
    expect(await store.txn(put("a"))).toMatchObject({ ok: true });
    expect(await store.health()).toMatchObject({ ok: true });
  }, 120_000);
});
