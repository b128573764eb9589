import { describe, expect, test } from "vitest";
import { createRecordingNode, type RecordingNode } from "../../../plugins/meta/meta-testing.ts";
import { fail, ok } from "../../../sys/outcome.ts";
import { type RpcAttempt, type RpcRequest, rpcFault } from "../../../sys/rpc.ts";
import { criDefinition } from "../../../tools/testbed/cri-calls.ts";
import { listen } from "../command-testing.ts";
import { gcCommand } from "./gc.ts";

type GcOptions = Parameters<typeof gcCommand.run>[2];

const confDir = "/etc/cni/net.d";
const containerd = "/run/containerd/containerd.sock";
const main = { type: "main", name: "pods" };
const single = { cniVersion: "1.0.0", name: "pods", type: "hawser", delegate: main };
/** The list as `hawser install` writes it. */
const list = { cniVersion: "1.0.0", name: "pods", plugins: [{ type: "hawser", delegate: main }] };
const blue = { cniVersion: "1.1.0", name: "blue", type: "side" };

/** Answers as the field's implementation encodes them. */
const { ListPodSandbox, PodSandboxStatus } = criDefinition();
if (ListPodSandbox === undefined || PodSandboxStatus === undefined) throw new Error("a method is missing");
const [listed, status] = [ListPodSandbox, PodSandboxStatus];

interface Scene {
  readonly conf?: Readonly<Record<string, unknown>>;
  readonly files?: Readonly<Record<string, unknown>>;
  /** The sandboxes at the first look, the second and so on. The last entry holds for all further looks. */
  readonly looks?: readonly (readonly string[])[];
  readonly onNodeNetwork?: readonly string[];
}

function prepare({
  conf = { "00-hawser.conflist": list },
  files = {},
  looks,
  onNodeNetwork = [],
}: Scene = {}) {
  let look = -1;
  const rpc = (request: RpcRequest): RpcAttempt => {
    if (looks === undefined) return fail(rpcFault(request, "ECONNREFUSED", "refused"));
    if (request.method.endsWith("/ListPodSandbox")) {
      look = Math.min(look + 1, looks.length - 1);
      const items = (looks[look] ?? []).map((id) => ({ id, metadata: { name: id, namespace: "shop" } }));
      return ok(new Uint8Array(listed.responseSerialize({ items })));
    }
    const { pod_sandbox_id: id } = status.requestDeserialize(Buffer.from(request.body)) as {
      pod_sandbox_id: string;
    };
    const options = { network: onNodeNetwork.includes(id) ? 2 : 0 };
    const answer = { status: { linux: { namespaces: { options } } } };
    return ok(new Uint8Array(status.responseSerialize(answer)));
  };
  const confs = Object.entries(conf).map(([name, content]) => [`${confDir}/${name}`, content]);
  return createRecordingNode(
    ["main", "side"],
    {
      "/etc/cni/hawser/net.d/shop/blue.json": blue,
      ...(looks && { [containerd]: "" }),
      ...Object.fromEntries(confs),
      ...files,
    },
    { rpc },
  );
}

/** Sandboxes that run, each on the primary and on `blue`. */
async function run(node: RecordingNode, ...ids: string[]): Promise<void> {
  for (const containerId of ids) {
    const annotations = { "k8s.v1.cni.cncf.io/networks": "blue" };
    expect(await node.call("ADD", single, { containerId, annotations })).toMatchObject({ ok: true });
  }
  node.calls.length = 0;
}

/** Lets time pass, so that no attachment is young. */
function age(node: RecordingNode): void {
  node.machine.clock.advance(600_000);
}

async function collect(node: RecordingNode, more: Partial<GcOptions> = {}, stdin = "") {
  const options: GcOptions = {
    ...{ confDir, config: undefined, pluginDirs: ["/bin/cni"], valid: undefined, cri: undefined },
    ...{ minAgeMs: undefined, noneValid: false, dryRun: false, json: false },
    ...more,
  };
  const { context, printed } = listen({
    program: { readStdin: () => ok(stdin), variables: { PATH: "/usr/bin" } },
  });
  const ran = printed(await gcCommand.run(node.machine.spawn().sys, context, options));
  return { code: ran.exitCode, out: ran.stdout.trimEnd(), err: ran.stderr.trimEnd() };
}

function dels({ calls }: RecordingNode): string[] {
  return calls.filter(({ verb }) => verb === "DEL").map(({ type, ifname }) => `${type} ${ifname}`);
}

function held({ machine }: RecordingNode): string[] {
  return machine.disk
    .paths()
    .flatMap((path) => /^\/var\/lib\/cni\/hawser\/pods\/(\w+)@eth0\.json$/.exec(path)?.[1] ?? []);
}

describe("by a list", () => {
  test.each<[string, string]>([
    ["the specification's", '[{"containerID": "a", "ifname": "eth0"}]'],
    ["as GC is sent it", '{"cni.dev/valid-attachments": [{"containerID": "a", "ifname": "eth0"}]}'],
    ["IDs in JSON", '["a"]'],
    ["IDs, a line each", "a\n"],
    ["with one that nobody knows here", "a\nhostnetwork\n"],
  ])("%s: what is not in it goes, the rest stays", async (_case, text) => {
    const node = prepare();
    await run(node, "a", "b");
    node.machine.clock.advance(1);
    node.machine.disk.write("/valid", text, { mode: 0o644 });
    expect(await collect(node, { valid: "/valid" })).toMatchObject({ code: 0, err: "" });
    expect(dels(node)).toEqual(["side net1", "main eth0"]);
    expect(held(node)).toEqual(["a"]);
  });

  test("from stdin, and under a configuration as migrate prints it", async () => {
    const node = prepare({
      conf: { "00-hawser.conf": single, "00-multus.conf": { name: "m", type: "multus" } },
    });
    await run(node, "a", "b");
    node.machine.clock.advance(1);
    expect(await collect(node, { valid: "-" }, "b\n")).toMatchObject({ code: 0 });
    expect(held(node)).toEqual(["b"]);
  });

  test("what began after the list was written stays", async () => {
    const node = prepare();
    await run(node, "a", "b");
    node.machine.clock.advance(1);
    node.machine.disk.write("/valid", "a", { mode: 0o644 });
    node.machine.clock.advance(1);
    await run(node, "c");
    const { out } = await collect(node, { valid: "/valid" });
    expect(held(node)).toEqual(["a", "c"]);
    expect(out).toMatch(/shop\/web +c +eth0 .*left: it is younger than the list/);
  });

  test("--min-age: what is younger stays, and the delegates are told that it is valid", async () => {
    const node = prepare();
    await run(node, "a", "b");
    node.machine.clock.advance(60_000);
    await run(node, "c");
    node.machine.clock.advance(1000);
    node.machine.disk.write("/valid", "a", { mode: 0o644 });
    await collect(node, { valid: "/valid", minAgeMs: 30_000 });
    expect(held(node)).toEqual(["a", "c"]);
    const valid = node.calls
      .filter(({ verb }) => verb === "GC")
      .map(({ type, config }) => [type, config["cni.dev/valid-attachments"]]);
    expect(valid).toContainEqual([
      "side",
      [
        { containerID: "a", ifname: "net1" },
        { containerID: "c", ifname: "net1" },
      ],
    ]);
  });

  test("--dry-run shows it and does nothing", async () => {
    const node = prepare();
    await run(node, "a", "b");
    node.machine.clock.advance(1);
    node.machine.disk.write("/valid", "a", { mode: 0o644 });
    const before = node.machine.disk.paths();
    const { code, out } = await collect(node, { valid: "/valid", dryRun: true });
    expect(code).toBe(0);
    expect(out).toMatch(/shop\/web +b +eth0 .*would be deleted/);
    expect(out).toContain("Nothing was changed.");
    expect({ calls: node.calls, paths: node.machine.disk.paths() }).toEqual({ calls: [], paths: before });
  });

  test("--json", async () => {
    const node = prepare();
    await run(node, "a", "b");
    node.machine.clock.advance(1);
    node.machine.disk.write("/valid", "a", { mode: 0o644 });
    const { out } = await collect(node, { valid: "/valid", json: true });
    expect(JSON.parse(out)).toMatchObject({
      network: "pods",
      listed: 1,
      gone: [{ containerId: "b", ifname: "eth0", pod: "shop/web", deleted: true }],
      spared: [],
      otherNetworks: 0,
    });
  });

  test.each<[string, string, string, Partial<GcOptions>]>([
    ["empty: mostly what makes it has failed", "", "cli.valid", {}],
    ["an empty array", "[]", "cli.valid", {}],
    ["IDs that are cut, as crictl shows them", "abcdef", "cli.valid", {}],
    ["not a list", '{"a": 1}', "cli.valid", {}],
    ["of something else", "[1]", "cli.valid", {}],
    ["words that are no IDs", "NAME READY\nweb/x 1/1\n", "cli.valid", {}],
    ["not there", "a", "cli.file", { valid: "/nowhere" }],
    ["no configuration", "a", "cli.file", { confDir: "/nowhere" }],
    ["a configuration without hawser", "a", "cli.no-hawser", { config: "/other.conf" }],
  ])("refused, with nothing done: %s", async (_case, text, id, more) => {
    const node = prepare({ files: { "/other.conf": { name: "x", type: "main" } } });
    await run(node, "abcdef0123");
    node.machine.clock.advance(1);
    node.machine.disk.write("/valid", text, { mode: 0o644 });
    const { code, err } = await collect(node, { valid: "/valid", ...more });
    expect({ code, calls: node.calls }).toEqual({ code: 1, calls: [] });
    expect(err).toContain(id);
  });

  test("--none-valid: everything goes", async () => {
    const node = prepare();
    await run(node, "a", "b");
    node.machine.clock.advance(1);
    expect(await collect(node, { valid: "-", noneValid: true })).toMatchObject({ code: 0 });
    expect(held(node)).toEqual([]);
  });

  test("the runtime's file is the one, not another with hawser in it", async () => {
    const node = prepare({
      conf: { "00-a.conflist": { name: "a", plugins: [main] }, "10-hawser.conflist": list },
    });
    const { code, err } = await collect(node, { valid: "-" }, "a");
    expect(code).toBe(1);
    expect(err).toMatch(/00-a\.conflist[\s\S]*cli\.no-hawser/);
  });

  test("a plugin that fails: told, exit status 1, and what could be deleted is", async () => {
    const node = prepare({ files: { "/etc/cni/hawser/net.d/shop/blue.json": { ...blue, fails: "DEL" } } });
    await run(node, "a", "b");
    node.machine.clock.advance(1);
    const { code, err } = await collect(node, { valid: "-" }, "a");
    expect(code).toBe(1);
    expect(err).toContain("side fails");
    expect(dels(node)).toEqual(["side net1", "main eth0"]);
  });
});

describe("by the runtime's sandboxes", () => {
  test("what is in neither of two looks goes", async () => {
    const node = prepare({ looks: [["a"], ["a", "b"]] });
    await run(node, "a", "b", "c");
    age(node);
    expect(await collect(node)).toMatchObject({ code: 0, err: "" });
    expect(held(node)).toEqual(["a", "b"]);
  });

  test("what is younger than five minutes may be starting", async () => {
    const node = prepare({ looks: [["a"]] });
    await run(node, "a", "b");
    node.machine.clock.advance(200_000);
    const { out } = await collect(node);
    expect(out).toContain("left: it is younger than 300 s");
    expect(held(node)).toEqual(["a", "b"]);
  });

  test("sandboxes of the node's network do not keep the secondaries from being collected", async () => {
    const scene = { looks: [["a", "proxy"]], onNodeNetwork: ["proxy"] };
    const node = prepare(scene);
    await run(node, "a");
    age(node);
    await collect(node);
    expect(node.calls.filter(({ verb }) => verb === "GC").map(({ type }) => type)).toContain("side");
    const other = prepare({ ...scene, onNodeNetwork: [] });
    await run(other, "a");
    age(other);
    await collect(other);
    expect(other.calls.filter(({ verb }) => verb === "GC").map(({ type }) => type)).not.toContain("side");
  });

  test.each<[string, Scene, Partial<GcOptions>, string]>([
    ["it does not answer", {}, { cri: "/run/other.sock" }, "refused"],
    ["there is none", {}, {}, "there is none of /run/containerd"],
    [
      "there are two",
      { looks: [[]], files: { "/run/crio/crio.sock": "" } },
      {},
      "there are /run/containerd/containerd.sock, /run/crio/crio.sock",
    ],
    ["it has no sandbox at all", { looks: [[]] }, {}, "it is empty"],
  ])("refused: %s", async (_case, scene, more, words) => {
    const node = prepare(scene);
    await run(node, "a");
    age(node);
    const { code, err } = await collect(node, more);
    expect({ code, held: held(node) }).toEqual({ code: 1, held: ["a"] });
    expect(err).toContain(words);
    expect(err).toMatch(/cli\.(cri|valid)/);
  });
});
