import { expect, test } from "vitest";
import { hawser } from "../commands.ts";
import { parseUsage } from "../usage.ts";

const usage = (args: readonly string[]) => parseUsage(hawser, args, { columns: 110, version: "" });

async function optionsOf(...args: string[]): Promise<Record<string, unknown>> {
  const parsed = await usage(["ipam", ...args]);
  if (parsed.kind !== "command") throw new Error(JSON.stringify(parsed));
  return parsed.options;
}

test.each([
  [[], "Missing command after ipam", "hawser ipam --help"],
  [["shw"], "Unknown command: shw", "hawser ipam --help"],
  [["show", "more"], "Unknown command: more", "hawser ipam show --help"],
  [["why"], "Missing argument: address", "hawser ipam why --help"],
  [["predict"], "Missing argument: NAMESPACE/POD/INTERFACE", "hawser ipam predict --help"],
  [["import"], "Missing argument: source", "hawser ipam import --help"],
  [["reserve", "--for", "a/b/c"], "Missing argument: address", "hawser ipam reserve --help"],
  [["release", "10.60.0.7", "--forse"], "Unknown argument: forse", "hawser ipam release --help"],
  [
    ["show", "--etcd", "http://a", "--dir", "/b"],
    "Arguments etcd and dir are mutually exclusive",
    "hawser ipam show --help",
  ],
  [
    ["show", "--config", "a", "--dir", "/b"],
    "Arguments config and dir are mutually exclusive",
    "hawser ipam show --help",
  ],
  [
    ["list", "--state", "live"],
    'Invalid values: Argument: state, Given: "live", Choices: "used", "held", "expired", "reserved", "quarantined"',
    "hawser ipam list --help",
  ],
])("wrong usage %j", async (args, message, helpCommand) => {
  expect(await usage(["ipam", ...args])).toEqual({ kind: "wrong", message, helpCommand });
});

test("every option arrives", async () => {
  const tls = ["--ca-file", "/ca", "--cert-file", "/cert", "--key-file", "/key"];
  const user = ["--username", "u", "--password-file", "/p"];
  expect(
    await optionsOf(
      "show",
      "--etcd",
      "https://a,https://b",
      "--etcd-prefix",
      "/x",
      ...tls,
      ...user,
      "--all",
      "--json",
    ),
  ).toEqual({
    config: undefined,
    pool: undefined,
    etcd: "https://a,https://b",
    etcdPrefix: "/x",
    caFile: "/ca",
    certFile: "/cert",
    keyFile: "/key",
    username: "u",
    passwordFile: "/p",
    dir: undefined,
    confDir: "/etc/cni/net.d",
    definitionsDir: "/etc/cni/hawser/net.d",
    json: true,
    all: true,
  });
  expect(await optionsOf("reserve", "10.60.0.7,fd00::7", "--for", "a/b/c")).toMatchObject({
    addresses: ["10.60.0.7", "fd00::7"],
    for: "a/b/c",
  });
  expect(await optionsOf("release", "10.60.0.7", "--pool", "p", "--yes", "--force")).toMatchObject({
    address: "10.60.0.7",
    pool: "p",
    yes: true,
    force: true,
  });
  expect(await optionsOf("check", "--valid", "v", "--node", "n", "--repair")).toMatchObject({
    stateDir: "/var/lib/cni/hawser",
    valid: "v",
    node: "n",
    repair: true,
    yes: false,
  });
  expect(await optionsOf("import", "f", "--ifname", "eth1", "--dry-run")).toMatchObject({
    source: "f",
    ifname: "eth1",
    hold: "forever",
    results: "/var/lib/cni/results",
    dryRun: true,
    yes: false,
  });
});
