import { expect, test } from "vitest";
import type { Fake } from "../../../sys/fake.ts";
import { createNode, executable, install, owner } from "../install/install-testing.ts";
import { tellReady } from "./ready.ts";

const conf = "/host/etc/cni/net.d";
const options = { root: "/host", ownDir: "/etc/cni/hawser", json: false };
const primary = JSON.stringify({ cniVersion: "1.0.0", name: "pods", plugins: [{ type: "bridge" }] });

/** A node below /host, seen from the DaemonSet's pod. */
function node(): Fake {
  return createNode({ [`${conf}/10-cluster.conflist`]: primary });
}

function probe({ machine }: Fake): { code: number; said: string } {
  const said: string[] = [];
  const write = (line: string) => void said.push(line);
  const terminal = { print: write, complain: write, columns: undefined, colours: false };
  const code = tellReady(machine.spawn().sys, terminal, options, executable);
  return { code, said: said.join() };
}

test("installed: the runtime finds it", async () => {
  const made = node();
  await install(made.sys, { ...owner, root: "/host" });
  expect(probe(made)).toEqual({
    code: 0,
    said: "ready: the runtime reads /etc/cni/net.d/00-hawser.conflist and finds /opt/cni/bin/hawser",
  });
});

const troubles: [string, (made: Fake) => void, string][] = [
  [
    "the binary is not there",
    ({ machine }) => void machine.disk.remove("/host/opt/cni/bin/hawser"),
    "there is no /opt/cni/bin/hawser",
  ],
  [
    "the binary is of before this upgrade",
    ({ machine }) => void machine.disk.write("/host/opt/cni/bin/hawser", "an older one", { mode: 0o755 }),
    "another version's",
  ],
  [
    "the binary cannot be executed",
    ({ machine }) => {
      machine.disk.remove("/host/opt/cni/bin/hawser");
      machine.disk.write("/host/opt/cni/bin/hawser", "the program", { mode: 0o644 });
    },
    "cannot be executed",
  ],
  [
    "Cilium has renamed the configuration",
    ({ machine }) =>
      void machine.disk.rename(`${conf}/00-hawser.conflist`, `${conf}/00-hawser.conflist.cilium_bak`),
    "the runtime reads 10-cluster.conflist",
  ],
  [
    "another file sorts first",
    ({ machine }) => void machine.disk.write(`${conf}/00-a.conflist`, primary, { mode: 0o644 }),
    "the runtime reads 00-a.conflist",
  ],
  [
    "the list was written anew without hawser",
    ({ machine }) => void machine.disk.write(`${conf}/00-hawser.conflist`, primary, { mode: 0o644 }),
    "there is no hawser in",
  ],
  [
    "the folder is gone",
    ({ machine }) => {
      machine.disk.remove(`${conf}/00-hawser.conflist`);
      machine.disk.remove(`${conf}/10-cluster.conflist`);
      machine.disk.removeFolder(conf);
    },
    "cannot be read",
  ],
  [
    "the note is torn",
    ({ machine }) => void machine.disk.write("/host/etc/cni/hawser/install.json", "{", { mode: 0o600 }),
    "install.json",
  ],
];
test.each(troubles)("not ready: %s", async (_what, plant, words) => {
  const made = node();
  await install(made.sys, { ...owner, root: "/host" });
  plant(made);
  const { code, said } = probe(made);
  expect({ code, said }).toEqual({ code: 1, said: expect.stringContaining(words) });
});

test("not ready: nothing was installed yet", () => {
  expect(probe(node())).toEqual({ code: 1, said: expect.stringContaining("has not come to its end") });
});
