import * as fs from "node:fs";
import * as os from "node:os";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { linux } from "../../../sys/linux.ts";
import {
  asRoot,
  runCli,
  saveRecord,
  snapshot,
  temporaryFolder,
  withStat,
  writeFile,
  writePlugin,
} from "../command-testing.ts";
import type { Finding } from "./finding.ts";

const withAnnotations = { "io.kubernetes.cri.pod-annotations": true };

let folder: ReturnType<typeof temporaryFolder>;
let at: string;

/** A sound node. Each test adds one mistake. */
beforeEach(() => {
  folder = temporaryFolder(os.tmpdir());
  at = folder.path;
  for (const type of ["hawser", "bridge", "host-local", "macvlan"]) writePlugin(`${at}/bin`, type);
  writeFile(`${at}/net.d/default/storage.conf`, { cniVersion: "1.1.0", type: "macvlan", ipam: {} });
  configure({});
  saveRecord(`${at}/state`, "abc");
  fs.chmodSync(`${at}/state`, 0o700);
});
afterEach(() => folder.remove());

const ipam = { type: "host-local", ranges: [[{ subnet: "10.1.0.0/16" }]] };

function hawser(changes: Record<string, unknown>): Record<string, unknown> {
  return {
    type: "hawser",
    capabilities: withAnnotations,
    delegate: { type: "bridge", ipam },
    // The executables of plugins are part of a sound node.
    native: "off",
    definitionsDir: `${at}/net.d`,
    stateDir: `${at}/state`,
    confDir: `${at}/conf.d`,
    ...changes,
  };
}

function configure(changes: Record<string, unknown>, list: Record<string, unknown> = {}): void {
  const plugins = [hawser(changes)];
  writeFile(`${at}/conf.d/10-pods.conflist`, { cniVersion: "1.1.0", name: "pods", plugins, ...list });
}

async function examine(sys = asRoot(linux), ...more: string[]) {
  const args = ["doctor", "--conf-dir", `${at}/conf.d`, "--plugin-dir", `${at}/bin`, "--json", ...more];
  const { exitCode, stdout } = await runCli(args, { sys });
  const { findings, problems, warnings } = JSON.parse(stdout);
  return { exitCode, problems, warnings, findings: findings as Finding[] };
}

test("a node on which all is well", async () => {
  const before = snapshot(at);
  const args = ["doctor", "--conf-dir", `${at}/conf.d`, "--plugin-dir", `${at}/bin`];
  const { exitCode, stdout, stderr } = await runCli(args);
  expect({ exitCode, stderr }).toEqual({ exitCode: 0, stderr: "" });
  const told = stdout.replaceAll(at, "/t");
  expect(told).toBe(`\
ok       configuration  /t/conf.d/10-pods.conflist: network pods, hawser attaches the primary
ok       annotations    /t/conf.d/10-pods.conflist: the runtime is asked for pods' annotations
ok       definitions    /t/net.d: 1 of 1 definitions can be planned
ok       plugins        hawser: /t/bin/hawser
ok       plugins        bridge: /t/bin/bridge
ok       plugins        host-local: /t/bin/host-local
ok       plugins        macvlan: /t/bin/macvlan
ok       folders        /t/conf.d/10-pods.conflist: only root may write
ok       folders        /t/net.d: only root may write
ok       folders        plugin folders: only root may write
ok       folders        stateDir /t/state is root's alone
ok       records        /t/state: 1 record, all sound
ok       locks          /t/state: no lock of a dead process

0 problems, 0 warnings, 13 fine.
`);
  expect(snapshot(at), "nothing was run and nothing written").toEqual(before);
});

test("the same when chained behind a primary", async () => {
  const plugins = [{ type: "bridge", ipam }, hawser({ delegate: undefined })];
  configure({}, { plugins });
  expect(await examine()).toMatchObject({ exitCode: 0, problems: 0, warnings: 0 });
});

interface Planted {
  readonly mistake: string;
  readonly plant: () => void;
  readonly level: Finding["level"];
  readonly area: Finding["area"];
  /** The finding's words without the folder. */
  readonly what: RegExp;
  readonly todo: RegExp;
}

const planted: readonly Planted[] = [
  {
    mistake: "the annotations are not asked for",
    plant: () => configure({ capabilities: {} }),
    level: "problem",
    area: "annotations",
    what: /does not ask the runtime for pods' annotations/,
    todo: /Add "capabilities": \{"io\.kubernetes\.cri\.pod-annotations": true\}/,
  },
  {
    mistake: "the capabilities stand beside the plugins",
    plant: () => configure({ capabilities: {} }, { capabilities: withAnnotations }),
    level: "problem",
    area: "annotations",
    what: /does not ask the runtime for pods' annotations/,
    todo: /It stands beside "plugins", .*: move .* into the hawser plugin/,
  },
  {
    mistake: "the primary's capabilities stand beside its plugins",
    plant: () =>
      configure({ delegate: { plugins: [{ type: "bridge", ipam }], capabilities: { portMappings: true } } }),
    level: "warning",
    area: "capabilities",
    what: /the primary declares portMappings beside "plugins"/,
    todo: /Move "capabilities": \{"portMappings": true\} into the plugin/,
  },
  {
    mistake: "other capabilities stand beside hawser",
    plant: () => configure({}, { capabilities: { bandwidth: true } }),
    level: "warning",
    area: "capabilities",
    what: /10-pods\.conflist declares bandwidth beside "plugins"/,
    todo: /Move "capabilities": \{"bandwidth": true\} into the plugin/,
  },
  {
    mistake: "a definition's capabilities stand beside its plugins",
    plant: () =>
      writeFile(`${at}/net.d/default/list.conflist`, {
        cniVersion: "1.1.0",
        capabilities: { ips: true },
        plugins: [{ type: "bridge" }],
      }),
    level: "warning",
    area: "definitions",
    what: /list\.conflist declares ips beside "plugins"/,
    todo: /Move "capabilities": \{"ips": true\} into the plugin/,
  },
  {
    mistake: "a definition with a byte order mark",
    plant: () => writeFile(`${at}/net.d/default/bad.conf`, '\ufeff{"type": "bridge"}'),
    level: "problem",
    area: "definitions",
    what: /default\/bad .*it begins with a byte order mark/,
    todo: /Correct it\./,
  },
  {
    mistake: "the kubeconfig is not there",
    plant: () => configure({ kubeconfig: `${at}/none` }),
    level: "problem",
    area: "api",
    what: /read the kubeconfig .*\/none: ENOENT/,
    todo: /Correct it/,
  },
  {
    mistake: "an unknown field",
    plant: () => configure({ network: ["storage"] }),
    level: "problem",
    area: "configuration",
    what: /unknown field network = \["storage"\]/,
    todo: /Correct .*10-pods\.conflist/,
  },
  {
    mistake: "no primary",
    plant: () => configure({ delegate: undefined }),
    level: "problem",
    area: "configuration",
    what: /neither a delegate nor a plugin before it/,
    todo: /Correct/,
  },
  {
    mistake: "a file beside it that is not JSON",
    plant: () => writeFile(`${at}/conf.d/90-x.conf`, "{"),
    level: "problem",
    area: "configuration",
    what: /90-x\.conf cannot be loaded/,
    todo: /move it out/,
  },
  {
    mistake: "another file sorts first",
    plant: () => writeFile(`${at}/conf.d/05-x.conf`, { cniVersion: "1.1.0", name: "x", type: "bridge" }),
    level: "warning",
    area: "configuration",
    what: /10-pods\.conflist is not the first file/,
    todo: /sorts first/,
  },
  {
    mistake: "an old version",
    plant: () => configure({}, { cniVersion: "0.3.1" }),
    level: "warning",
    area: "configuration",
    what: /written in CNI 0\.3\.1/,
    todo: /"cniVersions": \["0\.3\.1", "1\.1\.0"\]/,
  },
  {
    mistake: "a delegate's capability is not passed on",
    plant: () => configure({ delegate: { type: "bridge", capabilities: { portMappings: true } } }),
    level: "warning",
    area: "capabilities",
    what: /plugin bridge declares portMappings, hawser does not/,
    todo: /Add "portMappings": true/,
  },
  {
    mistake: "a definition that is not JSON",
    plant: () => writeFile(`${at}/net.d/default/bad.conf`, "{"),
    level: "problem",
    area: "definitions",
    what: /read network definition default\/bad/,
    todo: /Correct it\. A pod that asks for it does not start\./,
  },
  {
    mistake: "a definition that calls hawser itself",
    plant: () => writeFile(`${at}/net.d/default/loop.conf`, { type: "hawser" }),
    level: "problem",
    area: "definitions",
    what: /cannot be its own delegate/,
    todo: /Correct it/,
  },
  {
    mistake: "a default network that is not defined",
    plant: () => configure({ networks: ["nowhere"] }),
    level: "problem",
    area: "definitions",
    what: /default\/nowhere/,
    todo: /No ADD succeeds/,
  },
  {
    mistake: "no definitions at all",
    plant: () => configure({ definitionsDir: `${at}/nowhere` }),
    level: "warning",
    area: "definitions",
    what: /there is no folder .*\/nowhere/,
    todo: /<namespace>\/<name>\.json/,
  },
  {
    mistake: "a missing plugin",
    plant: () => fs.rmSync(`${at}/bin/macvlan`),
    level: "problem",
    area: "plugins",
    what: /find plugin "macvlan".*wanted by secondary network default\/storage/,
    todo: /Install it/,
  },
  {
    mistake: "a missing IPAM plugin",
    plant: () => fs.rmSync(`${at}/bin/host-local`),
    level: "problem",
    area: "plugins",
    what: /find plugin "host-local"/,
    todo: /Install it/,
  },
  {
    mistake: "a plugin that is not executable",
    plant: () => fs.chmodSync(`${at}/bin/bridge`, 0o644),
    level: "problem",
    area: "plugins",
    what: /bin\/bridge .*is not executable/,
    todo: /^chmod 0755 /,
  },
  {
    mistake: "a plugin that anybody can write",
    plant: () => fs.chmodSync(`${at}/bin/bridge`, 0o777),
    level: "problem",
    area: "folders",
    what: /bin\/bridge can be written by others/,
    todo: /^chmod go-w .*bridge$/,
  },
  {
    mistake: "a namespace's folder that anybody can write",
    plant: () => fs.chmodSync(`${at}/net.d/default`, 0o777),
    level: "problem",
    area: "folders",
    what: /net\.d\/default can be written by others/,
    todo: /^chmod go-w /,
  },
  {
    mistake: "a configuration that a group can write",
    plant: () => fs.chmodSync(`${at}/conf.d/10-pods.conflist`, 0o664),
    level: "problem",
    area: "folders",
    what: /10-pods\.conflist can be written by others/,
    todo: /^chmod go-w /,
  },
  {
    mistake: "records that anybody can read",
    plant: () => fs.chmodSync(`${at}/state`, 0o755),
    level: "warning",
    area: "folders",
    what: /stateDir .* is open to others/,
    todo: /^chmod 0700 /,
  },
  {
    mistake: "a file in the place of the records",
    plant: () => configure({ stateDir: `${at}/bin/bridge` }),
    level: "problem",
    area: "folders",
    what: /stateDir .*bridge is not a folder/,
    todo: /Move away/,
  },
  {
    mistake: "a corrupt record",
    plant: () => fs.writeFileSync(`${at}/state/pods/abc@eth0.json`, "{"),
    level: "problem",
    area: "records",
    what: /abc@eth0\.json is corrupt/,
    todo: /Delete the pod/,
  },
  {
    mistake: "a newer hawser's record",
    plant: () => void saveRecord(`${at}/state`, "abc", { format: 99 }),
    level: "problem",
    area: "records",
    what: /abc@eth0\.json was written by a newer hawser/,
    todo: /install it again, then delete the pod/,
  },
  {
    mistake: "a record that the machine does not let us read",
    plant: () => fs.mkdirSync(`${at}/state/pods/def@eth0.json`),
    level: "problem",
    area: "records",
    what: /def@eth0\.json cannot be read now/,
    todo: /If it is lost, move .*def@eth0\.json out of the folder and delete the pod/,
  },
  {
    mistake: "a status that could not be written",
    plant: () => {
      fs.mkdirSync(`${at}/state/.untold`, { mode: 0o700 });
      fs.writeFileSync(`${at}/state/.untold/abc@eth0`, "{}");
    },
    level: "warning",
    area: "api",
    what: /network status of one pod is not written yet/,
    todo: /next ADD .* GC/,
  },
  {
    mistake: "a DEL that fails",
    plant: () => void saveRecord(`${at}/state`, "abc", { failures: { count: 2, sinceMs: 1 } }),
    level: "warning",
    area: "records",
    what: /abc@eth0\.json cannot be deleted yet/,
    todo: /tries again/,
  },
  {
    mistake: "what a DEL has given up",
    plant: () => {
      const path = saveRecord(`${at}/state`, "gone", { leftOver: "the plugin is not there" });
      fs.renameSync(path, `${path}.refused-1`);
    },
    level: "warning",
    area: "records",
    what: /refused-1 is left over/,
    todo: /GC goes on trying/,
  },
  {
    mistake: "a record that was moved aside",
    plant: () => fs.writeFileSync(`${at}/state/pods/abc@eth0.json.torn-1`, "{"),
    level: "warning",
    area: "records",
    what: /torn-1 was moved aside/,
    todo: /remove .*torn-1/,
  },
  {
    mistake: "an ADD that was killed",
    plant: () => void saveRecord(`${at}/state`, "abc", { phase: "begun" }),
    level: "warning",
    area: "records",
    what: /begun and never finished/,
    todo: /DEL of this container/,
  },
  {
    mistake: "the lock of a dead process",
    plant: () => writeFile(`${at}/state/.locks/abc/0badb007-1-1`, ""),
    level: "warning",
    area: "locks",
    what: /\.locks\/abc was left behind/,
    todo: /takes the lock over/,
  },
  {
    mistake: "a dead process that waited for a lock",
    plant: () => writeFile(`${at}/state/.locks/.0badb007-1-1~abc/0badb007-1-1`, ""),
    level: "warning",
    area: "locks",
    what: /\.0badb007-1-1~abc was left behind/,
    todo: /GC removes it/,
  },
];

describe("finds", () => {
  test.each(planted)("$mistake", async ({ plant, level, area, what, todo }) => {
    plant();
    const { exitCode, problems, warnings, findings } = await examine();
    const found = findings.filter((finding) => finding.level !== "ok");
    expect(found).toEqual([
      {
        level,
        area,
        what: expect.stringMatching(what),
        why: expect.stringMatching(/./),
        todo: expect.stringMatching(todo),
      },
    ]);
    expect({ exitCode, problems, warnings }).toEqual(
      level === "problem"
        ? { exitCode: 1, problems: 1, warnings: 0 }
        : { exitCode: 0, problems: 0, warnings: 1 },
    );
  });

  test("what does not belong to root", async () => {
    const sys = withStat(linux, (path, stat) => ({ ...stat, uid: path === `${at}/state` ? 1000 : 0 }));
    expect((await examine(sys)).findings.filter(({ level }) => level !== "ok")).toMatchObject([
      { level: "problem", what: `stateDir ${at}/state belongs to user 1000, not to root` },
    ]);
  });

  test.each([
    ["no folder", "--conf-dir", "/nowhere", /configurations in \/nowhere cannot be read/],
    ["a folder without hawser", "--conf-dir", "BIN", /no configuration in .*bin has hawser in it/],
    ["no file", "--config", "/nowhere/x.conf", /read \/nowhere\/x\.conf/],
    ["a file without hawser", "--config", "STORAGE", /there is no plugin of type "hawser"/],
  ])("%s", async (_case, option, value, what) => {
    const path = value.replace("BIN", `${at}/bin`).replace("STORAGE", `${at}/net.d/default/storage.conf`);
    const { exitCode, findings } = await examine(asRoot(linux), option, path);
    expect(exitCode).toBe(1);
    expect(findings).toMatchObject([
      { level: "problem", area: "configuration", what: expect.stringMatching(what) },
    ]);
  });
});

test("a configuration in Multus's words: fields without an effect are told, the others are looked at", async () => {
  writePlugin(`${at}/bin`, "multus");
  const plugin = {
    type: "multus",
    capabilities: withAnnotations,
    stateDir: `${at}/state`,
    definitionsDir: `${at}/net.d`,
  };
  const delegates = [{ type: "bridge", name: "cluster", ipam }];
  const more = {
    delegates,
    binDir: `${at}/bin`,
    confDir: `${at}/none`,
    logLevel: "debug",
    readinesIndicatorFile: "/r",
  };
  writeFile(`${at}/conf.d/10-pods.conflist`, {
    cniVersion: "1.1.0",
    name: "pods",
    plugins: [{ ...plugin, ...more }],
  });
  const { findings, problems } = await examine();
  expect(problems).toBe(0);
  const warned = findings
    .filter(({ level }) => level === "warning")
    .map(({ what, why }) => `${what}: ${why}`);
  expect(warned).toEqual([
    expect.stringMatching(/logLevel has no effect: hawser writes to stderr/),
    expect.stringMatching(/readinesIndicatorFile has no effect: neither Multus nor hawser knows it/),
  ]);
});

test("a finding for people: what, why and what to do", async () => {
  fs.chmodSync(`${at}/state`, 0o755);
  const args = ["doctor", "--config", `${at}/conf.d/10-pods.conflist`, "--plugin-dir", `${at}/bin`];
  const { stdout } = await runCli(args);
  expect(stdout.replaceAll(at, "/t")).toContain(`
warning  folders        stateDir /t/state is open to others
                          why: Its mode is 0755; records tell of all pods of the node.
                          do:  chmod 0700 /t/state
`);
  expect(stdout).toMatch(/\n0 problems, 1 warning, 12 fine\.\n$/);
});

test("binDir is searched before the other folders", async () => {
  writePlugin(`${at}/own`, "bridge");
  configure({ binDir: `${at}/own` });
  const { findings } = await examine();
  expect(findings).toContainEqual({
    level: "ok",
    area: "plugins",
    what: `bridge: ${at}/own/bridge`,
    why: "",
    todo: "",
  });
});

test("annotations that are not asked for are only slow where the API has them", async () => {
  configure({ capabilities: {}, kubeconfig: `${at}/none` });
  const { findings } = await examine();
  expect(findings.filter(({ area }) => area === "annotations")).toMatchObject([
    { level: "warning", why: expect.stringContaining("each ADD asks the Kubernetes API") },
  ]);
});

test("a folder that is named twice is looked through once", async () => {
  configure({ binDir: `${at}/bin`, delegate: { type: "nowhere" } });
  const { findings } = await examine();
  expect(findings.find(({ area, level }) => area === "plugins" && level === "problem")?.why).toContain(
    `Looked in ${at}/bin. `,
  );
});
