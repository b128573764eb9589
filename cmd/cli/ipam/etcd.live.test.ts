import { spawn } from "node:child_process";
import { once } from "node:events";
import * as fs from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { makeAuthority } from "../../../tools/testbed/certificates.ts";
import { type EtcdCluster, etcdBinaries, startEtcd, turnOnUsers } from "../../../tools/testbed/etcd.ts";
import { type Executable, executables, suite } from "../../../tools/testbed/executables.ts";

/** The compiled command line and plugin on a real etcd. Their user may only use keys under the prefix. */

const [binary] = etcdBinaries();
const reason = binary === undefined ? " (skipped: there is no etcd-server on this machine)" : "";

describe.skipIf(binary === undefined)(`hawser ipam on etcd${reason}`, () => {
  let cluster: EtcdCluster;
  let folder: string;
  beforeAll(async () => {
    if (binary === undefined) throw new Error("there is no etcd");
    folder = fs.mkdtempSync(join(tmpdir(), "hawser-cli-etcd-"));
    const authority = makeAuthority(folder);
    cluster = await startEtcd(binary, {
      tls: { authority, server: authority.issue("server", "/CN=server", "IP:127.0.0.1") },
    });
    fs.writeFileSync(`${folder}/password`, "secret\n", { mode: 0o600 });
    await turnOnUsers(cluster, { name: "hawser", password: "secret", prefix: "/hawser" });
  });
  afterAll(async () => {
    fs.rmSync(folder, { recursive: true });
    await cluster.stop();
  });

  function configure(pool: string): string {
    const user = { username: "hawser", passwordFile: `${folder}/password`, caFile: `${folder}/ca.pem` };
    const ipam = {
      type: "hawser-flat",
      node: "node-a",
      ranges: [[{ subnet: "10.60.0.0/20" }], [{ subnet: "fd00:60::/64" }]],
      store: { etcd: { endpoints: cluster.endpoints, ...user } },
      journalDir: `${folder}/journal`,
    };
    const path = `${folder}/${pool}.json`;
    fs.writeFileSync(path, JSON.stringify({ cniVersion: "1.1.0", name: pool, type: "bridge", ipam }));
    return path;
  }

  async function run(path: string, args: readonly string[], env: Record<string, string> = {}, stdin = "") {
    const child = spawn(path, args, { env });
    const said = { stdout: "", stderr: "" };
    child.stdout.setEncoding("utf8").on("data", (text: string) => {
      said.stdout += text;
    });
    child.stderr.setEncoding("utf8").on("data", (text: string) => {
      said.stderr += text;
    });
    child.stdin.end(stdin);
    const [exitCode] = await once(child, "close");
    return { exitCode, ...said };
  }

  async function json({ path }: Executable, ...args: string[]) {
    const { exitCode, stdout, stderr } = await run(path, ["ipam", ...args, "--json"]);
    expect(stderr).toBe("");
    return { exitCode, ...JSON.parse(stdout) };
  }

  /** Calls the plugin as a runtime does. The name of its link decides which plugin it is. */
  async function plugin(executable: Executable, config: string, verb: string, pod: string): Promise<string> {
    const link = join(folder, "hawser-flat");
    fs.rmSync(link, { force: true });
    fs.symlinkSync(executable.path, link);
    const env = {
      CNI_COMMAND: verb,
      CNI_CONTAINERID: `c-${pod}`,
      CNI_NETNS: "/var/run/netns/none",
      CNI_IFNAME: "eth0",
      CNI_PATH: dirname(link),
      CNI_ARGS: `K8S_POD_NAMESPACE=blue;K8S_POD_NAME=${pod}`,
    };
    const { exitCode, stdout } = await run(link, [], env, fs.readFileSync(config, "utf8"));
    expect({ exitCode, stdout }).toMatchObject({ exitCode: 0 });
    return stdout;
  }

  suite("ipam commands", [], (executable) => {
    const config = () => configure(`pods-${executables.indexOf(executable)}`);

    test("predict, ADD, why, show, DEL, reserve, release, check: they mean the same", async () => {
      const at = config();
      const predicted = await json(executable, "predict", "blue/db-0/eth0", "--config", at);
      const addresses: string[] = predicted.addresses.map((each: { address: string }) => each.address);
      const result = JSON.parse(await plugin(executable, at, "ADD", "db-0"));
      expect(result.ips.map((ip: { address: string }) => ip.address.split("/")[0])).toEqual(addresses);
      const [address = ""] = addresses;
      expect((await json(executable, "why", address, "--config", at)).holding).toMatchObject({
        identity: "blue/db-0/eth0",
        mac: predicted.mac,
        condition: "used",
      });
      expect((await json(executable, "show", "--config", at)).pools[0].sets).toMatchObject([
        { used: 1 },
        { used: 1 },
      ]);
      expect((await json(executable, "release", address, "--yes", "--config", at)).exitCode).toBe(1);
      await plugin(executable, at, "DEL", "db-0");
      const reserved = ["reserve", addresses.join(","), "--for", "blue/db-0/eth0"];
      expect((await json(executable, ...reserved, "--config", at)).exitCode).toBe(0);
      expect((await json(executable, "check", "--config", at)).findings).toEqual([]);
      expect((await json(executable, "release", address, "--yes", "--config", at)).exitCode).toBe(0);
      expect((await json(executable, "list", "--config", at)).holdings).toEqual([]);
    });

    test("hundreds of owners are imported, audited, drawn and exported", async () => {
      const at = configure(`many-${executables.indexOf(executable)}`);
      const owners = Array.from({ length: 650 }, (_each, n) => ({
        ...{ identity: `a/p${n}/eth0`, state: "live", containerId: `c${n}`, ifname: "eth0", node: "node-b" },
        ...{
          network: "n",
          addresses: [`10.60.${8 + (n >> 7)}.${n & 127}`],
          mac: "",
          generation: 1,
          sinceMs: 0,
        },
        history: [],
      }));
      const lines = [{ format: "hawser-flat/1" }, ...owners].map((each) => JSON.stringify(each));
      fs.writeFileSync(`${folder}/in.jsonl`, lines.join("\n"));
      const imported = await json(executable, "import", `${folder}/in.jsonl`, "--yes", "--config", at);
      expect(imported.exitCode).toBe(0);
      expect(imported.owners.every((each: { verdict: string }) => each.verdict === "new")).toBe(true);
      expect(await json(executable, "check", "--config", at)).toMatchObject({
        exitCode: 0,
        owners: 650,
        findings: [],
      });
      const svg = `${folder}/pool.svg`;
      await json(executable, "map", "--svg", svg, "--config", at);
      expect(fs.readFileSync(svg, "utf8")).toContain("<title>10.60.8.0/31: 2 used</title>");
      const { stdout } = await run(executable.path, ["ipam", "export", "--config", at]);
      expect(stdout.trimEnd().split("\n")).toHaveLength(651);
    });

    test("by the store alone, with the user's password", async () => {
      await plugin(executable, config(), "ADD", "db-1");
      const user = ["--username", "hawser", "--ca-file", `${folder}/ca.pem`];
      const store = ["--etcd", cluster.endpoints.join(","), ...user];
      const { pools } = await json(executable, "show", ...store, "--password-file", `${folder}/password`);
      const pool = `pods-${executables.indexOf(executable)}`;
      expect(pools).toContainEqual(expect.objectContaining({ pool, owners: 1, definitions: 1 }));
    });
  });
});
