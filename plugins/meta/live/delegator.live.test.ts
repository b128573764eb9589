import * as fs from "node:fs";
import { join } from "node:path";
import { expect, test, vi } from "vitest";
import { useBed } from "../../../tools/testbed/bed.ts";
import { answerOf, call, errorOf, expectSilence, start } from "../../../tools/testbed/call.ts";
import { suite } from "../../../tools/testbed/executables.ts";
import { effects, leftovers, records } from "../../../tools/testbed/leftovers.ts";
import {
  annotated,
  annotationsCapability,
  define,
  hawser,
  podArgs,
} from "../../../tools/testbed/networks.ts";
import {
  addPlugin,
  answer,
  callNames,
  calls,
  failWith,
  forgetCalls,
  print,
  removeEffect,
  type Script,
  say,
  sleepS,
  someResult,
  wellBehaved,
} from "../../../tools/testbed/script-plugin.ts";

/**
 * A delegator's duties to the plugins that it runs: exact input, the right order, and an error for each kind of misbehaviour.
 */

suite("what a delegate is given", [], (executable) => {
  const bed = useBed({ node: false });

  test("its own configuration, unknown fields and big numbers unharmed, and no capabilities", async () => {
    addPlugin(bed(), "main");
    const delegate =
      `{"type":"main","capabilities":{"portMappings":true,"ips":false},"vlan":{"id":12345678901234567890,` +
      `"ratio":1.0,"none":null},"ümlaut":"\\u00e9","ipam":{}}`;
    const own = hawser(bed(), { delegate: "DELEGATE" });
    const runtimeConfig = { portMappings: [{ HostPort: 80 }], ips: ["10.0.0.1"], bandwidth: {} };
    const config = JSON.stringify({ ...own, runtimeConfig }).replace(`"DELEGATE"`, delegate);
    answerOf(await call(bed(), executable, { verb: "ADD", config }));
    const [sent] = calls(bed());
    expect(sent?.stdin).toContain(`"vlan":{"id":12345678901234567890,"ratio":1.0,"none":null}`);
    expect(sent?.config).toEqual({
      cniVersion: "1.1.0",
      name: "pods",
      type: "main",
      vlan: { id: expect.any(Number), ratio: 1, none: null },
      ümlaut: "é",
      ipam: {},
      runtimeConfig: { portMappings: [{ HostPort: 80 }] },
    });
  });

  test("the runtime's environment, with its own interface's name", async () => {
    addPlugin(bed(), "main");
    addPlugin(bed(), "side");
    define(bed(), "blue", { cniVersion: "1.0.0", name: "azure", type: "side" });
    const config = annotated(hawser(bed(), { delegate: { type: "main" } }), "blue");
    const netns = "/var/run/netns/some";
    const env = { HTTPS_PROXY: "http://proxy:3128" };
    const operation = { config, netns, env, args: podArgs, containerId: "c7", ifname: "eth1" };
    answerOf(await call(bed(), executable, { verb: "ADD", ...operation }));
    const [first, second] = calls(bed()).map((each) => each.env);
    expect(first).toMatchObject({
      CNI_COMMAND: "ADD",
      CNI_CONTAINERID: "c7",
      CNI_NETNS: netns,
      CNI_IFNAME: "eth1",
      CNI_ARGS: podArgs,
      CNI_PATH: bed().path,
      HTTPS_PROXY: "http://proxy:3128",
    });
    expect(second).toEqual({ ...first, CNI_IFNAME: "net1" });
    expect(calls(bed())[1]?.config).toEqual({ cniVersion: "1.0.0", name: "azure", type: "side" });
  });

  test("runtimeConfig: the kubelet's to the primary only, the pod's own to its network only", async () => {
    const capabilities = { portMappings: true, mac: true, ips: true };
    for (const type of ["main", "side"]) addPlugin(bed(), type);
    define(bed(), "blue", { cniVersion: "1.1.0", name: "blue", type: "side", capabilities });
    const annotation = JSON.stringify([
      { name: "blue", mac: "02:00:00:00:00:07", "cni-args": { team: "a" } },
    ]);
    const requests = { networks: { "default/blue": { cniArgs: "allow" } } };
    const delegate = { type: "main", capabilities };
    const config = annotated(hawser(bed(), { delegate, requests }), annotation);
    const runtimeConfig = { ...(config.runtimeConfig as object), portMappings: [{ HostPort: 80 }] };
    answerOf(await call(bed(), executable, { verb: "ADD", config: { ...config, runtimeConfig } }));
    const [main, side] = calls(bed()).map((each) => each.config);
    expect(main?.runtimeConfig).toEqual({ portMappings: [{ HostPort: 80 }] });
    expect(side?.runtimeConfig).toEqual({ mac: "02:00:00:00:00:07" });
    expect(side?.args).toEqual({ cni: { team: "a" } });
    expect(main?.args).toBeUndefined();
  });

  test("the pod's annotations only where the primary declares that it takes them", async () => {
    addPlugin(bed(), "main");
    const capabilities = { [annotationsCapability]: true };
    const config = annotated(hawser(bed(), { delegate: { type: "main", capabilities } }), "");
    answerOf(await call(bed(), executable, { verb: "ADD", config }));
    expect(calls(bed())[0]?.config.runtimeConfig).toEqual(config.runtimeConfig);
  });
});

const list = {
  cniVersion: "1.1.0",
  name: "chain",
  plugins: [{ type: "one" }, { type: "two" }, { type: "three" }],
};

/** A plugin whose result has this address. The address tells its result from others. */
function answering(address: string): Script {
  return wellBehaved(someResult({ ips: [{ address, interface: 0 }] }));
}

function addressesIn(config: Readonly<Record<string, unknown>>): string[] {
  const result = config.prevResult as { ips?: { address: string }[] } | undefined;
  return (result?.ips ?? []).map(({ address }) => address);
}

suite("chains", [], (executable) => {
  const bed = useBed({ node: false });

  test("ADD gives each plugin the result before it; CHECK and DEL give all the last one, DEL in reverse", async () => {
    for (const [index, type] of ["one", "two", "three"].entries()) {
      addPlugin(bed(), type, answering(`10.9.0.${index + 1}/24`));
    }
    const config = hawser(bed(), { delegate: list });
    const result = answerOf(await call(bed(), executable, { verb: "ADD", config }));
    expect(callNames(bed())).toEqual(["ADD one eth0", "ADD two eth0", "ADD three eth0"]);
    expect(calls(bed()).map((each) => addressesIn(each.config))).toEqual([
      [],
      ["10.9.0.1/24"],
      ["10.9.0.2/24"],
    ]);
    expect(result).toMatchObject({ ips: [{ address: "10.9.0.3/24", interface: 0 }] });
    expect(calls(bed())[1]?.config.prevResult).toEqual({
      cniVersion: "1.1.0",
      interfaces: [{ name: "eth0", mac: "02:00:00:00:00:01", sandbox: "/var/run/netns/none" }],
      ips: [{ address: "10.9.0.1/24", interface: 0 }],
    });

    forgetCalls(bed());
    const told = { ...config, prevResult: result };
    expectSilence(await call(bed(), executable, { verb: "CHECK", config: told }));
    expect(callNames(bed())).toEqual(["CHECK one eth0", "CHECK two eth0", "CHECK three eth0"]);
    expectSilence(await call(bed(), executable, { verb: "DEL", config }));
    expect(callNames(bed()).slice(3)).toEqual(["DEL three eth0", "DEL two eth0", "DEL one eth0"]);
    expect(calls(bed()).map((each) => addressesIn(each.config))).toEqual(Array(6).fill(["10.9.0.3/24"]));
    expect(leftovers(bed())).toEqual([]);
  });

  test("several networks: ADD in order, DEL in reverse, each with its own interface and result", async () => {
    addPlugin(bed(), "main", answering("10.9.0.1/24"));
    addPlugin(bed(), "side", answering("10.9.1.1/24"));
    for (const name of ["blue", "green"]) define(bed(), name, { cniVersion: "1.1.0", name, type: "side" });
    const config = annotated(hawser(bed(), { delegate: { type: "main" } }), "blue,green@lan0");
    answerOf(await call(bed(), executable, { verb: "ADD", config }));
    expectSilence(await call(bed(), executable, { verb: "DEL", config }));
    const adds = ["ADD main eth0", "ADD side net1", "ADD side lan0"];
    expect(callNames(bed())).toEqual([...adds, "DEL side lan0", "DEL side net1", "DEL main eth0"]);
    const dels = calls(bed()).slice(3);
    expect(dels.map((each) => each.config.name)).toEqual(["green", "blue", "pods"]);
    expect(dels.map((each) => addressesIn(each.config))).toEqual([
      ["10.9.1.1/24"],
      ["10.9.1.1/24"],
      ["10.9.0.1/24"],
    ]);
  });

  test("parallel: the secondaries run after the primary on ADD and before it on DEL, the result in order", async () => {
    addPlugin(bed(), "main", answering("10.9.0.1/24"));
    for (const [index, name] of ["blue", "green", "red"].entries()) {
      addPlugin(bed(), `p-${name}`, answering(`10.9.${index + 1}.1/24`));
      define(bed(), name, { cniVersion: "1.1.0", name, type: `p-${name}` });
    }
    const config = annotated(hawser(bed(), { delegate: { type: "main" }, parallel: true }), "red,green,blue");
    const result = answerOf(await call(bed(), executable, { verb: "ADD", config }));
    expect(addressesIn({ prevResult: result })).toEqual([
      "10.9.0.1/24",
      "10.9.3.1/24",
      "10.9.2.1/24",
      "10.9.1.1/24",
    ]);
    expect(callNames(bed())[0]).toBe("ADD main eth0");
    expectSilence(await call(bed(), executable, { verb: "DEL", config }));
    expect(callNames(bed()).at(-1)).toBe("DEL main eth0");
    expect(callNames(bed())).toHaveLength(8);
    expect(leftovers(bed())).toEqual([]);
  });
});

const someAnswer = someResult();

/** Wrong answers of a plugin to ADD, each with the code and words of the error. */
const misbehaviours: [string, readonly string[], number, RegExp][] = [
  ["prints nothing", [], 101, /printed no valid result/],
  ["prints garbage", [print("Segmentation fault")], 101, /printed no valid result/],
  ["prints two documents", [answer(someAnswer), answer(someAnswer)], 101, /printed no valid result/],
  ["prints an array", [print("[]")], 101, /printed no valid result/],
  [
    "answers with an index past the interfaces",
    [answer(someResult({ ips: [{ address: "10.9.0.5/24", interface: 1 }] }))],
    101,
    /ips\[0\]\.interface is 1/,
  ],
  [
    "answers with a negative index",
    [answer(someResult({ ips: [{ address: "10.9.0.5/24", interface: -1 }] }))],
    101,
    /ips\[0\]\.interface is -1/,
  ],
  [
    "answers with an address that is none",
    [answer(someResult({ ips: [{ address: "10.9.0.5", interface: 0 }] }))],
    101,
    /ips\[0\]\.address/,
  ],
  ["answers in an unknown version", [answer(someResult({ cniVersion: "9.0.0" }))], 101, /9\.0\.0/],
  ["fails with a code of the specification", [failWith(11, "try later", "busy")], 11, /try later/],
  ["fails with a code of its own", [failWith(999, "no addresses left")], 999, /no addresses left/],
  [
    "fails with a result instead of an error",
    [answer(someAnswer), "exit 1"],
    101,
    /exited with 1 without an error/,
  ],
  [
    "fails with words on stderr only",
    [say("panic: nil map"), "exit 2"],
    101,
    /exited with 2 without an error/,
  ],
  ["ends by a signal", ["kill -9 $$"], 101, /SIGKILL/],
  ["floods stdout", ["exec yes"], 101, /more than \d+ bytes/],
  ["floods stderr", ["exec yes >&2"], 101, /more than \d+ bytes/],
  ["does not end", [sleepS(60)], 11, /did not end in time/],
];

suite("a delegate that misbehaves", [], (executable) => {
  const bed = useBed({ node: false });

  function configuration(parallel: boolean): object {
    addPlugin(bed(), "main");
    addPlugin(bed(), "side");
    define(bed(), "good", { cniVersion: "1.1.0", name: "good", type: "side" });
    define(bed(), "bad", {
      cniVersion: "1.1.0",
      name: "bad",
      plugins: [{ type: "side" }, { type: "rogue" }],
    });
    // Long enough for a loaded machine to start the other plugins, and short enough for a test.
    const own = hawser(bed(), { delegate: { type: "main" }, parallel, timeout: "3s" });
    return annotated(own, "good,bad");
  }

  test.each(misbehaviours)(
    "%s: everything is undone, its own part included",
    async (_case, lines, code, said) => {
      addPlugin(bed(), "rogue", { ADD: [`: > "$effect"`, ...lines], DEL: [removeEffect] });
      const config = configuration(false);
      const error = errorOf(await call(bed(), executable, { verb: "ADD", config }));
      expect(error.code).toBe(code);
      expect(error.msg).toMatch(said);
      expect(error.msg).toContain("attach secondary network default/bad (net2)");
      expect(callNames(bed())).toEqual([
        "ADD main eth0",
        "ADD side net1",
        "ADD side net2",
        "ADD rogue net2",
        "DEL rogue net2",
        "DEL side net2",
        "DEL side net1",
        "DEL main eth0",
      ]);
      expect(leftovers(bed())).toEqual([]);
    },
  );

  test("in parallel: those beside it are undone too", async () => {
    addPlugin(bed(), "rogue", { ADD: [`: > "$effect"`, failWith(999, "no")], DEL: [removeEffect] });
    const error = errorOf(await call(bed(), executable, { verb: "ADD", config: configuration(true) }));
    expect(error.msg).toContain("attach secondary network default/bad (net2)");
    expect(
      callNames(bed())
        .filter((name) => name.startsWith("DEL"))
        .sort(),
    ).toEqual(["DEL main eth0", "DEL rogue net2", "DEL side net1", "DEL side net2"]);
    expect(callNames(bed()).at(-1)).toBe("DEL main eth0");
    expect(leftovers(bed())).toEqual([]);
  });

  test("what cannot be undone is told beside the cause, stays recorded, and goes with DEL", async () => {
    const blocked = join(bed().root, "blocked");
    fs.writeFileSync(blocked, "");
    const stubborn = `[ ! -e ${blocked} ] || { ${failWith(999, "it is in use")}; }`;
    addPlugin(bed(), "rogue", {
      ADD: [`: > "$effect"`, failWith(42, "out of luck")],
      DEL: [stubborn, removeEffect],
    });
    const config = configuration(false);
    const error = errorOf(await call(bed(), executable, { verb: "ADD", config }));
    expect(error).toMatchObject({ code: 42, msg: expect.stringContaining("out of luck") });
    expect(error.details).toContain("it is in use");
    expect(records(bed())).toEqual(["pods/c1@eth0.json"]);
    expect(effects(bed())).toEqual(["rogue@c1@net2", "side@c1@net2"]);
    fs.rmSync(blocked);
    expectSilence(await call(bed(), executable, { verb: "DEL", config }));
    expect(leftovers(bed())).toEqual([]);
  });

  test("a plugin that is not there: nothing runs", async () => {
    const config = configuration(false);
    const error = errorOf(await call(bed(), executable, { verb: "ADD", config }));
    expect(error).toMatchObject({ code: 101, msg: expect.stringContaining(`"rogue"`) });
    expect(error.details).toContain(bed().binDir);
    expect(callNames(bed())).toEqual([]);
    expect(leftovers(bed())).toEqual([]);
  });
});

/** How often a process has given up the processor by itself. Endless if the process is gone. */
function timesAsleep(pid: number): number {
  try {
    const status = fs.readFileSync(`/proc/${pid}/status`, "utf8");
    return Number(/^voluntary_ctxt_switches:\s*(\d+)$/m.exec(status)?.[1]);
  } catch {
    return Number.POSITIVE_INFINITY;
  }
}

suite("a delegate's words and binary", [], (executable) => {
  const bed = useBed({ node: false });

  test.each([
    ["succeeds", []],
    ["fails", [failWith(999, "no")]],
  ])("its stderr is ours when it %s, and a result alone is on stdout", async (_case, lines) => {
    addPlugin(bed(), "main", { ADD: [say("level=warn: low on addresses"), ...lines, answer(someResult())] });
    const config = hawser(bed(), { delegate: { type: "main" } });
    const ended = await call(bed(), executable, { verb: "ADD", config });
    expect(ended.stderr).toContain("level=warn: low on addresses\n");
    expect(JSON.parse(ended.stdout)).toMatchObject({ cniVersion: "1.1.0" });
  });

  test("a result without a version is one of the configuration's", async () => {
    addPlugin(bed(), "main", wellBehaved({ ...someResult(), cniVersion: "" }));
    const config = hawser(bed(), { delegate: { type: "main" } });
    expect(answerOf(await call(bed(), executable, { verb: "ADD", config }))).toMatchObject({
      cniVersion: "1.1.0",
    });
  });

  test("a binary that is being replaced (ETXTBSY) is tried again", async () => {
    addPlugin(bed(), "main");
    const config = hawser(bed(), { delegate: { type: "main" } });
    const writing = fs.openSync(join(bed().binDir, "main"), "r+");
    const running = start(bed(), executable, { verb: "ADD", config });
    try {
      await vi.waitUntil(() => records(bed()).length > 0, { timeout: 20_000, interval: 1 });
      // Each pause between two tries puts the process to sleep once. Before the first pause it sleeps a few times.
      const before = timesAsleep(running.pid);
      await vi.waitUntil(() => timesAsleep(running.pid) > before + 8, { timeout: 20_000, interval: 1 });
    } finally {
      fs.closeSync(writing);
    }
    answerOf(await running.ended);
    expect(effects(bed())).toEqual(["main@c1@eth0"]);
  });

  test("binDir comes before CNI_PATH, and a folder of the plugin's name is passed over", async () => {
    const binDir = join(bed().root, "own-bin");
    fs.mkdirSync(join(binDir, "main"), { recursive: true });
    addPlugin(bed(), "main");
    addPlugin(bed(), "side");
    fs.renameSync(join(bed().binDir, "side"), join(binDir, "side"));
    define(bed(), "blue", { cniVersion: "1.1.0", name: "blue", type: "side" });
    const config = annotated(hawser(bed(), { delegate: { type: "main" }, binDir }), "blue");
    answerOf(await call(bed(), executable, { verb: "ADD", config }));
    expect(calls(bed()).map((each) => each.env.CNI_PATH)).toEqual(Array(2).fill(`${binDir}:${bed().path}`));
  });
});
