import * as os from "node:os";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { linux } from "../../../sys/linux.ts";
import { asRoot, runCli, temporaryFolder, writeFile, writePlugin } from "../command-testing.ts";
import { printManifest } from "../install/manifest.ts";
import type { Finding } from "./finding.ts";

/** What other programs do to the runtime's folder, and what doctor says about it. */

let at = "";
let remove = (): void => {};
const plugins = ["hawser", "bridge", "cilium-cni", "multus", "multus-shim", "genie", "danm"];
beforeEach(() => {
  const folder = temporaryFolder(os.tmpdir());
  at = folder.path;
  remove = folder.remove;
  linux.files.makeFolder(`${at}/conf.d`, 0o755);
  linux.files.makeFolder(`${at}/net.d`, 0o755);
  for (const type of plugins) writePlugin(`${at}/bin`, type);
});
afterEach(() => remove());

const list = (name: string, ...inside: object[]): object => ({
  cniVersion: "1.0.0",
  cniVersions: ["1.0.0", "1.1.0"],
  name,
  plugins: inside,
});
const cilium = list("cilium", { type: "cilium-cni" });
const bridge = { type: "bridge" };
const own = (more: object = { delegate: bridge }): object => ({
  type: "hawser",
  capabilities: { "io.kubernetes.cri.pod-annotations": true },
  ...{ definitionsDir: `${at}/net.d`, stateDir: `${at}/state`, confDir: `${at}/conf.d` },
  ...more,
});

async function examine(files: Readonly<Record<string, unknown>>, confDir = `${at}/conf.d`) {
  for (const [name, content] of Object.entries(files)) writeFile(`${at}/conf.d/${name}`, content);
  const args = ["doctor", "--conf-dir", confDir, "--plugin-dir", `${at}/bin`, "--json"];
  const { stdout, exitCode } = await runCli(args, { sys: asRoot(linux) });
  const { findings } = JSON.parse(stdout) as { findings: Finding[] };
  return { exitCode, findings, bad: findings.filter(({ level }) => level !== "ok") };
}

describe("Cilium's agent, which renames what is not its own", () => {
  test("hawser's file was renamed: it is named, with the way out, and not to install again at first", async () => {
    const { exitCode, bad } = await examine({
      "05-cilium.conflist": cilium,
      "00-hawser.conflist.cilium_bak": list("cilium", own({ delegate: { name: "cilium" } })),
    });
    expect(exitCode).toBe(1);
    expect(bad).toEqual([
      expect.objectContaining({
        level: "problem",
        what: expect.stringContaining("renamed to 00-hawser.conflist.cilium_bak"),
        todo: expect.stringMatching(/cni\.exclusive=false.*cni-exclusive.*then install hawser again/),
      }),
    ]);
  });

  test("torn or empty, it is known by its name", async () => {
    const { bad } = await examine({ "05-cilium.conflist": cilium, "00-hawser.conflist.cilium_bak": "" });
    expect(bad).toMatchObject([{ what: expect.stringContaining("cilium_bak") }]);
  });

  test("hawser's file is there, and others' were renamed: it is next", async () => {
    const { exitCode, bad } = await examine({
      "00-hawser.conflist": list("cilium", own()),
      "05-cilium.conflist": cilium,
      "10-flannel.conflist.cilium_bak": list("cbr0", { type: "flannel" }),
    });
    expect(exitCode).toBe(0);
    expect(bad).toMatchObject([
      { level: "warning", what: expect.stringContaining("10-flannel.conflist.cilium_bak") },
    ]);
  });

  test("nothing was renamed: a word, and no warning", async () => {
    const { bad, findings } = await examine({
      "00-hawser.conflist": list("cilium", own()),
      "05-cilium.conflist": cilium,
    });
    expect(bad).toEqual([]);
    expect(findings).toContainEqual(
      expect.objectContaining({ level: "ok", what: expect.stringContaining("cni.exclusive=false") }),
    );
  });
});

test.each(["bak", "old", "disabled", "orig~", "multus_bak"])("renamed to .%s by anybody", async (suffix) => {
  const { bad } = await examine({
    "10-calico.conflist": list("k8s-pod-network", bridge),
    [`00-hawser.conflist.${suffix}`]: list("k8s-pod-network", own()),
    ".00-hawser.conflist.hawser-new": "",
    "10-calico.conflist.bak": list("k8s-pod-network", bridge),
  });
  expect(bad).toMatchObject([
    {
      level: "problem",
      what: expect.stringContaining(`renamed to 00-hawser.conflist.${suffix}`),
      todo: `Find out who renamed it, then: mv ${at}/conf.d/00-hawser.conflist.${suffix} ${at}/conf.d/00-hawser.conflist`,
    },
  ]);
});

describe("what hawser install wrote is lost", () => {
  const note = (mode: "owner" | "chained", file: string) =>
    printManifest({
      ...{ mode, binDir: "/opt/cni/bin", confDir: `${at}/conf.d`, file, text: "{}", api: false },
      original: undefined,
    });
  /** The manifest lies where the installation keeps it. Everything else is the test's own. */
  async function examineWith(text: string) {
    writeFile(`${at}/conf.d/10-calico.conflist`, list("k8s-pod-network", bridge));
    const sys = asRoot(linux);
    const read: typeof sys.files.read = (path) =>
      path === "/etc/cni/hawser/install.json" ? { ok: true, value: text } : sys.files.read(path);
    const args = ["doctor", "--conf-dir", `${at}/conf.d`, "--plugin-dir", `${at}/bin`];
    const { stdout } = await runCli(args, { sys: { ...sys, files: { ...sys.files, read } } });
    return stdout;
  }

  test.each<["owner" | "chained", string, RegExp]>([
    ["owner", "00-hawser.conflist", /00-hawser\.conflist, which hawser install wrote, is gone/],
    ["chained", "10-calico.conflist", /has lost hawser[\s\S]*written it anew[\s\S]*--mode chained again/],
  ])("%s", async (mode, file, words) => {
    expect(await examineWith(note(mode, file))).toMatch(words);
  });
});

describe("meta-plugins", () => {
  test.each(["multus-shim", "multus", "multus-daemon", "genie", "danm"])(
    "%s as the primary: in the configuration, by name, in a list",
    async (type) => {
      const inline = await examine({ "00-hawser.conflist": list("pods", own({ delegate: { type } })) });
      expect(inline).toMatchObject({ exitCode: 1 });
      expect(inline.bad).toContainEqual(metaProblem("primary network", type));
      const named = await examine({
        "00-hawser.conflist": list("pods", own({ delegate: { name: "m" } })),
        "10-m.conflist": list("m", { type: "tuning" }, { type }),
      });
      expect(named.bad).toContainEqual(metaProblem("primary network", type));
    },
  );

  test.each([
    ["before", (type: string) => [{ type }, own({})]],
    ["behind", (type: string) => [bridge, own({}), { type }]],
  ])("%s hawser in the runtime's list", async (_where, inside) => {
    const { bad } = await examine({ "00-x.conflist": list("pods", ...inside("genie")) });
    expect(bad).toContainEqual(metaProblem("the list of", "genie"));
  });

  function metaProblem(where: string, type: string): object {
    return expect.objectContaining({
      level: "problem",
      what: expect.stringMatching(new RegExp(`${where}.* plugin ${type}: `)),
    });
  }
});

test("a service mesh's plugin in the primary's list and behind hawser", async () => {
  writePlugin(`${at}/bin`, "istio-cni");
  const istio = { type: "istio-cni" };
  const both = {
    "00-hawser.conflist": list("pods", own({ delegate: { name: "m" } }), istio),
    "10-m.conflist": list("m", bridge, istio),
  };
  expect((await examine(both)).bad).toMatchObject([
    { level: "warning", what: expect.stringContaining("istio-cni runs twice") },
  ]);
  expect((await examine({ ...both, "10-m.conflist": list("m", bridge) })).bad).toEqual([]);
});

describe("which file is judged", () => {
  const broken = list("m", { type: "multus", clusterNetwork: "/nowhere" });

  test("after a switch Multus's file, which nobody reads any more, is named and not judged", async () => {
    const { exitCode, bad, findings } = await examine({
      "00-hawser.conf": { cniVersion: "1.1.0", name: "pods", ...own() },
      "00-multus.conf": broken,
    });
    expect({ exitCode, bad }).toEqual({ exitCode: 0, bad: [] });
    expect(findings).toContainEqual(
      expect.objectContaining({
        level: "ok",
        what: expect.stringContaining("00-multus.conf is not read by the runtime"),
      }),
    );
  });

  test("while Multus's is the first, hawser's own is not in force", async () => {
    const { bad } = await examine({
      "00-multus.conflist": list("m", { ...own({ delegates: [bridge] }), type: "multus" }),
      "10-hawser.conflist": list("pods", own()),
    });
    expect(bad).toMatchObject([{ level: "warning", why: expect.stringContaining("not in force") }]);
  });
});

describe("a first look", () => {
  test.each<[string, string[]]>([
    ["install on a machine without CNI", ["install", "--dry-run", "--conf-dir", "/nowhere"]],
    ["gc on a machine without CNI", ["gc", "--conf-dir", "/nowhere"]],
    ["a configuration that is not there", ["explain", "--config", "/nowhere.conf"]],
    ["the same for doctor", ["doctor", "--config", "/nowhere.conf"]],
    ["migrate without Multus", ["migrate", "multus", "--conf-dir", "/nowhere"]],
    ["attachments of nothing", ["attachments", "--state-dir", "/nowhere"]],
  ])("%s: without the kernel's words", async (_case, args) => {
    const { stdout, stderr } = await runCli(args);
    expect(stdout + stderr).not.toMatch(/ENOENT|no such file or directory/);
    expect(stdout + stderr).toMatch(/there is no such (file|folder)|no configuration has a plugin/);
  });

  test.each<[string, () => string]>([
    ["no folder", () => `${at}/nowhere`],
    ["an empty one", () => `${at}/conf.d`],
  ])("%s: in words, without the kernel's", async (_case, folder) => {
    const { exitCode, bad } = await examine({}, folder());
    expect(exitCode).toBe(1);
    expect(bad).toHaveLength(1);
    expect(JSON.stringify(bad)).not.toMatch(/ENOENT|no such file or directory/);
    expect(bad[0]?.todo).toMatch(/Install|install the cluster's network[\s\S]*hawser explain --config/);
  });
});
