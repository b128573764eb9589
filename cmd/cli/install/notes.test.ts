import { expect, test } from "vitest";
import { chained, createNode, install, owner, uninstall } from "./install-testing.ts";

const conf = "/etc/cni/net.d";
const cilium = JSON.stringify({ cniVersion: "0.3.1", name: "cilium", plugins: [{ type: "cilium-cni" }] });

test.each([
  [
    "as the owner before Cilium",
    owner,
    { [`${conf}/05-cilium.conflist`]: cilium },
    /renames .*00-hawser.*cni\.exclusive=false/,
  ],
  [
    "where its agent has renamed hawser's file before",
    owner,
    { [`${conf}/05-cilium.conflist`]: cilium, [`${conf}/00-hawser.conflist.cilium_bak`]: "{}" },
    /has renamed other configurations here \(00-hawser\.conflist\.cilium_bak\)/,
  ],
  [
    "chained in Cilium's own list",
    chained,
    { [`${conf}/05-cilium.conflist`]: cilium },
    /writes .*05-cilium.* anew.*--stay/,
  ],
])("%s: installed, and told what would undo it", async (_case, options, files, words) => {
  const { code, out } = await install(createNode(files).sys, options);
  expect(code).toBe(0);
  expect(out).toMatch(words);
  const { out: json } = await install(createNode(files).sys, { ...options, json: true });
  expect(JSON.parse(json)).toMatchObject({ notes: [expect.stringMatching(words)] });
});

test("uninstall takes hawser's own file away under its new name, too, and leaves others'", async () => {
  const node = createNode({ [`${conf}/10-flannel.conflist.cilium_bak`]: "{}" });
  await install(node.sys, owner);
  node.machine.disk.rename(`${conf}/00-hawser.conflist`, `${conf}/00-hawser.conflist.cilium_bak`);
  expect(await uninstall(node.sys)).toMatchObject({ code: 0 });
  const names = node.machine.disk.list(conf);
  expect(names).toEqual({ ok: true, value: ["10-cluster.conflist", "10-flannel.conflist.cilium_bak"] });
});

test("others than Cilium: nothing to say", async () => {
  expect((await install(createNode().sys, owner)).out).not.toContain("Note");
});

test("--stay: Cilium renames hawser's file: it is written again, and said once who did it", async () => {
  const node = createNode();
  let looks = 0;
  const watched = node.machine.spawn({
    onCall: (call) => {
      if (!call.startsWith("sleep")) return;
      looks++;
      if (looks === 2)
        node.machine.disk.rename(`${conf}/00-hawser.conflist`, `${conf}/00-hawser.conflist.cilium_bak`);
      if (looks === 5) watched.stop("SIGTERM");
    },
  });
  const { out } = await install(watched.sys, { ...owner, stay: true });
  expect(out.match(/written {4}\/etc\/cni\/net\.d\/00-hawser\.conflist/g)).toHaveLength(2);
  expect(watched.warnings.filter((line) => line.includes("cni.exclusive=false"))).toHaveLength(1);
});
