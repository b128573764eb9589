import { describe, expect, test } from "vitest";
import { list } from "../../cni/attachments.ts";
import type { JsonObject } from "../../cni/json.ts";
import { Crash, exited, type FakeProcess, type Handler } from "../../sys/fake.ts";
import { crashPoints } from "../../sys/fake-crashes.ts";
import { createRecordingNode, type PluginVerb, type RecordingNode } from "./meta-testing.ts";

/** A DEL that can never succeed comes to an end all the same, and loses nothing. */

const stateDir = "/var/lib/cni/hawser";
const definition = "/etc/cni/hawser/net.d/shop/data.json";
const annotations = { "k8s.v1.cni.cncf.io/networks": "data" };
const base = { name: "pods", type: "hawser", cniVersion: "1.1.0", delegate: { type: "prim" } };

interface Scene extends RecordingNode {
  /** What the plugin `strict` refuses. A test can change it. */
  readonly strict: { refuses(config: JsonObject, verb: string): boolean; code: number };
  verb(verb: PluginVerb, more?: object): Promise<string>;
}

/**
 * A node on which `strict` refuses what the test says. On every verb it behaves like a plugin that cannot read its
 * configuration.
 */
function scene(config: object = { cniVersion: "1.1.0", type: "strict", bad: true }): Scene {
  const strict = { refuses: (each: JsonObject, _verb: string) => each.bad === true, code: 999 };
  const calls: RecordingNode["calls"] = [];
  const handler: Handler = ({ env, stdin }) => {
    const sent = JSON.parse(stdin) as JsonObject;
    const {
      CNI_COMMAND: verb = "",
      CNI_IFNAME: ifname = "",
      CNI_NETNS: netns = "",
      CNI_ARGS: args = "",
    } = env;
    calls.push({ verb, type: "strict", ifname, netns, args, config: sent });
    if (strict.refuses(sent, verb))
      return exited(1, JSON.stringify({ code: strict.code, msg: "it cannot be read" }));
    if (verb !== "ADD") return exited(0, "");
    const previous = (sent.prevResult as JsonObject | undefined) ?? {};
    return exited(0, JSON.stringify({ ...previous, cniVersion: "1.1.0" }));
  };
  const node = createRecordingNode(
    ["prim", "main"],
    { [definition]: config, "/run/netns/pod1": "" },
    { executables: { "/bin/cni/strict": handler } },
  );
  const verb = async (name: PluginVerb, more: object = {}): Promise<string> => {
    const outcome = await node.call(name, { ...base }, { annotations, ...more });
    return outcome.ok ? "ok" : `${outcome.error.id} ${outcome.error.code}`;
  };
  return { ...node, calls, strict, verb };
}

const gone = { netns: "" };
const gcOf = (...ids: string[]) => ({
  extra: { "cni.dev/valid-attachments": ids.map((containerID) => ({ containerID, ifname: "eth0" })) },
});

/** What lies in the folder of records: attachments, and what is left over. */
function held({ machine }: RecordingNode): string[] {
  const entries = list(machine.spawn().sys, stateDir);
  return entries.ok ? entries.value.map(({ key, state }) => `${key.containerId} ${state.kind}`).sort() : [];
}

function rewrite({ machine }: RecordingNode, config: object): void {
  machine.spawn().sys.files.write(definition, JSON.stringify(config), { mode: 0o644 });
}

describe("a step that never was attached", () => {
  test.each([
    ["there", {}],
    ["gone", gone],
  ])(
    "and cannot be deleted: the second DEL ends, its namespace %s; it is left over, and GC goes on trying",
    async (_case, about) => {
      const made = scene();
      expect(await made.verb("ADD")).toBe("delegate.failed 999");
      expect(await made.verb("DEL", about)).toBe("delegate.failed 999");
      expect(held(made)).toEqual(["pod1 record"]);
      expect(await made.verb("DEL", about)).toBe("ok");
      expect(made.warnings()).toEqual([
        expect.stringMatching(/DEL of container pod1 gives up .*it cannot be read/),
      ]);
      expect(held(made)).toEqual(["pod1 left-over"]);
      expect(await made.verb("DEL", about)).toBe("ok");
      expect(made.warnings()).toEqual([]);
      expect(await made.verb("GC", gcOf())).toBe("ok");
      expect(made.warnings().join("\n")).toContain("is still left over");
      expect(held(made)).toEqual(["pod1 left-over"]);
      made.strict.refuses = () => false;
      expect(await made.verb("GC", gcOf())).toBe("ok");
      expect(made.warnings()).toEqual([]);
      expect(held(made)).toEqual([]);
    },
  );

  test("is deleted by the corrected definition", async () => {
    const made = scene();
    await made.verb("ADD");
    rewrite(made, { cniVersion: "1.1.0", type: "strict" });
    expect(await made.verb("DEL")).toBe("ok");
    expect(held(made)).toEqual([]);
    expect(made.calls.at(-1)).toMatchObject({ verb: "DEL", config: { type: "strict" } });
    expect(made.calls.at(-1)?.config).not.toHaveProperty("bad");
  });

  test.each<[string, object, object]>([
    ["cni-args", { "cni-args": { ips: "no list" } }, { requests: { cniArgs: "allow" } }],
    ["addresses", { ips: ["10.1.0.5", "fd00::5"] }, {}],
    ["ports", { portMappings: [{ hostPort: 1, containerPort: 1 }] }, {}],
  ])(
    "is deleted without the %s that its plugin cannot read: at once, as the ADD fails",
    async (_case, asked, more) => {
      const made = scene({
        cniVersion: "1.1.0",
        type: "strict",
        capabilities: { ips: true, portMappings: true },
        args: { cni: {} },
      });
      made.strict.refuses = ({ args, runtimeConfig }) =>
        runtimeConfig !== undefined || JSON.stringify(args ?? {}).includes("ips");
      const networks = { "k8s.v1.cni.cncf.io/networks": JSON.stringify([{ name: "data", ...asked }]) };
      const added = await made.call("ADD", { ...base, ...more }, { annotations: networks });
      expect(added).toMatchObject({ ok: false, error: { id: "delegate.failed" } });
      expect(held(made)).toEqual([]);
    },
  );

  test("does not keep the plugins before it in the chain from being undone", async () => {
    const plugins = [{ type: "main" }, { type: "strict", bad: true }];
    const made = scene({ cniVersion: "1.1.0", name: "data", plugins });
    expect(await made.verb("ADD")).toBe("delegate.failed 999");
    expect(await made.verb("DEL")).toBe("delegate.failed 999");
    expect(await made.verb("DEL")).toBe("ok");
    expect(held(made)).toEqual(["pod1 left-over"]);
    const [path = ""] = made.machine.disk.paths().filter((each) => each.includes(".refused-"));
    const text = made.machine.disk.read(path);
    expect(text.ok && text.value).toContain('"type":"strict"');
    expect(text.ok && text.value).not.toContain('"type":"main"');
  });

  test("is tried three times if its failure may pass", async () => {
    const made = scene();
    made.strict.code = 11;
    await made.verb("ADD");
    for (const _try of [1, 2]) expect(await made.verb("DEL")).toBe("delegate.failed 11");
    expect(await made.verb("DEL")).toBe("ok");
    expect(held(made)).toEqual(["pod1 left-over"]);
  });

  test("because its plugin is missing leaves nothing for DEL", async () => {
    const made = scene();
    const config = { ...base, networks: ["shop/absent"] };
    made.machine
      .spawn()
      .sys.files.write("/etc/cni/hawser/net.d/shop/absent.json", '{"type":"absent"}', { mode: 0o644 });
    expect(await made.call("ADD", config, {})).toMatchObject({ error: { id: "delegate.not-found" } });
    expect(await made.call("DEL", config, {})).toMatchObject({ ok: true });
  });
});

describe("a step that was attached", () => {
  async function attached(): Promise<Scene> {
    const made = scene({ cniVersion: "1.1.0", type: "strict" });
    expect(await made.verb("ADD")).toBe("ok");
    made.strict.refuses = (_config, verb) => verb === "DEL";
    return made;
  }

  test("is given up by the third DEL if its namespace is gone", async () => {
    const made = await attached();
    for (const _try of [1, 2]) expect(await made.verb("DEL", gone)).toBe("delegate.failed 999");
    expect(held(made)).toEqual(["pod1 record"]);
    expect(await made.verb("DEL", gone)).toBe("ok");
    expect(held(made)).toEqual(["pod1 left-over"]);
    made.strict.refuses = () => false;
    expect(await made.verb("GC", gcOf())).toBe("ok");
    expect(held(made)).toEqual([]);
  });

  test("is given up by the fifth DEL, ten minutes after the first, if its namespace is there", async () => {
    const made = await attached();
    for (const _try of [1, 2, 3, 4, 5, 6]) expect(await made.verb("DEL")).toBe("delegate.failed 999");
    made.machine.clock.advance(10 * 60_000);
    expect(await made.verb("DEL")).toBe("ok");
    expect(held(made)).toEqual(["pod1 left-over"]);
  });

  test("is tried for an hour if its failure may pass", async () => {
    const made = await attached();
    made.strict.code = 11;
    for (const _try of [1, 2, 3, 4, 5, 6]) expect(await made.verb("DEL", gone)).toBe("delegate.failed 11");
    made.machine.clock.advance(60 * 60_000);
    expect(await made.verb("DEL", gone)).toBe("ok");
  });

  test("is given up by GC as well: GC's DELs count, and GC does not fail for ever", async () => {
    const made = await attached();
    for (const _try of [1, 2]) expect(await made.verb("GC", gcOf())).toBe("delegate.failed 999");
    expect(await made.verb("GC", gcOf())).toBe("ok");
    expect(held(made)).toEqual(["pod1 left-over"]);
  });

  test("is not given up if its plugin is back in time", async () => {
    const made = await attached();
    expect(await made.verb("DEL", gone)).toBe("delegate.failed 999");
    const config = { ...base, prevResult: { cniVersion: "1.1.0" } };
    expect(await made.call("CHECK", config, { annotations }), "it is not whole any more").toMatchObject({
      ok: false,
    });
    made.strict.refuses = () => false;
    expect(await made.verb("DEL", gone)).toBe("ok");
    expect(held(made)).toEqual([]);
  });
});

test("a pod that is tried again and again leaves only a few steps left over, the latest", async () => {
  const made = scene();
  for (let n = 0; n < 80; n++) {
    made.machine.clock.advance(1000);
    await made.verb("ADD", { containerId: `c${n}` });
    await made.verb("DEL", { containerId: `c${n}` });
    expect(await made.verb("DEL", { containerId: `c${n}` })).toBe("ok");
  }
  const left = held(made);
  expect(left).toHaveLength(64);
  expect(left).toContain("c79 left-over");
  expect(left).not.toContain("c15 left-over");
});

async function refusedTwice(made: Scene): Promise<void> {
  await made.verb("ADD");
  for (const _time of [1, 2]) await made.verb("DEL", gone);
  expect(held(made)).toEqual(["pod1 left-over"]);
}

test("a new attachment under the same container ID is not deleted with what is left over", async () => {
  const made = scene();
  await refusedTwice(made);
  rewrite(made, { cniVersion: "1.1.0", type: "strict" });
  expect(await made.verb("ADD")).toBe("ok");
  made.strict.refuses = () => false;
  made.calls.length = 0;
  expect(await made.verb("GC", gcOf("pod1"))).toBe("ok");
  expect(made.calls.filter(({ verb }) => verb === "DEL")).toEqual([]);
  expect(held(made)).toEqual(["pod1 left-over", "pod1 record"]);
  expect(await made.verb("DEL")).toBe("ok");
  expect(await made.verb("GC", gcOf())).toBe("ok");
  expect(held(made)).toEqual([]);
});

test("what is left over is in nobody's valid set, and its delegates' GC may fail", async () => {
  const made = scene();
  await refusedTwice(made);
  rewrite(made, { cniVersion: "1.1.0", type: "other" });
  expect(await made.verb("GC", gcOf())).toBe("ok");
  const collected = made.calls.filter(({ verb }) => verb === "GC");
  expect(collected.map(({ config }) => config["cni.dev/valid-attachments"])).toEqual([[]]);
  expect(made.warnings().join("\n")).toContain("what is left over: collect network data");
});

test("killed at any effect, a DEL that gives up has lost nothing", async () => {
  const count = async (): Promise<number> => {
    const made = scene();
    await made.verb("ADD");
    await made.verb("DEL");
    let effects = 0;
    await made.verb("DEL", { onCall: () => effects++ });
    return effects;
  };
  const effects = await count();
  expect(effects).toBeGreaterThan(10);
  for (let number = 0; number < effects; number++) {
    for (const when of crashPoints) {
      const made = scene();
      await made.verb("ADD");
      await made.verb("DEL");
      const killed = made.verb("DEL", { processAt: (process: FakeProcess) => process.crashAt(number, when) });
      await killed.catch((error: unknown) => expect(error).toBeInstanceOf(Crash));
      const where = `killed ${when} effect ${number}`;
      expect(held(made).length, where).toBeGreaterThan(0);
      made.machine.crash({ lose: "unsynced" });
      expect(held(made).length, `${where}, and a power loss`).toBeGreaterThan(0);
      // The power loss may have taken the number of tries. Then one more DEL is needed.
      if ((await made.verb("DEL")) !== "ok") expect(await made.verb("DEL"), where).toBe("ok");
      expect(new Set(held(made)), where).toEqual(new Set(["pod1 left-over"]));
    }
  }
});
