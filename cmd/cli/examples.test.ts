import * as fs from "node:fs";
import * as os from "node:os";
import { afterAll, describe, expect, test } from "vitest";
import { runCli, temporaryFolder, writeFile, writePlugin } from "./command-testing.ts";

const examples = `${import.meta.dirname}/../../examples`;
const names = fs
  .readdirSync(examples, { withFileTypes: true })
  .filter((entry) => entry.isDirectory())
  .map((entry) => entry.name)
  // The other folders hold no node's configuration, and have tests of their own.
  .filter((name) => fs.existsSync(`${examples}/${name}/pod.yaml`));
const folder = temporaryFolder(os.tmpdir());
afterAll(() => folder.remove());

/** A copy of a configuration whose default folders are inside the copy. */
function install(name: string): string {
  const to = `${folder.path}/${name}`;
  fs.cpSync(`${examples}/${name}`, to, { recursive: true });
  for (const file of filesOf(to).filter((path) => /\.(conf|conflist|json)$/.test(path))) {
    const text = fs
      .readFileSync(file, "utf8")
      .replaceAll("/etc/cni/hawser/net.d", `${to}/net.d`)
      .replaceAll("/etc/cni/net.d", to)
      .replaceAll("/var/lib/cni/hawser", `${to}/state`);
    writeFile(file, text);
  }
  return to;
}

function filesOf(folder: string): string[] {
  return fs
    .readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => `${entry.parentPath}/${entry.name}`);
}

/** Each attachment as `<order> <ifname> <network> <plugins>`. */
const plans: Readonly<Record<string, readonly string[]>> = {
  "bridge-and-macvlan": [
    "1 eth0 pod-network bridge",
    "2 net1 default/storage macvlan",
    "3 backup0 default/backup bridge",
  ],
  chained: ["1 net1 default/storage bridge"],
  "default-route": ["1 eth0 pod-network bridge", "2 net1 default/internet bridge"],
  "fixed-address": ["1 eth0 pod-network bridge", "2 net1 default/storage macvlan"],
  parallel: [
    "1 eth0 pod-network bridge",
    "2 metrics0 default/metrics bridge",
    "2 net2 default/storage bridge",
    "2 net3 default/backup bridge",
  ],
  "opened-network": ["1 eth0 pod-network bridge", "2 net1 platform/storage bridge"],
  "primary-result": ["1 eth0 pod-network bridge", "2 net1 default/storage bridge"],
  multus: ["1 eth0 cluster bridge", "2 net1 metrics bridge", "3 net2 default/storage bridge"],
  "named-delegate": ["1 eth0 cluster-net bridge,portmap", "2 net1 default/storage bridge"],
  "requested-address": ["1 eth0 pod-network bridge", "2 data0 default/database bridge"],
  "shared-namespace": [
    "1 eth0 pod-network bridge",
    "2 net1 platform/storage bridge",
    "3 net2 team/team-net bridge",
  ],
};

/** The file that the runtime reads. */
function configOf(name: string): string {
  return name === "multus" ? "00-multus.conflist" : "10-hawser.conflist";
}

interface Attachment {
  readonly order: number;
  readonly ifname: string;
  readonly network: string;
  readonly plugins: readonly { readonly type: string }[];
}

test("every example has a plan to be held to, and its line in the README", () => {
  expect(Object.keys(plans).sort()).toEqual(names.toSorted());
  const readme = fs.readFileSync(`${examples}/README.md`, "utf8");
  for (const name of names) expect(readme).toContain(`| [${name}](${name}) |`);
});

describe.each(names)("examples/%s", (name) => {
  const at = install(name);

  test("hawser explain plans its pod", async () => {
    const args = ["--config", `${at}/${configOf(name)}`, "--pod", `${at}/pod.yaml`, "--json"];
    const { exitCode, stdout, stderr } = await runCli(["explain", ...args]);
    expect({ exitCode, stderr }).toEqual({ exitCode: 0, stderr: "" });
    const shown = JSON.parse(stdout).attachments.map(({ order, ifname, network, plugins }: Attachment) =>
      [order, ifname, network, plugins.map(({ type }) => type)].join(" "),
    );
    expect(shown).toEqual(plans[name]);
  });

  test("hawser doctor has nothing to say against it", async () => {
    const types = ["hawser", "multus", "bridge", "macvlan", "portmap", "host-local", "static", "hawser-flat"];
    for (const type of types) writePlugin(`${at}/bin`, type);
    const { exitCode, stdout } = await runCli(["doctor", "--conf-dir", at, "--plugin-dir", `${at}/bin`]);
    expect(stdout).toMatch(/\n0 problems, 0 warnings, \d+ fine\.\n$/);
    expect(exitCode).toBe(0);
  });

  test("its README shows the command and the subnets are its own", () => {
    const readme = fs.readFileSync(`${examples}/${name}/README.md`, "utf8");
    expect(readme).toContain(`hawser explain --config ${configOf(name)} --pod pod.yaml`);
    expect(readme).toContain("cnitool add pod-network ");
    const used = (dir: string) =>
      new Set(filesOf(dir).flatMap((f) => fs.readFileSync(f, "utf8").match(/10\.(8\d|90)\./g) ?? []));
    const own = used(`${examples}/${name}`);
    expect(own.size).toBe(1);
    const others = names
      .filter((other) => other !== name)
      .flatMap((other) => [...used(`${examples}/${other}`)]);
    expect(others).not.toContain([...own][0]);
  });
});

test("examples/multus: what Multus says in CNI_ARGS is shown", async () => {
  const at = install("multus");
  const args = ["--config", `${at}/${configOf("multus")}`, "--pod", `${at}/pod.yaml`];
  const { stdout } = await runCli(["explain", ...args]);
  expect(stdout).toContain("net2: its plugins find IP=10.88.1.10 in CNI_ARGS");
});

test("examples/fixed-address: the MAC address is the identity's, and told so", async () => {
  const at = install("fixed-address");
  const args = ["--config", `${at}/${configOf("fixed-address")}`, "--pod", `${at}/pod.yaml`];
  const { stdout } = await runCli(["explain", ...args]);
  expect(stdout).toContain("net1: has the MAC address of the pod's identity");
  const template = fs.readFileSync(`${at}/statefulset.yaml`, "utf8");
  expect(template).not.toMatch(/mac/i);
});
