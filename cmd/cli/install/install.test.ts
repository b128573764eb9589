import { describe, expect, test } from "vitest";
import { saveRecord } from "../command-testing.ts";
import {
  chained,
  createNode,
  documentOf,
  executable,
  fileText,
  type InstallCommandOptions,
  install,
  owner,
  primaryList,
  primaryText,
  uninstall,
  uninstallation,
} from "./install-testing.ts";
import { links } from "./plan-install.ts";

/** The lines that an installation says of its links. */
function linesOf(verb: string): string {
  return links.map((name) => `${verb.padEnd(10)} /opt/cni/bin/${name}`).join("\n");
}

const conf = "/etc/cni/net.d";
const annotations = { "io.kubernetes.cri.pod-annotations": true };

describe("as the owner", () => {
  test("hawser's list stands first and names the primary, whose file stays as it is", async () => {
    const node = createNode();
    expect(await install(node.sys, owner)).toMatchObject({ code: 0, err: "" });
    expect(documentOf(node, `${conf}/00-hawser.conflist`)).toEqual({
      cniVersion: "1.0.0",
      name: "cluster-net",
      plugins: [
        {
          type: "hawser",
          delegate: { name: "cluster-net" },
          capabilities: { ...annotations, portMappings: true },
        },
      ],
    });
    expect(fileText(node, `${conf}/10-cluster.conflist`)).toBe(primaryText);
  });

  test("what the primary says of its version is said again, and no more", async () => {
    const versions = { cniVersion: "1.0.0", cniVersions: ["1.0.0", "1.1.0"] };
    const node = createNode({ [`${conf}/05-a.conflist`]: JSON.stringify({ ...primaryList, ...versions }) });
    await install(node.sys, owner);
    expect(documentOf(node, `${conf}/00-hawser.conflist`)).toMatchObject(versions);
    const silent = createNode({ [`${conf}/05-a.conf`]: '{"name":"a","type":"bridge"}' });
    await install(silent.sys, owner);
    expect(documentOf(silent, `${conf}/00-hawser.conflist`)).not.toHaveProperty("cniVersion");
  });

  test("binary, links and folders come first, the configuration last", async () => {
    const node = createNode();
    const { out } = await install(node.sys, owner);
    expect(out).toBe(`made       /opt/cni/bin
made       /etc/cni/hawser
made       /etc/cni/hawser/net.d
copied     /opt/cni/bin/hawser
${linesOf("linked")}
written    /etc/cni/hawser/install.json
written    /etc/cni/net.d/00-hawser.conflist

hawser is installed for network cluster-net: it calls the primary, by /etc/cni/net.d/00-hawser.conflist.
hawser doctor tells whether the node is sound.
`);
    for (const name of ["hawser", ...links])
      expect(fileText(node, `/opt/cni/bin/${name}`)).toBe("the program");
  });

  test("again: nothing but the binary changes", async () => {
    const node = createNode();
    await install(node.sys, owner);
    const before = node.machine.disk.paths();
    const { out } = await install(node.sys, owner);
    expect(out).toContain("unchanged  /etc/cni/net.d/00-hawser.conflist");
    expect(out.match(/^(written|made|removed)/gm)).toBeNull();
    expect(node.machine.disk.paths()).toEqual(before);
  });

  test.each([
    ["00-calico.conflist", "00-hawser.conflist", false],
    ["00-calico.conflist", "0-hawser.conflist", true],
    ["000-calico.conflist", "00-hawser.conflist", true],
  ])("before %s goes %s: %s", async (primary, expected, isIt) => {
    const node = createNode({ [`${conf}/${primary}`]: primaryText });
    await install(node.sys, owner);
    expect(node.machine.disk.paths().includes(`${conf}/${expected}`)).toBe(isIt);
  });
});

describe("chained", () => {
  test("it is appended to the primary's list", async () => {
    const node = createNode();
    expect(await install(node.sys, chained)).toMatchObject({ code: 0 });
    expect(documentOf(node, `${conf}/10-cluster.conflist`)).toEqual({
      ...primaryList,
      plugins: [...primaryList.plugins, { type: "hawser", capabilities: annotations }],
    });
  });

  test("a single configuration becomes a list of its name, and goes", async () => {
    const single = { cniVersion: "0.3.1", name: "one", type: "bridge" };
    const node = createNode({ [`${conf}/05-one.conf`]: JSON.stringify(single) });
    await install(node.sys, chained);
    expect(documentOf(node, `${conf}/05-one.conflist`)).toEqual({
      cniVersion: "0.3.1",
      name: "one",
      plugins: [single, { type: "hawser", capabilities: annotations }],
    });
    expect(fileText(node, `${conf}/05-one.conf`)).toBe("ENOENT");
    await uninstall(node.sys);
    expect(fileText(node, `${conf}/05-one.conf`)).toBe(JSON.stringify(single));
    expect(fileText(node, `${conf}/05-one.conflist`)).toBe("ENOENT");
  });

  test("numbers that JavaScript cannot hold stay what they are", async () => {
    const text = primaryText.replace("1450", "14500000000000000000001");
    const node = createNode({ [`${conf}/10-cluster.conflist`]: text });
    await install(node.sys, chained);
    expect(fileText(node, `${conf}/10-cluster.conflist`)).toContain("14500000000000000000001");
  });

  test("when the primary's own installer has written its list anew, installing again appends to that", async () => {
    const node = createNode();
    await install(node.sys, chained);
    const renewed = primaryText.replace("cni0", "cni1");
    node.machine.disk.write(`${conf}/10-cluster.conflist`, renewed, { mode: 0o644 });
    await install(node.sys, chained);
    expect(fileText(node, `${conf}/10-cluster.conflist`)).toMatch(/"cni1"[\s\S]*"hawser"/);
    await uninstall(node.sys);
    expect(fileText(node, `${conf}/10-cluster.conflist`)).toBe(renewed);
  });
});

describe("what it is given", () => {
  test("settings become fields of hawser's", async () => {
    const node = createNode({ "/settings.json": '{"result": "primary", "crossNamespace": ["infra"]}' });
    await install(node.sys, { ...owner, settings: "/settings.json" });
    expect(documentOf(node, `${conf}/00-hawser.conflist`)).toMatchObject({
      plugins: [{ type: "hawser", result: "primary", crossNamespace: ["infra"] }],
    });
  });

  test("--api: a kubeconfig of the service account, its token in a file beside it, for root alone", async () => {
    const node = createNode();
    await install(node.sys, { ...owner, api: true });
    expect(fileText(node, "/etc/cni/hawser/token")).toBe("a token");
    expect(documentOf(node, "/etc/cni/hawser/kubeconfig")).toMatchObject({
      clusters: [
        {
          cluster: {
            server: "https://[fd00::1]:6443",
            "certificate-authority-data": btoa("a certificate"),
          },
        },
      ],
      users: [{ user: { tokenFile: "/etc/cni/hawser/token" } }],
    });
    for (const name of ["kubeconfig", "token"])
      expect(node.machine.disk.stat(`/etc/cni/hawser/${name}`)).toMatchObject({ value: { mode: 0o600 } });
    expect(documentOf(node, `${conf}/00-hawser.conflist`)).toMatchObject({
      plugins: [{ kubeconfig: "/etc/cni/hawser/kubeconfig" }],
    });
  });

  test("--root: the node's files below it, the paths in them the node's own", async () => {
    const node = createNode({ "/host/etc/cni/net.d/10-cluster.conflist": primaryText });
    await install(node.sys, { ...owner, root: "/host", api: true });
    expect(fileText(node, "/host/opt/cni/bin/hawser-flat")).toBe("the program");
    expect(fileText(node, "/host/etc/cni/hawser/kubeconfig")).toContain('"/etc/cni/hawser/token"');
    expect(fileText(node, "/opt/cni/bin/hawser")).toBe("ENOENT");
  });

  test("--dry-run and --json: told, not done, and no secret told", async () => {
    const node = createNode();
    const before = node.machine.disk.paths();
    const { code, out } = await install(node.sys, { ...owner, api: true, dryRun: true, json: true });
    expect(code).toBe(0);
    expect(JSON.parse(out)).toMatchObject({
      network: "cluster-net",
      mode: "owner",
      file: `${conf}/00-hawser.conflist`,
      steps: expect.arrayContaining([
        { what: "written", path: "/etc/cni/hawser/token", end: "would be done" },
      ]),
    });
    expect(out).not.toContain("a token");
    expect(node.machine.disk.paths()).toEqual(before);
  });
});

describe("refused, with nothing changed", () => {
  const hawser = { type: "hawser", delegate: { name: "x" } };
  const list = (...plugins: object[]): string => JSON.stringify({ cniVersion: "1.0.0", name: "x", plugins });
  type Case = [string, string, Record<string, string>, Partial<InstallCommandOptions>];
  const cases: Case[] = [
    ["the folder's first file is no JSON", "install.primary", { [`${conf}/05-a.conf`]: "{" }, {}],
    ["it has no name", "install.primary", { [`${conf}/05-a.conf`]: '{"type": "bridge"}' }, {}],
    ["it is Multus's", "install.primary", { [`${conf}/00-multus.conf`]: '{"name":"m","type":"multus"}' }, {}],
    ...["multus", "multus-shim", "multus-daemon", "genie", "danm"].map(
      (type): Case => [
        `its plugin is the meta-plugin ${type}, in a list`,
        "install.primary",
        { [`${conf}/00-meta.conflist`]: list({ type: "tuning" }, { type }) },
        {},
      ],
    ),
    [
      "chained behind a thick Multus",
      "install.primary",
      { [`${conf}/00-multus.conf`]: '{"name":"m","type":"multus-shim"}' },
      { mode: "chained" },
    ],
    [
      "Multus bears the primary's name, by which hawser would find it",
      "install.primary",
      { [`${conf}/00-multus.conf`]: '{"name":"cluster-net","type":"multus-shim"}' },
      { primary: "10-cluster.conflist" },
    ],
    [
      "hawser is in it by hand",
      "install.primary",
      { [`${conf}/05-a.conflist`]: list({ type: "a" }, hawser) },
      {},
    ],
    [
      "chained, too",
      "install.primary",
      { [`${conf}/05-a.conflist`]: list({ type: "a" }, hawser) },
      { mode: "chained" },
    ],
    ["only hawser is in it", "install.primary", { [`${conf}/05-a.conflist`]: list(hawser) }, {}],
    [
      "nothing of ours sorts first",
      "install.order",
      { [`${conf}/.0.conf`]: "", [`${conf}/0-.conf`]: list() },
      {},
    ],
    ["the named file is not there", "install.no-primary", {}, { primary: "20-other.conflist" }],
    ["no such folder", "install.conf-dir", {}, { confDir: "/etc/cni/other" }],
    ["settings that are no JSON", "cli.json", { "/s.json": "result: primary" }, { settings: "/s.json" }],
    ["settings that are not there", "cli.file", {}, { settings: "/s.json" }],
    [
      "settings of the installation's own",
      "install.settings",
      { "/s.json": '{"delegate": {}}' },
      { settings: "/s.json" },
    ],
    [
      "a kubeconfig twice",
      "install.settings",
      { "/s.json": '{"kubeconfig": "/k"}' },
      { settings: "/s.json", api: true },
    ],
    [
      "settings that hawser would refuse",
      "config.unknown-field",
      { "/s.json": '{"network": []}' },
      { settings: "/s.json" },
    ],
  ];
  test.each(cases)("%s", async (_what, id, files, options) => {
    const node = createNode(files);
    const before = node.machine.disk.paths();
    const { code, err, out } = await install(node.sys, { ...owner, ...options });
    expect({ code, out }).toEqual({ code: 1, out: "" });
    expect(err).toContain(`${id})`);
    expect(node.machine.disk.paths()).toEqual(before);
  });

  test("a single configuration beside the list that would be made of it", async () => {
    const node = createNode({
      [`${conf}/05-a.conf`]: '{"name":"a","type":"b"}',
      [`${conf}/05-a.conflist`]: "{}",
    });
    expect((await install(node.sys, chained)).err).toContain("install.primary");
  });

  test("another way than it was installed", async () => {
    const node = createNode();
    await install(node.sys, owner);
    const { code, err } = await install(node.sys, chained);
    expect(code).toBe(1);
    expect(err).toContain("install.other");
  });

  test("--api outside a pod", async () => {
    const node = createNode();
    node.sys.files.remove("/var/run/secrets/kubernetes.io/serviceaccount/token");
    const { code, err } = await install(node.sys, { ...owner, api: true });
    expect(code).toBe(1);
    expect(err).toContain("install.service-account");
  });
});

describe("uninstall", () => {
  test.each([
    ["owner", owner],
    ["chained", chained],
  ])("%s: everything is as it was before", async (_mode, options) => {
    const node = createNode();
    const before = node.machine.disk.paths();
    await install(node.sys, { ...options, api: true });
    expect(await uninstall(node.sys)).toMatchObject({ code: 0, err: "" });
    const folders = ["/opt/", "/opt/cni/", "/opt/cni/bin/", "/etc/cni/hawser/", "/etc/cni/hawser/net.d/"];
    expect(node.machine.disk.paths()).toEqual([...before, ...folders].sort());
    expect(fileText(node, `${conf}/10-cluster.conflist`)).toBe(primaryText);
  });

  test("the configuration goes first, the binary behind its links", async () => {
    const node = createNode();
    await install(node.sys, owner);
    const { out } = await uninstall(node.sys);
    expect(out).toBe(`removed    /etc/cni/net.d/00-hawser.conflist
${linesOf("removed")}
removed    /opt/cni/bin/hawser
removed    /etc/cni/hawser/install.json

hawser is uninstalled. Network definitions were left.
`);
  });

  test("--dry-run: told, not done", async () => {
    const node = createNode();
    await install(node.sys, owner);
    const before = node.machine.disk.paths();
    const { code, out } = await uninstall(node.sys, { ...uninstallation, dryRun: true });
    expect(code).toBe(0);
    expect(out).toContain("would be   /opt/cni/bin/hawser  (removed)\n");
    expect(out).toMatch(/\nNothing was changed\.\n$/);
    expect(node.machine.disk.paths()).toEqual(before);
  });

  test("a list that somebody has edited since keeps all but hawser", async () => {
    const node = createNode();
    await install(node.sys, chained);
    const edited = fileText(node, `${conf}/10-cluster.conflist`).replace("1450", "9000");
    node.machine.disk.write(`${conf}/10-cluster.conflist`, edited, { mode: 0o644 });
    await uninstall(node.sys);
    expect(documentOf(node, `${conf}/10-cluster.conflist`)).toEqual({
      ...primaryList,
      plugins: [{ ...primaryList.plugins[0], mtu: 9000 }, primaryList.plugins[1]],
    });
  });

  test("the only configuration is not removed", async () => {
    const node = createNode();
    await install(node.sys, owner);
    node.machine.disk.remove(`${conf}/10-cluster.conflist`);
    const { code, err } = await uninstall(node.sys);
    expect(code).toBe(1);
    expect(err).toContain("install.last");
    expect(fileText(node, "/opt/cni/bin/hawser")).toBe("the program");
  });

  test("nothing was installed, or its note is torn", async () => {
    const node = createNode();
    expect((await uninstall(node.sys)).err).toContain("install.none");
    node.machine.disk.makeFolder("/etc/cni/hawser", 0o755);
    for (const text of ["{", '{"format": 2}', '{"format": 1, "mode": "owner"}']) {
      node.machine.disk.write("/etc/cni/hawser/install.json", text, { mode: 0o600 });
      expect((await uninstall(node.sys)).err).toContain("install.manifest");
    }
  });

  test("not while containers are attached, unless forced", async () => {
    const node = createNode();
    await install(node.sys, owner);
    saveRecord("/var/lib/cni/hawser", "abc", {}, node.sys);
    const { code, err } = await uninstall(node.sys);
    expect(code).toBe(1);
    expect(err).toContain("install.attached");
    expect(fileText(node, `${conf}/00-hawser.conflist`)).not.toBe("ENOENT");
    expect(await uninstall(node.sys, { ...uninstallation, force: true })).toMatchObject({ code: 0 });
  });
});

test("uninstall --wait goes on when the last container has gone, and refuses when the time is over", async () => {
  const node = createNode();
  await install(node.sys, owner);
  const path = saveRecord("/var/lib/cni/hawser", "abc", {}, node.sys);
  const patient = { ...uninstallation, waitMs: 5000 };
  expect(await uninstall(node.sys, patient)).toMatchObject({
    code: 1,
    err: expect.stringContaining("install.attached"),
  });
  let looks = 0;
  const watched = node.machine.spawn({
    onCall: (call) => {
      if (call.startsWith("sleep") && ++looks === 3) node.machine.disk.remove(path);
    },
  });
  expect(await uninstall(watched.sys, patient)).toMatchObject({ code: 0 });
  expect(looks).toBe(3);
});

describe("--stay", () => {
  const staying = { ...owner, api: true, stay: true };

  test("a new token is taken over, once, and a signal removes nothing", async () => {
    const node = createNode();
    let looks = 0;
    const account = "/var/run/secrets/kubernetes.io/serviceaccount/token";
    const watched = node.machine.spawn({
      onCall: (call) => {
        if (!call.startsWith("sleep")) return;
        looks++;
        if (looks === 2) node.machine.disk.write(account, "a new token", { mode: 0o600 });
        if (looks === 4) watched.stop("SIGTERM");
      },
    });
    const { code, out } = await install(watched.sys, staying);
    expect(code).toBe(0);
    expect(out.match(/written {4}\/etc\/cni\/hawser\/token/g)).toHaveLength(2);
    expect(out.match(/copied/g)).toHaveLength(1);
    expect(fileText(node, "/etc/cni/hawser/token")).toBe("a new token");
    expect(fileText(node, `${conf}/00-hawser.conflist`)).not.toBe("ENOENT");
    expect(watched.warnings.join()).toContain("SIGTERM: everything stays as it is");
  });

  test("a primary that comes later is waited for, and said once to be missing", async () => {
    const node = createNode();
    node.machine.disk.remove(`${conf}/10-cluster.conflist`);
    let looks = 0;
    const watched = node.machine.spawn({
      onCall: (call) => {
        if (!call.startsWith("sleep")) return;
        looks++;
        if (looks === 3) node.machine.disk.write(`${conf}/10-cluster.conflist`, primaryText, { mode: 0o644 });
        if (looks === 5) watched.stop("SIGTERM");
      },
    });
    expect((await install(watched.sys, staying)).code).toBe(0);
    expect(watched.warnings.filter((line) => line.includes("install.no-primary"))).toHaveLength(1);
    expect(watched.warnings.filter((line) => line.includes("all is well again"))).toHaveLength(1);
    expect(fileText(node, "/opt/cni/bin/hawser")).toBe("the program");
    expect(fileText(node, `${conf}/00-hawser.conflist`)).not.toBe("ENOENT");
  });
});

test("the program that runs is the one that is installed, also over itself", async () => {
  const node = createNode({ "/opt/cni/bin/hawser": "an older program" });
  await install(node.sys, owner);
  expect(fileText(node, "/opt/cni/bin/hawser")).toBe(fileText(node, executable));
});
