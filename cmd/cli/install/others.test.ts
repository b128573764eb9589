import { describe, expect, test } from "vitest";
import type { Fake } from "../../../sys/fake.ts";
import {
  chained,
  createNode,
  documentOf,
  fileText,
  install,
  owner,
  primaryList,
  primaryText,
  uninstall,
} from "./install-testing.ts";

/** The texts of other installers in the runtime's first list must stay there, or the command must refuse. */

const conf = "/etc/cni/net.d";
const ownList = `${conf}/00-hawser.conflist`;
const clusters = `${conf}/10-cluster.conflist`;
const istio = {
  type: "istio-cni",
  name: "istio-cni",
  kubernetes: { kubeconfig: "/etc/cni/net.d/ZZZ-istio" },
};
const linkerd = { type: "linkerd-cni", log_level: "info", policy: { type: "k8s" } };
const kuma = { type: "kuma-cni", log_level: "info" };
const consul = { type: "consul-cni", cni_bin_dir: "/opt/cni/bin" };
const settings = { "/settings.json": '{"parallel": true}' };

interface List {
  plugins: { type: string; [key: string]: unknown }[];
  [key: string]: unknown;
}

/** Prints JSON as Go does: keys in alphabetical order. */
function print(list: unknown): string {
  const sorted = (_key: string, value: unknown): unknown =>
    typeof value === "object" && value !== null && !Array.isArray(value)
      ? Object.fromEntries(Object.entries(value).sort(([one], [other]) => (one < other ? -1 : 1)))
      : value;
  return JSON.stringify(list, sorted, 4);
}

function edit(node: Fake, path: string, change: (list: List) => void): string {
  const list = documentOf(node, path) as List;
  change(list);
  const text = print(list);
  node.machine.disk.write(path, text, { mode: 0o644 });
  return text;
}

function types(node: Fake, path: string): string[] {
  return (documentOf(node, path) as List).plugins.map(({ type }) => type);
}

const meshes = [istio, linkerd, kuma, consul];

describe("a service mesh appends its plugin", () => {
  test.each(meshes)(
    "as the owner: $type stays when hawser is installed again and when its part changes",
    async (mesh) => {
      const node = createNode(settings);
      await install(node.sys, owner);
      const text = edit(node, ownList, ({ plugins }) => plugins.push(mesh));
      const { code, out } = await install(node.sys, owner);
      expect({ code, text: fileText(node, ownList) }).toEqual({ code: 0, text });
      expect(out).toContain(`${mesh.type} in ${ownList} is another installer's`);
      await install(node.sys, { ...owner, settings: "/settings.json" });
      expect(documentOf(node, ownList)).toMatchObject({
        plugins: [{ type: "hawser", parallel: true }, mesh],
      });
    },
  );

  test.each(meshes)(
    "chained: $type stays, in its place, when hawser is installed again and uninstalled",
    async (mesh) => {
      const node = createNode(settings);
      await install(node.sys, chained);
      edit(node, clusters, ({ plugins }) => plugins.push(mesh));
      await install(node.sys, { ...chained, settings: "/settings.json" });
      expect(types(node, clusters)).toEqual(["bridge", "portmap", "hawser", mesh.type]);
      await install(node.sys, { ...chained, settings: "/settings.json" });
      expect(await uninstall(node.sys)).toMatchObject({ code: 0 });
      expect(documentOf(node, clusters)).toEqual({ ...primaryList, plugins: [...primaryList.plugins, mesh] });
    },
  );

  test("as the owner: uninstalled, what is in our list goes on in the primary's", async () => {
    const node = createNode();
    await install(node.sys, owner);
    edit(node, ownList, ({ plugins }) => plugins.push(istio, linkerd));
    expect(await uninstall(node.sys)).toMatchObject({ code: 0, err: "" });
    expect(fileText(node, ownList)).toBe("ENOENT");
    expect(documentOf(node, clusters)).toEqual({
      ...primaryList,
      plugins: [...primaryList.plugins, istio, linkerd],
    });
  });

  test("and of a single primary a list is made", async () => {
    const single = { cniVersion: "0.3.1", name: "one", type: "bridge" };
    const node = createNode({ [`${conf}/05-one.conf`]: JSON.stringify(single) });
    await install(node.sys, owner);
    edit(node, ownList, ({ plugins }) => plugins.push(istio));
    await uninstall(node.sys);
    expect(documentOf(node, `${conf}/05-one.conflist`)).toEqual({
      cniVersion: "0.3.1",
      name: "one",
      plugins: [single, istio],
    });
    expect(fileText(node, `${conf}/05-one.conf`)).toBe("ENOENT");
  });

  test("one that the primary's list has as well is not put there twice, and runs twice as long as it is in both", async () => {
    const node = createNode();
    await install(node.sys, owner);
    const text = edit(node, clusters, ({ plugins }) => plugins.push(istio));
    edit(node, ownList, ({ plugins }) => plugins.push(istio));
    expect((await install(node.sys, owner)).out).toContain("istio-cni would run twice for each pod");
    expect(await uninstall(node.sys)).toMatchObject({ code: 0 });
    expect(fileText(node, clusters)).toBe(text);
  });

  test("one that the primary's list has otherwise: refused, nothing changed", async () => {
    const node = createNode();
    await install(node.sys, owner);
    edit(node, clusters, ({ plugins }) => plugins.push({ ...istio, name: "older" }));
    edit(node, ownList, ({ plugins }) => plugins.push(istio));
    const { code, err } = await uninstall(node.sys);
    expect({ code, err }).toEqual({
      code: 1,
      err: expect.stringMatching(/plugin istio-cni[\s\S]*install\.conflict/),
    });
    expect(types(node, ownList)).toEqual(["hawser", "istio-cni"]);
    expect(fileText(node, "/opt/cni/bin/hawser")).toBe("the program");
  });

  test("it takes its plugin out again: it does not come back", async () => {
    const node = createNode();
    await install(node.sys, owner);
    edit(node, ownList, ({ plugins }) => plugins.push(istio));
    await install(node.sys, owner);
    edit(node, ownList, ({ plugins }) => plugins.pop());
    await install(node.sys, owner);
    expect(types(node, ownList)).toEqual(["hawser"]);
  });
});

describe("the primary's installer", () => {
  test.each<[string, (list: List) => void, object]>([
    [
      "changes its own plugin",
      ({ plugins: [bridge] }) => Object.assign(bridge ?? {}, { mtu: 9000 }),
      { plugins: [{ mtu: 9000 }, {}] },
    ],
    [
      "takes a newer version",
      (list) => Object.assign(list, { cniVersion: "1.1.0" }),
      { cniVersion: "1.1.0" },
    ],
    ["removes a plugin", ({ plugins }) => plugins.splice(1, 1), { plugins: [{ type: "bridge" }] }],
  ])(
    "%s behind which hawser is chained: kept at a new installation, and when hawser goes",
    async (_what, change, expected) => {
      const node = createNode(settings);
      await install(node.sys, chained);
      edit(node, clusters, change);
      await install(node.sys, { ...chained, settings: "/settings.json" });
      expect(documentOf(node, clusters)).toMatchObject({
        plugins: expect.arrayContaining([expect.objectContaining({ parallel: true })]),
      });
      await uninstall(node.sys);
      expect(documentOf(node, clusters)).toMatchObject(expected);
      expect(types(node, clusters)).not.toContain("hawser");
    },
  );

  test("writes its single configuration anew beside the list that was made of it: a mesh's plugin there stays", async () => {
    const single = { cniVersion: "0.3.1", name: "one", type: "bridge", mtu: 1400 };
    const node = createNode({ [`${conf}/05-one.conf`]: JSON.stringify(single) });
    await install(node.sys, chained);
    edit(node, `${conf}/05-one.conflist`, ({ plugins }) => plugins.push(linkerd));
    const renewed = JSON.stringify({ ...single, mtu: 1500 });
    node.machine.disk.write(`${conf}/05-one.conf`, renewed, { mode: 0o644 });
    const { code, out } = await install(node.sys, chained);
    expect(code).toBe(0);
    expect(out).toContain("linkerd-cni");
    expect(documentOf(node, `${conf}/05-one.conflist`)).toMatchObject({
      plugins: [{ type: "bridge", mtu: 1500 }, { type: "hawser" }, linkerd],
    });
    expect(fileText(node, `${conf}/05-one.conf`)).toBe("ENOENT");
  });
});

describe("refused, with the file as they left it", () => {
  const cases: [string, string, (node: Fake) => void][] = [
    [
      "both change hawser's part",
      "plugin hawser",
      (node) =>
        void edit(node, ownList, ({ plugins: [own] }) => Object.assign(own ?? {}, { result: "primary" })),
    ],
    [
      "it is no JSON any more",
      "no list of plugins",
      (node) => void node.machine.disk.write(ownList, '{"plugins": [', { mode: 0o644 }),
    ],
    [
      "it is empty",
      "no list of plugins",
      (node) => void node.machine.disk.write(ownList, "", { mode: 0o644 }),
    ],
    [
      "it is a single plugin",
      "no list of plugins",
      (node) => void node.machine.disk.write(ownList, '{"type":"hawser"}', { mode: 0o644 }),
    ],
  ];
  test.each(cases)("%s", async (_what, words, change) => {
    const node = createNode(settings);
    await install(node.sys, owner);
    change(node);
    const before = fileText(node, ownList);
    const { code, err } = await install(node.sys, { ...owner, settings: "/settings.json" });
    expect(code).toBe(1);
    expect(err).toContain(words);
    expect(err).toContain("install.conflict");
    expect(fileText(node, ownList)).toBe(before);
  });

  test("a list of this name that is there already, and is not hawser install's", async () => {
    const text = JSON.stringify({
      cniVersion: "1.0.0",
      name: "cluster-net",
      plugins: [{ type: "hawser", delegate: { name: "other" } }],
    });
    const node = createNode({ [ownList]: text });
    const { code, err } = await install(node.sys, owner);
    expect({ code, err }).toEqual({ code: 1, err: expect.stringContaining("install.primary") });
    expect(fileText(node, ownList)).toBe(text);
  });

  test("--stay says it once, and goes on when it is mended", async () => {
    const node = createNode();
    let looks = 0;
    const watched = node.machine.spawn({
      onCall: (call) => {
        if (!call.startsWith("sleep")) return;
        looks++;
        if (looks === 2) node.machine.disk.write(ownList, "{", { mode: 0o644 });
        if (looks === 5) node.machine.disk.remove(ownList);
        if (looks === 7) watched.stop("SIGTERM");
      },
    });
    expect(await install(watched.sys, { ...owner, stay: true })).toMatchObject({ code: 0 });
    expect(watched.warnings.filter((line) => line.includes("install.conflict"))).toHaveLength(1);
    expect(watched.warnings.filter((line) => line.includes("all is well again"))).toHaveLength(1);
    expect(types(node, ownList)).toEqual(["hawser"]);
  });
});

test("--stay: the token is renewed while the list cannot be put together", async () => {
  const node = createNode();
  const account = "/var/run/secrets/kubernetes.io/serviceaccount/token";
  await install(node.sys, { ...owner, api: true });
  let looks = 0;
  const watched = node.machine.spawn({
    onCall: (call) => {
      if (!call.startsWith("sleep")) return;
      looks++;
      if (looks === 2) node.machine.disk.write(account, "a new token", { mode: 0o600 });
      if (looks === 4) watched.stop("SIGTERM");
    },
  });
  node.machine.disk.write(ownList, "{", { mode: 0o644 });
  expect(await install(watched.sys, { ...owner, api: true, stay: true })).toMatchObject({ code: 0 });
  expect(fileText(node, "/etc/cni/hawser/token")).toBe("a new token");
  expect(fileText(node, ownList)).toBe("{");
  expect(watched.warnings.filter((line) => line.includes("install.conflict"))).toHaveLength(1);
});

test("a change by hand of hawser's own part stays as long as the settings say the same as before", async () => {
  const node = createNode();
  await install(node.sys, owner);
  edit(node, ownList, ({ plugins: [own] }) => Object.assign(own ?? {}, { result: "primary" }));
  expect(await install(node.sys, owner)).toMatchObject({ code: 0 });
  expect(documentOf(node, ownList)).toMatchObject({ plugins: [{ result: "primary" }] });
});

test("stopped between the note and the list, the next one writes what this one would have", async () => {
  for (let effect = 0; ; effect++) {
    const node = createNode(settings);
    await install(node.sys, owner);
    edit(node, ownList, ({ plugins }) => plugins.push(istio));
    const process = node.machine.spawn();
    process.crashAt(effect, "before");
    const ended = await install(process.sys, { ...owner, settings: "/settings.json" }).then(
      () => true,
      () => false,
    );
    if (ended) break;
    expect(await install(node.machine.spawn().sys, { ...owner, settings: "/settings.json" })).toMatchObject({
      code: 0,
    });
    expect(documentOf(node, ownList)).toMatchObject({ plugins: [{ type: "hawser", parallel: true }, istio] });
  }
});

test("the note of a 0.1.0, which took a mesh's plugin for its own: the plugin stays", async () => {
  const node = createNode();
  await install(node.sys, chained);
  edit(node, clusters, ({ plugins }) => plugins.splice(2, 0, istio));
  const note = documentOf(node, "/etc/cni/hawser/install.json") as object;
  const old = JSON.stringify({ ...note, before: undefined, text: fileText(node, clusters) });
  node.machine.disk.write("/etc/cni/hawser/install.json", old, { mode: 0o600 });
  await install(node.sys, chained);
  expect(types(node, clusters)).toEqual(["bridge", "portmap", "istio-cni", "hawser"]);
  await uninstall(node.sys);
  expect(types(node, clusters)).toEqual(["bridge", "portmap", "istio-cni"]);
});

test("chained and untouched, the primary's text comes back as it was", async () => {
  const node = createNode(settings);
  await install(node.sys, chained);
  await install(node.sys, { ...chained, settings: "/settings.json" });
  await uninstall(node.sys);
  expect(fileText(node, clusters)).toBe(primaryText);
});
