import { describe, expect, test } from "vitest";
import type { Fake } from "../../../sys/fake.ts";
import {
  createNode,
  documentOf,
  fileText,
  type InstallCommandOptions,
  install,
  owner,
  uninstall,
} from "./install-testing.ts";

/** `hawser` on root's PATH. */

const usual = "/usr/local/bin/hawser";
const program = "/opt/cni/bin/hawser";

/** A node with the usual folders. */
function nodeWith(...folders: string[]): Fake {
  const node = createNode();
  for (const folder of ["/usr/local/bin", ...folders]) node.machine.disk.makeFolder(folder, 0o755);
  return node;
}

function targetOf({ sys }: Fake, path = usual): string {
  const target = sys.files.readLink(path);
  return target.ok ? target.value : target.error.code;
}

test("install makes a link to the program, and uninstall takes it away", async () => {
  const node = nodeWith();
  const { out } = await install(node.sys, owner);
  expect(out).toContain(`linked     ${usual}\n`);
  expect(targetOf(node)).toBe(program);
  expect(documentOf(node, "/etc/cni/hawser/install.json")).toMatchObject({ link: usual });
  const again = await install(node.sys, owner);
  expect(again).toMatchObject({ code: 0 });
  expect(documentOf(node, "/etc/cni/hawser/install.json")).toMatchObject({ link: usual });
  expect((await uninstall(node.sys)).out).toContain(`removed    ${usual}\n`);
  expect(targetOf(node)).toBe("ENOENT");
});

test("below --root it is the node's: its target is a path of the node", async () => {
  const node = createNode();
  const from = "/etc/cni/net.d/10-cluster.conflist";
  node.machine.disk.makeFolder("/host/etc/cni/net.d", 0o755);
  node.machine.disk.makeFolder("/host/usr/local/bin", 0o755);
  node.machine.disk.write(`/host${from}`, fileText(node, from), { mode: 0o644 });
  await install(node.sys, { ...owner, root: "/host" });
  expect(targetOf(node, `/host${usual}`)).toBe(program);
  expect(targetOf(node)).toBe("ENOENT");
});

describe("what is there already is left, and left again by uninstall", () => {
  const cases: [string, (node: Fake) => void, string, boolean][] = [
    [
      "somebody's program",
      ({ machine }) => void machine.disk.write(usual, "mine", { mode: 0o755 }),
      "EINVAL",
      true,
    ],
    [
      "somebody's link",
      ({ machine }) => void machine.disk.symlink("/home/me/hawser", usual),
      "/home/me/hawser",
      true,
    ],
    [
      "somebody's link to the same",
      ({ machine }) => void machine.disk.symlink(program, usual),
      program,
      false,
    ],
    ["a folder", ({ machine }) => void machine.disk.makeFolder(usual, 0o755), "EINVAL", true],
  ];
  test.each(cases)("%s", async (_what, put, expected, isTold) => {
    const node = nodeWith();
    put(node);
    const { code, out } = await install(node.sys, owner);
    expect(code).toBe(0);
    expect(out.includes(`${usual} is not hawser install's, and stays`)).toBe(isTold);
    expect(targetOf(node)).toBe(expected);
    await uninstall(node.sys);
    expect(targetOf(node)).toBe(expected);
  });

  test("one that was put in the place of ours since", async () => {
    const node = nodeWith();
    await install(node.sys, owner);
    node.machine.disk.remove(usual);
    node.machine.disk.symlink("/home/me/hawser", usual);
    await uninstall(node.sys);
    expect(targetOf(node)).toBe("/home/me/hawser");
  });
});

test.each<[string, Partial<InstallCommandOptions>]>([
  ["none is wanted", { link: "" }],
  ["the folder is not there, as on a node whose /usr is read-only", { link: "/opt/bin/hawser" }],
])("%s: none is made, and all the rest is installed", async (_what, more) => {
  const node = nodeWith();
  expect(await install(node.sys, { ...owner, ...more })).toMatchObject({ code: 0, err: "" });
  expect(documentOf(node, "/etc/cni/hawser/install.json")).not.toHaveProperty("link");
  expect(targetOf(node, more.link || usual)).toBe("ENOENT");
});

test("another place at the next installation: the first one goes", async () => {
  const node = nodeWith("/usr/bin");
  await install(node.sys, owner);
  await install(node.sys, { ...owner, link: "/usr/bin/hawser" });
  expect([targetOf(node), targetOf(node, "/usr/bin/hawser")]).toEqual(["ENOENT", program]);
  await install(node.sys, { ...owner, link: "" });
  expect(targetOf(node, "/usr/bin/hawser")).toBe("ENOENT");
});

test("a folder that cannot be written keeps nothing else from being installed", async () => {
  const process = nodeWith().machine.spawn();
  await install(process.sys, owner);
  const made = process
    .effects()
    .findIndex((line) => line.startsWith("symlink") && line.includes("/usr/local/bin/"));
  const node = nodeWith();
  const failing = node.machine.spawn();
  failing.failAt(made, "EROFS");
  expect(await install(failing.sys, owner)).toMatchObject({ code: 0 });
  expect(failing.warnings.join()).toContain(`link ${usual} to ${program}`);
  expect(fileText(node, "/etc/cni/net.d/00-hawser.conflist")).not.toBe("ENOENT");
});
